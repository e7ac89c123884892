# SPDX-License-Identifier: Apache-2.0
"""How many pools there are, how long connections live, what they cost."""

from concurrent import futures
import os
import time

import pytest

import client
from httpd import wait_for
from pools import ask, start, stats, wait_until_open
from process import descriptors, resident

HOST = "%s.example.com"


@pytest.fixture
def server(make_httpd, pool_backends, maps, folder, world):
    """Makes a server with hosts a to d for the backends of these names.  Its
    clock stands still: connections get old when a test says so."""
    def made(*more, options="", modules=()):
        httpd = make_httpd(modules=modules, children=1, pool=True)
        world.preload(httpd)
        world.stop_clock()
        return start(httpd, maps, folder, {
            HOST % name: (pool_backends.url(name) + " " + options).strip()
            for name in "abcd"}, *more, ttl="")
    return made


# ---- ProxyPoolMax ---------------------------------------------------------

def test_least_recently_used_pool_makes_room(server, pool_backends):
    httpd = server("ProxyPoolMax 2")
    before = stats(pool_backends, "b")["open"]
    a, _ = ask(httpd, HOST % "a")
    b, _ = ask(httpd, HOST % "b")
    assert ask(httpd, HOST % "a") == (a, "reused")
    assert stats(pool_backends, "b")["open"] == before + 1
    ask(httpd, HOST % "c")
    wait_until_open(pool_backends, "b", before)
    assert ask(httpd, HOST % "a") == (a, "reused")
    again, how = ask(httpd, HOST % "b")
    assert (again != b, how) == (True, "new")
    # b has taken the room of c
    assert ask(httpd, HOST % "c")[1] == "new"


def test_pool_in_use_is_not_torn_down(server, pool_backends, settings):
    if settings.mpm == "prefork":
        pytest.skip("a child of prefork serves one request at a time")
    httpd = server("ProxyPoolMax 2")
    ask(httpd, HOST % "b")
    with pool_backends.holding(httpd.port, HOST % "a") as answers:
        for name in "bcdbcd":
            assert ask(httpd, HOST % name)[1] == "new" or name == "b"
    assert answers[0].backend == "a"
    assert ask(httpd, HOST % "a")[1] == "reused"


def test_request_goes_through_when_all_pools_are_in_use(
        server, pool_backends, settings):
    if settings.mpm == "prefork":
        pytest.skip("a child of prefork serves one request at a time")
    httpd = server("ProxyPoolMax 1")
    with pool_backends.holding(httpd.port, HOST % "a"):
        numbers = set()
        for _ in range(3):
            number, how = ask(httpd, HOST % "b")
            numbers.add(number)
            assert how == "generic"
    assert len(numbers) == 3
    assert ask(httpd, HOST % "b")[1] == "new"
    assert ask(httpd, HOST % "b")[1] == "reused"


def test_512_pools_are_the_default(server, pool_backends):
    httpd = server("ProxyPoolSet ttl=60", "RewriteEngine On",
                   "RewriteRule ^/(127[.0-9]+)/ http://$1:%d/ [P]"
                   % pool_backends.port["wide"], modules=["rewrite"])
    before = stats(pool_backends, "wide")["open"]
    for count, kept in ((400, 400), (600, 512)):
        assert ask_in_turn(httpd.port, addresses(0, count)) == 0
        wait_until_open(pool_backends, "wide", before + kept)


# ---- idle connections -----------------------------------------------------

@pytest.mark.parametrize("options, more, ttl", [
    ("ttl=1", "", 1), ("", "ProxyPoolSet ttl=2", 2), ("", "", 4)],
    ids=["entry", "default", "unsaid"])
def test_idle_connections_are_closed_though_nobody_comes(
        server, pool_backends, world, settings, options, more, ttl):
    """By a watchdog, which looks once a second."""
    httpd = server(more, options=options)
    before = stats(pool_backends, "d")["open"]
    count = 1 if settings.mpm == "prefork" else 8
    with pool_backends.holding(httpd.port, *[HOST % "d"] * count):
        pass
    world.advance(ttl - 0.1)
    time.sleep(1.5)
    assert stats(pool_backends, "d")["open"] == before + count
    world.set_clock(10)
    wait_until_open(pool_backends, "d", before)


def test_connection_in_use_outlives_its_ttl(server, pool_backends, world):
    httpd = server(options="ttl=1")
    before = stats(pool_backends, "a")["open"]
    with pool_backends.holding(httpd.port, HOST % "a") as answers:
        world.set_clock(10)
        # time for the watchdog, which has to leave it alone
        time.sleep(2)
        assert stats(pool_backends, "a")["open"] == before + 1
    assert answers[0].backend == "a"


def test_connection_that_is_older_than_its_ttl_is_not_used(server, world):
    httpd = server(options="ttl=1")
    first, _ = ask(httpd, HOST % "a")
    world.advance(0.9)
    assert ask(httpd, HOST % "a") == (first, "reused")
    world.advance(1.05)
    second, how = ask(httpd, HOST % "a")
    assert (second != first, how) == (True, "new")


# ---- many backends --------------------------------------------------------

def addresses(begin, end):
    """As many loopback addresses, from 127.1.0.1 on."""
    return ["127.%d.%d.%d" % (1 + number // 62500, number // 250 % 250,
                              1 + number % 250)
            for number in range(begin, end)]


def ask_in_turn(port, wanted):
    """One after the other on one connection, 100 under way; how many of the
    answers are not the backend's."""
    wrong = 0
    with client.Connection(port) as kept:
        for begin in range(0, len(wanted), 100):
            targets = ["/%s/" % one for one in wanted[begin:begin + 100]]
            kept.send(b"".join(client.request_bytes("GET", target, "x.example")
                               for target in targets))
            wrong += sum(kept.read_response().backend != "wide"
                         for _ in targets)
    return wrong


def test_many_backends_come_and_go(server, pool_backends):
    """10,000 (SWITCHBOARD_BACKENDS=100000 for more), of which 32 may stay:
    files and memory do not grow."""
    httpd = server(
        "ProxyPoolMax 32", "RewriteEngine On",
        "RewriteRule ^/(127[.0-9]+)/ http://$1:%d/ [P]"
        % pool_backends.port["wide"], modules=["rewrite"])
    count = int(os.environ.get("SWITCHBOARD_BACKENDS", "10000"))
    pid, = httpd.child_pids()
    connections = stats(pool_backends, "wide")["connections"]
    seen = []
    clients = 1 if httpd.settings.mpm == "prefork" else 4
    share = count // 10 // clients
    for begin in range(0, count, count // 10):
        runs = [addresses(first, first + share) for first in
                range(begin, begin + count // 10, share)]
        with futures.ThreadPoolExecutor(clients) as pool:
            wrong = sum(pool.map(lambda run: ask_in_turn(httpd.port, run),
                                 runs))
        assert wrong == 0
        seen.append((descriptors(pid), resident(pid)))
    print("descriptors and kB after each tenth:", seen)
    files = [files for files, _ in seen]
    assert max(files) - min(files) <= 10
    # a sanitizer keeps what was freed for a while
    assert seen[-1][1] - seen[1][1] < (16000 if httpd.settings.asan else 1000)
    after = stats(pool_backends, "wide")
    assert after["open"] <= 32
    assert after["connections"] - connections >= count


def test_pools_that_nobody_used_give_their_files_back(server, pool_backends,
                                                      world):
    httpd = server("ProxyPoolSet ttl=1", "RewriteEngine On",
                   "RewriteRule ^/(127[.0-9]+)/ http://$1:%d/ [P]"
                   % pool_backends.port["wide"], modules=["rewrite"])
    pid, = httpd.child_pids()
    httpd.get("x.example", "/127.1.0.1/")
    few = descriptors(pid)
    with client.Connection(httpd.port) as kept:
        for address in addresses(2, 202):
            kept.request("GET", "/%s/" % address, "x.example")
    assert descriptors(pid) > few + 50
    world.set_clock(10)
    wait_for(lambda: descriptors(pid) <= few + 2, 30, "the files are closed")
