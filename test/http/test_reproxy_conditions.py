# SPDX-License-Identifier: Apache-2.0
"""Every conditional header against every status of storage, and against a
file: what is an answer, what is a failure.

A storage that answers out of turn stands for all that do not understand a
header, or misunderstand it: its next URL serves."""

import email.utils
import os

import pytest

import client
import reproxy
from backend import content
from reproxy import (HOST, asks, assert_failed, assert_hidden, assert_serves,
                     url)

SIZE = 2000
DATE = "Mon, 01 Jan 2024 00:00:00 GMT"
LATER = "Tue, 02 Jan 2024 00:00:00 GMT"
EARLIER = "Sun, 31 Dec 2023 00:00:00 GMT"
ETAG = '"e"'

SENT = {
    "none": {},
    "Range": {"Range": "bytes=0-9"},
    "If-Range": {"Range": "bytes=0-9", "If-Range": ETAG},
    "If-Match": {"If-Match": ETAG},
    "If-None-Match": {"If-None-Match": ETAG},
    "If-Modified-Since": {"If-Modified-Since": DATE},
    "If-Unmodified-Since": {"If-Unmodified-Since": DATE},
}

STATUSES = [200, 201, 202, 203, 204, 206, 300, 301, 302, 303, 304, 305, 307,
            308, 400, 401, 403, 404, 405, 406, 409, 410, 412, 416, 429, 500,
            501, 502, 503, 504]

ANSWERS = {
    206: {"Range", "If-Range"},
    416: {"Range", "If-Range"},
    304: {"If-None-Match", "If-Modified-Since"},
    412: {"If-Match", "If-Unmodified-Since"},
}
"""For these statuses: what storage has to be asked with.  Other 2xx are always
an answer, all others never."""


@pytest.fixture(scope="module")
def server(make_module_httpd, storages):
    httpd = make_module_httpd(modules=["mime", "headers"], reproxy=True)
    httpd.write("htdocs/a.txt", "x" * SIZE)
    moment = email.utils.parsedate_to_datetime(DATE).timestamp()
    os.utime(httpd.path("htdocs/a.txt"), (moment, moment))
    return reproxy.start(
        httpd, storages, "ReproxyFileRoot " + httpd.path("htdocs"),
        outside=["TypesConfig /dev/null", "<Location /app/tag/>",
                 "PreserveHeaders ETag", "</Location>",
                 "<Location /app/date/>",
                 "PreserveHeaders Last-Modified", "</Location>"])


def storage_answer(storages, status):
    order = {"status": status, "headers": [["X-From", "storage"]]}
    if status == 206:
        order["headers"].append(["Content-Range", "bytes 0-9/%d" % SIZE])
        order["body"] = "x" * 10
    elif status == 416:
        order["headers"].append(["Content-Range", "bytes */%d" % SIZE])
        order["body"] = ""
    elif status in (204, 304):
        order.update(body="", length=None if status == 204 else 0)
    else:
        order["body"] = reproxy.ERROR_BODY
    return url(storages, "t", **order)


def is_answer(status, sent):
    if status in ANSWERS:
        return sent in ANSWERS[status]
    return 200 <= status <= 299


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("sent", SENT)
def test_status_of_storage(server, storages, status, sent):
    response = server.get(HOST, "/app/x", [
        *SENT[sent].items(),
        asks([storage_answer(storages, status),
              url(storages, "s", content=SIZE)])])
    assert_hidden(response)
    if is_answer(status, sent):
        assert response.header("X-From") == "storage"
        # httpd cuts the range out of a whole one
        assert response.status == (206 if status == 200 and sent == "Range"
                                   else status)
    else:
        assert response.header("X-From") is None
        assert response.status in (200, 206)
        assert response.body in (content("s", SIZE),
                                 content("s", SIZE)[:10])


@pytest.mark.parametrize("status", ANSWERS)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_conditions_of_other_methods_are_the_apps(server, storages, status,
                                                  method):
    """Storage is not asked with them: such an answer is a failure."""
    headers = {}
    for sent in SENT.values():
        headers.update(sent)
    response = client.request(
        server.port, method, "/app/x", HOST, body=b"",
        headers=[*headers.items(),
                 asks([storage_answer(storages, status),
                       url(storages, "s", content=SIZE)])])
    assert_serves(response, "s", SIZE)


@pytest.mark.parametrize("kept,status,sent", [
    ("tag", 304, "If-None-Match"), ("tag", 412, "If-Match"),
    ("tag", 206, "If-Range"), ("tag", 416, "If-Range"),
    ("date", 304, "If-Modified-Since"),
    ("date", 412, "If-Unmodified-Since")])
def test_condition_on_what_is_the_apps_is_not_storages(server, storages, kept,
                                                       status, sent):
    """Where the app's validator is kept, storage is not asked."""
    own = ["ETag", '"app"'] if kept == "tag" else ["Last-Modified", EARLIER]
    response = server.get(HOST, "/app/%s/x" % kept, [
        *SENT[sent].items(),
        asks([storage_answer(storages, status),
              url(storages, "s", content=SIZE)], headers=[own])])
    assert response.header("X-From") is None
    assert response.body == content("s", SIZE)


@pytest.mark.parametrize("status", [304, 412, 416])
def test_expected_size_does_not_spoil_an_answer_without_a_body(
        server, storages, status):
    sent = {304: "If-None-Match", 412: "If-Match", 416: "Range"}[status]
    response = server.get(HOST, "/app/x", [
        *SENT[sent].items(),
        asks([storage_answer(storages, status)],
             headers=[["X-Reproxy-Expected-Size", str(SIZE)]])])
    assert response.status == status


def test_412_of_all_is_a_failure_without_a_condition(server, storages):
    server.allow_log("SB0203")
    assert_failed(server.get(HOST, "/app/x", [
        asks([storage_answer(storages, 412)])]))


# ---- a file -----------------------------------------------------------------

def file_etag(server):
    return server.get(HOST, "/app/x", [asks_file(server)]).header("ETag")


def asks_file(server, **order):
    return asks(None, headers=[["X-Reproxy-File", server.path("htdocs/a.txt")]],
                **order)


FILE_TABLE = [
    ({}, 200),
    ({"Range": "bytes=0-9"}, 206),
    ({"Range": "bytes=%d-" % SIZE}, 416),
    ({"Range": "bytes=0-9", "If-Range": "TAG"}, 206),
    ({"Range": "bytes=0-9", "If-Range": '"other"'}, 200),
    ({"Range": "bytes=0-9", "If-Range": DATE}, 206),
    ({"Range": "bytes=0-9", "If-Range": EARLIER}, 200),
    ({"If-Match": "TAG"}, 200), ({"If-Match": "*"}, 200),
    ({"If-Match": '"other"'}, 412),
    ({"If-None-Match": "TAG"}, 304), ({"If-None-Match": "*"}, 304),
    ({"If-None-Match": '"other"'}, 200),
    ({"If-Modified-Since": DATE}, 304), ({"If-Modified-Since": LATER}, 304),
    ({"If-Modified-Since": EARLIER}, 200),
    ({"If-Unmodified-Since": DATE}, 200), ({"If-Unmodified-Since": LATER}, 200),
    ({"If-Unmodified-Since": EARLIER}, 412),
    ({"If-None-Match": '"other"', "If-Modified-Since": LATER}, 200),
    # as httpd answers for every static file
    ({"If-Match": "TAG", "If-Unmodified-Since": EARLIER}, 412),
    ({"If-Match": '"other"', "Range": "bytes=0-9"}, 412),
]


@pytest.mark.parametrize("sent,status", FILE_TABLE,
                         ids=lambda value: str(value))
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_status_of_a_file(server, sent, status, method):
    tag = file_etag(server)
    response = client.request(
        server.port, method, "/app/x", HOST, headers=[
            *((name, tag if value == "TAG" else value)
              for name, value in sent.items()), asks_file(server)])
    assert response.status == status
    if status in (304, 412):
        assert response.body == b""
        assert response.header("Content-Length") in (None, "0")
    elif method == "GET" and status != 416:
        assert len(response.body) == {200: SIZE, 206: 10}.get(
            status, len(response.body))
        assert int(response.header("Content-Length")) == len(response.body)
