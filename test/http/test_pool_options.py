# SPDX-License-Identifier: Apache-2.0
"""Directives of mod_proxy_pool, and options of entries and of ProxyPoolSet."""

import contextlib
import re
import socket
import struct
import time

import pytest

import client
from httpd import wait_for
from pools import ask, connection, new_target, note, start

HOST = "www.example.com"


@pytest.fixture
def server(make_httpd, pool_backends, maps, folder, world):
    """Makes a server with HOST's backend a and these options, and more.  Its
    clock stands still: no connection is too old to be used again."""
    def made(options, *more, entries=(), modules=()):
        value = (pool_backends.url("a") + " " + options).strip()
        httpd = make_httpd(modules=modules, children=1, pool=True)
        world.preload(httpd)
        world.stop_clock()
        return start(httpd, maps, folder, dict(entries, **{HOST: value}),
                     *more)
    return made


def seconds_of(what):
    begin = time.monotonic()
    answer = what()
    return answer, time.monotonic() - begin


# ---- configuration --------------------------------------------------------

@pytest.mark.parametrize("line, why", [
    ("ProxyPoolSet timeout=0", "ProxyPoolSet: `timeout=0`"),
    ("ProxyPoolSet timeout=5x", "ProxyPoolSet: `timeout=5x`"),
    ("ProxyPoolSet ttl=4 ping=no", "ProxyPoolSet: `ping=no`"),
    ("ProxyPoolSet colour=red", "ProxyPoolSet: `colour=red`"),
    ("ProxyPoolSet nocanon", "ProxyPoolSet: `nocanon`: expected key=value"),
    ("ProxyPoolSet retry=5", "ProxyPoolSet: `retry=5`: retry is for members"),
    ("ProxyPoolSet route=x", "ProxyPoolSet: `route=x`"),
    ("ProxyPoolSet", "ProxyPoolSet requires at least one argument"),
    ("ProxyPoolMax 0", "ProxyPoolMax: `0`"),
    ("ProxyPoolMax -1", "ProxyPoolMax: `-1`"),
    ("ProxyPoolMax 5x", "ProxyPoolMax: `5x`"),
    ("ProxyPoolMax \" \"", "ProxyPoolMax: ` `"),
    ("ProxyPoolMax 1000001", "ProxyPoolMax: `1000001`"),
    ("ProxyPoolEnable maybe", "ProxyPoolEnable must be On or Off"),
    ("<Directory />\nProxyPoolMax 5\n</Directory>",
     "ProxyPoolMax not allowed"),
])
def test_bad_value_is_refused_and_quoted(make_httpd, line, why):
    status, said = make_httpd(pool=True).configure(line).check_config()
    assert status != 0
    assert why in said


def test_all_options_are_accepted(make_httpd):
    status, said = make_httpd(pool=True).configure(
        "ProxyPoolSet acquire=100 addressttl=60 connectiontimeout=500ms "
        "disablereuse=off enablereuse=on flushpackets=auto flushwait=10 "
        "iobuffersize=8192 keepalive=on max=20 min=1 ping=1 "
        "receivebuffersize=4096 responsefieldsize=16384 secret=abc smax=5 "
        "timeout=10 ttl=30 upgrade=websocket\n"
        "ProxyPoolMax 1000000\nProxyPoolEnable On\n").check_config()
    assert status == 0, said


@pytest.mark.parametrize("line", [
    "ProxyPoolEnable Off", "ProxyPoolMax 5", "ProxyPoolSet ttl=5"])
def test_htaccess_may_not_say_it(make_httpd, line):
    httpd = make_httpd(pool=True)
    httpd.write("htdocs/.htaccess", line + "\n")
    httpd.start("<Directory %s>\nAllowOverride All\n</Directory>\n"
                % httpd.path("htdocs"))
    httpd.expect_log(line.split()[0] + " not allowed here")
    assert httpd.get("www.example.com").status == 500


# ---- defaults and entries -------------------------------------------------

def test_defaults_are_what_an_entry_may_override(server, pool_backends):
    a = pool_backends.url("a")
    httpd = server("timeout=30", "ProxyPoolSet timeout=1", entries={
        "default.example.com": a, "same.example.com": a + " timeout=1000ms"})
    httpd.expect_log("AH01102")
    httpd.allow_log("AH00898")
    slow = [client.order(delay=2)]
    assert httpd.get(HOST, headers=slow).status == 200
    assert httpd.get("default.example.com", headers=slow).status in (502, 504)
    first, _ = ask(httpd, "default.example.com")
    assert ask(httpd, "same.example.com") == (first, "reused")


def test_enablereuse_of_an_entry_is_over_disablereuse_of_the_defaults(
        server, pool_backends):
    httpd = server("enablereuse=on", "ProxyPoolSet disablereuse=on",
                   entries={"default.example.com": pool_backends.url("a")})
    first, _ = ask(httpd, HOST)
    assert ask(httpd, HOST) == (first, "reused")
    assert {ask(httpd, "default.example.com")[1] for _ in range(3)} == {"new"}


def test_virtual_host_adds_to_the_defaults(server, make_httpd, maps, folder,
                                           pool_backends):
    httpd = make_httpd(children=1, pool=True)
    other = httpd.listen()
    start(httpd, maps, folder, {HOST: pool_backends.url("a")},
          "ProxyPoolSet disablereuse=on",
          "<VirtualHost 127.0.0.1:%d>" % other, "ServerName v.example.net",
          "ProxyPoolSet ttl=9 enablereuse=on", "</VirtualHost>")
    assert {ask(httpd, HOST)[1] for _ in range(3)} == {"new"}
    numbers = {connection(client.get(other, HOST)) for _ in range(3)}
    assert len(numbers) == 1


# ---- what options do ------------------------------------------------------

def test_timeout_ends_the_wait_for_an_answer(server):
    httpd = server("timeout=1")
    httpd.expect_log("AH01102")
    httpd.allow_log("AH00898")
    answer, seconds = seconds_of(lambda: httpd.get(
        HOST, headers=[client.order(delay=30)]))
    assert answer.status in (502, 504)
    assert 0.9 < seconds < 15


def is_full(listener):
    """Linux tells the length of the queue and its limit as tcpi_unacked and
    tcpi_sacked of a socket that listens."""
    info = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 32)
    waiting, most = struct.unpack_from("II", info, 24)
    return waiting > most


@contextlib.contextmanager
def full_listener():
    """A port where nobody is let in any more."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            queued = stack.enter_context(socket.socket())
            queued.setblocking(False)
            queued.connect_ex(listener.getsockname())
        wait_for(lambda: is_full(listener), 30, "the queue is full")
        yield listener.getsockname()[1]


def test_connectiontimeout_ends_the_wait_for_a_connection(server):
    with full_listener() as port:
        httpd = server("", entries={
            "full.example.com":
            "http://127.0.0.1:%d connectiontimeout=500ms" % port})
        httpd.expect_log("AH00957|AH01114")
        answer, seconds = seconds_of(lambda: httpd.get("full.example.com"))
    assert answer.status == 503
    assert 0.4 < seconds < 15


def test_ping_asks_before_a_body_is_sent(server):
    httpd = server("ping=1")
    answer = client.request(httpd.port, "PUT", "/", HOST, body=b"x" * 1000)
    assert answer.received("Expect") == ["100-Continue"]
    assert len(answer.json()["body"]) == 1000


def test_max_and_acquire_limit_a_backends_connections(server, pool_backends,
                                                      world, settings):
    if settings.mpm == "prefork":
        pytest.skip("a child of prefork has one connection anyway")
    httpd = server("max=1 acquire=200")
    # APR waits until a time
    world.set_clock(0)
    httpd.expect_log("AH00941")
    with pool_backends.holding(httpd.port, HOST):
        answer, seconds = seconds_of(lambda: httpd.get(HOST))
    assert answer.status == 503
    assert 0.15 < seconds < 15
    assert httpd.get(HOST).status == 200


def test_upgrade_lets_websockets_through(server):
    httpd = server("upgrade=websocket")
    for _ in range(2):
        with client.Connection(httpd.port) as socket_:
            answer = socket_.request("GET", "/chat", HOST, [
                ("Connection", "Upgrade"), ("Upgrade", "websocket")])
            assert answer.status == 101
            for message in (b"hello", b"\x81\x00\xff" * 1000):
                socket_.send(message)
                assert socket_._exactly(len(message), 0) == message
    # the connection was the websocket's alone
    assert ask(httpd, HOST)[1] == "new"


def test_without_upgrade_a_websocket_is_a_plain_request(server):
    httpd = server("")
    answer = httpd.get(HOST, headers=[("Connection", "Upgrade"),
                                      ("Upgrade", "websocket")])
    assert answer.received("Upgrade") == []


def test_retry_says_once_why_it_has_no_effect(server):
    httpd = server("retry=5")
    httpd.expect_log("SB0106.*retry is for members of a balancer")
    for _ in range(5):
        assert httpd.get(HOST).status == 200
    assert len(httpd.log_lines("SB0106")) == 1
    assert re.search("entry .*www.example.com", httpd.log())


def test_secret_is_not_written_to_the_log(server):
    """Neither with a pool that works nor with one that cannot be made."""
    host = "x" * 250 + ".invalid"
    httpd = server("secret=hush-hush", "LogLevel trace8",
                   "ProxyPoolSet secret=hush-too", "RewriteEngine On",
                   "RewriteRule ^/long http://%s/ [P]" % host,
                   modules=["rewrite"])
    httpd.allow_log("SB0101|AH00898|AH00957|AH01144|AH01114|AH00893|AH01148")
    assert httpd.get(HOST).status == 200
    assert httpd.get("other.example.net").status == 200
    assert httpd.get("other.example.net", "/long").status >= 500
    assert "hush" not in httpd.log()


# ---- configured workers, balancers, forward proxies -----------------------

def ignored(httpd):
    return httpd.log_lines("SB0106")


def test_worker_of_the_configuration_serves_with_its_own_options(
        server, pool_backends):
    """disablereuse=on of <Proxy> is what tells that it was the worker."""
    a = pool_backends.url("a")
    httpd = server("ttl=9", '<Proxy "%s">' % a, "ProxySet disablereuse=on",
                   "</Proxy>")
    httpd.expect_log("SB0106.*a worker of the configuration serves it")
    marks = [ask(httpd, HOST) for _ in range(4)]
    assert len({number for number, _ in marks}) == 4
    assert {how for _, how in marks} == {"-"}
    assert len(ignored(httpd)) == 1


def test_proxy_pass_is_left_alone(server, pool_backends):
    a, b = pool_backends.url("a"), pool_backends.url("b")
    httpd = server("", "ProxyPass /static %s" % b,
                   "ProxyPass /also %s disablereuse=on" % a)
    numbers = set()
    for _ in range(3):
        target = "/static" + new_target()
        numbers.add(connection(httpd.get(HOST, target)))
        assert note(httpd, target) == "-"
    assert len(numbers) == 1
    # the entry's backend is that of the second ProxyPass
    assert {ask(httpd, HOST)[1] for _ in range(3)} == {"-"}
    assert not ignored(httpd)


def test_balancer_is_left_alone(server, pool_backends):
    httpd = server("", "<Proxy balancer://cluster>",
                   "BalancerMember " + pool_backends.url("b"), "</Proxy>",
                   entries={"lb.example.com": "balancer://cluster timeout=5"},
                   modules=["proxy_balancer", "slotmem_shm",
                            "lbmethod_byrequests"])
    httpd.expect_log("SB0106.*a worker of the configuration serves it")
    for _ in range(3):
        (name, _), how = ask(httpd, "lb.example.com")
        assert (name, how) == ("b", "-")
    assert len(ignored(httpd)) == 1


def test_forward_proxy_is_left_alone(server, pool_backends):
    httpd = server("", "ProxyRequests On")
    numbers = set()
    for _ in range(3):
        url = pool_backends.url("b", new_target())
        answer = httpd.get("127.0.0.1:%d" % pool_backends.port["b"], url)
        numbers.add(connection(answer))
        assert note(httpd, url) == "-"
    assert len(numbers) == 3


def test_request_through_another_proxy_is_left_alone(server, pool_backends):
    httpd = server("timeout=5", "ProxyRemote * " + pool_backends.url("b"))
    httpd.expect_log("SB0106")
    target = new_target()
    answer = httpd.get(HOST, target)
    assert answer.backend == "b"
    assert answer.target == pool_backends.url("a", target)
    assert note(httpd, target) == "-"
