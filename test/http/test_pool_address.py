# SPDX-License-Identifier: Apache-2.0
"""Backends whose names change their addresses.

Names and the clock are those of preload.c: an hour takes no time.
"""

import pytest

from httpd import wait_for
from pools import ask, needs_addressttl, start
from world import NAME, OLD

HOST = "www.example.com"
NEW = "127.2.0.2"


@pytest.fixture
def server(make_httpd, pool_backends, maps, folder, world):
    """Makes a server whose backend has a name.  Its connections are kept
    for ever: none is new for its age."""
    def made(options="", *more):
        httpd = make_httpd(children=1, pool=True)
        world.preload(httpd)
        return start(httpd, maps, folder, {
            HOST: "http://%s:%d ttl=1h %s" % (
                NAME, pool_backends.port["wide"], options)}, *more)
    return made


def address(httpd):
    """At which address the backend was asked."""
    answer = httpd.get(HOST)
    assert answer.backend == "wide"
    return answer.json()["address"][0]


def goes_to(httpd, world, where, *times):
    """Each of these times, with a pool that is never unused for a minute."""
    for seconds in times:
        world.set_clock(seconds)
        assert address(httpd) == where, "after %d s" % seconds


def test_new_address_is_found_after_a_minute(server, world):
    """And not before: until then the connection to the old one is kept."""
    httpd = server()
    first, _ = ask(httpd, HOST)
    world.set_address(NEW)
    goes_to(httpd, world, OLD, 20, 40, 50)
    assert ask(httpd, HOST) == (first, "reused")
    assert world.asked() == 1
    world.set_clock(61)
    # where the pool is made anew, that takes a second
    wait_for(lambda: address(httpd) == NEW, 5, "the new address is used")
    assert world.asked() == 2
    goes_to(httpd, world, NEW, 80, 100)


@needs_addressttl
@pytest.mark.parametrize("options, more", [
    ("addressttl=100", ""), ("", "ProxyPoolSet addressttl=100"),
    ("addressttl=100", "ProxyPoolSet addressttl=5")],
    ids=["entry", "default", "both"])
def test_new_address_is_found_after_addressttl(server, world, options, more):
    httpd = server(options, more)
    first, _ = ask(httpd, HOST)
    world.set_address(NEW)
    goes_to(httpd, world, OLD, 45, 90)
    assert ask(httpd, HOST) == (first, "reused")
    assert world.asked() == 1
    goes_to(httpd, world, NEW, 101, 102, 145)
    assert world.asked() == 2


@needs_addressttl
def test_addressttl_may_be_for_ever(server, world):
    httpd = server("addressttl=-1")
    assert address(httpd) == OLD
    world.set_address(NEW)
    goes_to(httpd, world, OLD, *range(50, 1000, 50))
    assert world.asked() == 1


@needs_addressttl
def test_address_that_stays_keeps_its_connection(server, world):
    httpd = server("addressttl=30")
    first, _ = ask(httpd, HOST)
    for turn in (1, 2, 3):
        world.set_clock(turn * 31)
        assert ask(httpd, HOST) == (first, "reused")
        assert world.asked() == 1 + turn


def test_name_is_not_resolved_for_each_request(server, world):
    httpd = server("disablereuse=on")
    for _ in range(20):
        assert address(httpd) == OLD
    assert world.asked() <= 2
