# SPDX-License-Identifier: Apache-2.0
"""X-Reproxy-File: a file below a ReproxyFileRoot, and no other."""

import os
import subprocess

import pytest

import client
import reproxy
from backend import content
from process import descriptors
from reproxy import (APP_BODY, HOST, asks, assert_failed, assert_hidden, url,
                     way_of)

SIZE = 300000
WHOLE = content("file", SIZE)
SECRET = "secret of another folder"


def fill(httpd):
    """Files within two roots and without."""
    httpd.write("files/data.txt", WHOLE.decode("ascii"))
    for name in ("files/deep/er/data.txt", "other/data.txt",
                 "files/with blank", "files/a%20b", "files/ünder",
                 "files/index.html", "files/..a", "files/data.unknown"):
        httpd.write(name, "found")
    httpd.write("files/empty", "")
    for name in ("files/.htpasswd", "files/.htaccess", "files/denied/data",
                 "files/data.denied", "outside/data.txt",
                 "files-too/data.txt"):
        httpd.write(name, SECRET if "htaccess" not in name else "# nothing")
    httpd.write("files/unreadable", SECRET)
    os.chmod(httpd.path("files/unreadable"), 0)
    os.symlink(httpd.path("outside/data.txt"), httpd.path("files/link"))
    os.symlink(httpd.path("outside"), httpd.path("files/folder-link"))
    os.symlink("data.txt", httpd.path("files/inner-link"))
    os.symlink(httpd.path("other"), httpd.path("root-link"))
    os.mkfifo(httpd.path("files/fifo"))
    os.chmod(httpd.path("files/fifo"), 0o666)


@pytest.fixture(scope="module")
def server(make_module_httpd, storages, settings):
    modules, lines = reproxy.http2(settings)
    httpd = make_module_httpd(modules=[*modules, "mime"], reproxy=True)
    fill(httpd)
    return reproxy.start(
        httpd, storages,
        "ReproxyFileRoot %s %s" % (httpd.path("files"),
                                   httpd.path("root-link")),
        outside=[*lines, "TypesConfig /dev/null", "AddType text/x-test .txt",
                 '<Files ".ht*">', "Require all denied", "</Files>",
                 "<Directory %s>" % httpd.path("files/denied"),
                 "Require all denied", "</Directory>",
                 '<FilesMatch "\\.denied$">', "Require all denied",
                 "</FilesMatch>",
                 "<Location /app/none/>",
                 "ReproxyFileRoot %s" % httpd.path("nowhere"),
                 "</Location>",
                 "<Location /app/type/>", "PreserveHeaders Content-Type",
                 "</Location>"])


def names(path, headers=()):
    return asks(None, [["X-Reproxy-File", path], *headers])


def file(server, path="files/data.txt"):
    return names(server.path(path).encode("utf-8").decode("latin-1"))


def assert_file(response):
    assert response.status == 200, response
    assert response.body == WHOLE
    assert response.header("Content-Length") == str(SIZE)
    assert_hidden(response)


@pytest.mark.parametrize("way", reproxy.WAYS)
def test_file_is_served(server, settings, way):
    with way_of(way, settings)(server.port) as client_:
        for _ in range(2):
            response = client_.get("/app/x", [file(server)])
            assert_file(response)
            assert response.header("Content-Type") == "text/x-test"
            assert response.header("ETag")
            assert response.header("Last-Modified")
            assert response.header("Accept-Ranges") == "bytes"


@pytest.mark.parametrize("path", [
    "files/deep/er/data.txt", "files/with blank", "files/a%20b",
    "files/ünder", "files/..a", "files/index.html", "root-link/data.txt"])
def test_path_is_taken_as_it_is(server, path):
    """Nothing in it is decoded."""
    response = server.get(HOST, "/app/x", [file(server, path)])
    assert (response.status, response.body) == (200, b"found")
    assert_hidden(response)


def test_empty_file(server):
    response = server.get(HOST, "/app/x", [file(server, "files/empty")])
    assert (response.status, response.body) == (200, b"")


@pytest.mark.parametrize("path", [
    "files/missing", "files", "files/", "files/deep", "files/deep/",
    "files/data.txt/", "files/data.txt/x", "outside/data.txt",
    "files-too/data.txt", "files/../outside/data.txt",
    "files/deep/../data.txt", "files/./data.txt", "files/../files/data.txt",
    "files/deep/../../outside/data.txt", "files/..", "files/link",
    "files/folder-link/data.txt", "files/inner-link", "files/fifo",
    "files/.htpasswd", "files/.htaccess", "files/denied/data",
    "files/data.denied", "files/unreadable", "error.log", "httpd.conf"])
def test_file_that_is_not_served(server, path):
    """502, a line in the log, and nothing of it for the client."""
    server.allow_log("reproxy:error|authz_core:error|core:error")
    response = server.get(HOST, "/app/x", [file(server, path)])
    assert_failed(response)
    assert SECRET.encode() not in response.body
    assert path.encode() not in response.body


@pytest.mark.parametrize("path", [
    "", " ", "data.txt", "./data.txt", "../data.txt", "/", "/etc/passwd",
    "//etc/passwd", "/proc/self/environ", "/dev/zero",
    "file:///etc/passwd", "http://127.0.0.1/", "~/data.txt"], ids=repr)
def test_other_paths_are_not_served(server, path):
    server.allow_log("reproxy:error|authz_core:error|core:error")
    response = server.get(HOST, "/app/x", [names(path)])
    assert_hidden(response)
    if path.strip():
        assert_failed(response)


@pytest.mark.parametrize("tail", ["\x01", "\x7f"], ids=repr)
def test_control_characters_are_refused(server, tail):
    server.allow_log("reproxy:error|core:error")
    assert_failed(server.get(HOST, "/app/x", [
        names(server.path("files/data.txt") + tail)]))


def test_long_path_is_refused(server):
    server.allow_log("reproxy:error|core:error")
    for path in ("/x" * 3000, "/" + "x" * 3000):
        assert_failed(server.get(HOST, "/app/x", [
            names(server.path("files") + path)]))


def test_no_root_is_502_and_said(make_httpd, storages):
    httpd = reproxy.start(make_httpd(reproxy=True), storages)
    httpd.write("files/data.txt", "x")
    httpd.expect_log(r"SB\d{4}: .*ReproxyFileRoot")
    assert_failed(httpd.get(HOST, "/app/x", [file(httpd)]))


def test_root_that_is_not_there(server):
    server.allow_log("reproxy:error|core:error")
    assert_failed(server.get(HOST, "/app/none/x", [file(server)]))


def test_section_of_the_file_wins_over_the_apps(make_httpd, storages):
    """Access to the app is no access to every file."""
    httpd = make_httpd(modules=["authz_host"], reproxy=True)
    fill(httpd)
    reproxy.start(httpd, storages, "ReproxyFileRoot %s" % httpd.path("files"),
                  outside=["<Directory %s>" % httpd.path("files"),
                           "Require ip 192.0.2.1", "</Directory>",
                           "<Directory %s>" % httpd.path("files/deep"),
                           "Require all granted", "</Directory>"])
    httpd.allow_log("reproxy:error|authz_core:error")
    assert_failed(httpd.get(HOST, "/app/x", [file(httpd)]))
    response = httpd.get(HOST, "/app/x", [
        file(httpd, "files/deep/er/data.txt")])
    assert response.body == b"found"


# ---- as any static file -----------------------------------------------------

@pytest.mark.parametrize("way", reproxy.WAYS)
@pytest.mark.parametrize("asked,first,last", [
    ("bytes=0-0", 0, 0), ("bytes=5-9", 5, 9), ("bytes=-10", 299990, 299999)])
def test_range(server, settings, way, asked, first, last):
    with way_of(way, settings)(server.port) as client_:
        response = client_.get("/app/x", [("Range", asked), file(server)])
    assert response.status == 206
    assert response.body == WHOLE[first:last + 1]
    assert response.header("Content-Range") == "bytes %d-%d/%d" % (
        first, last, SIZE)


def test_several_ranges(server):
    response = server.get(HOST, "/app/x", [
        ("Range", "bytes=0-0,5-9"), file(server)])
    assert response.status == 206
    assert response.header("Content-Type").startswith("multipart/byteranges")
    assert WHOLE[5:10] in response.body


def test_range_that_is_not_there(server):
    response = server.get(HOST, "/app/x", [
        ("Range", "bytes=300000-"), file(server)])
    assert response.status == 416


def test_validators(server):
    with client.Connection(server.port) as kept:
        first = kept.request("GET", "/app/x", HOST, [file(server)])
        for name, value in [("If-None-Match", first.header("ETag")),
                            ("If-Modified-Since",
                             first.header("Last-Modified"))]:
            response = kept.request("GET", "/app/x", HOST, [
                (name, value), file(server)])
            assert (response.status, response.body) == (304, b"")
            assert_hidden(response)
        assert_file(kept.request("GET", "/app/x", HOST, [
            ("If-None-Match", '"other"'), file(server)]))


def test_head(server):
    with client.Connection(server.port) as kept:
        response = kept.request("HEAD", "/app/x", HOST, [file(server)])
        assert response.status == 200
        assert response.header("Content-Length") == str(SIZE)
        assert_file(kept.request("GET", "/app/x", HOST, [file(server)]))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_method_is_get(server, method):
    """It was the app's business."""
    response = client.request(server.port, method, "/app/x", HOST,
                              body=b"x" * 100000,
                              headers=[("Range", "bytes=0-0"), file(server)])
    assert_file(response)


# ---- the app's part ---------------------------------------------------------

def test_headers_of_the_app_are_gone(server):
    order = names(server.path("files/data.txt"), [
        ["Content-Type", "text/x-app"], ["Set-Cookie", "a=1"],
        ["ETag", '"app"'], ["Content-Encoding", "x-app"]])
    response = server.get(HOST, "/app/x", [order])
    assert_file(response)
    assert response.header("Content-Type") == "text/x-test"
    assert response.all("Set-Cookie") == []
    assert response.all("Content-Encoding") == []
    assert response.header("ETag") != '"app"'


@pytest.mark.parametrize("path", ["files/data.txt", "files/data.unknown",
                                  "files/empty"])
def test_preserved_type_is_the_apps(server, path):
    order = names(server.path(path), [["Content-Type", "text/x-app"]])
    response = server.get(HOST, "/app/type/x", [order])
    assert response.status == 200
    assert response.header("Content-Type") == "text/x-app"


@pytest.mark.parametrize("status", [404, 302, 500])
def test_only_2xx_serves_a_file(server, status):
    order = asks(None, [["X-Reproxy-File", server.path("files/data.txt")]],
                 status=status)
    response = server.get(HOST, "/app/x", [order])
    assert (response.status, response.body) == (status, APP_BODY.encode())
    assert_hidden(response)


def test_expected_size_of_a_file(server):
    server.allow_log("reproxy:error")
    for size, status in [(SIZE, 200), (SIZE + 1, 502)]:
        order = names(server.path("files/data.txt"), [
            ["X-Reproxy-Expected-Size", str(size)]])
        assert server.get(HOST, "/app/x", [order]).status == status


def test_script_in_the_root_is_not_run(make_httpd, storages):
    """A file is served, whatever handler its name has."""
    httpd = make_httpd(modules=["cgi", "mime", "asis"], reproxy=True)
    path = httpd.write("files/run.cgi", "#!/bin/sh\necho ran\n")
    os.chmod(path, 0o755)
    httpd.write("files/run.asis", "X-Asis: ran\n\nbody")
    reproxy.start(httpd, storages, "ReproxyFileRoot %s" % httpd.path("files"),
                  outside=["TypesConfig /dev/null",
                           "AddHandler cgi-script .cgi",
                           "AddHandler send-as-is .asis",
                           "<Directory %s>" % httpd.path("files"),
                           "Options +ExecCGI", "</Directory>"])
    httpd.allow_log("reproxy:error")
    response = httpd.get(HOST, "/app/x", [file(httpd, "files/run.cgi")])
    assert b"ran" not in response.body.replace(b"echo ran", b"")
    response = httpd.get(HOST, "/app/x", [file(httpd, "files/run.asis")])
    assert response.all("X-Asis") == []


def test_file_is_found_anew_each_time(make_httpd, storages):
    """A link that takes the place of a folder leads nowhere."""
    httpd = make_httpd(reproxy=True)
    fill(httpd)
    reproxy.start(httpd, storages, "ReproxyFileRoot %s" % httpd.path("files"))
    httpd.allow_log("reproxy:error")
    asked = [file(httpd, "files/deep/er/data.txt")]
    assert httpd.get(HOST, "/app/x", asked).body == b"found"
    subprocess.run(["mv", httpd.path("files/deep"), httpd.path("moved")],
                   check=True, timeout=5)
    os.makedirs(httpd.path("outside/er"))
    httpd.write("outside/er/data.txt", SECRET)
    os.symlink(httpd.path("outside"), httpd.path("files/deep"))
    assert_failed(httpd.get(HOST, "/app/x", asked))


def test_no_descriptor_is_left_open(make_httpd, storages):
    httpd = make_httpd(reproxy=True, children=1)
    fill(httpd)
    reproxy.start(httpd, storages, "ReproxyFileRoot %s" % httpd.path("files"))
    httpd.allow_log("reproxy:error")

    def opened():
        return sum(descriptors(pid) for pid in httpd.child_pids())

    def ask():
        assert_file(httpd.get(HOST, "/app/x", [file(httpd)]))
        for path in ("files/deep", "files/fifo", "files/link"):
            assert_failed(httpd.get(HOST, "/app/x", [file(httpd, path)]))
        assert httpd.get(HOST, "/app/x", [
            ("Range", "bytes=0-0"), file(httpd)]).status == 206

    for _ in range(5):
        ask()
    before = opened()
    for _ in range(20):
        ask()
    assert opened() <= before + 4


def test_url_goes_before_a_file(server, storages):
    order = asks([url(storages, "s", content=9)],
                 [["X-Reproxy-File", server.path("files/data.txt")]])
    response = server.get(HOST, "/app/x", [order])
    assert response.body == content("s", 9)
