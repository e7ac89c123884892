# SPDX-License-Identifier: Apache-2.0
"""Ranges, conditions, and the size that the app expects."""

import pytest

import client
import reproxy
from backend import content
from reproxy import (ATTEMPT_LOG, HOST, asks, assert_failed, assert_hidden,
                     assert_serves, url, way_of)

SIZE = 100000
ETAG = '"storage"'
MODIFIED = "Mon, 01 Jan 2024 00:00:00 GMT"
EARLIER = "Sun, 31 Dec 2023 00:00:00 GMT"
LATER = "Tue, 02 Jan 2024 00:00:00 GMT"


@pytest.fixture(scope="module")
def server(make_module_httpd, storages, settings):
    modules, lines = reproxy.http2(settings)
    return reproxy.start(
        make_module_httpd(modules=modules, reproxy=True), storages,
        outside=lines)


def file(storages, name="s", size=SIZE, **more):
    return url(storages, name, content=size, file=True, etag=ETAG,
               modified=MODIFIED, **more)


def ask(server, storages, *headers, urls=None, expected=None):
    ours = [] if expected is None \
        else [["X-Reproxy-Expected-Size", str(expected)]]
    return server.get(HOST, "/app/x", [
        *headers, asks(urls or [file(storages)], ours)])


@pytest.mark.parametrize("way", reproxy.WAYS)
@pytest.mark.parametrize("asked,first,last", [
    ("bytes=0-0", 0, 0), ("bytes=5-9", 5, 9), ("bytes=99990-", 99990, 99999),
    ("bytes=-10", 99990, 99999), ("bytes=0-99999", 0, 99999),
    ("bytes=99999-200000", 99999, 99999)])
def test_range(server, storages, settings, way, asked, first, last):
    with way_of(way, settings)(server.port) as client_:
        for _ in range(2):
            response = client_.get("/app/x", [
                ("Range", asked), asks([file(storages)])])
            assert response.status == 206
            assert response.header("Content-Range") == "bytes %d-%d/%d" % (
                first, last, SIZE)
            assert response.body == content("s", SIZE)[first:last + 1]
            assert_hidden(response)


@pytest.mark.parametrize("way", reproxy.WAYS)
def test_range_that_is_not_there(server, storages, settings, way):
    """416 is storage's answer, and no other storage is asked."""
    with way_of(way, settings)(server.port) as client_:
        response = client_.get("/app/x", [
            ("Range", "bytes=100000-"),
            asks([file(storages), file(storages, "t", size=200000)])])
        assert response.status == 416
        assert response.header("Content-Range") == "bytes */%d" % SIZE
        assert_hidden(response)
        assert_serves(client_.get("/app/x", [asks([file(storages)])]), "s",
                      SIZE)


@pytest.mark.parametrize("way", reproxy.WAYS)
@pytest.mark.parametrize("header", [
    ("If-None-Match", ETAG), ("If-None-Match", "*"),
    ("If-Modified-Since", MODIFIED), ("If-Modified-Since", LATER)])
def test_304(server, storages, settings, way, header):
    with way_of(way, settings)(server.port) as client_:
        for _ in range(2):
            response = client_.get("/app/x", [
                header, asks([file(storages), url(storages, "t")])])
            assert (response.status, response.body) == (304, b"")
            assert response.header("ETag") == ETAG
            assert_hidden(response)
        assert_serves(client_.get("/app/x", [asks([file(storages)])]), "s",
                      SIZE)


@pytest.mark.parametrize("header", [
    ("If-None-Match", '"other"'), ("If-Modified-Since", EARLIER),
    ("If-Match", ETAG)])
def test_condition_that_holds(server, storages, header):
    assert_serves(ask(server, storages, header), "s", SIZE)


@pytest.mark.parametrize("condition,status", [
    (ETAG, 206), ('"other"', 200), (MODIFIED, 206), (LATER, 200)])
def test_if_range(server, storages, condition, status):
    response = ask(server, storages, ("Range", "bytes=5-9"),
                   ("If-Range", condition))
    assert response.status == status
    whole = content("s", SIZE)
    assert response.body == (whole[5:10] if status == 206 else whole)


def test_304_of_a_post_is_a_failure(server, storages):
    """Storage was sent no condition."""
    response = client.request(
        server.port, "POST", "/app/x", HOST, body=b"", headers=[
            ("If-None-Match", ETAG),
            asks([url(storages, "t", status=304), file(storages)])])
    assert_serves(response, "s", SIZE)


@pytest.mark.parametrize("size", [10, SIZE])
def test_range_of_a_post_is_nobodys(server, storages, size):
    """Neither storage answers it nor httpd."""
    response = client.request(
        server.port, "POST", "/app/x", HOST, body=b"", headers=[
            ("Range", "bytes=0-0"), asks([file(storages, size=size)])])
    assert_serves(response, "s", size)


def test_range_fails_over(server, storages):
    server.allow_log(ATTEMPT_LOG)
    urls = [url(storages, "t", status=404), url(storages, "refused"),
            file(storages)]
    response = ask(server, storages, ("Range", "bytes=5-9"), urls=urls)
    assert response.status == 206
    assert response.body == content("s", SIZE)[5:10]


def test_storage_without_ranges_sends_all(server, storages):
    response = ask(server, storages, ("Range", "bytes=5-9"),
                   urls=[url(storages, "s", content=SIZE)])
    assert_serves(response, "s", SIZE)


def test_head_of_a_range(server, storages):
    response = client.request(server.port, "HEAD", "/app/x", HOST, headers=[
        ("Range", "bytes=5-9"), asks([file(storages)])])
    assert response.status == 206
    assert response.header("Content-Length") == "5"


# ---- the expected size ------------------------------------------------------

def test_right_size(server, storages):
    assert_serves(ask(server, storages, expected=SIZE), "s", SIZE)


@pytest.mark.parametrize("wrong", [SIZE - 1, SIZE + 1, 0])
def test_wrong_size_fails_over(server, storages, wrong):
    urls = [file(storages, "t", size=wrong), file(storages)]
    response = ask(server, storages, urls=urls, expected=SIZE)
    assert_serves(response, "s", SIZE)


@pytest.mark.parametrize("way", reproxy.WAYS)
def test_wrong_size_everywhere(server, storages, settings, way):
    server.allow_log(ATTEMPT_LOG)
    with way_of(way, settings)(server.port) as client_:
        assert_failed(client_.get("/app/x", [
            asks([file(storages), file(storages, "t")],
                 [["X-Reproxy-Expected-Size", "5"]])]))
        assert client_.get("/index.html").status == 200


@pytest.mark.parametrize("asked", ["bytes=5-9", "bytes=-10", "bytes=0-"])
def test_size_of_a_range_is_that_of_the_whole(server, storages, asked):
    urls = [file(storages, "t", size=SIZE + 1), file(storages)]
    response = ask(server, storages, ("Range", asked), urls=urls,
                   expected=SIZE)
    assert response.status == 206
    assert response.header("Content-Range").endswith("/%d" % SIZE)
    assert response.body[:6] in content("s", SIZE)


def test_size_of_416_is_that_of_the_whole(server, storages):
    """A replica that is too short does not say that there is no more."""
    urls = [file(storages, "t", size=50), file(storages)]
    response = ask(server, storages, ("Range", "bytes=60-69"), urls=urls,
                   expected=SIZE)
    assert response.status == 206
    assert response.body == content("s", SIZE)[60:70]
    response = ask(server, storages, ("Range", "bytes=100000-"), urls=urls,
                   expected=SIZE)
    assert response.status == 416
    assert response.header("Content-Range") == "bytes */%d" % SIZE


@pytest.mark.parametrize("order", [
    {"chunked": True}, {"length": None},
    {"status": 206, "headers": [["Content-Range", "bytes 5-9/*"]]}])
def test_size_that_storage_does_not_say_is_not_taken_for_right(
        server, storages, order):
    """Another storage, that says it, is asked."""
    urls = [url(storages, "t", content=SIZE - 1, **order), file(storages)]
    assert_serves(ask(server, storages, urls=urls, expected=SIZE), "s", SIZE)


def test_wrong_part_fails_over(server, storages):
    """A Content-Range that says nothing is a failure."""
    urls = [url(storages, "t", status=206, body="abcde",
                headers=[["Content-Range", "bytes 9-5/x"]]), file(storages)]
    response = ask(server, storages, ("Range", "bytes=5-9"), urls=urls,
                   expected=SIZE)
    assert response.body == content("s", SIZE)[5:10]


def test_304_has_no_size(server, storages):
    response = ask(server, storages, ("If-None-Match", ETAG), expected=5)
    assert response.status == 304


def test_size_of_head(server, storages):
    server.allow_log(ATTEMPT_LOG)
    for expected, status in [(SIZE, 200), (5, 502)]:
        response = client.request(
            server.port, "HEAD", "/app/x", HOST, headers=[
                asks([file(storages)],
                     [["X-Reproxy-Expected-Size", str(expected)]])])
        assert response.status == status


@pytest.mark.parametrize("said", ["", "x", "-1", "1e5", "100 000"])
def test_size_that_is_no_number_is_said(server, storages, said):
    """It neither holds back the response nor goes unseen."""
    response = ask(server, storages, expected=said)
    assert_hidden(response)
    assert response.status in (200, 502)
    if said:
        assert server.log_lines(r"SB\d{4}: .*X-Reproxy-Expected-Size") \
            or response.status == 502
    server.allow_log("reproxy:error")
