# SPDX-License-Identifier: Apache-2.0
"""What the tests of mod_proxy_pool share: a server's start, the access log's
note, and what the backends count."""

import itertools
import re
import subprocess

import pytest

import client
from httpd import HTTPD, wait_for
from maps import express

_numbers = itertools.count(1)

STALE = r"AH01102|AH01084|AH01097|AH10154|AH00898|AH02609|AH00992"
"""What mod_proxy says of a backend that closes a connection."""


def httpd_version():
    said = subprocess.run([HTTPD, "-v"], check=True, text=True,
                          capture_output=True, timeout=20).stdout
    version = re.search(r"Apache/([\d.]+)", said).group(1)
    return tuple(map(int, version.split(".")))


needs_addressttl = pytest.mark.skipif(
    httpd_version() < (2, 4, 59), reason="httpd before 2.4.59 has no "
    "addressttl")


def new_target():
    """A path that no other request has: the access log is asked for it."""
    return "/target-%d" % next(_numbers)


def start(httpd, maps, folder, entries, *more, ttl="ProxyPoolSet ttl=60"):
    """Start a server on a map, with an access log for `note`.  An idle
    connection is kept for longer than a test may pause on a busy machine; for
    tests of how long it is kept, `more` or `ttl` say otherwise."""
    path = maps.build(folder + "/map", entries)
    return httpd.start(
        express(path, "lmdb", ttl, *more)
        + "LogFormat \"%%{proxy-pool}n %%U\" pool\nCustomLog %s pool\n"
        % httpd.path("access.log"))


def note(httpd, target):
    """What the access log says of the request for this target, in front of it:
    %{proxy-pool}n."""
    def logged():
        with open(httpd.path("access.log"), encoding="latin-1") as file:
            for line in file:
                word, _, path = line.rstrip("\n").partition(" ")
                if path == target:
                    return word
        return None
    return wait_for(logged, 30, "the access log has " + target)


def connection(response):
    """Which connection of which backend answered."""
    assert response.status == 200, response
    seen = response.json()
    return seen["backend"], seen["connection"]


def ask(httpd, host, **order):
    """GET with an order for the backend; connection and note."""
    target = new_target()
    response = httpd.get(host, target, [client.order(**order)])
    return connection(response), note(httpd, target)


def stats(backends, name):
    """What a backend has counted, without this question."""
    response = client.get(backends.port[name] or backends.socket, "stats",
                          headers=[client.order(stats=True)])
    counts = response.json()
    counts["open"] -= 1
    return counts


def wait_until_open(backends, name, count):
    """Until the backend has so many connections."""
    wait_for(lambda: stats(backends, name)["open"] == count, 30,
             "backend %s has %d connections" % (name, count))
