# SPDX-License-Identifier: Apache-2.0
"""URLs are tried in order; of an attempt that failed, nothing is seen."""

import time

import pytest

import client
import reproxy
from reproxy import (ATTEMPT_LOG, ERROR_BODY, HOST, asks, assert_failed,
                     assert_serves, counted, logged, new_name, url, way_of)

SIZE = 30000
"""More than one buffer, less than what is swallowed of a failed attempt."""

NO_SUCH_HOST = "http://" + "a" * 64 + ".example/"
"""No name server is asked for such a label."""


def bad(**order):
    return lambda storages: url(storages, "t", "/", **order)


def error(status, **order):
    order.setdefault("body", ERROR_BODY)
    return bad(status=status, headers=[["X-Storage", "failed"],
                                       ["Set-Cookie", "failed=1"]], **order)


FAILURES = {
    "refused": lambda storages: url(storages, "refused"),
    "no-answer-to-connect": lambda storages: url(storages, "silent"),
    "no-such-name": lambda storages: NO_SUCH_HOST,
    "no-first-byte": bad(delay=30),
    "closed": bad(close="before"),
    "reset": bad(close="before", reset=True),
    "half-a-status-line": bad(raw="HTTP/1.1 20"),
    "status-line-alone": bad(raw="HTTP/1.1 200 OK\r\n"),
    "half-a-header": bad(raw="HTTP/1.1 200 OK\r\nContent-Le"),
    "no-status": bad(raw="HTTP/1.1\r\n\r\n" + ERROR_BODY),
    "no-number": bad(raw="HTTP/1.1 abc OK\r\n\r\n" + ERROR_BODY),
    "empty-line": bad(raw="\r\n\r\n" + ERROR_BODY),
    "garbage": bad(raw="\x00\x01\x02\xff\xfe" * 40),
    "long-garbage": bad(raw="\x16\x03", times=40000),
    "http-0.9": bad(raw="<html>%s</html>\n" % ERROR_BODY),
    "ssh": bad(raw="SSH-2.0-OpenSSH_9.2p1\r\n"),
    "icy": bad(raw="ICY 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    "bad-length": bad(raw="HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nok"),
    "closed-before-body": bad(content=SIZE, cut=0),
    "switches-protocols": bad(raw="HTTP/1.1 101 Switching Protocols\r\n"
                                  "Upgrade: x\r\nConnection: Upgrade\r\n"
                                  "\r\n"),
    "hints-and-404": bad(raw="HTTP/1.1 103 Early Hints\r\nX-Storage: failed"
                             "\r\n\r\nHTTP/1.1 404 No\r\n"
                             "Content-Length: 2\r\n\r\nno"),
    "continue-and-close": bad(raw="HTTP/1.1 100 Continue\r\n\r\n"),
    "404": error(404),
    "403": error(403),
    "500": error(500),
    "503": error(503),
    "401": error(401),
    "404-chunked": error(404, chunked=True),
    "404-no-length": error(404, length=None),
    "404-1MB": error(404, times=50000),
    "500-1MB-chunked": error(500, times=50000, chunked=True),
    "404-cut": error(404, cut=5),
    "301": bad(status=301, body=ERROR_BODY,
               headers=[["Location", "http://127.0.0.1:1/"]]),
    "304-unasked": bad(status=304),
    "scheme": lambda storages: "ftp://127.0.0.1/",
    "userinfo": lambda storages: url(storages, "t").replace("//", "//u@"),
    "not-allowed": lambda storages: "http://127.0.0.9/",
}

TIMEOUTS = ("no-answer-to-connect", "no-first-byte")


def path_for(failure):
    return "/brief/x" if failure in TIMEOUTS else "/app/x"


@pytest.fixture(scope="module")
def server(make_module_httpd, storages, settings):
    modules, lines = reproxy.http2(settings)
    return reproxy.start(
        make_module_httpd(modules=modules, reproxy=True), storages,
        outside=[*lines, reproxy.brief(storages), reproxy.allow_all(storages) + " " + NO_SUCH_HOST])


def good(storages):
    return url(storages, "s", "/good", content=SIZE,
               headers=[["X-Storage", "good"]])


@pytest.mark.parametrize("way", reproxy.WAYS)
@pytest.mark.parametrize("position", ["first", "middle", "last"])
@pytest.mark.parametrize("failure", FAILURES)
def test_matrix(server, storages, settings, failure, position, way):
    """Right bytes, right status, and the connection serves on."""
    server.allow_log(ATTEMPT_LOG)
    failing = FAILURES[failure](storages)
    other = error(404)(storages)
    urls = {"first": [failing, good(storages)],
            "middle": [other, failing, good(storages)],
            "last": [other, failing]}[position]
    with way_of(way, settings)(server.port) as client_:
        for _ in range(2):
            response = client_.get(path_for(failure), [asks(urls)])
            if position == "last":
                assert_failed(response, 504 if failure in TIMEOUTS else 502)
            else:
                assert_serves(response, "s", SIZE)
                assert response.all("X-Storage") == ["good"]
            assert response.all("Set-Cookie") == []
            assert response.all("Location") == []
            assert_serves(client_.get("/app/x", [asks([good(storages)])]),
                          "s", SIZE)
            if failure in TIMEOUTS:
                break


@pytest.fixture(scope="module")
def pooled(make_module_httpd, storages):
    """Storages that mod_proxy_pool keeps connections to."""
    return reproxy.start(
        make_module_httpd(pool=True, reproxy=True, children=1), storages,
        outside=["ProxyPoolSet ttl=60", reproxy.brief(storages), reproxy.allow_all(storages) + " " + NO_SUCH_HOST])


@pytest.mark.parametrize("failure", FAILURES)
def test_matrix_with_kept_connections_to_storage(pooled, storages, failure):
    """A failed attempt leaves nothing on a connection that is used again."""
    pooled.allow_log(ATTEMPT_LOG)
    failing = FAILURES[failure](storages)
    warm = url(storages, "t", "/warm", content=9)
    with reproxy.Kept(pooled.port) as client_:
        for _ in range(1 if failure in TIMEOUTS else 3):
            assert_serves(client_.get("/app/x", [asks([warm])]), "t", 9)
            assert_serves(client_.get(path_for(failure), [
                asks([failing, good(storages)])]), "s", SIZE)
            assert_failed(client_.get(path_for(failure), [asks([failing])]),
                          504 if failure in TIMEOUTS else 502)


def test_urls_after_the_first_that_works_are_not_asked(server, storages):
    path = "/" + new_name()
    urls = [good(storages), url(storages, "t", path, count=True)]
    assert_serves(server.get(HOST, "/app/x", [asks(urls)]), "s", SIZE)
    assert counted(storages, "t", path) == 0


def test_urls_are_tried_in_order(server, storages):
    path = "/app/" + new_name()
    urls = [error(404)(storages), error(500)(storages),
            url(storages, "u", content=9), good(storages)]
    response = server.get(HOST, path, [asks(urls)])
    assert_serves(response, "u", 9)
    host, attempts, _, status = logged(server, path)
    assert (host, attempts, status) == ("127.0.0.1", "3", "200")


@pytest.mark.parametrize("separator", [" ", "   ", "\t", " \t "])
def test_urls_are_separated_by_blanks(server, storages, separator):
    urls = separator.join([error(404)(storages), good(storages)])
    assert_serves(server.get(HOST, "/app/x", [asks(urls)]), "s", SIZE)


def test_name_of_the_header_in_any_case(server, storages):
    order = asks(headers=[["x-reproxy-url", good(storages)]])
    assert_serves(server.get(HOST, "/app/x", [order]), "s", SIZE)


@pytest.mark.parametrize("order", ["timeout-last", "timeout-first"])
def test_last_failure_decides_between_502_and_504(server, storages, order):
    server.allow_log(ATTEMPT_LOG)
    urls = [error(404)(storages), bad(delay=30)(storages)]
    if order == "timeout-first":
        urls.reverse()
    response = server.get(HOST, "/brief/x", [asks(urls)])
    assert_failed(response, 504 if order == "timeout-last" else 502)


def test_timeout_is_for_each_attempt(server, storages):
    server.allow_log(ATTEMPT_LOG)
    slow = bad(delay=30)(storages)
    began = time.monotonic()
    response = server.get(HOST, "/brief/x",
                          [asks([slow, slow, good(storages)])])
    assert_serves(response, "s", SIZE)
    assert 1.9 * reproxy.BRIEF < time.monotonic() - began < 20


def test_timeout_ends_with_the_first_byte(server, storages):
    """A body may take its time."""
    slow = url(storages, "s", content=SIZE, pieces=2,
               pause=reproxy.BRIEF + 0.5)
    assert_serves(server.get(HOST, "/brief/x", [asks([slow])]), "s", SIZE)


def test_timeout_does_not_stay_on_a_connection(make_httpd, storages):
    """Neither the short one on what others use, nor the long one on ours."""
    httpd = make_httpd(reproxy=True, pool=True, children=1)
    reproxy.start(httpd, storages, outside=[reproxy.brief(storages),
                                            "ProxyPoolSet ttl=60"])
    httpd.allow_log(ATTEMPT_LOG)
    slow = [asks([url(storages, "s", content=SIZE,
                      delay=reproxy.BRIEF + 1)])]
    quick = [asks([good(storages)])]
    for _ in range(2):
        assert_serves(httpd.get(HOST, "/brief/x", quick), "s", SIZE)
        assert_serves(httpd.get(HOST, "/app/x", slow), "s", SIZE)
        assert_failed(httpd.get(HOST, "/brief/x", slow), 504)


# ---- how many ---------------------------------------------------------------

def test_eight_urls_are_tried(server, storages):
    urls = [error(404)(storages)] * 7 + [good(storages)]
    assert_serves(server.get(HOST, "/app/x", [asks(urls)]), "s", SIZE)


def test_ninth_url_is_passed_over_and_said(server, storages):
    server.allow_log(ATTEMPT_LOG)
    path = "/" + new_name()
    urls = [error(404)(storages)] * 8 + [
        url(storages, "t", path, count=True)]
    assert_failed(server.get(HOST, "/app/x", [asks(urls)]))
    assert counted(storages, "t", path) == 0
    assert server.log_lines(r"SB\d{4}: .*ReproxyMaxURLs")


def test_number_of_urls_is_configured(make_httpd, storages):
    httpd = reproxy.start(make_httpd(reproxy=True), storages,
                          "ReproxyMaxURLs 2")
    httpd.allow_log(ATTEMPT_LOG)
    failing = error(404)(storages)
    assert_serves(httpd.get(HOST, "/app/x", [
        asks([failing, good(storages)])]), "s", SIZE)
    assert_failed(httpd.get(HOST, "/app/x", [
        asks([failing, failing, good(storages)])]))


# ---- what counts as success -------------------------------------------------

@pytest.mark.parametrize("status", [200, 201, 203, 226, 299])
def test_every_2xx_is_served(server, storages, status):
    first = url(storages, "s", content=SIZE, status=status)
    response = server.get(HOST, "/app/x", [
        asks([first, url(storages, "t", content=1)])])
    assert response.status == status
    assert response.body == reproxy.content("s", SIZE)


def test_204_is_served(server, storages):
    with client.Connection(server.port) as kept:
        first = url(storages, "s", status=204, body="")
        response = kept.request("GET", "/app/x", HOST, [
            asks([first, url(storages, "t", content=1)])])
        assert (response.status, response.body) == (204, b"")
        assert kept.request("GET", "/app/x", HOST, [
            asks([good(storages)])]).status == 200


@pytest.mark.parametrize("status", [300, 301, 302, 303, 305, 307, 308, 400,
                                    402, 405, 410, 412, 429, 451, 502, 504,
                                    599])
def test_every_other_status_fails(server, storages, status):
    failing = error(status)(storages)
    assert_serves(server.get(HOST, "/app/x", [
        asks([failing, good(storages)])]), "s", SIZE)
    assert_failed(server.get(HOST, "/app/x", [asks([failing])]))


def test_redirect_is_never_followed(server, storages):
    path = "/" + new_name()
    target = url(storages, "t", path, count=True)
    redirect = url(storages, "s", status=302, headers=[["Location", target]])
    response = server.get(HOST, "/app/x", [asks([redirect])])
    assert_failed(response)
    assert response.all("Location") == []
    assert counted(storages, "t", path) == 0


@pytest.mark.parametrize("raw", [
    "HTTP/1.0 200 OK\r\n\r\nok", "HTTP/1.1 200\r\n\r\nok",
    "HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.1 200 OK\nContent-Length: 2\n\nok"], ids=repr)
def test_terse_answer_is_served(server, storages, raw):
    response = server.get(HOST, "/app/x", [
        asks([url(storages, "s", raw=raw)])])
    assert (response.status, response.body) == (200, b"ok")


def test_empty_body_is_served(server, storages):
    response = server.get(HOST, "/app/x", [
        asks([url(storages, "s", content=0), good(storages)])])
    assert_serves(response, "s", 0)


@pytest.mark.parametrize("order", [{"chunked": True}, {"length": None}])
def test_body_without_a_length_is_served_whole(server, storages, order):
    response = server.get(HOST, "/app/x", [
        asks([url(storages, "s", content=300000, **order)])])
    assert response.status == 200
    assert response.body == reproxy.content("s", 300000)


def test_interim_response_of_storage_is_no_answer(server, storages):
    raw = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" \
          "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
    response = server.get(HOST, "/app/x", [
        asks([url(storages, "s", raw=raw)])])
    assert (response.status, response.body) == (200, b"ok")


# ---- failures that come too late --------------------------------------------

@pytest.mark.parametrize("size", [50000, 3000000])
@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("way", reproxy.WAYS)
def test_body_that_breaks_off_is_no_clean_end(server, storages, settings, way,
                                              framing, size):
    """And no other storage goes on with it."""
    server.allow_log(ATTEMPT_LOG)
    order = {"content": size, "cut": size - 9000}
    if framing == "chunked":
        order["chunked"] = True
    path = "/" + new_name()
    urls = [url(storages, "s", **order),
            url(storages, "t", path, count=True, content=size)]
    with way_of(way, settings)(server.port) as client_, \
            pytest.raises(client.Closed):
        client_.get("/app/x", [asks(urls)])
    assert counted(storages, "t", path) == 0


# ---- the client's side ------------------------------------------------------

def test_error_document_shows_the_failure(make_httpd, storages):
    httpd = reproxy.start(make_httpd(reproxy=True), storages, outside=[
        'ErrorDocument 502 "our own page for 502"'])
    httpd.allow_log(ATTEMPT_LOG)
    response = httpd.get(HOST, "/app/x", [asks([error(404)(storages)])])
    assert_failed(response)
    assert response.body == b"our own page for 502"


def test_error_document_of_the_app_is_no_part_of_it(make_httpd, storages):
    """Storage's failures are not the client's."""
    httpd = reproxy.start(make_httpd(reproxy=True), storages, outside=[
        "ProxyErrorOverride On",
        'ErrorDocument 404 "our own page for 404"'])
    httpd.allow_log(ATTEMPT_LOG)
    urls = [error(404)(storages), good(storages)]
    assert_serves(httpd.get(HOST, "/app/x", [asks(urls)]), "s", SIZE)
    assert_failed(httpd.get(HOST, "/app/x", [asks(urls[:1])]))


def test_error_document_may_be_reproxied(make_httpd, storages):
    """Or fail as the request did: once more, and not for ever."""
    httpd = reproxy.start(make_httpd(reproxy=True), storages, outside=[
        "ErrorDocument 502 /app/error"])
    httpd.allow_log(ATTEMPT_LOG)
    path = "/" + new_name()
    failing = url(storages, "s", path, status=404, count=True)
    response = httpd.get(HOST, "/app/x", [asks([failing])])
    assert_failed(response)
    assert counted(storages, "s", path) <= 2


def test_requests_in_a_row_get_their_own(server, storages):
    """All are there before the first is answered."""
    server.allow_log(ATTEMPT_LOG)
    lists = [[url(storages, "t", close="before"), good(storages)],
             [error(404)(storages)],
             [error(404)(storages), url(storages, "u", content=7)],
             [good(storages)]]
    with client.Connection(server.port) as kept:
        kept.send(b"".join(client.request_bytes("GET", "/app/x", HOST,
                                                [asks(urls)])
                           for urls in lists))
        assert_serves(kept.read_response(), "s", SIZE)
        assert_failed(kept.read_response())
        assert_serves(kept.read_response(), "u", 7)
        assert_serves(kept.read_response(), "s", SIZE)


def test_streams_of_a_connection_get_their_own(server, storages, settings):
    if settings.mpm == "prefork":
        pytest.skip("mod_http2 does not serve under prefork")
    server.allow_log(ATTEMPT_LOG)
    wanted = []
    for number in range(24):
        urls = [error(404)(storages), url(storages, "t", close="before"),
                url(storages, "u", content=1000 + number)]
        if number % 3 == 0:
            urls.pop()
        wanted.append((HOST, "/app/x", [asks(urls)]))
    with client.H2Connection(server.port) as h2:
        for number, response in enumerate(h2.requests(wanted)):
            if number % 3 == 0:
                assert_failed(response)
            else:
                assert_serves(response, "u", 1000 + number)


@pytest.mark.parametrize("order", [{}, {"chunked": True}, {"length": None}])
def test_client_of_http_1_0(server, storages, order):
    text = url(storages, "s", content=SIZE, **order)
    response = client.request(server.port, "GET", "/app/x", HOST,
                              headers=[asks([error(404)(storages), text])],
                              version="HTTP/1.0")
    assert response.status == 200
    assert response.body == reproxy.content("s", SIZE)
    assert response.all("Transfer-Encoding") == []


def test_all_failed_is_said_without_the_query(server, storages):
    server.allow_log(ATTEMPT_LOG)
    secret = new_name()
    path = "/app/" + new_name()
    failing = url(storages, "s", "/x?signature=" + secret, status=404)
    assert_failed(server.get(HOST, path, [asks([failing])]))
    assert not server.log_lines(secret)
    host, attempts, _, status = logged(server, path)
    assert (host, attempts, status) == ("127.0.0.1", "1", "502")


def test_connection_to_storage_survives_a_small_error_body(make_httpd,
                                                           storages):
    """Swallowed to its end, it leaves the connection in its pool."""
    httpd = reproxy.start(
        make_httpd(reproxy=True, pool=True, children=1), storages,
        outside=["ProxyPoolSet ttl=60"])
    seen = set()
    for _ in range(4):
        urls = [url(storages, "s", status=404, body="small"),
                url(storages, "s", "/which")]
        response = httpd.get(HOST, "/app/x", [asks(urls)])
        seen.add(response.json()["connection"])
    assert len(seen) == 1
