# SPDX-License-Identifier: Apache-2.0
"""What storage is sent: its URL, and little of the client."""

import re

import pytest

import client
import reproxy
from reproxy import (ATTEMPT_LOG, HOST, asks, assert_failed, assert_hidden,
                     assert_serves, counted, new_name, url)

SIZE = 30000
DATE = "Mon, 01 Jan 2024 00:00:00 GMT"


@pytest.fixture(scope="module")
def server(make_module_httpd, storages):
    return reproxy.start(
        make_module_httpd(modules=["headers"], reproxy=True), storages,
        outside=["ProxyPreserveHost On", "ProxyVia Full",
                 "<Location /app/named/>",
                 "ReproxyForwardHeaders authorization X-Named Cookie",
                 "</Location>"])


def ask(server, storages, headers=(), method="GET", path="/app/x", body=None,
        target="/seen"):
    """What storage received for such a request of the client."""
    return client.request(
        server.port, method, path, HOST, body=body,
        headers=[*headers, asks([url(storages, "s", target)])])


# ---- the method -------------------------------------------------------------

@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH",
                                    "OPTIONS", "PROPFIND", "FOO"])
@pytest.mark.parametrize("body", [None, b"", b"x" * 5, b"x" * 200000],
                         ids=lambda body: "%s" % (body and len(body)))
def test_storage_gets_a_get_without_body(server, storages, method, body):
    response = ask(server, storages, method=method, body=body,
                   headers=[("Content-Type", "text/x-client")])
    assert response.status == 200
    seen = response.json()
    assert (seen["backend"], seen["method"], seen["body"]) == ("s", "GET", "")
    for name in ("Content-Length", "Transfer-Encoding", "Content-Type",
                 "Expect", "TE", "Trailer"):
        assert response.received(name) == []


def test_app_gets_the_method_and_the_body(server):
    response = client.request(server.port, "POST", "/app/x", HOST,
                              body=b"a body")
    assert (response.json()["method"], response.json()["body"]) \
        == ("POST", "a body")


@pytest.mark.parametrize("chunked", [False, True])
def test_body_of_the_client_is_not_storages(server, storages, chunked):
    """The connection goes on with the next request."""
    body = b"x" * 100000
    text = url(storages, "s", content=SIZE)
    with client.Connection(server.port) as kept:
        for _ in range(3):
            if chunked:
                kept.send(client.request_bytes("POST", "/app/x", HOST, [
                    asks([text]), ("Transfer-Encoding", "chunked")]))
                kept.send(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
                response = kept.read_response()
            else:
                response = kept.request("POST", "/app/x", HOST, [asks([text])],
                                        body=body)
            assert_serves(response, "s", SIZE)


def test_body_without_a_length_is_not_storages(make_httpd, storages,
                                               settings):
    """As HTTP/2 has it: nothing in the header says that there is one."""
    modules, lines = reproxy.http2(settings)
    if not modules:
        pytest.skip("mod_http2 does not serve under prefork")
    httpd = reproxy.start(make_httpd(modules=modules, reproxy=True), storages,
                          outside=lines)
    with client.H2Connection(httpd.port) as h2:
        for _ in range(2):
            responses = h2.requests(
                [(HOST, "/app/x", [asks([url(storages, "s")])], method, body)
                 for method, body in [("POST", b"x" * 9000), ("PUT", b"")]])
            for response in responses:
                assert response.backend == "s"
                assert response.json()["method"] == "GET"
                assert response.json()["body"] == ""
                assert response.received("Transfer-Encoding") == []


def test_client_that_waits_for_100_is_answered(server, storages):
    """The app asks for the body before it answers."""
    text = url(storages, "s", content=SIZE)
    with client.Connection(server.port) as kept:
        kept.send(client.request_bytes("POST", "/app/x", HOST, [
            asks([text]), ("Expect", "100-continue"),
            ("Content-Length", "5")]))
        first = kept.read_response()
        if first.status == 100:
            kept.send(b"abcde")
            first = kept.read_response()
        assert_serves(first, "s", SIZE)


def test_client_that_waits_for_100_of_an_app_that_reads_nothing(make_httpd,
                                                                storages):
    """It is answered at once."""
    httpd = make_httpd(modules=["asis", "mime"], reproxy=True)
    httpd.write("htdocs/a.asis", "Status: 200 OK\nX-Reproxy-URL: %s\n\n"
                % url(storages, "s", content=SIZE))
    httpd.start("TypesConfig /dev/null\n"
                "AddHandler send-as-is asis\nAllowReproxy On\n"
                + reproxy.allow_all(storages) + "\n")
    with client.Connection(httpd.port, timeout=15) as waiting:
        waiting.send(client.request_bytes("GET", "/a.asis", HOST, [
            ("Expect", "100-continue"), ("Content-Length", "5")]))
        assert_serves(waiting.read_response(), "s", SIZE)


def test_head_is_head(server, storages):
    path = "/" + new_name()
    text = url(storages, "s", path, content=SIZE, count=True,
               headers=[["X-Storage", "yes"]])
    with client.Connection(server.port) as kept:
        for _ in range(2):
            response = kept.request("HEAD", "/app/x", HOST, [asks([text])])
            assert response.status == 200
            assert response.header("X-Storage") == "yes"
            assert response.header("Content-Length") == str(SIZE)
            assert_hidden(response)
    assert counted(storages, "s", path, "HEAD") == 2
    assert counted(storages, "s", path) == 0


@pytest.mark.parametrize("status", [403, 405])
@pytest.mark.parametrize("size", [9, 20000000])
def test_head_that_a_signature_forbids_is_asked_as_get(server, storages,
                                                       status, size):
    """Once, on the same URL, and its body is not read."""
    server.allow_log(ATTEMPT_LOG)
    path = "/" + new_name()
    text = url(storages, "s", path, content=size, count=True,
               headers=[["X-Storage", "yes"]],
               methods={"HEAD": {"status": status, "content": 9}})
    other = "/" + new_name()
    with client.Connection(server.port) as kept:
        response = kept.request("HEAD", "/app/x", HOST, [
            asks([text, url(storages, "t", other, count=True)])])
        assert response.status == 200
        assert response.header("Content-Length") == str(size)
        assert response.header("X-Storage") == "yes"
        assert_serves(kept.request("GET", "/app/x", HOST, [
            asks([url(storages, "s", content=SIZE)])]), "s", SIZE)
    assert counted(storages, "s", path, "HEAD") == 1
    assert counted(storages, "s", path) == 1
    assert counted(storages, "t", other, "HEAD") == 0


@pytest.mark.parametrize("status", [403, 405])
def test_head_asked_as_get_may_fail(server, storages, status):
    """Then it is the next URL's turn, with a HEAD."""
    path, other = "/" + new_name(), "/" + new_name()
    failing = url(storages, "s", path, count=True, status=status)
    text = url(storages, "t", other, count=True, content=SIZE)
    with client.Connection(server.port) as kept:
        response = kept.request("HEAD", "/app/x", HOST, [
            asks([failing, text])])
    assert response.status == 200
    assert response.header("Content-Length") == str(SIZE)
    assert counted(storages, "s", path) == 1
    assert counted(storages, "t", other, "HEAD") == 1
    assert counted(storages, "t", other) == 0


@pytest.mark.parametrize("status", [404, 500, 401])
def test_head_that_fails_otherwise_is_not_asked_again(server, storages,
                                                      status):
    server.allow_log(ATTEMPT_LOG)
    path = "/" + new_name()
    response = client.request(server.port, "HEAD", "/app/x", HOST, headers=[
        asks([url(storages, "s", path, count=True, status=status)])])
    assert response.status == 502
    assert counted(storages, "s", path, "HEAD") == 1
    assert counted(storages, "s", path) == 0


def test_get_that_is_forbidden_is_not_asked_again(server, storages):
    server.allow_log(ATTEMPT_LOG)
    path = "/" + new_name()
    assert_failed(server.get(HOST, "/app/x", [
        asks([url(storages, "s", path, count=True, status=403)])]))
    assert counted(storages, "s", path) == 1


# ---- the headers ------------------------------------------------------------

FORWARDED = {
    "Range": "bytes=0-", "If-Range": '"e"', "If-Match": '"e"',
    "If-None-Match": '"e"', "If-Modified-Since": DATE,
    "If-Unmodified-Since": DATE, "Accept": "image/x-any",
    "Accept-Encoding": "br", "User-Agent": "tester/1"}
"""Range and If-Range go together."""

PRIVATE = {
    "Cookie": "secret=1", "Authorization": "Basic c2VjcmV0",
    "Proxy-Authorization": "Basic c2VjcmV0", "Referer": "http://secret/",
    "Origin": "http://secret", "Accept-Language": "de", "DNT": "1",
    "X-Named": "named", "X-Api-Key": "secret", "Via": "1.1 secret",
    "Forwarded": "for=1.2.3.4", "X-Forwarded-For": "1.2.3.4",
    "X-Forwarded-Host": "secret", "X-Forwarded-Proto": "https",
    "X-Real-IP": "1.2.3.4", "Cache-Control": "no-cache",
    "Pragma": "no-cache", "X-Amz-Security-Token": "secret",
    "From": "a@b", "Max-Forwards": "5",
    "Content-Type": "text/secret", "X-Reproxy-URL": "http://secret/"}


OURS = ["host", "connection", "cdn-loop"]
"""What storage is sent whatever the client sends: CDN-Loop is a public header,
which no signature covers."""


def assert_sent(response, wanted):
    """Storage was sent these headers and ours, each once, and no other; what
    CDN-Loop names is this server."""
    assert response.backend == "s"
    assert sorted(name.lower() for name, _ in response.json()["headers"]) \
        == sorted([*(name.lower() for name in wanted), *OURS])
    (loop,) = response.received("CDN-Loop")
    assert re.fullmatch("switchboard-reproxy-[0-9a-f]{16}", loop)


def test_storage_gets_only_what_it_needs(server, storages):
    headers = [*FORWARDED.items(), *PRIVATE.items()]
    response = ask(server, storages, headers)
    for name, value in FORWARDED.items():
        assert response.received(name) == [value]
    assert_sent(response, FORWARDED)


@pytest.mark.parametrize("name", FORWARDED)
def test_each_of_them_comes_alone(server, storages, name):
    response = ask(server, storages, [(name, FORWARDED[name])])
    assert response.received(name) == [FORWARDED[name]]
    assert_sent(response, [name])


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_ranges_and_conditions_are_of_get_and_head(server, storages, method):
    """They were meant for what the app did."""
    response = ask(server, storages, FORWARDED.items(), method, body=b"")
    assert_sent(response, ["Accept", "Accept-Encoding", "User-Agent"])
    assert response.received("Accept") == ["image/x-any"]


def test_named_headers_are_sent(server, storages):
    response = ask(server, storages, [*PRIVATE.items()], path="/app/named/x")
    assert response.received("Authorization") == [PRIVATE["Authorization"]]
    assert response.received("X-Named") == ["named"]
    assert response.received("Cookie") == [PRIVATE["Cookie"]]
    assert_sent(response, ["Authorization", "X-Named", "Cookie"])


def test_named_headers_of_the_client_reach_the_app(server):
    """What storage is not told is taken from nobody else."""
    response = server.get(HOST, "/app/x", [
        ("Cookie", "a=1"), ("Authorization", "x"), ("Range", "bytes=0-")])
    assert response.received("Cookie") == ["a=1"]
    assert response.received("Authorization") == ["x"]


def test_host_is_the_urls(server, storages):
    """Also where ProxyPreserveHost wants the client's."""
    response = ask(server, storages)
    assert response.received("Host") == ["127.0.0.1:%d" % storages.port["s"]]


def test_host_is_the_urls_for_every_attempt(server, storages):
    response = server.get(HOST, "/app/x", [asks([
        url(storages, "t", status=404), url(storages, "s")])])
    assert response.received("Host") == ["127.0.0.1:%d" % storages.port["s"]]


def test_failed_attempts_change_nothing_of_the_next(server, storages):
    server.allow_log(ATTEMPT_LOG)
    headers = [*FORWARDED.items(), *PRIVATE.items()]
    response = server.get(HOST, "/app/x", [*headers, asks([
        url(storages, "t", status=404), url(storages, "refused"),
        url(storages, "t", close="before"), url(storages, "s", "/seen")])])
    assert response.target == "/seen"
    for name, value in FORWARDED.items():
        assert response.received(name) == [value]
    assert_sent(response, FORWARDED)


# ---- the target -------------------------------------------------------------

TARGETS = [
    "/", "/a/b", "/a%20b", "/a%2Fb", "/a%2fb", "/%41", "/%c3%bc", "//a//b",
    "/a;b=c", "/a:b@c", "/~a",
    "/a+b", "/a!$&'()*,;=b", "/?", "/?a=b", "/?a=b&c=%2F%20d+e",
    "/a?x=http://h/?y=z", "/a??b", "/a?b=/../c", "/%", "/%zz", "/a[0]?b[]=c",
    "/k?X-Amz-Credential=A%2F20240101%2Feu%2Fs3%2Faws4_request"
    "&X-Amz-Signature=0a1b&response-content-disposition=attachment"
    "%3B%20filename%3D%22a%20b.txt%22",
    "/" + "a" * 4000]


@pytest.mark.parametrize("target", TARGETS, ids=lambda text: text[:40])
def test_target_arrives_byte_for_byte(server, storages, target):
    assert ask(server, storages, target=target).target == target


@pytest.mark.parametrize("target", ["/a/./b", "/a/../b", "/..", "/%2e%2e/x"])
def test_dot_segments_are_storages_without_a_list(make_httpd, storages,
                                                  target):
    """Where no ReproxyAllow limits paths, they arrive as they are."""
    httpd = make_httpd(reproxy=True).start(
        "ProxyPass / %s\nAllowReproxy On\n" % storages.url("app", "/"))
    assert ask(httpd, storages, target=target).target == target


@pytest.mark.parametrize("tail,target", [("", "/"), ("?a=b", "/?a=b"),
                                         ("?", "/?"), ("/", "/")])
def test_url_without_a_path_has_the_root(server, storages, tail, target):
    response = server.get(HOST, "/app/x?client=query", [
        asks([storages.url("s") + tail])])
    assert response.target == target


@pytest.mark.parametrize("client_target", ["/app/x?a=b", "/app/a%20b",
                                           "/app/a//b?"])
def test_target_of_the_client_is_no_part_of_it(server, storages,
                                               client_target):
    assert ask(server, storages, path=client_target).target == "/seen"


def test_scheme_in_any_case(server, storages):
    text = url(storages, "s", content=SIZE).replace("http", "HTTP", 1)
    assert_serves(server.get(HOST, "/app/x", [asks([text])]), "s", SIZE)
