# SPDX-License-Identifier: Apache-2.0
"""An app that names a URL which leads back to it: the loop ends after a few
rounds, and only its own request notices."""

import json
import re
import threading

import pytest

import reproxy
from reproxy import (HOST, asks, assert_failed, assert_hidden, assert_serves,
                     counted, url)

ROUNDS = 3
"""How often the app is asked: by the client, and by two attempts."""

CLIENTS = {"event": 40, "worker": 40, "prefork": 10}
"""Loops at once: each takes ROUNDS workers, and a worker is left."""


def answers(path, urls):
    """Has the app name these URLs whenever it is asked below this path: what
    a request of the server to itself carries no order for."""
    order = json.dumps({"count": True, "body": "",
                        "headers": [["X-Reproxy-URL", " ".join(urls)]]})
    return ["<Location %s>" % path,
            "RequestHeader set X-Backend '%s'" % order.replace("%", "%%"),
            "</Location>"]


@pytest.fixture(scope="module", params=["", "ReproxyAllow"])
def server(request, make_module_httpd, storages, settings):
    """The app is below /app/ and in scope.  It names URLs of this server."""
    httpd = make_module_httpd(
        modules=["headers"], reproxy=True,
        children=2 if settings.mpm == "prefork" else 1,
        threads=CLIENTS[settings.mpm] * ROUNDS + 20)
    own = "http://127.0.0.1:%d" % httpd.port
    allow = ["ReproxyAllow %s %s" % (own, " ".join(
        storages.url(name) for name in storages.port))]
    httpd.expect_log("SB0208") if not request.param else None
    # a child of worker ends when its kept connections to itself do
    lines = ["KeepAliveTimeout 1",
             "ProxyPass /app/ " + storages.url("app", "/"),
             "ProxyPass /relay/ %s/app/" % own,
             "<Location /app/>", "AllowReproxy On",
             *(allow if request.param else []), "</Location>"]
    lines += answers("/app/loop", [own + "/app/loop"])
    lines += answers("/app/again", [own + "/app/again"] * 8)
    lines += answers("/app/relayed", [own + "/relay/relayed"])
    lines += answers("/app/ping", [own + "/app/pong"])
    lines += answers("/app/pong", [own + "/app/ping"])
    lines += answers("/app/chain", [own + "/app/chained"])
    lines += answers("/app/chained", [url(storages, "s", content=5000)])
    lines += answers("/app/other", [own + "/app/loop",
                                    url(storages, "s", content=5000)])
    lines += ['LogFormat "%{reproxy-url}n %{reproxy-attempts}n '
              '%{reproxy-result}n %>s %U" reproxy',
              "CustomLog access.log reproxy"]
    return httpd.start("\n".join(lines) + "\n")


def times(storages, path):
    return counted(storages, "app", path)


@pytest.mark.parametrize("path,asked", [
    ("loop", {"loop": 3}), ("again", {"again": 3}),
    ("relayed", {"relayed": 3}), ("ping", {"ping": 2, "pong": 1})])
def test_loop_ends_after_a_few_rounds(server, storages, path, asked):
    server.allow_log("SB0210")
    before = {name: times(storages, "/" + name) for name in asked}
    assert_failed(server.get(HOST, "/app/" + path), 502)
    assert {name: times(storages, "/" + name) - before[name]
            for name in asked} == asked
    lines = [line for line in server.log().splitlines()
             if re.search(r"SB\d+: .*/app/(%s) " % "|".join(asked), line)]
    assert len(lines) == 1, lines


def test_note_says_loop(server):
    server.allow_log("SB0210")
    server.get(HOST, "/app/loop")

    def found():
        with open(server.path("access.log"), encoding="latin-1") as file:
            return [line for line in file if line.split()[3:] ==
                    ["502", "/app/loop"]]
    lines = reproxy.wait_for(found, 30, "the access log has the client's")
    assert lines[-1].split()[2] == "loop"


def test_other_clients_are_served_meanwhile(server, storages, settings):
    """As many loops as clients come at once: each holds a few workers for a
    moment."""
    server.allow_log("SB0210")
    got = []

    def ask():
        got.append(server.get(HOST, "/app/loop").status)

    clients = CLIENTS[settings.mpm]
    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    assert_serves(server.get(HOST, "/app/x", [
        asks([url(storages, "s", content=5000)])]), "s", 5000)
    for thread in threads:
        thread.join()
    assert got == [502] * clients


def test_next_url_is_not_tried(server):
    """It was named by the same app, which the loop has asked often enough."""
    server.allow_log("SB0210")
    assert_failed(server.get(HOST, "/app/other"), 502)


def test_app_may_name_an_app_of_the_same_server(server):
    assert_serves(server.get(HOST, "/app/chain"), "s", 5000)


def test_storage_sees_where_the_request_was(server, storages):
    response = server.get(HOST, "/app/x", [
        ("CDN-Loop", "cdn.example; a=b"), asks([url(storages, "s")])])
    field = ", ".join(response.received("CDN-Loop"))
    assert re.fullmatch(r"cdn\.example; a=b, switchboard-reproxy-[0-9a-f]{16}",
                        field)


def test_request_that_says_so_itself_harms_only_itself(server, storages):
    server.allow_log("SB0210")
    asked = asks([url(storages, "s")])
    name = server.get(HOST, "/app/x", [asked]).received("CDN-Loop")[0]
    response = server.get(HOST, "/app/y", [("CDN-Loop", name + ", " + name),
                                           asked])
    assert response.status == 508
    assert_hidden(response)
    assert server.get(HOST, "/app/x", [asked]).status == 200


def test_508_of_others_is_a_failure_like_others(server, storages):
    assert_serves(server.get(HOST, "/app/x", [asks([
        url(storages, "t", status=508, headers=[
            ["Proxy-Status", "another; error=proxy_loop_detected"]]),
        url(storages, "s", content=5000)])]), "s", 5000)
