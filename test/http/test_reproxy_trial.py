# SPDX-License-Identifier: Apache-2.0
"""What is judged before a response begins, how long it may take, and for whom:
headers that no client may be sent, one deadline for a header, clients that
have left, and the lines of the log about all that."""

import socket
import struct
import time

import pytest

import client
import reproxy
from reproxy import (ATTEMPT_LOG, HOST, asks, assert_failed, assert_serves,
                     counted, logged, new_name, url)

SIZE = 3000


@pytest.fixture(scope="module")
def server(make_module_httpd, storages):
    return reproxy.start(
        make_module_httpd(reproxy=True), storages, "ReproxyTimeout 1s",
        "PreserveHeaders X-App Vary Content-Language")


def raw(head, body=b"x"):
    """An answer as bytes, in Latin-1."""
    return head + "\r\nContent-Length: %d\r\n\r\n" % len(body) \
        + body.decode("latin-1")


# ---- bytes of a header ------------------------------------------------------

BAD = {
    "CR": "HTTP/1.1 200 OK\r\nX-Bad: a\rb",
    "0x01": "HTTP/1.1 200 OK\r\nX-Bad: a\x01b",
    "0x7f": "HTTP/1.1 200 OK\r\nX-Bad: a\x7fb",
    "ESC": "HTTP/1.1 200 OK\r\nX-Bad: \x1b[2J",
    "in the type": "HTTP/1.1 200 OK\r\nContent-Type: text/\x01",
    "in a cookie": "HTTP/1.1 200 OK\r\nSet-Cookie: a=\x02",
    "in a name": "HTTP/1.1 200 OK\r\nX\x01Bad: a",
    "blank in a name": "HTTP/1.1 200 OK\r\nX Bad: a",
}


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("body", [b"", b"x"], ids=len)
def test_header_that_no_client_may_be_sent(server, storages, bad, body):
    server.allow_log(ATTEMPT_LOG)
    response = server.get(HOST, "/app/x", [asks([
        url(storages, "t", raw=raw(BAD[bad], body)),
        url(storages, "s", content=SIZE)])])
    assert_serves(response, "s", SIZE)


@pytest.mark.parametrize("bad", ["CR", "0x01", "0x7f"])
def test_last_url_with_such_a_header(server, storages, bad):
    server.allow_log(ATTEMPT_LOG)
    path = "/app/" + new_name()
    assert_failed(server.get(HOST, path, [asks([
        url(storages, "t", raw=raw(BAD[bad]))])]))
    assert logged(server, path)[2] == "broken"


def test_header_that_the_apps_replaces_is_not_judged(server, storages):
    response = server.get(HOST, "/app/x", [asks(
        [url(storages, "t", raw=raw("HTTP/1.1 200 OK\r\nX-App: \x01"))],
        headers=[["X-App", "the app's"]])])
    assert (response.status, response.body) == (200, b"x")
    assert response.header("X-App") == "the app's"


@pytest.mark.parametrize("value", ["\xe9", "a\tb", '"a, b"', "\x80\xff"])
def test_odd_header_that_is_fine(server, storages, value):
    response = server.get(HOST, "/app/x", [asks([url(
        storages, "s", content=SIZE, headers=[["X-Odd", value]])])])
    assert_serves(response, "s", SIZE)
    assert response.header("X-Odd") == value


# ---- headers of both --------------------------------------------------------

@pytest.mark.parametrize("apps,storages_own,union", [
    (["Cookie"], ["Accept-Encoding"], {"cookie", "accept-encoding"}),
    (["Cookie, Accept"], ["accept, Origin"], {"cookie", "accept", "origin"}),
    (["Cookie", "Accept"], ["Origin", "X-A"],
     {"cookie", "accept", "origin", "x-a"}),
    (["Cookie"], [], {"cookie"}), ([], ["Origin"], {"origin"}),
    (["*"], ["Origin"], {"*", "origin"}),
    (["Accept-Encoding"], ["Accept-Encoding"], {"accept-encoding"})])
def test_vary_is_the_union(server, storages, apps, storages_own, union):
    response = server.get(HOST, "/app/x", [asks(
        [url(storages, "s", content=SIZE,
             headers=[["Vary", value] for value in storages_own])],
        headers=[["Vary", value] for value in apps])])
    names = [word.strip().lower() for name, value in response.headers
             if name == "Vary" for word in value.split(",")]
    assert sorted(names) == sorted(union)


# ---- time -------------------------------------------------------------------

def test_drip_of_a_header_is_one_attempt(server, storages):
    """A line each 0.3 s: within the limit by itself, not as a whole.  The
    whole would take 60 s."""
    server.allow_log(ATTEMPT_LOG)
    began = time.monotonic()
    path = "/app/" + new_name()
    response = server.get(HOST, path, [asks([
        url(storages, "t", drip=0.3, lines=200),
        url(storages, "s", content=SIZE)])])
    assert_serves(response, "s", SIZE)
    assert time.monotonic() - began < 20


def test_drip_is_a_timeout(server, storages):
    server.allow_log(ATTEMPT_LOG)
    path = "/app/" + new_name()
    assert_failed(server.get(HOST, path, [asks([
        url(storages, "t", drip=0.3, lines=200)])]), 504)
    assert logged(server, path)[2] == "timeout"


def test_header_within_the_limit_may_drip(server, storages):
    response = server.get(HOST, "/app/x", [asks([
        url(storages, "s", drip=0.05, lines=4)])])
    assert response.status == 200


@pytest.mark.parametrize("way", ["closes", "resets"])
def test_no_url_is_asked_for_a_client_that_has_left(server, storages, way):
    server.allow_log(ATTEMPT_LOG)
    name = new_name()
    first, second = "/first-" + name, "/second-" + name
    connection = client.Connection(server.port)
    connection.send(client.request_bytes("GET", "/app/" + name, HOST, [asks([
        url(storages, "t", first, count=True, delay=30),
        url(storages, "s", second, count=True, content=SIZE)])]))
    reproxy.wait_for(lambda: counted(storages, "t", first) == 1, 30,
                     "the first URL is asked")
    if way == "resets":
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                     struct.pack("ii", 1, 0))
    connection.close()
    # it is logged when the first has timed out, and nothing was asked then
    assert logged(server, "/app/" + name)[1] == "1"
    assert counted(storages, "s", second) == 0


# ---- the log ----------------------------------------------------------------

def test_results_do_not_suppress_each_other(make_httpd, storages):
    """A refused URL, a URL that is not allowed, a wrong size: of several
    paths and of one."""
    httpd = reproxy.start(make_httpd(reproxy=True, children=1), storages,
                          "ReproxyAllow " + storages.url("s"))
    httpd.allow_log("SB020")
    for path in ("/app/one", "/app/two"):
        httpd.get(HOST, path, [asks("ftp://refused.example/")])
        httpd.get(HOST, path, [asks("http://denied.example/")])
        httpd.get(HOST, path, [asks(
            [url(storages, "s", content=SIZE)],
            headers=[["X-Reproxy-Expected-Size", "1"]])])
        httpd.get(HOST, path, [asks([url(storages, "s", status=404)])])
    lines = [line for line in httpd.log().splitlines() if "SB0203" in line]
    for word in ("bad-url", "denied", "size", "status"):
        assert [line for line in lines if line.endswith(": " + word)], lines


LONG_LINE = 20000


def test_line_too_long_is_named(make_httpd, storages):
    httpd = reproxy.start(make_httpd(reproxy=True, children=1), storages)
    httpd.allow_log("AH10124|AH01106")
    httpd.expect_log("SB0212: .*responsefieldsize")
    assert_failed(httpd.get(HOST, "/app/x", [
        asks([url(storages, "s", content=SIZE)], long=LONG_LINE)]))
    assert logged(httpd, "/app/x") == ["-", "-", "-", "502"]


def test_line_goes_through_with_the_parameter_that_is_named(make_httpd,
                                                            storages):
    httpd = make_httpd(reproxy=True)
    text = reproxy.configuration(storages)
    httpd.start(text.replace("/app/ " + storages.url("app", "/"),
                             "/app/ " + storages.url("app", "/")
                             + " responsefieldsize=32768"))
    assert_serves(httpd.get(HOST, "/app/x", [
        asks([url(storages, "s", content=SIZE)], long=LONG_LINE)]), "s", SIZE)
