# SPDX-License-Identifier: Apache-2.0
"""Where an app may send us: no further than configuration says."""

import time

import pytest

import client
import httpd as httpd_server
import reproxy
from backend import Backends, self_signed
from reproxy import (ATTEMPT_LOG, HOST, asks, assert_failed, assert_serves,
                     counted, logged, new_name, url)

SIZE = 30000


def good(storages, name="s"):
    return url(storages, name, content=SIZE)


# ---- URLs that are refused --------------------------------------------------

@pytest.fixture(scope="module")
def server(make_module_httpd, storages):
    """Without ReproxyAllow: what is refused, is refused to everybody."""
    return make_module_httpd(reproxy=True).start("""
        ProxyPass / %s
        AllowReproxy On
        LogFormat "%%{reproxy-url}n %%{reproxy-attempts}n %%{reproxy-result}n \
%%>s %%U" reproxy
        CustomLog access.log reproxy
        """ % storages.url("app", "/"))


REFUSED = [
    "ftp://127.0.0.1/x", "file:///etc/passwd", "gopher://127.0.0.1/",
    "ws://127.0.0.1/", "h2c://127.0.0.1/", "fcgi://127.0.0.1/",
    "ajp://127.0.0.1/", "balancer://apps/", "proxy:http://127.0.0.1/",
    "unix:/run/x|http://127.0.0.1/", "UNIX:/run/x|http://127.0.0.1/",
    "unix:/run/x", "http://127.0.0.1/|unix:/run/x", "http:/x", "http:x",
    "//127.0.0.1/", "/x", "x", "127.0.0.1:80", "http://", "http:///x",
    "http://u@{host}/", "http://u:p@{host}/", "http://@{host}/",
    "http://{host}/#x", "http://{host}#x", "http://{host}/a\\b",
    "http://{host}\\x", "http://{host}/\x01", "http://{host}/\x7f",
    "http://{host}/\xfc", "http://{host}/<x>", "http://{host}/{{x}}",
    "http://{host}/a|b", "http://{host}/\"", "http://127.0.0.1:0/",
    "http://127.0.0.1:65536/", "http://127.0.0.1:/", "http://127.0.0.1:x/",
    "http://127.0.0.1%00.x/", "http://[::1/", "http://[x]/", "http://a..b/",
    "http://.a/"]


@pytest.mark.parametrize("refused", REFUSED, ids=repr)
def test_refused_url_is_a_failed_attempt(server, storages, refused):
    server.allow_log("reproxy:error")
    refused = refused.format(host="127.0.0.1:%d" % storages.port["t"])
    assert_serves(server.get(HOST, "/x", [
        asks([refused, good(storages)])]), "s", SIZE)
    path = "/" + new_name()
    assert_failed(server.get(HOST, path, [asks([refused])]))
    assert logged(server, path)[1] in ("0", "1")


@pytest.fixture
def own(make_httpd, storages):
    """A server that has said nothing yet: what repeats is said once."""
    httpd = reproxy.start(make_httpd(reproxy=True, children=1), storages,
                          "ReproxyAllow http://allowed.example/")
    httpd.allow_log("reproxy:error")
    return httpd


def test_refused_url_is_said_with_reason(own):
    assert_failed(own.get(HOST, "/app/x", [asks(["ftp://127.0.0.1/"])]))
    assert own.log_lines(r"SB\d{4}: .*expected an http or https URL")


def test_url_that_is_not_allowed_is_said_without_its_query(own):
    assert_failed(own.get(HOST, "/app/x", [
        asks(["http://127.0.0.1/x?signature=secret"])]))
    assert own.log_lines(r"SB\d{4}: .*127\.0\.0\.1.*ReproxyAllow")
    assert not own.log_lines("secret")


def test_what_repeats_is_said_once(own):
    """With many clients, the log would be full of it."""
    for _ in range(20):
        assert_failed(own.get(HOST, "/app/x", [asks(["http://127.0.0.1/"])]))
    assert len(own.log_lines(r"SB\d{4}: .*ReproxyAllow")) == 1


def test_control_characters_do_not_reach_the_log(server, storages):
    server.allow_log("reproxy:error")
    assert_failed(server.get(HOST, "/x", [asks(["http://h/\x1b[31m\x07"])]))
    assert not server.log_lines("[\x1b\x07]")


@pytest.mark.parametrize("text", ["", " ", "\t "], ids=repr)
def test_empty_list_never_shows_the_app(server, text):
    """It may be an answer without our headers, or a failure."""
    server.allow_log("reproxy:error")
    response = server.get(HOST, "/x", [asks(text)])
    reproxy.assert_hidden(response)
    assert response.status in (200, 502)


def test_long_list(server, storages):
    server.allow_log("reproxy:error")
    text = "http://127.0.0.1/" + "x" * 7000
    assert_serves(server.get(HOST, "/x", [
        asks([good(storages), text])]), "s", SIZE)


# ---- ReproxyAllow -----------------------------------------------------------

@pytest.fixture(scope="module")
def limited(make_module_httpd, storages):
    port = storages.port["s"]
    return reproxy.start(
        make_module_httpd(reproxy=True), storages,
        "ReproxyAllow http://127.0.0.1:%d/pub http://LOCALHOST:%d/ "
        "*.blobs.example" % (port, port),
        outside=["<Location /app/other/>",
                 "ReproxyAllow %s" % storages.url("t"), "</Location>"])


ALLOWED = ["/pub", "/pub/", "/pub/a/b", "/pub?x", "/pub/a%2Fb", "/pub/..a"]
DENIED = ["/", "", "/public", "/pu", "/PUB", "//pub", "/x/pub", "/pub/..",
          "/pub/../x", "/pub/./x", "/pub/%2e%2e/x", "/pub/%2E./x",
          "/pub/.%2e/x", "/pub/..%2fx", "/pub/x%2f..%2f..%2fy",
          "/pub/..%5cx", "/pub/%252e%252e/x", "/pub/..;/x", "/pub%2fx",
          "?/pub"]


def of_storage(storages, path, name="s", **more):
    """A path whose order does not come first."""
    return url(storages, name, path, content=SIZE, **more)


@pytest.mark.parametrize("path", ALLOWED)
def test_allowed(limited, storages, path):
    assert_serves(limited.get(HOST, "/app/x", [
        asks([of_storage(storages, path)])]), "s", SIZE)


@pytest.mark.parametrize("path", DENIED)
def test_not_allowed_is_a_failed_attempt(limited, storages, path):
    denied = of_storage(storages, path)
    response = limited.get(HOST, "/app/x", [
        asks([denied, of_storage(storages, "/pub/good")])])
    assert_serves(response, "s", SIZE)
    limited.allow_log("reproxy:error")
    assert_failed(limited.get(HOST, "/app/x", [asks([denied])]))


@pytest.mark.parametrize("text", [
    "http://127.0.0.1:{t}/pub/x", "http://127.0.0.2:{s}/pub/x",
    "https://127.0.0.1:{s}/pub/x", "http://127.0.0.1/pub/x",
    "http://127.1:{s}/pub/x", "http://2130706433:{s}/pub/x",
    "http://[::ffff:127.0.0.1]:{s}/pub/x", "http://0x7f000001:{s}/pub/x",
    "http://blobs.example/x", "http://a.blobs.example:{s}/x",
    "http://ablobs.example/x", "http://a.blobs.example.evil/x"])
def test_other_hosts_and_ports_are_not_allowed(limited, storages, text):
    limited.allow_log("reproxy:error")
    assert_failed(limited.get(HOST, "/app/x", [
        asks([text.format(**storages.port)])]))


@pytest.mark.parametrize("host", ["localhost", "LocalHost"])
def test_host_in_any_case(limited, storages, host):
    text = of_storage(storages, "/any/path").replace("127.0.0.1", host)
    assert_serves(limited.get(HOST, "/app/x", [asks([text])]), "s", SIZE)


def test_storage_that_is_not_allowed_is_not_asked(limited, storages):
    limited.allow_log("reproxy:error")
    path = "/" + new_name()
    assert_failed(limited.get(HOST, "/app/x", [
        asks([url(storages, "t", path, count=True)])]))
    assert counted(storages, "t", path) == 0


def test_section_has_its_own_list(limited, storages):
    limited.allow_log("reproxy:error")
    assert_serves(limited.get(HOST, "/app/other/x", [
        asks([good(storages, "t")])]), "t", SIZE)
    assert_failed(limited.get(HOST, "/app/x", [asks([good(storages, "t")])]))


# ---- <Proxy> ----------------------------------------------------------------

@pytest.fixture(scope="module")
def guarded(make_module_httpd, storages):
    return reproxy.start(
        make_module_httpd(modules=["authz_host", "auth_basic", "authn_core",
                                   "authz_user"], reproxy=True), storages,
        "ReproxyAllow %s http://localhost:%d"
        % (" ".join(storages.url(name) for name in "stu"),
           storages.port["t"]),
        outside=["<Proxy %s/*>" % storages.url("t"),
                 "Require all denied", "</Proxy>",
                 "<Proxy http://localhost:%d/*>" % storages.port["t"],
                 "Require all denied", "</Proxy>",
                 '<ProxyMatch "/secret/">', "Require ip 192.0.2.1",
                 "</ProxyMatch>",
                 "<Proxy %s/mine/*>" % storages.url("u"),
                 "Require all granted", "</Proxy>"])


@pytest.mark.parametrize("replace", [
    ("", ""), ("http:", "HTTP:"), ("127.0.0.1", "localhost"),
    ("127.0.0.1", "LOCALHOST"), ("127.0.0.1", "localhost.")])
def test_section_that_requires_denies(guarded, storages, replace):
    """However the URL is spelled."""
    guarded.allow_log(ATTEMPT_LOG + "|AH01630|authz")
    path = "/" + new_name()
    denied = url(storages, "t", path, content=SIZE, count=True).replace(
        *replace)
    assert_serves(guarded.get(HOST, "/app/x", [
        asks([denied, good(storages)])]), "s", SIZE)
    assert_failed(guarded.get(HOST, "/app/x", [asks([denied])]))
    assert counted(storages, "t", path) == 0


@pytest.mark.parametrize("path", [
    "/pub/../private/x", "/%70rivate/x", "//private/x", "/./private/x",
    "/pub/%2e%2e/private/x", "/private/../private/x", "/private%2fx",
    "/private?x", "/private/"])
def test_section_of_a_path_denies(make_httpd, storages, path):
    """Whatever way leads there; no ReproxyAllow is in it."""
    httpd = make_httpd(reproxy=True).start("""
        ProxyPass / %s
        AllowReproxy On
        <Proxy "%s">
        Require all denied
        </Proxy>
        """ % (storages.url("app", "/"), storages.url("s", "/private")))
    httpd.allow_log(ATTEMPT_LOG + "|AH01630|authz")
    assert_failed(httpd.get(HOST, "/x", [
        asks([url(storages, "s", path, content=SIZE)])]))
    assert_serves(httpd.get(HOST, "/x", [
        asks([url(storages, "s", "/public", content=SIZE)])]), "s", SIZE)


def test_matching_section_denies(guarded, storages):
    guarded.allow_log(ATTEMPT_LOG + "|AH01630|authz")
    denied = url(storages, "s", "/secret/x", content=SIZE)
    assert_failed(guarded.get(HOST, "/app/x", [asks([denied])]))


def test_section_that_grants(guarded, storages):
    text = url(storages, "u", "/mine/x", content=SIZE)
    assert_serves(guarded.get(HOST, "/app/x", [asks([text])]), "u", SIZE)


def test_section_denies_one_url_not_the_request(guarded, storages):
    """The next one is judged by itself, and the client's own page, too."""
    guarded.allow_log(ATTEMPT_LOG + "|AH01630|authz")
    with client.Connection(guarded.port) as kept:
        for _ in range(3):
            assert_serves(kept.request("GET", "/app/x", HOST, [
                asks([url(storages, "t", content=1), good(storages)])]),
                "s", SIZE)


# ---- settings of mod_proxy --------------------------------------------------

def test_proxy_remote_is_followed(make_httpd, storages):
    """And NoProxy is."""
    httpd = reproxy.start(
        make_httpd(reproxy=True), storages,
        "ReproxyAllow http://127.0.0.1 http://remote.example http://127.0.0.1:"
        "%d" % storages.port["t"],
        outside=["ProxyRemote * %s" % storages.url("u"),
                 "NoProxy 127.0.0.1"])
    response = httpd.get(HOST, "/app/x", [
        asks(["http://remote.example/a%2Fb?c=d"])])
    assert response.backend == "u"
    assert response.target == "http://remote.example/a%2Fb?c=d"
    assert response.received("Host") == ["remote.example"]
    assert_serves(httpd.get(HOST, "/app/x", [asks([good(storages, "t")])]),
                  "t", SIZE)


@pytest.fixture(scope="module")
def tls_storages():
    path = httpd_server.private_folder()
    started = Backends("app", "tls:tls:" + self_signed(path + "/pem"))
    started.certificate = path + "/pem.crt"
    yield started
    started.stop()
    httpd_server.shutil.rmtree(path)


def tls_url(storages, **order):
    return url(storages, "tls", **order).replace("http:", "https:", 1)


def tls_server(make_httpd, storages, *lines):
    return reproxy.start(
        make_httpd(modules=["ssl"], reproxy=True), storages,
        "ReproxyAllow https://127.0.0.1:%d" % storages.port["tls"],
        outside=["SSLProxyEngine On", *lines])


def test_https(make_httpd, tls_storages):
    httpd = tls_server(make_httpd, tls_storages, "SSLProxyCheckPeerName Off",
                       "SSLProxyCheckPeerCN Off")
    assert_serves(httpd.get(HOST, "/app/x", [
        asks([tls_url(tls_storages, content=SIZE)])]), "tls", SIZE)


@pytest.mark.parametrize("lines", [
    [], ["SSLProxyVerify require", "SSLProxyCheckPeerName Off",
         "SSLProxyCheckPeerCN Off"]])
def test_certificate_is_checked(make_httpd, tls_storages, lines):
    """Of its name by default, of its signer where that is asked for."""
    httpd = tls_server(make_httpd, tls_storages, *lines)
    httpd.allow_log("ssl:error|proxy:error|proxy_http:error|reproxy:error")
    assert_failed(httpd.get(HOST, "/app/x", [
        asks([tls_url(tls_storages, content=SIZE)])]))


def test_storage_that_does_not_speak_tls(make_httpd, tls_storages):
    """It waits for a request, so the time runs out."""
    httpd = reproxy.start(
        make_httpd(modules=["ssl"], reproxy=True), tls_storages,
        "ReproxyTimeout %d" % reproxy.BRIEF,
        "ReproxyAllow https://127.0.0.1:%d https://127.0.0.1:%d"
        % (tls_storages.port["tls"], tls_storages.port["app"]),
        outside=["SSLProxyEngine On", "SSLProxyCheckPeerName Off",
                 "SSLProxyCheckPeerCN Off"])
    httpd.allow_log("ssl:error|proxy:error|proxy_http:error|reproxy:error")
    plain = "https://127.0.0.1:%d/" % tls_storages.port["app"]
    began = time.monotonic()
    assert_serves(httpd.get(HOST, "/app/x", [
        asks([plain, tls_url(tls_storages, content=SIZE)])]), "tls", SIZE)
    assert_failed(httpd.get(HOST, "/app/x", [asks([plain])]), 504)
    assert time.monotonic() - began < 15


def test_settings_of_a_proxy_section_hold(make_httpd, tls_storages):
    """SSLProxy... of the section that matches the URL."""
    httpd = tls_server(
        make_httpd, tls_storages, "SSLProxyVerify require",
        "<Proxy https://127.0.0.1:%d/*>" % tls_storages.port["tls"],
        "SSLProxyVerify none", "SSLProxyCheckPeerName Off",
        "SSLProxyCheckPeerCN Off", "</Proxy>")
    httpd.allow_log("ssl:error|proxy:error|proxy_http:error|reproxy:error")
    assert_serves(httpd.get(HOST, "/app/x", [
        asks([tls_url(tls_storages, content=SIZE)])]), "tls", SIZE)
