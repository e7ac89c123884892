# SPDX-License-Identifier: Apache-2.0
"""Children that come and go while pools are in use."""

import threading
import time

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
    wait_until_open(pool_backends, "a", 1, 5)
    httpd.graceful()
    wait_until_open(pool_backends, "a", 0, 10)
    second, how = ask(httpd, "www.example.com")
    assert (second != first, how) == (True, "new")


def test_request_under_way_survives_a_graceful_restart(
        make_httpd, pool_backends, maps, folder):
    httpd = start(make_httpd(pool=True), maps, folder,
                  {"www.example.com": pool_backends.url("a")})
    answers = []
    slow = threading.Thread(target=lambda: answers.append(httpd.get(
        "www.example.com", headers=[client.order(delay=1.5)])))
    slow.start()
    time.sleep(0.3)
    httpd.graceful()
    slow.join()
    assert [answer.backend for answer in answers] == ["a"]


def test_graceful_restarts_under_load_fail_nothing(
        make_httpd, pool_backends, maps, folder):
    httpd = start(make_httpd(pool=True), maps, folder,
                  entries(pool_backends))
    with client.Hammer(httpd.port, HOSTS) as hammer:
        for _ in range(8):
            assert hammer.wait_for(150)
            httpd.graceful()
        assert hammer.wait_for(150)
    print("served %d, sent again %d" % (hammer.served, hammer.resent))
    assert hammer.wrong == []
    for name in "abcd":
        wait_until_open(pool_backends, name, 0, 10)


class ShortLived(threading.Thread):
    """A client that closes its connection after a few requests."""

    def __init__(self, port, count):
        super().__init__()
        self.port = port
        self.count = count
        self.wrong = []

    def run(self):
        hosts = list(HOSTS)
        keep = client.KeepAlive(self.port)
        for number in range(self.count):
            host = hosts[number % len(hosts)]
            try:
                answer = keep.get(host)
                if answer.backend != HOSTS[host]:
                    self.wrong.append("%s: %r" % (host, answer))
            except (client.Closed, OSError) as error:
                self.wrong.append("%s: %r" % (host, error))
                keep.close()
            if number % 4 == 3:
                keep.close()
        keep.close()


def test_children_that_end_under_load_fail_nothing(
        make_httpd, pool_backends, maps, folder):
    """Each serves 25 connections, then another one comes."""
    httpd = start(make_httpd(pool=True), maps, folder,
                  entries(pool_backends), "MaxConnectionsPerChild 25")
    before = set(httpd.child_pids())
    clients = [ShortLived(httpd.port, 300) for _ in range(4)]
    for one in clients:
        one.start()
    for one in clients:
        one.join()
    assert [wrong for one in clients for wrong in one.wrong] == []
    assert not before & set(httpd.child_pids())
    for name in "abcd":
        wait_until_open(pool_backends, name, 0, 10)


def test_stop_leaves_no_connection(make_httpd, pool_backends, maps, folder):
    httpd = start(make_httpd(pool=True), maps, folder, {
        host: pool_backends.url(name) + " ttl=60"
        for host, name in HOSTS.items()})
    answers = client.burst(httpd.port, list(HOSTS))
    assert [answer.backend for answer in answers] == list(HOSTS.values())
    httpd.stop()
    for name in "abcd":
        wait_until_open(pool_backends, name, 0, 5)


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
