# SPDX-License-Identifier: Apache-2.0
"""mod_ssl_certmap: handshakes while the map changes and httpd restarts.

SWITCHBOARD_HANDSHAKES says how many; 1000000 is the long form, with a change
for each 2000 and a graceful restart for each 20000."""

import os
import random
import threading

import pytest

import certs
import tls
from wait import wait_for

HANDSHAKES = int(os.environ.get("SWITCHBOARD_HANDSHAKES", "2000"))
NAMES = ["host%d.example.com" % number for number in range(40)]
THREADS = 4
CHANGES = max(HANDSHAKES // 2000, 20)
RESTARTS = max(HANDSHAKES // 20000, 2)
WAIT = 120 + HANDSHAKES // 10


class Clients:
    """Threads that ask for names at random and judge what they are shown."""

    def __init__(self, port, issued):
        self.port = port
        self.issued = issued
        self.count = 0
        self.problems = []
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.work, args=(seed,))
                        for seed in range(THREADS)]

    def work(self, seed):
        dice = random.Random(seed)
        contexts = [tls.context("1.2"), tls.context("1.3"),
                    tls.context(h2=True)]
        while self.count < HANDSHAKES and not self.problems:
            name = dice.choice(NAMES)
            try:
                serial = tls.serial(self.port, name, dice.choice(contexts))
            except OSError as error:
                self.problems.append("%s: failed: %r" % (name, error))
                return
            # a name's certificates are noted before they are stored
            if serial not in self.issued[name]:
                self.problems.append("%s: another's certificate" % name)
            with self.lock:
                self.count += 1

    def reach(self, count):
        wait_for(lambda: self.count >= count or self.problems, WAIT,
                 "%d handshakes" % count)


@pytest.fixture
def world(make_httpd, maps, folder):
    authority = certs.Authority(folder + "/ca")
    certmap = certs.CertMap(maps, folder, authority)
    server = tls.Server(make_httpd, authority, modules=["http2"], children=2)
    server.certmap = certmap
    server.issued = {name: set() for name in NAMES}
    return server


def change(world, name):
    """Another certificate, of another kind of key now and then."""
    chain, key, cert = world.authority.issue(name)
    world.issued[name].add(cert.serial_number)
    world.certmap.store(chain, key, name)
    return cert.serial_number


def test_handshakes_through_changes_and_restarts(world):
    latest = {name: change(world, name) for name in NAMES}
    world.start("Protocols h2 http/1.1\n" + world.certmap.directives())
    clients = Clients(world.tls, world.issued)
    for thread in clients.threads:
        thread.start()
    dice = random.Random(1)
    steps = ["change"] * CHANGES + ["restart"] * RESTARTS
    dice.shuffle(steps)
    for number, step in enumerate(steps):
        clients.reach(number * HANDSHAKES // (len(steps) + 1))
        if clients.problems:
            break
        if step == "change":
            name = dice.choice(NAMES)
            latest[name] = change(world, name)
        else:
            world.httpd.graceful()
    clients.reach(HANDSHAKES)
    for thread in clients.threads:
        thread.join(WAIT)
    assert not clients.problems, clients.problems
    for name, serial in latest.items():
        wait_for(lambda name=name, serial=serial: tls.serial(
            world.tls, name) == serial, 30, "%s has its last one" % name)
