# SPDX-License-Identifier: Apache-2.0
"""Children that come and go while pools are in use."""

from concurrent import futures
import itertools

import pytest

import client
from pools import ask, start, wait_until_open

HOSTS = {"host%d.example.com" % number: "abcd"[number % 4]
         for number in range(12)}


def entries(backends):
    """Three pools for each backend."""
    return {host: "%s ttl=1 timeout=%d" % (backends.url(name), 20 + row % 3)
            for row, (host, name) in enumerate(HOSTS.items())}


def test_graceful_restart_opens_connections_anew(
        make_httpd, pool_backends, maps, folder):
    httpd = start(make_httpd(children=1, pool=True), maps, folder,
                  {"www.example.com": pool_backends.url("a") + " ttl=60"})
    first, _ = ask(httpd, "www.example.com")
    wait_until_open(pool_backends, "a", 1)
    httpd.graceful()
    wait_until_open(pool_backends, "a", 0)
    second, how = ask(httpd, "www.example.com")
    assert (second != first, how) == (True, "new")


def test_request_under_way_survives_a_graceful_restart(
        make_httpd, pool_backends, maps, folder):
    httpd = start(make_httpd(pool=True), maps, folder,
                  {"www.example.com": pool_backends.url("a")})
    with pool_backends.holding(httpd.port, "www.example.com") as answers:
        httpd.graceful()
    assert [answer.backend for answer in answers] == ["a"]


@pytest.fixture(params=[client.KeepAlive, client.H2KeepAlive],
                ids=["http1", "http2"])
def kind(request, settings):
    """How clients come."""
    if request.param is client.H2KeepAlive and settings.mpm == "prefork":
        pytest.skip("mod_http2 does not serve under prefork")
    return request.param


@pytest.fixture
def server(make_httpd, pool_backends, maps, folder, kind):
    """Makes a server of all HOSTS for these clients."""
    def made(*more):
        h2 = kind is client.H2KeepAlive
        httpd = make_httpd(modules=["http2"] * h2, pool=True)
        return start(httpd, maps, folder, entries(pool_backends),
                     "Protocols h2c http/1.1" if h2 else "", *more)
    return made


def test_graceful_restarts_under_load_fail_nothing(
        server, pool_backends, kind):
    httpd = server()
    with client.Hammer(httpd.port, HOSTS, kind=kind) as hammer:
        for _ in range(8):
            assert hammer.wait_for(150)
            httpd.graceful()
        assert hammer.wait_for(150)
    print("served %d, sent again %d" % (hammer.served, hammer.resent))
    assert hammer.wrong == []
    for name in "abcd":
        wait_until_open(pool_backends, name, 0)


def short_lived(keep, count):
    """A client that closes its connection after a few requests; what went
    wrong."""
    wrong = []
    for number, host in zip(range(count), itertools.cycle(HOSTS)):
        try:
            answer = keep.get(host)
            if answer.backend != HOSTS[host]:
                wrong.append("%s: %r" % (host, answer))
        except (client.Closed, OSError) as error:
            wrong.append("%s: %r" % (host, error))
            keep.close()
        if number % 4 == 3:
            keep.close()
    keep.close()
    return wrong


def test_children_that_end_under_load_fail_nothing(
        server, pool_backends, kind):
    """Each serves 25 connections, then another one comes."""
    httpd = server("MaxConnectionsPerChild 25")
    before = set(httpd.child_pids())
    clients = [kind(httpd.port) for _ in range(4)]
    with futures.ThreadPoolExecutor(4) as pool:
        wrong = list(pool.map(short_lived, clients, [300] * 4))
    print("sent again %d" % sum(one.resent for one in clients))
    assert wrong == [[]] * 4
    assert not before & set(httpd.child_pids())
    for name in "abcd":
        wait_until_open(pool_backends, name, 0)


def test_stop_leaves_no_connection(make_httpd, pool_backends, maps, folder):
    httpd = start(make_httpd(pool=True), maps, folder, {
        host: pool_backends.url(name) + " ttl=60"
        for host, name in HOSTS.items()})
    answers = client.burst(httpd.port, list(HOSTS))
    assert [answer.backend for answer in answers] == list(HOSTS.values())
    httpd.stop()
    for name in "abcd":
        wait_until_open(pool_backends, name, 0)


def test_max_keepalive_requests_still_counts(
        make_httpd, pool_backends, maps, folder):
    """mod_proxy_pool hides the number for a while, and gives it back."""
    httpd = make_httpd(children=1, pool=True)
    start(httpd, maps, folder, {"www.example.com": pool_backends.url("a")},
          "MaxKeepAliveRequests 5")
    with client.Connection(httpd.port) as kept:
        for _ in range(5):
            answer = kept.request("GET", "/", "www.example.com")
            assert answer.status == 200
            assert answer.header("Connection") != "close"
        answer = kept.request("GET", "/", "www.example.com")
        assert answer.header("Connection") == "close"
