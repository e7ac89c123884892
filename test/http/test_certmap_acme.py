# SPDX-License-Identifier: Apache-2.0
"""support/acme-hook with a CA (pebble) and a client (dehydrated): from a host in
the host map to its certificate, renewal, revocation, removal; and what the
driver does when the CA says no."""

import json
import os
import subprocess

import pytest

import certs
import tls
from httpd import free_port
from maps import express
from tree import TOP
from wait import wait_for

HOOK = TOP + "/support/acme-hook"
HOST = "shop.example.com"
CLIENT_TIMEOUT = 120


class Pebble:
    """A CA whose validations come to this machine whatever the name."""

    def __init__(self, folder, authority, http_port):
        self.port, self.management, dns = (free_port() for _ in range(3))
        chain, key, _ = authority.issue("localhost")
        config = authority.write(folder + "/pebble.json", json.dumps({
            "pebble": {
                "listenAddress": "127.0.0.1:%d" % self.port,
                "managementListenAddress": "127.0.0.1:%d" % self.management,
                "certificate": chain, "privateKey": key,
                "httpPort": http_port, "tlsPort": free_port(),
                "ocspResponderURL": "",
                "externalAccountBindingRequired": False}}))
        env = dict(os.environ, PEBBLE_VA_NOSLEEP="1",
                   PEBBLE_WFE_NONCEREJECT="0")
        log = open(folder + "/pebble.log", "w", encoding="utf-8")
        self.log = log.name
        self.processes = [
            subprocess.Popen(
                ["pebble-challtestsrv", "-defaultIPv4", "127.0.0.1",
                 "-defaultIPv6", "", "-dns01", "127.0.0.1:%d" % dns, "-http01",
                 "", "-https01", "", "-tlsalpn01", "", "-management",
                 "127.0.0.1:%d" % free_port()], stdout=log, stderr=log),
            subprocess.Popen(
                ["pebble", "-config", config, "-dnsserver",
                 "127.0.0.1:%d" % dns], env=env, stdout=log, stderr=log)]
        self.trust = authority.root_file
        root = authority.write(folder + "/pebble-root.pem", "")
        wait_for(lambda: self.fetch("/roots/0", root), tls.TIMEOUT,
                 "pebble serves")
        self.root = root

    def fetch(self, path, to):
        done = subprocess.run(
            ["curl", "-sf", "--max-time", "5", "--cacert", self.trust, "-o",
             to, "https://localhost:%d%s" % (self.management, path)],
            timeout=10)
        return done.returncode == 0 and os.path.getsize(to) > 0

    def stop(self):
        for process in self.processes:
            process.kill()
            process.wait()


class Driver:
    """The hook with its settings, and dehydrated with its."""

    def __init__(self, settings, folder, certmap, hosts, pebble):
        self.state = folder + "/state"
        self.base = folder + "/dehydrated"
        os.makedirs(self.base)
        self.conf = folder + "/acme.conf"
        write = certmap.authority.write
        self.client = write(self.base + "/config", "\n".join([
            "CA=https://localhost:%d/dir" % pebble.port,
            "BASEDIR=" + self.base, "WELLKNOWN=%s/challenges" % folder,
            "HOOK=" + HOOK, "CHALLENGETYPE=http-01", "KEY_ALGO=prime256v1",
            'CURL_OPTS="--cacert %s"' % pebble.trust, ""]))
        self.words = ["CERTMAP=" + certmap.dir, "MASTER=" + certmap.master,
                      "CA=" + pebble.root, "HOSTS=" + hosts,
                      "STATE=" + self.state]
        self.env = dict(os.environ, ACME_HOOK_CONF=self.conf,
                        PATH=settings.bin + ":" + os.environ["PATH"])
        self.issue_with("dehydrated -f %s -c -d" % self.client)

    def issue_with(self, command):
        with open(self.conf, "w", encoding="ascii") as file:
            file.write("\n".join([*self.words, "ISSUE='%s'" % command, ""]))

    def run(self, *words, program=HOOK):
        done = subprocess.run([program, *words], env=self.env, text=True,
                              capture_output=True, timeout=CLIENT_TIMEOUT)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def dehydrated(self, *words):
        return self.run("-f", self.client, *words, program="dehydrated")


@pytest.fixture(scope="module")
def world(make_module_httpd, maps, settings, module_folder, backends):
    """Server, map, CA and client."""
    folder = module_folder
    authority = certs.Authority(folder + "/ca")
    certmap = certs.CertMap(maps, folder, authority)
    hosts = maps.build(folder + "/hosts.map", {HOST: backends.url("a")})
    os.makedirs(folder + "/challenges")
    server = tls.Server(make_module_httpd, authority, modules=["alias"])
    pebble = Pebble(folder, authority, server.port)
    try:
        server.start("""
            ProxyPass "/.well-known/acme-challenge/" "!"
            Alias "/.well-known/acme-challenge/" "%s/challenges/"
            %s
            """ % (folder, express(hosts)) + certmap.directives())
        server.certmap, server.hosts, server.pebble = certmap, hosts, pebble
        server.driver = Driver(settings, folder, certmap, hosts, pebble)
        server.driver.dehydrated("--register", "--accept-terms")
        yield server
    finally:
        pebble.stop()


def verified(server, name):
    """The serial number that a client with the CA's root is shown."""
    how = tls.context(verify=server.pebble.root)
    return tls.serial(server.tls, name, how)


def test_host_gets_its_certificate_and_keeps_it(world, maps):
    said = world.driver.run("run")
    assert "1 names tried, 0 failed" in said, said
    first = verified(world, HOST)
    assert tls.get(world.tls, HOST)[0] == 200
    assert "0 names tried" in world.driver.run("run")

    world.driver.dehydrated("-c", "-x", "-d", HOST)
    wait_for(lambda: verified(world, HOST) != first, tls.TIMEOUT,
             "the renewed certificate is served")

    world.driver.dehydrated(
        "--revoke", "%s/certs/%s/cert.pem" % (world.driver.base, HOST))
    world.certmap.delete(HOST)
    maps.run("delete", world.hosts, HOST)
    wait_for(lambda: tls.serial(world.tls, HOST)
             == world.default.serial_number, tls.TIMEOUT,
             "the host is gone")


def test_failures_are_left_alone_for_a_while(world, maps, backends):
    maps.build(world.hosts, {"bad.example.com": backends.url("a"),
                             "worse.example.com": backends.url("a")})
    world.driver.issue_with("false")
    assert "2 names tried, 2 failed" in world.driver.run("run")
    assert "0 names tried, 0 failed, 2 were due" in world.driver.run("run")
    wait = world.driver.state + "/bad.example.com.failed"
    with open(wait, encoding="ascii") as file:
        first = int(file.read().split()[1])
    with open(wait, "w", encoding="ascii") as file:
        file.write("0 %d\n" % first)
    assert "1 names tried, 1 failed" in world.driver.run("run")
    with open(wait, encoding="ascii") as file:
        assert int(file.read().split()[1]) == 2 * first


def test_rate_limit_ends_the_batch(world, maps, backends):
    maps.build(world.hosts, {"x%d.example.com" % number: backends.url("a")
                             for number in range(3)})
    client = world.certmap.authority.write(
        "limited", "#!/bin/sh\n"
        "echo urn:ietf:params:acme:error:rateLimited\nexit 1\n")
    os.chmod(client, 0o755)
    world.driver.issue_with(client)
    assert "1 names tried" in world.driver.run("run")
    assert "nothing is tried before" in world.driver.run("run")


def test_hook_takes_what_certbot_and_lego_say(world, settings):
    """Their variables; the clients themselves are not run."""
    driver, authority = world.driver, world.certmap.authority
    for name, variables in (
            ("certbot.example.com", ("RENEWED_LINEAGE",)),
            ("lego.example.com", ("LEGO_CERT_PATH", "LEGO_CERT_KEY_PATH"))):
        chain, key, cert = authority.issue(name)
        values = ((os.path.dirname(chain),) if len(variables) == 1
                  else (chain, key))
        with open(driver.conf, "w", encoding="ascii") as file:
            file.write("\n".join(driver.words).replace(
                world.pebble.root, authority.root_file) + "\n")
        subprocess.run([HOOK], env=dict(driver.env, **dict(zip(variables,
                                                               values))),
                       check=True, timeout=CLIENT_TIMEOUT)
        wait_for(lambda: tls.serial(world.tls, name)
                 == cert.serial_number, tls.TIMEOUT, "it is served")
