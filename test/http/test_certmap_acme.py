# SPDX-License-Identifier: Apache-2.0
"""support/acme-hook with a CA (pebble) and the clients that people have
(dehydrated, certbot, lego): from a host in the host map to its certificate,
renewal, revocation, removal; and what the driver does when the CA says no."""

import os
import subprocess

import pytest

import certs
import tls
from acme import Pebble
from maps import express
from tree import TOP
from wait import wait_for

HOOK = TOP + "/support/acme-hook"
HOST = "shop.example.com"
CLIENT_TIMEOUT = 120


def run(command, env):
    """What it prints."""
    done = subprocess.run(command, env=env, text=True, capture_output=True,
                          timeout=CLIENT_TIMEOUT)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


class Driver:
    """The hook with its settings, and dehydrated with its."""

    def __init__(self, settings, folder, certmap, hosts, pebble):
        self.state = folder + "/state"
        self.base = folder + "/dehydrated"
        os.makedirs(self.base)
        self.conf = folder + "/acme.conf"
        write = certmap.authority.write
        self.client = write(self.base + "/config", "\n".join([
            "CA=" + pebble.directory,
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
        return run([program, *words], self.env)

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
    # it has its ports before the CA takes some
    server.start("""
        ProxyPass "/.well-known/acme-challenge/" "!"
        Alias "/.well-known/acme-challenge/" "%s/challenges/"
        %s
        """ % (folder, express(hosts)) + certmap.directives())
    pebble = Pebble(folder, authority, server.port)
    try:
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


class Certbot:
    """python3-certbot: Debian's certbot would add a timer to the machine."""

    START = "import sys; from certbot.main import main; sys.exit(main())"

    def __init__(self, world, folder):
        self.env = dict(world.driver.env,
                        REQUESTS_CA_BUNDLE=world.pebble.trust)
        self.common = ["/usr/bin/python3", "-I", "-c", self.START]
        self.more = ["--non-interactive", "--server", world.pebble.directory]
        for word in ("config", "work", "logs"):
            self.more += ["--%s-dir" % word, "%s/certbot/%s" % (folder, word)]
        self.webroot = folder + "/webroot"

    def issue(self, name):
        return self.common + ["certonly", *self.more, "--agree-tos",
                              "--register-unsafely-without-email",
                              "--webroot", "-w", self.webroot, "-d", name,
                              "--deploy-hook", HOOK]

    def renew(self, name):
        return self.common + ["renew", *self.more, "--force-renewal",
                              "--no-random-sleep-on-renew", "--cert-name",
                              name]


class Lego:
    def __init__(self, world, folder):
        self.env = dict(world.driver.env,
                        LEGO_CA_CERTIFICATES=world.pebble.trust)
        self.common = ["lego", "--accept-tos", "--email", "a@example.com",
                       "--server", world.pebble.directory, "--path",
                       folder + "/lego", "--key-type", "ec256", "--http",
                       "--http.webroot", folder + "/webroot"]

    def issue(self, name):
        return self.common + ["--domains", name, "run", "--run-hook", HOOK]

    def renew(self, name):
        return self.common + ["--domains", name, "renew", "--days", "36500",
                              "--no-random-sleep", "--renew-hook", HOOK]


@pytest.mark.parametrize("client", (Certbot, Lego))
def test_client_deploys_and_renews(world, module_folder, client):
    """As docs/https.md has it.  They write below a webroot's .well-known."""
    name = client.__name__.lower() + ".example.com"
    well_known = module_folder + "/webroot/.well-known"
    if not os.path.isdir(well_known):
        os.makedirs(well_known)
        os.symlink(module_folder + "/challenges",
                   well_known + "/acme-challenge")
    client = client(world, module_folder)
    world.driver.issue_with("false")
    run(client.issue(name), client.env)
    first = verified(world, name)
    run(client.renew(name), client.env)
    wait_for(lambda: verified(world, name) != first, tls.TIMEOUT,
             "the renewed certificate is served")
