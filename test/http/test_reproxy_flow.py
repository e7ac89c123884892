# SPDX-License-Identifier: Apache-2.0
"""Connections: the app's is free first, storage's are reused."""

import threading
import time

import pytest

import client
import reproxy
from backend import content
from httpd import wait_for
from pools import stats
from process import resident
from reproxy import HOST, asks, assert_serves, url

BIG = 20000000
"""More than all buffers between a storage and a client hold."""


def started(download):
    """Waits until the head of a response is there; reads nothing."""
    head = b""
    while b"\r\n\r\n" not in head:
        head = download.socket.recv(4096, client.socket.MSG_PEEK)
        assert head
        time.sleep(0.001)
    return download


def slow_download(port, text):
    connection = client.Connection(port)
    connection.send(client.request_bytes("GET", "/x", HOST, [asks([text])]))
    return connection


def one_connection(httpd, storages):
    """Start a server whose app has one connection for each process, and 503
    for who waits half a second for it."""
    return httpd.start("""
        ProxyPass / %s max=1 acquire=500 retry=0
        AllowReproxy On
        %s
        """ % (storages.url("app", "/"), reproxy.allow_all(storages)))


@pytest.mark.parametrize("framing", [{}, {"chunked": True}])
def test_app_is_free_while_its_client_downloads(make_httpd, storages,
                                                settings, framing):
    """It waits for nothing of storage's."""
    if settings.mpm == "prefork":
        pytest.skip("a process of prefork has one client at a time")
    httpd = one_connection(
        make_httpd(reproxy=True, children=1, threads=8), storages)
    text = url(storages, "s", content=BIG, **framing)
    with started(slow_download(httpd.port, text)) as slow:
        for _ in range(3):
            response = httpd.get(HOST, "/x", [asks(None)])
            assert response.status == 200
        assert slow.read_response().body == content("s", BIG)


def test_app_is_idle_while_200_clients_download(make_httpd, storages,
                                                settings):
    """None of its connections is busy: a few serve everybody."""
    count = 200 if settings.mpm != "prefork" else 30
    httpd = one_connection(
        make_httpd(reproxy=True, children=4, threads=64), storages)
    before = stats(storages, "app")["open"]
    text = url(storages, "s", content=BIG)
    downloads = []
    try:
        for _ in range(count):
            downloads.append(started(slow_download(httpd.port, text)))
        if settings.mpm != "prefork":
            assert httpd.get(HOST, "/x", [asks(None)]).status == 200
        # Those that are kept are idle: one for each process at most.
        assert stats(storages, "app")["open"] - before \
            <= len(httpd.child_pids())
    finally:
        for download in downloads:
            download.close()
    if settings.mpm != "prefork":
        assert httpd.get(HOST, "/x", [asks(None)]).status == 200


def test_storage_connections_are_reused(make_httpd, storages):
    """By way of mod_proxy_pool."""
    httpd = reproxy.start(
        make_httpd(reproxy=True, pool=True, children=1), storages,
        outside=["ProxyPoolSet ttl=60"])
    numbers = set()
    for _ in range(10):
        response = httpd.get(HOST, "/app/x", [asks([url(storages, "s")])])
        numbers.add(response.json()["connection"])
    assert len(numbers) == 1


def test_storage_connections_are_reused_after_failures(make_httpd, storages):
    """An attempt at another storage does not end that."""
    httpd = reproxy.start(
        make_httpd(reproxy=True, pool=True, children=1), storages,
        outside=["ProxyPoolSet ttl=60"])
    httpd.allow_log(reproxy.ATTEMPT_LOG)
    numbers = set()
    for _ in range(5):
        response = httpd.get(HOST, "/app/x", [asks([
            url(storages, "refused"), url(storages, "t", close="before"),
            url(storages, "u", status=500, times=100000, body="x" * 50),
            url(storages, "s")])])
        numbers.add(response.json()["connection"])
    assert len(numbers) == 1


def test_apps_connection_is_reused(make_httpd, storages):
    httpd = reproxy.start(make_httpd(reproxy=True, children=1), storages)
    before = stats(storages, "app")["connections"]
    with client.Connection(httpd.port) as kept:
        for _ in range(10):
            assert_serves(kept.request("GET", "/app/x", HOST, [
                asks([url(storages, "s", content=9)], content=100000)]),
                "s", 9)
    # the question is on a connection of its own
    assert stats(storages, "app")["connections"] - before == 2


def test_big_body_arrives_whole(make_httpd, storages, settings):
    modules, lines = reproxy.http2(settings)
    httpd = reproxy.start(make_httpd(modules=modules, reproxy=True), storages,
                          outside=lines)
    text = url(storages, "s", content=BIG)
    for way in reproxy.WAYS:
        if way == "http2" and settings.mpm == "prefork":
            continue
        with reproxy.way_of(way, settings)(httpd.port) as client_:
            assert_serves(client_.get("/app/x", [asks([text])]), "s", BIG)


def in_memory(httpd):
    """Kilobytes that the children of a server have in memory."""
    return sum(resident(pid) for pid in httpd.child_pids())


def drain(connection, size):
    """Read so many bytes and throw them away."""
    room = bytearray(1 << 20)
    while size > 0:
        count = connection.socket.recv_into(room, min(size, len(room)))
        assert count > 0
        size -= count


def test_memory_does_not_grow_with_the_body(make_httpd, storages, settings):
    """Neither storage's nor what is swallowed of the app's."""
    httpd = reproxy.start(make_httpd(reproxy=True, children=1), storages)
    small = [asks([url(storages, "s", content=1000)], content=1000)]
    for _ in range(20):
        assert httpd.get(HOST, "/app/x", small).status == 200
    before = in_memory(httpd)
    for order in ({}, {"chunked": True}):
        with client.Connection(httpd.port) as slow:
            slow.send(client.request_bytes("GET", "/app/x", HOST, [asks(
                [url(storages, "s", content=3 * BIG, **order)],
                content=3 * BIG, **order)]))
            started(slow)
            for _ in range(3):
                assert in_memory(httpd) - before < 12000
                drain(slow, BIG)
            assert in_memory(httpd) - before < 12000


def test_client_that_goes_away_leaves_nothing(make_httpd, storages):
    """Its storage connection is closed, and its thread serves others."""
    httpd = reproxy.start(make_httpd(reproxy=True, children=1, threads=4),
                          storages)
    before = stats(storages, "s")["open"]
    for _ in range(8):
        with client.Connection(httpd.port) as connection:
            connection.send(client.request_bytes("GET", "/app/x", HOST, [
                asks([url(storages, "s", content=BIG)])]))
            started(connection)
    assert_serves(httpd.get(HOST, "/app/x", [
        asks([url(storages, "s", content=9)])]), "s", 9)
    wait_for(lambda: stats(storages, "s")["open"] <= before + 2, 30,
             "storage's connections are closed")


def test_many_clients_at_once(make_httpd, storages, settings):
    """Each gets its own, whatever fails for others."""
    httpd = reproxy.start(make_httpd(reproxy=True, pool=True), storages)
    httpd.allow_log(reproxy.ATTEMPT_LOG)
    wrong = []

    def run(number):
        name = "st"[number % 2]
        size = 1000 + number
        urls = [url(storages, "u", status=404, body="no"),
                url(storages, "refused"),
                url(storages, name, content=size)]
        for _ in range(20):
            response = client.get(httpd.port, HOST, "/app/x", [asks(urls)])
            if response.status != 200 \
                    or response.body != content(name, size):
                wrong.append(response)

    threads = [threading.Thread(target=run, args=(number,))
               for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
