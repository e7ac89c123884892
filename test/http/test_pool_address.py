# SPDX-License-Identifier: Apache-2.0
"""Backends whose names change their addresses.

Names and the clock are those of preload.c: an hour takes no time.
"""

import os
import re
import subprocess

import pytest

import httpd as httpd_server
from httpd import wait_for
from pools import ask, start

HOST = "www.example.com"
NAME = "backend.test"
OLD, NEW = "127.2.0.1", "127.2.0.2"


class World:
    """What a httpd takes for the addresses of names and for the time."""

    def __init__(self, folder):
        self.library = os.path.join(folder, "preload.so")
        subprocess.run(
            ["gcc", "-Wall", "-Werror", "-shared", "-fPIC", "-o",
             self.library, os.path.join(os.path.dirname(__file__),
                                        "preload.c"), "-ldl"],
            check=True, timeout=60)
        self.hosts = os.path.join(folder, "hosts")
        self.clock = os.path.join(folder, "clock")
        self.write(self.hosts + ".asked", "")
        # httpd's children write there
        os.chmod(self.hosts + ".asked", 0o666)
        self.set_clock(0)
        self.set_address(OLD)

    @staticmethod
    def write(path, text):
        """At once: httpd may read it at any time."""
        with open(path + ".new", "w", encoding="ascii") as file:
            file.write(text)
        os.replace(path + ".new", path)

    def set_address(self, address):
        self.write(self.hosts, "%s %s\n" % (NAME, address))

    def set_clock(self, seconds):
        """So much later than it is."""
        self.write(self.clock, str(seconds))

    def asked(self):
        """How often the name's address was asked for."""
        with open(self.hosts + ".asked", encoding="ascii") as file:
            return file.read().count(NAME)


@pytest.fixture
def world(folder):
    return World(folder)


@pytest.fixture
def server(make_httpd, pool_backends, maps, folder, world):
    """Makes a server whose backend has a name.  Its connections are kept
    for ever: none is new for its age."""
    def made(options="", *more):
        httpd = make_httpd(children=1, pool=True)
        httpd.preload(world.library, PRELOAD_HOSTS=world.hosts,
                      PRELOAD_CLOCK=world.clock)
        return start(httpd, maps, folder, {
            HOST: "http://%s:%d ttl=1h %s" % (
                NAME, pool_backends.port["wide"], options)}, *more)
    return made


def address(httpd):
    """At which address the backend was asked."""
    answer = httpd.get(HOST)
    assert answer.backend == "wide"
    return answer.json()["address"][0]


def has_addressttl():
    said = subprocess.run([httpd_server.HTTPD, "-v"], check=True, text=True,
                          capture_output=True, timeout=20).stdout
    version = re.search(r"Apache/([\d.]+)", said).group(1)
    return tuple(map(int, version.split("."))) >= (2, 4, 59)


needs_addressttl = pytest.mark.skipif(
    not has_addressttl(), reason="httpd before 2.4.59 has no addressttl")


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
