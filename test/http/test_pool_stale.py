# SPDX-License-Identifier: Apache-2.0
"""Backends that close a kept connection when it is used again.

A request that may be sent again is, and its client sees nothing of it; one
that may not be is sent once, and never on a connection idle for long.
"""

import concurrent.futures
import time

import pytest

import client
from pools import STALE, ask, connection, new_target, note, start, stats, \
    wait_until_open

HOST = "www.example.com"
UNIX_HOST = "unix.example.com"

WAYS = {
    "fin-after-3": {"close": "silent", "every": 3},
    "rst-after-3": {"close": "silent", "every": 3, "reset": True},
    "fin-on-receipt": {"close": "before", "reused": True},
    "rst-on-receipt": {"close": "before", "reused": True, "reset": True},
}
"""How such a backend does it.  A connection's first request is answered."""

CLIENTS = 4


def unix(backends):
    """The value of an entry."""
    return "unix:%s|http://localhost" % backends.socket


@pytest.fixture(scope="module")
def server(make_module_httpd, pool_backends, maps, module_folder, settings):
    h2 = settings.mpm != "prefork"
    httpd = make_module_httpd(modules=["ssl"] + ["http2"] * h2, pool=True)
    tls = "https://127.0.0.1:%d" % pool_backends.port["tls"]
    return start(httpd, maps, module_folder, {
        HOST: pool_backends.url("a"), "tls.example.com": tls,
        UNIX_HOST: unix(pool_backends)},
        "Protocols h2c http/1.1" if h2 else "",
        "SSLProxyEngine On", "SSLProxyCheckPeerName Off",
        "SSLProxyCheckPeerCN Off")


def ordered(way):
    return [client.order(**WAYS[way])]


def on_new_connections(port, count, headers, host=HOST):
    return [client.get(port, host, "/", headers).status
            for _ in range(count)]


def on_kept_connections(port, count, headers, host=HOST):
    with client.Connection(port) as kept:
        return [kept.request("GET", "/", host, headers).status
                for _ in range(count)]


def over_http2(port, count, headers, host=HOST):
    with client.H2Connection(port) as h2:
        return [h2.get(host, "/", headers).status for _ in range(count)]


def together(clients, httpd, count, headers, host=HOST):
    """So many requests by several clients at once; the statuses."""
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        runs = [pool.submit(clients, httpd.port, count // CLIENTS, headers,
                            host)
                for _ in range(CLIENTS)]
        return [status for run in runs for status in run.result()]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("clients", [
    on_new_connections, on_kept_connections, over_http2])
def test_no_get_fails(server, settings, way, clients):
    """With the other ways and clients: more than 10,000."""
    if clients is over_http2 and settings.mpm == "prefork":
        pytest.skip("mod_http2 does not serve under prefork")
    server.allow_log(STALE)
    statuses = together(clients, server, 840, ordered(way))
    assert statuses == [200] * 840


@pytest.mark.parametrize("way", WAYS)
def test_no_get_fails_over_tls(server, way):
    server.allow_log(STALE)
    statuses = together(on_kept_connections, server, 200, ordered(way),
                        "tls.example.com")
    assert statuses == [200] * 200


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("clients", [on_new_connections, on_kept_connections])
def test_no_get_fails_over_a_unix_socket(server, way, clients):
    server.allow_log(STALE)
    statuses = together(clients, server, 400, ordered(way), UNIX_HOST)
    assert statuses == [200] * 400


@pytest.fixture
def alone(make_httpd, pool_backends, maps, folder, world):
    """A server of one child, so that the next request reuses; its clock stands
    still, so that no connection is too old for that."""
    httpd = make_httpd(children=1, pool=True)
    world.preload(httpd)
    world.stop_clock()
    return start(httpd, maps, folder,
                 {HOST: pool_backends.url("a"), UNIX_HOST: unix(pool_backends)})


def twice(backends, method, target, name="a"):
    return stats(backends, name)["counts"].get(method + " " + target, 0)


@pytest.mark.parametrize("way", ["fin-on-receipt", "rst-on-receipt"])
@pytest.mark.parametrize("method", [
    "GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"])
def test_request_without_body_is_sent_again_once(
        alone, pool_backends, method, way):
    """On a new connection, and the note says so."""
    alone.allow_log(STALE)
    first, _ = ask(alone, HOST)
    target = new_target()
    with client.Connection(alone.port) as kept:
        assert kept.request("GET", "/", HOST).status == 200
        answer = kept.request(method, target, HOST, [
            client.order(count=True, **WAYS[way])])
        assert answer.status == 200
        assert "close" not in answer.all("Connection")
        after = kept.request("GET", "/", HOST)
    assert connection(after) != first
    assert twice(pool_backends, method, target) == 2
    assert note(alone, target) == "new"


@pytest.mark.parametrize("way", ["fin-on-receipt", "rst-on-receipt"])
def test_request_over_a_unix_socket_is_sent_again_once(
        alone, pool_backends, way):
    alone.allow_log(STALE)
    first, _ = ask(alone, UNIX_HOST)
    target = new_target()
    answer = alone.get(UNIX_HOST, target, [
        client.order(count=True, **WAYS[way])])
    assert answer.status == 200
    assert note(alone, target) == "new"
    assert connection(alone.get(UNIX_HOST)) != first
    assert twice(pool_backends, "GET", target, "unix") == 2


def test_unix_connection_that_closed_while_idle_costs_no_post(
        alone, pool_backends):
    """It looks before it sends what cannot be sent again."""
    def sent(*headers):
        return connection(client.request(alone.port, "POST", "/", UNIX_HOST,
                                         body=b"x", headers=headers))
    first = sent()
    before = stats(pool_backends, "unix")["open"]
    assert sent(client.order(close="silent")) == first
    wait_until_open(pool_backends, "unix", before - 1)
    assert sent() != first


def test_post_over_a_unix_socket_is_sent_once(alone, pool_backends):
    alone.allow_log(STALE)
    target = new_target()
    first = client.request(alone.port, "POST", "/", UNIX_HOST, body=b"x")
    assert connection(first)[0] == "unix"
    answer = client.request(
        alone.port, "POST", target, UNIX_HOST, body=b"x", headers=[
            client.order(count=True, **WAYS["fin-on-receipt"])])
    assert answer.status == 502
    assert note(alone, target) == "reused"
    time.sleep(0.2)
    assert twice(pool_backends, "POST", target, "unix") == 1


@pytest.mark.parametrize("what", [
    {"method": "POST", "body": b"x"}, {"method": "POST", "body": b""},
    {"method": "PUT", "body": b"x"}, {"method": "PATCH", "body": b"x"},
    {"method": "DELETE", "body": b"x"}],
    ids=lambda what: "%s-%d" % (what["method"], len(what["body"])))
def test_request_that_may_have_an_effect_is_sent_once(
        alone, pool_backends, what):
    alone.allow_log(STALE)
    method, target = what["method"], new_target()
    body = {"body": what["body"]}
    assert client.request(alone.port, method, "/", HOST, **body).status == 200
    answer = client.request(alone.port, method, target, HOST, headers=[
        client.order(count=True, **WAYS["fin-on-receipt"])], **body)
    assert answer.status == 502
    assert note(alone, target) == "reused"
    time.sleep(0.2)
    assert twice(pool_backends, method, target) == 1


def test_new_connection_that_fails_is_not_tried_again(alone, pool_backends):
    """Only a kept one may have been closed for its age."""
    alone.expect_log(STALE)
    target = new_target()
    answer = alone.get(HOST, target, [client.order(
        close="before", count=True)])
    assert answer.status == 502
    assert twice(pool_backends, "GET", target) == 1


def test_request_is_not_sent_a_third_time(alone, pool_backends):
    alone.expect_log(STALE)
    ask(alone, HOST)
    target = new_target()
    answer = alone.get(HOST, target, [client.order(
        close="before", count=True)])
    assert answer.status == 502
    assert twice(pool_backends, "GET", target) == 2


def test_answer_that_has_begun_is_not_asked_for_again(alone, pool_backends):
    alone.allow_log(STALE + "|AH01110")
    ask(alone, HOST)
    target = new_target()
    with pytest.raises(client.Closed):
        alone.get(HOST, target, [client.order(close="half", count=True)])
    assert twice(pool_backends, "GET", target) == 1


@pytest.mark.parametrize("method, host", [
    ("POST", HOST), ("PUT", HOST), ("POST", UNIX_HOST)])
def test_request_with_a_body_takes_no_connection_idle_for_a_second(
        alone, world, method, host):
    def sent():
        return connection(client.request(alone.port, method, "/", host,
                                         body=b"x"))
    first = sent()
    assert sent() == first
    world.advance(1.05)
    second = sent()
    assert second != first
    assert sent() == second


def test_post_fails_no_more_than_with_a_connection_each(alone, world):
    """The backend closes what is idle for a second, as it may: each POST
    comes just then."""
    for _ in range(3):
        closing = client.request(alone.port, "POST", "/", HOST, body=b"x")
        assert closing.status == 200
        world.advance(1.001)
        answer = client.request(
            alone.port, "POST", "/", HOST, body=b"x",
            headers=[client.order(**WAYS["rst-on-receipt"])])
        assert answer.status == 200
