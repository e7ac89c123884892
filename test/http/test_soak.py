# SPDX-License-Identifier: Apache-2.0
"""Traffic of all kinds while maps are replaced, entries set, httpd restarted
gracefully and backends killed: no answer is wrong, and over time nothing grows.

Some seconds, without the judgement of growth, for which that is too short.
test/endure has it run for half an hour:

    SWITCHBOARD_SOAK_MINUTES=30 test/run -- -s -k soak"""

import collections
import json
import os
import threading
import time

import pytest

from backend import Backends
from maps import express, text_of
import soak as soaking
import soak_samples
from soak_truth import SETTLED, Truth
from status import ENDPOINT
import client
import reproxy

MINUTES = float(os.environ.get("SWITCHBOARD_SOAK_MINUTES", "0"))
SECONDS = MINUTES * 60 or 6
WIDE = 100000 if MINUTES else 2000
SINGLE = 20
NAMES = "abcd"

Pace = collections.namedtuple("Pace", "set swap backend graceful sample")
PACE = Pace(1, 10, 7, 20, 2) if MINUTES else Pace(0.3, 1.5, 2, 2.5, 1)
"""Seconds between changes, and between samples."""

PATIENCE = 60
"""Seconds that a machine with much else to do may stand still."""

LOG = (r"AH01102|AH00898|AH01114|AH00957|AH01110|AH01103|AH02609|AH00992"
       r"|AH01084|AH01097|AH10154|AH02451|AH01096|AH10292|AH01095|AH01086"
       r"|\[reproxy:error\]")
"""What is logged of clients and backends that break off."""


class World:
    """Servers, the map, backends, and what is done to them."""

    def __init__(self, make_httpd, settings, maps, folder, backends, storages):
        self.maps = maps
        self.backends = backends
        self.storages = storages
        self.one = Backends("r")
        self.truth = Truth(WIDE, SINGLE, NAMES)
        self.truth.restarted = type(self.truth.restarted)(self.one.port["r"])
        self.path = maps.build(folder + "/map", self.entries(0))
        http2 = settings.mpm != "prefork"
        self.kinds = [name for name, kind in soaking.KINDS.items()
                      if http2 or kind.way is not client.H2KeepAlive]
        self.servers = {
            name: self.started(make_httpd, ["http2"] if http2 else [])
            for name in ("never restarted", "restarted")}

    def started(self, make_httpd, modules):
        httpd = make_httpd(modules=[*modules, "authz_host"], pool=True,
                           reproxy=True, status=True, children=2, threads=30)
        port = httpd.listen()
        httpd.start("\n".join([
            "Timeout %d" % PATIENCE,
            "Protocols h2c http/1.1" if modules else "",
            "AllowReproxy On", reproxy.allow_all(self.storages),
            "CustomLog /dev/null \"%h %{proxy-pool}n %{backend}^SB\""])
            + "\n" + express(self.path, "lmdb",
                             "ProxyExpressUnknownHost 404")
            + ENDPOINT % port)
        httpd.allow_log(LOG)
        return httpd

    def entries(self, generation):
        wide = "http://%%s:%d" % self.backends.port["wide"]
        known = {"w%d.example.com" % number:
                 wide % self.truth.address(number, generation)
                 for number in range(WIDE)}
        known.update(("s%d.example.com" % number,
                      self.backends.url(versions.newest))
                     for number, versions in enumerate(self.truth.single))
        known.update((name + ".example.com", self.backends.url(name))
                     for name in NAMES)
        known["app.example.com"] = self.storages.url("app")
        known["ws.example.com"] = (self.backends.url("a")
                                   + " upgrade=websocket")
        known["r.example.com"] = self.url_of_restarted()
        return known

    def url_of_restarted(self):
        return "http://127.0.0.1:%d" % self.truth.restarted.newest

    # ---- changes ------------------------------------------------------------

    def swap(self, count):
        """A new map, in which every backend of a wide host has moved."""
        with self.truth.generation.changing(count):
            self.maps.run("build", "--max-removed", "100", "-", self.path,
                          text=text_of(self.entries(count)))

    def set(self, count):
        number = count % SINGLE
        name = NAMES[(NAMES.index(self.truth.single[number].newest) + 1) % 4]
        with self.truth.single[number].changing(name):
            self.maps.run("set", self.path, "s%d.example.com" % number,
                          self.backends.url(name))

    def backend(self, count):
        """Another process on another port: first it, then the map, then the
        old one's end; or the old one is killed first."""
        killed = count % 2 == 0
        old = self.one
        if killed:
            with self.truth.down.changing(True):
                old.process.kill()
        self.one = Backends("r")
        with self.truth.restarted.changing(self.one.port["r"]):
            self.maps.run("set", self.path, "r.example.com",
                          self.url_of_restarted())
        if killed:
            with self.truth.down.changing(False):
                pass
        else:
            time.sleep(SETTLED + 1)
        old.stop()

    def graceful(self, _):
        self.servers["restarted"].graceful()

    def stop(self):
        self.one.stop()


def change(world, soak, counts):
    """One change after the other until it is over, each at its pace; each
    at least once."""
    due = dict.fromkeys(("set", "swap", "backend", "graceful"),
                        time.monotonic())
    while not soak.over.is_set() or min(counts[name] for name in due) < 1:
        name = min(due, key=due.get)
        if soak.over.wait(max(0, due[name] - time.monotonic())) \
                and counts[name]:
            return
        counts[name] += 1
        getattr(world, name)(counts[name])
        due[name] = max(due[name] + getattr(PACE, name), time.monotonic())


def watch(world, soak, clients):
    """Samples of both servers until the time is up; the series."""
    series = {}
    begin = then = time.monotonic()
    before = {}
    while then - begin < SECONDS and not soak.wrong:
        soak.over.wait(PACE.sample)
        now = time.monotonic()
        for server, httpd in world.servers.items():
            served = sum(one.done for one in clients if one.server == server)
            seen = {"requests a second":
                    (served - before.get(server, 0)) / (now - then)}
            before[server] = served
            seen.update(soak_samples.sample(httpd))
            for name, value in seen.items():
                series.setdefault((server, name), soak_samples.Series(
                    server, name)).add(now - begin, value)
        then = now
    return list(series.values())


def summary(world, soak, clients, counts):
    """What was done, as tables of a page."""
    lines = ["| requests | answered | excused |", "|---|---|---|"]
    for name in world.kinds:
        lines.append("| %s | %d | %d |" % (
            name, sum(one.done for one in clients if one.name_of_kind == name),
            sum(one.excused for one in clients if one.name_of_kind == name)))
    done = sum(one.done for one in clients)
    lines.append("| **all** | %d | %d |" % (
        done, sum(one.excused for one in clients)))
    lines += ["", "%d failed. %s. Sent again by a client whose kept connection "
              "was closed: %d." % (
                  len(soak.wrong), ", ".join(
                      "%s: %d" % one for one in sorted(counts.items())),
                  sum(one.keep.resent for one in clients if one.keep))]
    return "\n".join(lines) + "\n"


def keep(name, text):
    """A result, in the folder of the build."""
    folder = os.path.join(os.environ.get("SWITCHBOARD_BUILD", "."), "soak")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        file.write(text)


@pytest.fixture
def world(make_httpd, settings, maps, folder, pool_backends, storages,
          monkeypatch):
    monkeypatch.setattr(client, "TIMEOUT", PATIENCE * 2)
    made = World(make_httpd, settings, maps, folder, pool_backends, storages)
    yield made
    made.stop()


def test_soak(world):
    ports = {name: httpd.port for name, httpd in world.servers.items()}
    soak = soaking.Soak(ports, world.truth, world.backends, world.storages)
    clients = soaking.clients(soak, world.kinds)
    counts = collections.Counter()
    failures = []

    def changes():
        try:
            change(world, soak, counts)
        except BaseException as error:
            failures.append(error)
            soak.over.set()

    threads = [*clients, threading.Thread(target=changes)]
    for one in threads:
        one.start()
    try:
        series = watch(world, soak, clients)
    finally:
        soak.over.set()
        for one in threads:
            one.join()
    text = summary(world, soak, clients, counts)
    report = text + "\n" + soak_samples.table(series)
    print("\n" + report)
    keep("soak.md", report)
    keep("soak.svg", soak_samples.plot(series))
    keep("soak.json", json.dumps({one.title: [one.times, one.values]
                                  for one in series}))
    assert not failures, failures
    assert not soak.wrong, "\n".join(soak.wrong[:20])
    assert all(one.done for one in clients if one.name_of_kind
               != "restarted backend"), text
    if MINUTES:
        bad = [one.title for one in series if not one.is_flat()]
        assert not bad, "not flat: %s" % ", ".join(bad)
