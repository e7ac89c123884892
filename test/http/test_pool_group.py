# SPDX-License-Identifier: Apache-2.0
"""Groups of backends: which member serves, and who serves when one fails."""

import collections
import time

import pytest

import client
from faults import Faulty
from pools import start
from wait import wait_for

FAILED = (r"AH01102|AH00898|AH01114|AH00957|AH01097|AH10154|AH01084|AH00959"
          r"|AH01095|AH01110")
"""What mod_proxy says of a backend that fails."""


@pytest.fixture
def faulty():
    made = []

    def make(fault):
        made.append(Faulty(fault))
        return made[-1]
    yield make
    for backend in made:
        backend.close()


@pytest.fixture
def server(make_httpd, maps, folder):
    """Makes a server with these entries, in one child."""
    def made(entries, *more, modules=(), children=1):
        httpd = make_httpd(modules=modules, children=children, pool=True)
        httpd.allow_log(FAILED + "|SB0108")
        return start(httpd, maps, folder, entries, *more)
    return made


def send(httpd, method, host, size=None):
    headers = [] if size is None else [("Content-Length", str(size))]
    with client.Connection(httpd.port) as connection:
        connection.send(client.request_bytes(method, "/x", host, headers))
        if size:
            connection.send(b"b" * size)
        return connection.read_response(head=method == "HEAD")


SECOND, FAULT = "second", "fault"

MATRIX = [
    # fault, then what GET, HEAD, DELETE without a body and PUT, POST with one
    # get: the second member's answer, or the fault
    ("refuse", SECOND, SECOND),
    ("close", SECOND, FAULT),
    ("within", SECOND, FAULT),
    ("hang", SECOND, FAULT),
    ("502", SECOND, FAULT),
    ("503", SECOND, FAULT),
    ("504", SECOND, FAULT),
    ("500", FAULT, FAULT),
    ("404", FAULT, FAULT),
]


@pytest.mark.parametrize("fault, bare, body", MATRIX,
                         ids=[row[0] for row in MATRIX])
def test_who_serves_when_the_first_member_fails(
        server, pool_backends, faulty, fault, bare, body):
    """Two requests of a kind: a member is out after three failures."""
    for method, size, wanted in (("GET", None, bare), ("HEAD", None, bare),
                                 ("DELETE", None, bare), ("PUT", 10, body),
                                 ("POST", 10, body), ("POST", 70000, body)):
        first = faulty(fault)
        httpd = server({"g.test": "policy=first %s timeout=1 %s"
                        % (first.url, pool_backends.url("a"))})
        response = send(httpd, method, "g.test", size)
        if wanted == SECOND:
            assert response.status == 200, (method, response)
            assert response.header("Set-Cookie") is None
        elif fault.isdigit():
            assert response.status == int(fault), (method, response)
        else:
            assert response.status in (502, 504), (method, response)
        if method == "POST":
            assert first.requests <= 1
        httpd.stop()


def test_what_breaks_off_is_not_sent_again(server, pool_backends, faulty):
    first = faulty("broken")
    httpd = server({"g.test": "policy=first %s %s"
                    % (first.url, pool_backends.url("a"))})
    with pytest.raises(client.Closed):
        httpd.get("g.test")
    assert first.requests == 1


def test_retries_and_failon(server, pool_backends, faulty):
    httpd = server({
        "none.test": "policy=first retries=0 %s %s"
        % (faulty("503").url, pool_backends.url("a")),
        "teapot.test": "policy=first failon=418 %s %s"
        % (faulty("418").url, pool_backends.url("a")),
        "asis.test": "policy=first failon=none %s %s"
        % (faulty("503").url, pool_backends.url("a"))})
    assert httpd.get("none.test").status == 503
    assert httpd.get("teapot.test").status == 200
    assert httpd.get("asis.test").status == 503


def test_member_that_fails_thrice_is_asked_no_more(server, pool_backends,
                                                   faulty):
    first = faulty("503")
    httpd = server({"g.test": "policy=first %s %s"
                    % (first.url, pool_backends.url("a"))})
    for _ in range(3):
        assert httpd.get("g.test").status == 200
    assert first.requests == 3
    since = time.monotonic()
    for _ in range(5):
        assert httpd.get("g.test").status == 200
    asked = first.requests
    # a request asks after a pause of 1 s, the next after 2 s more, then 4 s
    assert 2 ** (asked - 3) - 1 <= time.monotonic() - since + 1
    first.fault = "200"
    wait_for(lambda: (httpd.get("g.test").status == 200
                      and first.requests > asked + 2), 30,
             "the first member serves again")


def test_backend_that_stands_alone_is_never_out(server, faulty):
    only = faulty("503")
    httpd = server({"one.test": only.url})
    for n in range(6):
        assert httpd.get("one.test").status == 503
        assert only.requests == n + 1


def test_all_members_out_are_tried_all_the_same(server, faulty):
    backends = [faulty("503"), faulty("503")]
    httpd = server({"g.test": " ".join(one.url for one in backends)})
    for _ in range(6):
        assert httpd.get("g.test").status == 503
    before = sum(one.requests for one in backends)
    backends[0].fault = backends[1].fault = "200"
    assert httpd.get("g.test").status == 200
    assert sum(one.requests for one in backends) > before


def test_no_member_left_is_503_with_a_reason(server, faulty):
    httpd = server({"g.test": "%s %s" % (faulty("refuse").url,
                                         faulty("refuse").url)})
    httpd.expect_log("SB0108: entry g.test: each member of the group that may be")
    for _ in range(3):
        assert httpd.get("g.test").status == 503


def who(response):
    assert response.status == 200, response
    return response.json()["backend"]


def test_shares_are_those_of_the_weights(server, pool_backends):
    httpd = server({"g.test": "%s weight=3 %s %s backup" % tuple(
        pool_backends.url(name) for name in "abc")})
    with client.Connection(httpd.port) as connection:
        got = collections.Counter(
            who(connection.request("GET", "/", "g.test"))
            for _ in range(400))
    assert set(got) == {"a", "b"}
    assert 290 <= got["a"] <= 310


def test_group_of_its_own_serves_many_entries(server, pool_backends):
    """And the path and the options of an entry that names it."""
    httpd = server({
        "@web": "policy=first %s %s" % (pool_backends.url("a"),
                                        pool_backends.url("b")),
        "one.test": "@web", "two.test": "@web/sub timeout=7"})
    assert who(httpd.get("one.test")) == "a"
    response = httpd.get("two.test", "/x?q")
    assert who(response) == "a"
    assert response.target == "/sub/x?q"


def test_entry_of_a_group_that_is_not_there_is_a_bad_entry(server, maps,
                                                            folder,
                                                            pool_backends):
    httpd = server({"@web": pool_backends.url("a"), "one.test": "@web"})
    httpd.expect_log("SB0002: .*the map does not hold the group")
    assert httpd.get("one.test").status == 200
    maps.add_raw(folder + "/map", {"bad.test": "@gone"})
    wait_for(lambda: httpd.get("bad.test").status == 500, 30,
             "the map with the bad entry serves")


def test_cookie_keeps_a_client_at_its_member(server, pool_backends):
    httpd = server({"g.test": "sticky=SRV %s %s" % (pool_backends.url("a"),
                                                    pool_backends.url("b"))})
    seen = {}
    for _ in range(20):
        response = httpd.get("g.test")
        cookie = response.header("Set-Cookie")
        assert cookie.endswith("; Path=/; HttpOnly; SameSite=Lax")
        seen[who(response)] = cookie.partition(";")[0]
    assert sorted(seen) == ["a", "b"]
    for name, cookie in seen.items():
        assert "127" not in cookie
        for _ in range(5):
            response = httpd.get("g.test", headers=[("Cookie", cookie)])
            assert who(response) == name
            assert response.header("Set-Cookie") is None
    response = httpd.get("g.test", headers=[("Cookie", "SRV=nonsense")])
    assert response.header("Set-Cookie").startswith("SRV=")


def test_hash_keeps_a_client_too(server, pool_backends):
    httpd = server({"g.test": "policy=hash %s %s %s" % tuple(
        pool_backends.url(name) for name in "abc")})
    assert len({who(httpd.get("g.test")) for _ in range(20)}) == 1


def test_redirect_of_the_member_that_answered_is_the_clients(
        server, pool_backends, faulty):
    second = pool_backends.url("a")
    httpd = server({"g.test": "policy=first %s %s"
                    % (faulty("503").url, second)})
    response = httpd.get("g.test", headers=[client.order(
        status=302, headers=[["Location", second + "/there"]])])
    assert response.status == 302
    assert response.header("Location") == "http://g.test:%d/there" % httpd.port \
        or response.header("Location") == "http://g.test/there"


def test_group_needs_the_pool(make_httpd, maps, folder, pool_backends):
    httpd = make_httpd()
    httpd.expect_log("SB0016: .* a group of backends needs mod_proxy_pool")
    start(httpd, maps, folder, {"g.test": "%s %s" % (
        pool_backends.url("a"), pool_backends.url("b"))}, ttl="")
    assert httpd.get("g.test").status == 500
