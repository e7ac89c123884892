# SPDX-License-Identifier: Apache-2.0
"""What the pools are, as another module of httpd sees it (mod_pool_probe.c):
the worker's parameters, and the functions of include/mod_proxy_pool.h."""

import json
import threading

import pytest

import client
from httpd import wait_for
from pools import STALE, httpd_version, new_target, note
from maps import express
from world import compiled_module

HOST = "www.example.com"


@pytest.fixture(scope="module")
def probe(module_folder):
    return compiled_module(module_folder, "mod_pool_probe")


def start(httpd, maps, folder, probe, entries, *more):
    path = maps.build(folder + "/map", entries)
    return httpd.start(express(
        path, "lmdb", "LoadModule pool_probe_module " + probe,
        "LogFormat \"%{proxy-pool}n,%{probe}n %U\" probe",
        "CustomLog %s probe" % httpd.path("access.log"),
        "<Location /pool-counts>", "SetHandler pool-counts", "</Location>",
        *more))


# ---- options: as ProxyPass understands them -------------------------------

OPTIONS = [
    "acquire=100", "acquire=2s", "acquire=1min",
    "connectiontimeout=7", "connectiontimeout=500ms",
    "disablereuse=on", "disablereuse=off",
    "enablereuse=on", "enablereuse=off",
    "flushpackets=on", "flushpackets=off", "flushpackets=auto",
    "flushwait=50", "flushwait=0",
    "iobuffersize=16384", "iobuffersize=512", "iobuffersize=0",
    "keepalive=on", "keepalive=off",
    "max=7", "max=1",
    "smax=5 min=3", "smax=5 min=0",
    "ping=2", "ping=500ms",
    "receivebuffersize=4096", "receivebuffersize=0",
    "responsefieldsize=16384", "responsefieldsize=0",
    "secret=abc",
    "timeout=9",
    "ttl=30",
    "upgrade=websocket", "upgrade=any",
]
"""With units where ProxyPass takes any: it would take timeout=2min for 2 s."""

if httpd_version() >= (2, 4, 59):
    ADDRESS_DEFAULT = " addressttl=60"
    OPTIONS += ["addressttl=100", "addressttl=2min", "addressttl=-1"]
else:
    ADDRESS_DEFAULT = ""

DEFAULTS = "smax=0 ttl=4" + ADDRESS_DEFAULT
"""What a pool has where ProxyPass has something else."""


def with_defaults(option):
    """An option, and those defaults that are not what it says."""
    return " ".join([option] + [
        word for word in DEFAULTS.split()
        if " " + word.partition("=")[0] not in " " + option])


@pytest.fixture(scope="module")
def both(make_module_httpd, pool_backends, maps, module_folder, probe):
    """A server with an entry and a ProxyPass for each of OPTIONS."""
    httpd = make_module_httpd(children=1, pool=True)
    a, b = pool_backends.url("a"), pool_backends.url("b")
    entries = {HOST: a}
    lines = ["ProxyPass /none %s/none %s" % (b, DEFAULTS)]
    for number, option in enumerate(OPTIONS):
        entries["o%d.example.com" % number] = "%s %s" % (a, option)
        lines.append("ProxyPass /o%d/ %s/o%d/ %s" % (
            number, b, number, with_defaults(option)))
    return start(httpd, maps, module_folder, probe, entries, *lines)


def parameters(answer, backend):
    assert answer.backend == backend
    words = answer.header("X-Worker").split(" ")
    return dict(word.split("=") for word in words)


@pytest.mark.parametrize("option", OPTIONS)
def test_option_is_what_it_is_for_proxypass(both, option):
    number = OPTIONS.index(option)
    wanted = parameters(both.get("other.example.net", "/o%d/" % number), "b")
    assert parameters(both.get("o%d.example.com" % number), "a") == wanted


def test_every_option_makes_a_difference(both, settings):
    """So the test before compares what it names."""
    if settings.mpm == "prefork":
        pytest.skip("a child of prefork has one connection: max, smax and "
                    "min make no difference")
    none = parameters(both.get(HOST), "a")
    same = [option for number, option in enumerate(OPTIONS)
            if parameters(both.get("o%d.example.com" % number), "a") == none]
    assert same == ["flushpackets=off", "flushwait=0"]


def test_defaults_are_those_of_the_documentation(both):
    """A map's entry without options, and ProxyPass with what differs."""
    none = parameters(both.get(HOST), "a")
    assert none == parameters(both.get("other.example.net", "/none/"), "b")
    assert (none["ttl"], none["smax"]) == ("4000000", "0")
    if ADDRESS_DEFAULT:
        assert none["address_ttl"] == "60"


def test_directives_of_mod_proxy_are_defaults(
        make_httpd, pool_backends, maps, folder, probe):
    """Those of the virtual host, and an entry's options go over them."""
    httpd = make_httpd(children=1, pool=True)
    other = httpd.listen()
    a, b = pool_backends.url("a"), pool_backends.url("b")
    start(httpd, maps, folder, probe, {
        HOST: a, "more.example.com": a + " timeout=9 receivebuffersize=2048"},
        "ProxyTimeout 7", "ProxyReceiveBufferSize 4096",
        "ProxyIOBufferSize 16384", "ProxyPass /static/ %s/s/ %s" % (b, DEFAULTS),
        "<VirtualHost 127.0.0.1:%d>" % other, "ServerName v.example.net",
        "ProxyTimeout 8", "</VirtualHost>")
    pool = parameters(httpd.get(HOST), "a")
    assert pool == parameters(httpd.get(HOST, "/static/"), "b")
    # where ProxyPass knows what the virtual host itself says, and no more
    inner = parameters(client.get(other, HOST), "a")
    assert inner == dict(pool, timeout="8000000")
    for name, value in (("timeout", "7000000"), ("recv_buffer_size", "4096"),
                        ("io_buffer_size", "16384")):
        assert pool[name] == value
    more = parameters(httpd.get("more.example.com"), "a")
    assert (more["timeout"], more["recv_buffer_size"],
            more["io_buffer_size"]) == ("9000000", "2048", "16384")


@pytest.mark.parametrize("lines, wanted", (
    ((), "65536"), (("ProxyIOBufferSize 16384",), "16384"),
    (("ProxyPoolEnable Off",), "8192")))
def test_bodies_are_read_in_large_pieces(server, lines, wanted):
    """Unless the configuration says how large."""
    httpd = server(*lines)
    assert httpd.get("a.example.com").header("X-Pieces") == wanted


# ---- the functions --------------------------------------------------------

@pytest.fixture
def server(make_httpd, pool_backends, maps, folder, probe):
    """Makes a server with hosts a to c for the backends of these names."""
    def made(*more, world=None):
        httpd = make_httpd(children=1, pool=True)
        if world:
            world.preload(httpd)
        return start(httpd, maps, folder, probe, {
            "%s.example.com" % name: pool_backends.url(name)
            for name in "abc"}, *more)
    return made


def counts(httpd):
    return json.loads(httpd.get("local.example.net", "/pool-counts").body)


def seen(httpd, host, headers=(), method="GET"):
    """Note and what proxy_pool_served said of such a request."""
    target = new_target()
    client.request(httpd.port, method, target, host, headers=headers)
    return note(httpd, target)


def test_others_see_how_a_request_was_served(server, pool_backends):
    httpd = server("ProxyPass /static %s" % pool_backends.url("d"))
    name = pool_backends.url("a")
    httpd.allow_log(STALE)
    assert seen(httpd, "a.example.com") == "new,2,%s,0" % name
    assert seen(httpd, "a.example.com") == "reused,3,%s,0" % name
    assert seen(httpd, "a.example.com", [client.order(
        close="before", reused=True)]) == "new,2,%s,1" % name
    assert seen(httpd, "unknown.example.net") == "-,0,-,0"
    assert counts(httpd)["resent"] == 1


def test_others_see_the_counts_of_a_child(server):
    httpd = server("ProxyPoolMax 2")
    empty = dict.fromkeys(["pools", "in_use", "made", "evicted", "retired",
                           "refused", "resent"], 0)
    assert counts(httpd) == empty
    for host in "aab":
        assert httpd.get(host + ".example.com").status == 200
    # the last one's request may not be over yet
    wait_for(lambda: counts(httpd) == dict(empty, pools=2, made=2), 5,
             "two pools")
    assert httpd.get("c.example.com").status == 200
    wait_for(lambda: counts(httpd) == dict(empty, pools=2, made=3, evicted=1),
             5, "a third one in the place of the first")


def test_others_see_what_is_in_use(server, pool_backends, settings):
    if settings.mpm == "prefork":
        pytest.skip("a child of prefork serves one request at a time")
    httpd = server("ProxyPoolMax 1")
    with pool_backends.holding(httpd.port, "a.example.com"):
        assert seen(httpd, "b.example.com") == "generic,1,-,0"
        now = counts(httpd)
        assert (now["pools"], now["in_use"], now["refused"]) == (1, 1, 1)
    wait_for(lambda: counts(httpd)["in_use"] == 0, 5, "it is not in use")


def test_pool_that_nobody_used_for_a_minute_goes(server, world):
    httpd = server("ProxyPoolSet ttl=1h", world=world)
    for host in "ab":
        assert httpd.get(host + ".example.com").status == 200
    world.set_clock(40)
    assert httpd.get("b.example.com").status == 200
    assert counts(httpd)["pools"] == 2
    world.set_clock(70)
    wait_for(lambda: counts(httpd)["pools"] == 1, 5, "one goes")
    assert counts(httpd)["retired"] == 1
    world.set_clock(140)
    wait_for(lambda: counts(httpd)["pools"] == 0, 5, "all go")
