# SPDX-License-Identifier: Apache-2.0
"""docs/https.md: redirects, HSTS, HTTP/2 and challenges, with a host map."""

import json
import subprocess

import pytest

import certs
import tls
from maps import express

HOSTS = ("one.example.com", "two.example.com")


@pytest.fixture(scope="module")
def authority(module_folder):
    return certs.Authority(module_folder + "/ca")


@pytest.fixture(scope="module")
def server(make_module_httpd, maps, module_folder, authority, backends):
    """The configuration of the page, with two hosts of one certificate."""
    certmap = certs.CertMap(maps, module_folder, authority)
    certmap.cert = certmap.set(*HOSTS)
    hosts = maps.build(module_folder + "/hosts.map", {
        HOSTS[0]: backends.url("a"),
        HOSTS[1]: backends.url("b")})
    made = tls.Server(make_module_httpd, authority, modules=[
        "alias", "rewrite", "headers", "http2"])
    challenges = module_folder + "/challenges"
    authority.write(challenges + "/token", "answer")
    settings = """
        ProxyPass "/.well-known/acme-challenge/" "!"
        Alias "/.well-known/acme-challenge/" "%s/"
        Protocols h2 http/1.1
        %s
        <VirtualHost *:%d>
            ServerName default.example.net
            RewriteEngine On
            RewriteRule "^/\\.well-known/acme-challenge/" "-" [END]
            RewriteRule "^/?(.*)$" "https://%%{HTTP_HOST}/$1" [R=301,L,NE]
        </VirtualHost>
        """ % (challenges, express(hosts, "default",
                                   "ProxyExpressUnknownHost 404"), made.port)
    return made.start(
        settings + certmap.directives(),
        "Header always set Strict-Transport-Security \"max-age=31536000\"")


@pytest.mark.parametrize("host", [*HOSTS, "unknown.example.com"])
def test_challenge_is_answered_for_all_hosts(server, host):
    answer = server.httpd.get(host, "/.well-known/acme-challenge/token")
    assert (answer.status, answer.body) == (200, b"answer")
    missing = server.httpd.get(host, "/.well-known/acme-challenge/other")
    assert missing.status == 404


def test_http_leads_to_https(server):
    answer = server.httpd.get(HOSTS[0], "/a/b?c=d%20e")
    assert answer.status == 301
    assert answer.header("Location") == "https://%s/a/b?c=d%%20e" % HOSTS[0]


def test_hsts_is_sent_over_https_alone(server):
    status, headers = tls.get(server.tls, HOSTS[0])
    assert (status, headers["Strict-Transport-Security"]) \
        == (200, "max-age=31536000")
    answer = server.httpd.get(HOSTS[0], "/")
    assert answer.header("Strict-Transport-Security") is None
    status, headers = tls.get(server.tls, "unknown.example.com")
    assert (status, headers["Strict-Transport-Security"]) \
        == (404, "max-age=31536000")


def test_http2_connection_serves_another_host_of_the_map(settings, server,
                                                         authority):
    """As browsers do it: both hosts are names of the certificate."""
    if settings.mpm == "prefork":
        pytest.skip("mod_http2 does not serve with prefork")
    target = "https://%s:%d/" % (HOSTS[0], server.tls)
    words = ["-sS", "--http2", "--cacert", authority.root_file, "--resolve",
             "%s:%d:127.0.0.1" % (HOSTS[0], server.tls), "--max-time", "30",
             "-w", "\\n%{http_version} %{num_connects} %{http_code}\\n",
             target]
    done = subprocess.run(
        ["curl", *words, "--next", "-H", "Host: " + HOSTS[1], *words],
        capture_output=True, text=True, timeout=tls.TIMEOUT + 10)
    lines = done.stdout.splitlines()
    assert lines[1::2] == ["2 1 200", "2 0 200"], done.stdout + done.stderr
    assert [json.loads(line)["backend"] for line in lines[::2]] == ["a", "b"]
