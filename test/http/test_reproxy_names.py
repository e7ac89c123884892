# SPDX-License-Identifier: Apache-2.0
"""X-Reproxy-File: names that are no URIs, and codings that a name does not
tell."""

import gzip
import os

import pytest

import reproxy
from reproxy import HOST, asks, assert_failed, assert_hidden

RAW = [byte for byte in range(1, 256) if byte not in (0x0a, 0x2f)]
"""What a name can hold and a header too; a newline needs an escape."""

ODD = ["Report90%.pdf", "100%", "a%zz.txt", "%41", "%2e%2e", "%00", "a?b=c",
       "a#b", "?", "#", "a;b", "a:b@c", "a\\b", "~", "*", "[a]", "{a}|^`",
       "http:", "a&b=c+d", "'\"<>", "...", "a..b", "-", "é".encode().decode(
           "latin-1"), "x" * 255, "%" * 80]
"""As the bytes are, in Latin-1."""


def name_of(byte):
    return "a%cb" % chr(byte)


@pytest.fixture(scope="module")
def server(make_module_httpd, storages):
    return started(make_module_httpd, storages)


@pytest.fixture
def fresh(make_httpd, storages):
    """A server that has logged nothing yet, so that nothing is suppressed."""
    return started(make_httpd, storages)


def started(make, storages):
    httpd = make(modules=["mime", "deflate"], reproxy=True)
    os.mkdir(httpd.path("files"))
    for name in [name_of(byte) for byte in range(1, 256) if byte != 0x2f] \
            + ODD + [" both ends ", "page.html.en", "denied.txt"]:
        write(httpd, name, b"it is " + name.encode("latin-1"))
    write(httpd, "packed", gzip.compress(b"text " * 1000))
    write(httpd, "named.gz", gzip.compress(b"text"))
    os.symlink("/etc/passwd", httpd.path("files/li%nk"))
    root = "ReproxyFileRoot " + httpd.path("files")
    return reproxy.start(
        httpd, storages, root,
        "PreserveHeaders Content-Type Content-Language Content-Encoding Vary",
        outside=["TypesConfig /dev/null", "AddType text/x-pdf .pdf",
                 "AddType text/html .html", "AddLanguage en .en",
                 "AddEncoding x-gzip .gz",
                 "<Location /app/escaped/>", "ReproxyFileEscapes On",
                 "</Location>",
                 "<Files denied.txt>", "Require all denied", "</Files>"])


def write(httpd, name, data):
    path = os.fsencode(httpd.path("files")) + b"/" + name.encode("latin-1")
    with open(path, "wb") as file:
        file.write(data)


def named(server, name, path="/app/x", headers=()):
    return server.get(HOST, path, [asks(None, headers=[
        ["X-Reproxy-File", server.path("files") + "/" + name], *headers])])


def escaped(name):
    return "".join("%%%02X" % ord(char) for char in name)


def assert_is(response, name):
    assert response.status == 200, response
    assert response.body == b"it is " + name.encode("latin-1")
    assert_hidden(response)


@pytest.mark.parametrize("byte", RAW)
def test_every_byte_of_a_name(server, byte):
    assert_is(named(server, name_of(byte)), name_of(byte))


@pytest.mark.parametrize("byte", [byte for byte in range(1, 256)
                                  if byte != 0x2f])
def test_every_byte_of_a_name_escaped(server, byte):
    name = name_of(byte)
    assert_is(named(server, escaped(name), "/app/escaped/x"), name)


@pytest.mark.parametrize("name", ODD)
def test_name_that_is_no_uri(server, name):
    assert_is(named(server, name), name)
    assert_is(named(server, escaped(name), "/app/escaped/x"), name)


def test_blanks_at_the_ends(server):
    assert_is(named(server, "%20both%20ends%20", "/app/escaped/x"),
              " both ends ")


def test_slashes_may_be_escaped(server):
    """As PHP's rawurlencode() of a whole path has it."""
    path = server.path("files") + "/100%"
    response = server.get(HOST, "/app/escaped/x", [asks(None, headers=[
        ["X-Reproxy-File", escaped(path)]])])
    assert_is(response, "100%")


def test_type_is_the_names(server):
    assert named(server, "Report90%.pdf").header("Content-Type") \
        == "text/x-pdf"


def assert_refused(server, name, path, why):
    """502, and the reason in the line of the log: the system's comes first."""
    server.expect_log("(?=.*SB0209: X-Reproxy-File).*" + why)
    server.allow_log("AH01630")
    assert_failed(named(server, name, path))


@pytest.mark.parametrize("name,why", [
    ("%", "two hexadecimal digits"), ("%4", "two hexadecimal digits"),
    ("a%zz.txt", "two hexadecimal digits"), ("%00", "not 00"),
    ("%2e%2e/x", "dot segments"), ("x%2f..%2f100%25", "dot segments"),
    ("no-such-file", "No such file"), ("denied.txt", "configuration denies"),
    ("li%25nk", "symbolic links")])
def test_escaped_name_that_is_refused(fresh, name, why):
    assert_refused(fresh, name, "/app/escaped/x", why)


@pytest.mark.parametrize("name,why", [
    ("no%such", "No such file"), ("100%/x", "Not a directory"),
    ("denied.txt", "configuration denies"),
    ("x" * 256, "File name too long"), ("li%nk", "symbolic links")])
def test_log_says_the_true_reason(fresh, name, why):
    assert_refused(fresh, name, "/app/x", why)


def test_several_headers_are_refused(fresh):
    fresh.expect_log("SB0209: .*several headers")
    assert_failed(named(fresh, "100%", "/app/x", [
        ["X-Reproxy-File", "/etc/passwd"]]))


# ---- what the app knows of a file -------------------------------------------

def test_coding_of_the_app(server):
    response = named(server, "packed", headers=[
        ["Content-Encoding", "gzip"], ["Content-Type", "text/x-app"]])
    assert response.header("Content-Encoding") == "gzip"
    assert response.header("Content-Type") == "text/x-app"
    assert gzip.decompress(response.body) == b"text " * 1000


def test_coding_of_the_app_takes_the_place_of_the_names(server):
    response = named(server, "named.gz", headers=[["Content-Encoding", "br"]])
    assert [value for name, value in response.headers
            if name == "Content-Encoding"] == ["br"]


def test_coding_of_the_name(server):
    assert named(server, "named.gz").header("Content-Encoding") == "x-gzip"


def test_language_is_the_apps_alone(server):
    response = named(server, "page.html.en", headers=[
        ["Content-Language", "de"]])
    assert [value for name, value in response.headers
            if name == "Content-Language"] == ["de"]
    assert named(server, "page.html.en").header("Content-Language") == "en"


def test_coding_of_the_app_is_never_storages(server, storages):
    response = server.get(HOST, "/app/x", [asks(
        [reproxy.url(storages, "s", content=500)],
        headers=[["Content-Encoding", "gzip"]])])
    assert response.header("Content-Encoding") is None
    reproxy.assert_serves(response, "s", 500)
    response = server.get(HOST, "/app/x", [asks(
        [reproxy.url(storages, "s", content=500,
                     headers=[["Content-Encoding", "br"]])],
        headers=[["Content-Encoding", "gzip"]])])
    assert response.header("Content-Encoding") == "br"
