# SPDX-License-Identifier: Apache-2.0
"""PreserveHeaders: the app's headers on storage's response."""

import pytest

import reproxy
from reproxy import (ATTEMPT_LOG, HOST, asks, assert_failed, assert_serves,
                     url)

SIZE = 30000

MODIFIED = "Mon, 01 Jan 2024 00:00:00 GMT"
LATER = "Tue, 02 Jan 2024 00:00:00 GMT"
MIDWEEK = "Wed, 03 Jan 2024 00:00:00 GMT"
"""Begins as a weak tag does."""

APP = [["Content-Type", "text/x-app; charset=utf-8"],
       ["Content-Disposition", 'attachment; filename="a b.txt"'],
       ["Set-Cookie", "a=1; Path=/"], ["Set-Cookie", "b=2"],
       ["Set-Cookie", "c=3"], ["X-Many", "1"], ["X-Many", "2"],
       ["Content-Language", "de"], ["Cache-Control", "private"],
       ["Content-Security-Policy", "sandbox"], ["X-Dropped", "app"]]
STORAGE = [["Content-Type", "image/x-storage"],
           ["Content-Disposition", "inline"], ["Set-Cookie", "s=1"],
           ["X-Many", "3"], ["Content-Language", "fr"],
           ["Cache-Control", "public, max-age=9"],
           ["Content-Security-Policy", "default-src *"],
           ["X-Storage", "yes"]]
KEPT = ["Content-Type", "Content-Disposition", "Set-Cookie", "X-Many",
        "Content-Language", "Content-Security-Policy"]


@pytest.fixture(scope="module")
def server(make_module_httpd, storages, settings):
    modules, lines = reproxy.http2(settings)
    return reproxy.start(
        make_module_httpd(modules=modules, reproxy=True), storages,
        "PreserveHeaders " + " ".join(KEPT[:2]).lower() + " "
        + " ".join(KEPT[2:]),
        outside=[*lines, "<Location /app/etag/>",
                 "PreserveHeaders ETag Last-Modified", "</Location>",
                 "<Location /app/date/>", "PreserveHeaders Last-Modified",
                 "</Location>",
                 "<Location /app/tag/>", "PreserveHeaders ETag",
                 "</Location>"])


def of(headers, name):
    return [value for key, value in headers if key == name]


@pytest.mark.parametrize("way", reproxy.WAYS)
def test_named_headers_are_the_apps(server, storages, settings, way):
    """All their values, and nothing of storage's."""
    text = url(storages, "s", content=SIZE, headers=STORAGE)
    with reproxy.way_of(way, settings)(server.port) as client_:
        response = client_.get("/app/x", [asks([text], APP)])
    assert_serves(response, "s", SIZE)
    for name in KEPT:
        values = of(APP, name)
        assert response.all(name) in (values, [", ".join(values)]), name
    assert response.all("Set-Cookie") == of(APP, "Set-Cookie")
    assert response.all("X-Dropped") == []
    assert response.header("X-Storage") == "yes"
    assert response.header("Cache-Control") == "public, max-age=9"


def test_named_headers_survive_failed_attempts(server, storages):
    urls = [url(storages, "t", status=404, headers=STORAGE),
            url(storages, "t", status=500, headers=STORAGE),
            url(storages, "s", content=SIZE, headers=STORAGE)]
    response = server.get(HOST, "/app/x", [asks(urls, APP)])
    assert_serves(response, "s", SIZE)
    assert response.header("Content-Type") == of(APP, "Content-Type")[0]
    assert response.all("Set-Cookie") == of(APP, "Set-Cookie")


def test_named_headers_are_not_on_the_error(server, storages):
    """The app's type and cookies say nothing of httpd's own page."""
    server.allow_log(ATTEMPT_LOG)
    failing = url(storages, "t", status=404, headers=STORAGE)
    response = server.get(HOST, "/app/x", [asks([failing], APP)])
    assert_failed(response)
    assert response.all("Content-Disposition") == []
    assert response.header("Content-Type").startswith("text/html")


def test_part_of_storages_file_keeps_the_apps_type(server, storages):
    text = url(storages, "s", content=SIZE, file=True, etag='"e"',
               headers=STORAGE)
    response = server.get(HOST, "/app/x", [
        ("Range", "bytes=5-9"), asks([text], APP)])
    assert response.status == 206
    assert response.body == reproxy.content("s", SIZE)[5:10]
    assert response.header("Content-Range") == "bytes 5-9/%d" % SIZE
    assert response.header("Content-Type") == of(APP, "Content-Type")[0]


def test_several_ranges_keep_storages_type(server, storages):
    """The boundary of the parts is framing."""
    body = "--B\r\nContent-Range: bytes 0-0/9\r\n\r\nx\r\n--B--\r\n"
    kind = "multipart/byteranges; boundary=B"
    text = url(storages, "s", status=206, body=body,
               headers=[["Content-Type", kind]])
    response = server.get(HOST, "/app/x", [
        ("Range", "bytes=0-0,2-2"), asks([text], APP)])
    assert (response.status, response.body) == (206, body.encode())
    assert response.header("Content-Type") == kind


def test_content_encoding_is_storages(server, storages):
    text = url(storages, "s", body="zipped",
               headers=[["Content-Encoding", "gzip"]])
    response = server.get(HOST, "/app/x", [
        asks([text], [["Content-Encoding", "x-app"]])])
    assert response.header("Content-Encoding") == "gzip"
    assert response.body == b"zipped"


VALIDATORS = [["ETag", '"app"'], ["Last-Modified", LATER]]


def test_validators_of_the_app(server, storages):
    text = url(storages, "s", content=SIZE, file=True, etag='"storage"',
               modified=MODIFIED)
    response = server.get(HOST, "/app/etag/x", [asks([text], VALIDATORS)])
    assert_serves(response, "s", SIZE)
    assert response.header("ETag") == '"app"'
    assert response.header("Last-Modified") == LATER


@pytest.mark.parametrize("condition", [
    ("If-None-Match", '"storage"'), ("If-Match", '"app"'),
    ("If-Modified-Since", LATER), ("If-Unmodified-Since", MODIFIED)])
def test_storage_is_not_asked_for_validators_of_the_app(server, storages,
                                                        condition):
    """It knows nothing of them."""
    response = server.get(HOST, "/app/etag/x", [
        condition, asks([url(storages, "s")], VALIDATORS)])
    assert response.status == 200
    assert response.received(condition[0]) == []


@pytest.mark.parametrize("folder,condition", [
    ("date", LATER), ("date", MIDWEEK), ("tag", '"app"'), ("tag", 'W/"app"')])
def test_if_range_is_known_by_its_kind(server, storages, folder, condition):
    """A date or a tag; either may be the app's alone."""
    # Of a 203, httpd itself makes no range.
    response = server.get(HOST, "/app/%s/x" % folder, [
        ("Range", "bytes=5-9"), ("If-Range", condition),
        asks([url(storages, "s", status=203)],
             [["ETag", '"app"'], ["Last-Modified", condition]])])
    assert response.backend == "s"
    assert response.received("If-Range") == []
    assert response.received("Range") == []


@pytest.mark.parametrize("folder,condition", [
    ("date", '"storage"'), ("date", 'W/"storage"'), ("tag", LATER),
    ("tag", MIDWEEK)])
def test_if_range_of_storages_validator_is_sent(server, storages, folder,
                                                condition):
    response = server.get(HOST, "/app/%s/x" % folder, [
        ("Range", "bytes=5-9"), ("If-Range", condition),
        asks([url(storages, "s")], VALIDATORS)])
    assert response.received("If-Range") == [condition]
    assert response.received("Range") == ["bytes=5-9"]


@pytest.mark.parametrize("condition", [
    ("If-Range", '"app"'), ("If-Range", '"storage"'), ("If-Range", LATER)])
def test_range_is_not_asked_without_its_condition(server, storages,
                                                  condition):
    """Two versions would be put together."""
    text = url(storages, "s", content=SIZE, file=True, etag='"storage"',
               modified=MODIFIED)
    response = server.get(HOST, "/app/etag/x", [
        ("Range", "bytes=5-9"), condition, asks([text], VALIDATORS)])
    assert_serves(response, "s", SIZE)
