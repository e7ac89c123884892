# SPDX-License-Identifier: Apache-2.0
"""Which requests share a connection to their backend, and which must not.

The backend says on which connection it was asked.
"""

import contextlib
import socket
import struct
import threading

import pytest

import client
from httpd import wait_for
from pools import ask, connection, new_target, note, start, stats, \
    wait_until_open
from world import World

ONE = "one.example.com"
TWO = "two.example.com"


@pytest.fixture(scope="module")
def server(make_module_httpd, pool_backends, maps, module_folder, preload):
    """Entries of several hosts for a few backends; another port, without
    pools, has the same map.  Its clock stands still: no connection is too old
    to be used again."""
    a, b = pool_backends.url("a"), pool_backends.url("b")
    httpd = make_module_httpd(modules=["rewrite"], children=1, pool=True)
    httpd.off = httpd.listen()
    world = World(module_folder, preload)
    world.preload(httpd)
    world.stop_clock()
    start(httpd, maps, module_folder, {
        ONE: a,
        TWO: a,
        "path.example.com": a + "/app",
        "seven.example.com": a + " timeout=7",
        "also-seven.example.com": a + " nocanon TimeOut=7000ms",
        "eight.example.com": a + " timeout=8",
        "short.example.com": b + " timeout=1",
        "once.example.com": b + " disablereuse=on",
        "never.example.com": b + " enablereuse=off",
        "down.example.com": "http://127.0.0.1:%d" % socket_without_server(),
    }, "RewriteEngine On",
        "RewriteRule ^/rewritten(/.*) %s$1 [P]" % a,
        "<VirtualHost 127.0.0.1:%d>" % httpd.off,
        "ServerName off.example.net", "ProxyPoolEnable Off",
        "</VirtualHost>")
    return httpd


def socket_without_server():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return unused.getsockname()[1]


# ---- shared ---------------------------------------------------------------

def test_host_is_served_on_a_kept_connection(server):
    first, _ = ask(server, ONE)
    for _ in range(5):
        assert ask(server, ONE) == (first, "reused")


def test_first_request_opens_a_connection(server):
    """A host whose options nobody else has."""
    first, how = ask(server, "eight.example.com")
    assert how == "new"
    assert ask(server, "eight.example.com") == (first, "reused")


@pytest.mark.parametrize("host", [TWO, "path.example.com"])
def test_hosts_of_a_backend_share_its_connections(server, host):
    """Whatever their paths are."""
    first, _ = ask(server, ONE)
    assert ask(server, host) == (first, "reused")


def test_options_in_another_spelling_are_the_same_options(server):
    first, _ = ask(server, "seven.example.com")
    assert ask(server, "also-seven.example.com") == (first, "reused")


def test_other_options_do_not_share_connections(server):
    numbers = {ask(server, host)[0] for host in (
        ONE, "seven.example.com", "eight.example.com")}
    assert len(numbers) == 3


def test_rewrite_rule_to_an_unnamed_backend_is_served_by_a_pool(server):
    first, _ = ask(server, ONE)
    target = "/rewritten" + new_target()
    answer = server.get("other.example.net", target)
    assert (connection(answer), note(server, target)) == (first, "reused")


def test_kept_client_connection_reuses_too(server):
    with client.Connection(server.port) as kept:
        numbers = {connection(kept.request("GET", "/", ONE))
                   for _ in range(5)}
    assert len(numbers) == 1


def test_head_and_error_statuses_are_no_reason(server):
    first, _ = ask(server, ONE)
    head = client.request(server.port, "HEAD", "/", ONE)
    assert head.status == 200
    for status in (204, 304, 404, 500, 503):
        answer = server.get(ONE, headers=[client.order(
            status=status, body="")])
        assert answer.status == status
    assert ask(server, ONE) == (first, "reused")


def test_off_opens_a_connection_for_each_request(server):
    numbers, targets = set(), [new_target() for _ in range(3)]
    for target in targets:
        answer = client.get(server.off, ONE, target)
        assert answer.received("Connection") == ["close"]
        numbers.add(connection(answer))
    assert len(numbers) == 3
    assert {note(server, target) for target in targets} == {"-"}


def test_local_content_has_no_note(server):
    target = "/index.html"
    assert server.get("unknown.example.net", target).body == b"local content\n"
    assert note(server, target) == "-"


# ---- every reason not to reuse --------------------------------------------

def assert_not_used_again(server, host, number):
    """The next one gets another connection, and that one is kept."""
    second, how = ask(server, host)
    assert second != number
    assert how == "new"
    assert ask(server, host) == (second, "reused")


def test_backend_that_says_close_is_not_used_again(server):
    number, _ = ask(server, ONE, close="after")
    assert_not_used_again(server, ONE, number)


def test_backend_that_closed_without_a_word_is_not_used_again(
        server, pool_backends):
    ask(server, ONE)
    before = stats(pool_backends, "a")["open"]
    number, _ = ask(server, ONE, close="silent")
    wait_until_open(pool_backends, "a", before - 1)
    assert_not_used_again(server, ONE, number)


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_connection_that_closed_while_idle_costs_no_body(
        server, pool_backends, method):
    """Not even a request that cannot be sent again: it looks first."""
    first = connection(client.request(server.port, method, "/", ONE,
                                      body=b"1"))
    before = stats(pool_backends, "a")["open"]
    closed = connection(client.request(
        server.port, method, "/", ONE, body=b"2",
        headers=[client.order(close="silent")]))
    assert closed == first
    wait_until_open(pool_backends, "a", before - 1)
    answer = client.request(server.port, method, "/", ONE, body=b"3")
    assert connection(answer) != first
    assert answer.json()["body"] == "3"


def test_backend_that_failed_within_its_answer_is_not_used_again(server):
    number, _ = ask(server, ONE)
    server.allow_log("AH01110|AH10130|AH00898")
    with pytest.raises(client.Closed):
        server.get(ONE, headers=[client.order(close="half")])
    assert_not_used_again(server, ONE, number)


def test_late_answer_is_nobody_elses(server):
    """After timeout=1 the connection goes, with what still comes on it."""
    host = "short.example.com"
    number, _ = ask(server, host)
    server.expect_log("AH01102")
    server.allow_log("AH00898")
    target = new_target()
    late = server.get(host, target, [client.order(delay=2)])
    assert late.status in (502, 504)
    assert note(server, target) == "reused"
    assert_not_used_again(server, host, number)


def test_answer_that_a_client_did_not_read_is_nobody_elses(server):
    number, _ = ask(server, ONE)
    with client.Connection(server.port) as gone:
        gone.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                               struct.pack("ii", 1, 0))
        gone.send(client.request_bytes(
            "GET", "/", ONE, [client.order(size=20000000)]))
        gone.socket.recv(1000)
    second, _ = ask(server, ONE)
    assert second != number


def test_body_that_a_client_did_not_send_ends_the_connection(server):
    """The backend waits for the rest of it."""
    first = connection(client.request(server.port, "POST", "/", ONE,
                                      body=b"1"))
    server.expect_log("AH02608|AH01095|AH01097")
    with client.Connection(server.port) as gone:
        gone.send(client.request_bytes(
            "POST", "/", ONE, [("Content-Length", "100000")]) + b"x" * 50000)
    wait_for(lambda: server.log_lines("AH02608|AH01095|AH01097"), 5,
             "httpd gave up")
    answer = client.request(server.port, "POST", "/", ONE, body=b"2")
    assert answer.json()["body"] == "2"
    assert connection(answer) != first


def test_limit_of_requests_of_the_backend_is_kept(server):
    """It says close with every third answer of a connection."""
    ask(server, ONE, close="after")
    numbers = [ask(server, ONE, close="after", every=3)[0]
               for _ in range(9)]
    assert [numbers.count(number) for number in numbers] == [3] * 9


@pytest.mark.parametrize("host", ["once.example.com", "never.example.com"])
def test_entry_without_reuse_gets_a_connection_each(server, host):
    numbers = set()
    for _ in range(3):
        number, how = ask(server, host)
        numbers.add(number)
        assert how == "new"
    assert len(numbers) == 3


def test_backend_that_was_down_is_asked_again_at_once(server):
    """No pool is put out of service for an error; and none is said to have
    had a connection to use again."""
    server.expect_log("AH00957|AH01114")
    for _ in range(3):
        target = new_target()
        answer = server.get("down.example.com", target)
        assert answer.status == 503
        assert note(server, target) == "new"
        assert "AH00940" not in server.log()


def serve_unasked(listener, kept, read, unasked):
    """Answers the first request of each connection, and, when its client has
    read that, once more; semaphores say so to each other."""
    answer = (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nasked",
              b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nunasked")
    with contextlib.suppress(OSError):      # the listener is closed at the end
        while len(kept) < 20:
            kept.append(listener.accept()[0])
            kept[-1].settimeout(10)
            kept[-1].recv(8192)
            kept[-1].sendall(answer[0])
            assert read.acquire(timeout=30)
            kept[-1].sendall(answer[1])
            unasked.release()


def test_answer_that_nobody_asked_for_is_nobodys(make_httpd, maps, folder):
    kept = []
    read, unasked = threading.Semaphore(0), threading.Semaphore(0)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve_unasked,
                                  args=(listener, kept, read, unasked))
        thread.start()
        httpd = make_httpd(children=1, pool=True)
        httpd.allow_log("AH03408")
        start(httpd, maps, folder, {
            ONE: "http://127.0.0.1:%d" % listener.getsockname()[1]})
        for _ in range(4):
            response = httpd.get(ONE)
            assert (response.status, response.body) == (200, b"asked")
            read.release()
            assert unasked.acquire(timeout=30)
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(15)
    assert not thread.is_alive()
    assert len(kept) == 4       # none was used again
    for one in kept:
        one.close()
