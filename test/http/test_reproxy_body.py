# SPDX-License-Identifier: Apache-2.0
"""The app's answer without a body, with one that never comes, with one that
never ends; and bodies of failed attempts that do not end either.  What is
dropped is dropped within bounds, and the next one is asked.

Pauses are a minute long: an answer that comes within SOON has not waited."""

import os
import time

import pytest

import client
import reproxy
from backend import Backends
from h2app import H2App
from reproxy import ATTEMPT_LOG, HOST, asks, assert_serves, url

LONG = 60
SOON = 20

GATEWAYS = ("fcgi", "scgi", "uwsgi", "ajp")

LUA = """
function handle(r)
    r.headers_out['X-Reproxy-URL'] = r.headers_in['X-Ask-URL']
    r.headers_out['X-Reproxy-File'] = r.headers_in['X-Ask-File']
    if r.headers_in['X-Ask-Status'] then
        r.status = tonumber(r.headers_in['X-Ask-Status'])
    end
    return tonumber(r.headers_in['X-Ask-Return'] or '0')
end
"""

CGI = {
    "none": "",
    "waits": "exec sleep %d" % LONG,
    "drips": "while echo drop; do sleep 0.05; done",
    "endless": "exec yes",
}
"""What a CGI program does after its header."""


@pytest.fixture(scope="module")
def gateways():
    started = Backends(*("%s:%s" % (name, name) for name in GATEWAYS))
    yield started
    started.stop()


@pytest.fixture(scope="module")
def h2app():
    started = H2App()
    yield started
    started.stop()


@pytest.fixture(scope="module")
def server(make_module_httpd, storages, gateways, h2app):
    httpd = make_module_httpd(
        modules=["lua", "alias", "cgi", "proxy_http2"] + ["proxy_" + name
                                           for name in GATEWAYS],
        pool=True, reproxy=True)
    for name, text in CGI.items():
        os.chmod(httpd.write(
            "cgi/" + name, "#!/bin/sh\n"
            'printf "X-Reproxy-URL: %%s\\n\\n" "$HTTP_X_ASK_URL"\n%s\n'
            % text), 0o755)
    httpd.write("htdocs/a.bin", "a file\n")
    lines = ["ProxyTimeout %d" % LONG,
             "LuaMapHandler ^/lua/ %s handle" % httpd.write("app.lua", LUA),
             "ScriptAlias /cgi/ %s/" % httpd.path("cgi"),
             "ProxyPass /h2c/ h2c://127.0.0.1:%d/" % h2app.port]
    for name in GATEWAYS:
        lines += ["ProxyPass /%s/ %s://127.0.0.1:%d/"
                  % (name, name, gateways.port[name])]
    for name in (*GATEWAYS, "lua", "cgi", "h2c"):
        lines += ["<Location /%s/>" % name, "AllowReproxy On",
                  "ReproxyFileRoot " + httpd.path("htdocs"), "</Location>"]
    return reproxy.start(httpd, storages, outside=lines)


def soon(server, path, headers):
    """The answer, which has not waited for what never comes."""
    began = time.monotonic()
    with client.Connection(server.port, timeout=LONG) as connection:
        response = connection.request("GET", path, HOST, headers)
    assert time.monotonic() - began < SOON, "it waited"
    return response


# ---- headers alone ----------------------------------------------------------

@pytest.mark.parametrize("status", [200, 204, 206])
@pytest.mark.parametrize("gateway", ["app", *GATEWAYS])
def test_gateway_that_sends_headers_alone(server, storages, gateway, status):
    assert_serves(soon(server, "/%s/x" % gateway, [
        asks([url(storages, "s", content=5000)], body="", status=status)]),
        "s", 5000)


LUA_ANSWERS = {
    "returns OK": [],
    "status 204": [("X-Ask-Status", "204")],
    "returns 204": [("X-Ask-Return", "204")],
    "returns 200": [("X-Ask-Return", "200")],
}


@pytest.mark.parametrize("way", LUA_ANSWERS)
def test_handler_that_passes_nothing_on(server, storages, way):
    assert_serves(soon(server, "/lua/x", [
        ("X-Ask-URL", url(storages, "s", content=5000)), *LUA_ANSWERS[way]]),
        "s", 5000)
    response = soon(server, "/lua/x", [
        ("X-Ask-File", server.path("htdocs/a.bin")), *LUA_ANSWERS[way]])
    assert (response.status, response.body) == (200, b"a file\n")


@pytest.mark.parametrize("status", [404, 500, 304, 302])
def test_handler_that_returns_another_status_is_not_reproxied(server, storages,
                                                              status):
    response = soon(server, "/lua/x", [
        ("X-Ask-URL", url(storages, "s", content=5000)),
        ("X-Ask-Return", str(status))])
    assert response.status == status
    reproxy.assert_hidden(response)


@pytest.mark.parametrize("back", ["0", "204"])
def test_handler_that_passes_and_names_nothing(server, back):
    response = soon(server, "/lua/x", [("X-Ask-Return", back)])
    assert response.status == (204 if back == "204" else 200)
    assert response.body == b""


# ---- bodies of the app ------------------------------------------------------

BODIES = {
    "declared and never sent": {"length": 100000, "body": ""},
    "a part of what was declared": {"length": 100000, "body": "x" * 10},
    "a chunk, then nothing": {"chunked": True, "body": "xy", "pieces": 2,
                              "pause": LONG},
    "a drip": {"chunked": True, "size": 10000, "pieces": 10000,
               "pause": 0.05},
    "a drip until the end": {"length": None, "size": 10000,
                             "pieces": 10000, "pause": 0.05},
    "10 MB": {"size": 10 * 1024 * 1024},
}


@pytest.mark.parametrize("body", BODIES)
def test_storage_is_asked_while_the_app_still_sends(server, storages, body):
    # and nothing is logged above debug: the fixture sees to it
    assert_serves(soon(server, "/app/x", [
        asks([url(storages, "s", content=5000)], **BODIES[body])]), "s", 5000)


@pytest.mark.parametrize("length, body", [
    ("", "end"), ("", "xy"), ("1000", "xy")])
def test_app_of_http_2_that_leaves_its_stream_open(server, storages, length,
                                                   body):
    assert_serves(soon(server, "/h2c/x", [
        ("X-Ask-URL", url(storages, "s", content=5000)),
        ("X-Ask-Length", length), ("X-Ask-Body", body)]), "s", 5000)


def test_app_that_is_given_up_serves_on_a_new_connection(server, storages):
    for _ in range(3):
        assert_serves(soon(server, "/app/x", [
            asks([url(storages, "s", content=50)],
                 **BODIES["declared and never sent"])]), "s", 50)
        assert_serves(soon(server, "/app/x", [
            asks([url(storages, "t", content=60)])]), "t", 60)


def test_body_after_the_header_keeps_the_connection(make_httpd, storages):
    """Many an app writes its header first: what comes within the bound is
    read to its end."""
    httpd = reproxy.start(make_httpd(reproxy=True, children=1), storages)

    def connections():
        return client.get(storages.port["app"], "stats", headers=[
            client.order(stats=True)]).json()["connections"]

    before = connections()
    with client.Connection(httpd.port) as kept:
        for _ in range(10):
            assert_serves(kept.request("GET", "/app/x", HOST, [
                asks([url(storages, "s", content=50)], body="xy", pieces=2,
                     pause=0.001)]), "s", 50)
    # one, and that of the question; a machine that is very slow may give one
    # up now and then, never each
    assert connections() - before < 8


@pytest.mark.parametrize("program", CGI)
def test_program_that_goes_on_after_its_header(server, storages, program):
    assert_serves(soon(server, "/cgi/" + program, [
        ("X-Ask-URL", url(storages, "s", content=5000))]), "s", 5000)


# ---- bodies of failed attempts ----------------------------------------------

@pytest.mark.parametrize("body", BODIES)
def test_next_url_is_tried_while_the_failed_one_still_sends(server, storages,
                                                            body):
    urls = [url(storages, "t", status=404, **BODIES[body]),
            url(storages, "s", content=5000)]
    assert_serves(soon(server, "/app/x", [asks(urls)]), "s", 5000)


def test_error_that_never_ends_is_a_failure(server, storages):
    server.allow_log(ATTEMPT_LOG)
    response = soon(server, "/app/x", [asks([
        url(storages, "t", status=500, length=1000, body="")])])
    reproxy.assert_failed(response)
