# SPDX-License-Identifier: Apache-2.0
"""Entries with a path, and apps that know under which path they are served:
real ones, the shapes of Grafana's headers, interim responses, and entries that
want nothing rewritten."""

import pytest

import apps
import client
from maps import express


@pytest.fixture(scope="module")
def flask(module_folder):
    """The app that learns its prefix from SCRIPT_NAME, from a mount of
    uWSGI's, and from X-Forwarded-Prefix."""
    started = {}
    try:
        started["script"] = apps.gunicorn(module_folder, "/script")
        started["mount"] = apps.uwsgi(module_folder, "/mount")
        started["header"] = apps.gunicorn(module_folder)
        yield started
    finally:
        for app in started.values():
            app.stop()


@pytest.fixture(scope="module")
def server(make_module_httpd, backends, flask, maps, module_folder):
    a = backends.url("a")
    path = maps.build(module_folder + "/map", {
        "m.test": a,
        "m.test/grafana": a,
        "m.test/auth": a,
        "m.test/blog": a + "/wp",
        "m.test/v": a + "/v/2",
        "m.test/raw": a + "/wp noreverse",
        "m.test/ws": "ws" + a[len("http"):] + "/wp",
        "m.test/script": flask["script"].url("/script"),
        "m.test/mount": flask["mount"].url("/mount"),
        "m.test/header": flask["header"].url(),
    })
    httpd = make_module_httpd(modules=["headers", "setenvif"])
    return httpd.start(express(path) + """
LimitRequestFieldSize 32768
RequestHeader unset X-Forwarded-Prefix early
RequestHeader set X-Forwarded-Prefix /header \
    "expr=reqenv('PROXY_EXPRESS_KEY') == 'm.test/header'"
""")


# ---- real apps -------------------------------------------------------------

@pytest.mark.parametrize("name", ["script", "mount", "header"])
def test_flask_below_a_prefix_is_followed_as_by_a_browser(server, name):
    """Location and cookie lead back to the app, which finds its session."""
    host = "m.test:%d" % server.port
    first = server.get(host, "/%s/" % name)
    assert first.status == 302
    assert first.header("Location") == "/%s/login?next=x" % name
    cookie, *attributes = first.header("Set-Cookie").split("; ")
    path = [word for word in attributes if word.startswith("Path=")]
    # PATH_INFO of Flask: the session's path is the app's root
    assert path in (["Path=/" + name], ["Path=/"])
    login = server.get(host, first.header("Location"), [("Cookie", cookie)])
    assert (login.status, login.body.decode()) \
        == (200, "login of /%s, session of somebody" % name)


@pytest.mark.parametrize("name", ["script", "mount", "header"])
def test_flask_s_absolute_location_is_the_client_s(server, name):
    host = "m.test:%d" % server.port
    answer = server.get(host, "/%s/absolute" % name)
    assert answer.header("Location") \
        == "http://%s/%s/login" % (host, name)


# ---- headers of the same shapes --------------------------------------------

def answered(server, path, *headers, status=302):
    return server.get("m.test:%d" % server.port, path, [
        client.order(status=status, headers=[list(pair) for pair in headers])])


@pytest.mark.parametrize("name", [
    "Location", "Content-Location", "URI", "Destination"])
@pytest.mark.parametrize("sent, received", [
    ("/grafana/login", "/grafana/login"),
    ("/grafana", "/grafana"),
    ("/grafana?orgId=1", "/grafana?orgId=1"),
    ("/login", "/grafana/login"),
    ("/grafanas/login", "/grafana/grafanas/login"),
    ("{a}/grafana/login", "http://m.test:{front}/grafana/login"),
    ("{a}/login", "http://m.test:{front}/grafana/login"),
    ("http://other.test/grafana/login", "http://other.test/grafana/login"),
])
def test_path_at_or_below_the_prefix_is_left_alone(server, backends, name,
                                                   sent, received):
    names = {"a": backends.url("a"), "front": server.port}
    answer = answered(server, "/grafana/", (name, sent.format(**names)))
    assert answer.header(name) == received.format(**names)


def test_longer_backend_path_below_the_prefix_is_the_backend_s(server):
    answer = answered(server, "/v/x", ("Location", "/v/2/login"))
    assert answer.header("Location") == "/v/login"


@pytest.mark.parametrize("path, sent, received", [
    # Grafana's, with serve_from_sub_path
    ("/grafana/", "grafana_session=1; Path=/grafana; HttpOnly; SameSite=Lax",
     "grafana_session=1; Path=/grafana; HttpOnly; SameSite=Lax"),
    ("/grafana/", "redirect_to=%2Fgrafana%2F; Path=/grafana/; HttpOnly",
     "redirect_to=%2Fgrafana%2F; Path=/grafana/; HttpOnly"),
    # the backend's URL has no path: nothing to be replaced
    ("/auth/", "sid=1; Path=/; HttpOnly", "sid=1; Path=/; HttpOnly"),
    ("/auth/", "sid=1; Path=/api", "sid=1; Path=/api"),
    ("/auth/", "sid=1; Domain=127.0.0.1; Path=/", "sid=1; Path=/"),
    ("/blog/", "a=b; Path=/wp/x", "a=b; Path=/blog/x"),
    ("/blog/", "a=b; Path=/blog/x", "a=b; Path=/blog/x"),
    # what a browser would refuse
    ("/blog/", "__Host-a=b; Secure; Path=/", "__Host-a=b; Secure; Path=/"),
    ("/blog/", "__Host-a=b; Secure; Path=/wp", "__Host-a=b; Secure; Path=/wp"),
])
def test_cookie_path(server, path, sent, received):
    answer = answered(server, path, ("Set-Cookie", sent), status=200)
    assert answer.all("Set-Cookie") == [received]


def test_noreverse_rewrites_nothing(server, backends):
    sent = [("Location", backends.url("a", "/wp/x")),
            ("Content-Location", "/wp/x"), ("URI", "/wp"),
            ("Set-Cookie", "a=b; Domain=127.0.0.1; Path=/wp")]
    answer = answered(server, "/raw/x", *sent)
    for name, value in sent:
        assert answer.header(name) == value
    again = server.get("m.test", "/raw/y?z")
    assert (again.status, again.target) == (200, "/wp/y?z")


# ---- interim responses -----------------------------------------------------

EARLY = ("HTTP/1.1 103 Early Hints\r\n"
         "Link: </wp/style.css>; rel=preload\r\n"
         "Location: /wp/early\r\n"
         "Set-Cookie: one=1; Path=/wp/1\r\n"
         "Set-Cookie: two=2; Path=/other\r\n"
         "Content-Location: /wp/%s\r\n\r\n")
FINAL = ("HTTP/1.1 200 OK\r\nSet-Cookie: three=3; Path=/wp/3\r\n"
         "Content-Length: 4\r\n\r\ndone")


def read_all(server, path, raw):
    """All responses to a request, up to the final one."""
    responses = []
    with client.Connection(server.port) as connection:
        connection.send(client.request_bytes(
            "GET", path, "m.test", [client.order(raw=raw)]))
        while not responses or responses[-1].status < 200:
            responses.append(connection.read_response())
        # the connection is fit for another request
        again = connection.request("GET", "/grafana/x", "m.test")
        assert (again.status, again.target) == (200, "/x")
    return responses


@pytest.mark.parametrize("length", [4, 8000, 8100])
def test_interim_response_is_rewritten(server, length):
    """Also one with a header that is sent by itself."""
    name = "x" * length
    early, final = read_all(server, "/blog/", EARLY % name + FINAL)
    assert (early.status, final.status) == (103, 200)
    assert early.header("Link") == "</wp/style.css>; rel=preload"
    assert early.header("Location") == "/blog/early"
    assert early.all("Set-Cookie") == ["one=1; Path=/blog/1",
                                       "two=2; Path=/other"]
    assert early.header("Content-Location") == "/blog/" + name
    assert final.header("Set-Cookie") == "three=3; Path=/blog/3"
    assert final.body == b"done"


def test_each_of_several_interim_responses_is_rewritten(server):
    responses = read_all(server, "/blog/",
                         3 * (EARLY % "x") + EARLY % "y" + FINAL)
    assert [one.status for one in responses] == 4 * [103] + [200]
    assert [one.header("Content-Location") for one in responses[:4]] \
        == 3 * ["/blog/x"] + ["/blog/y"]


def test_interim_response_of_an_entry_that_wants_nothing_rewritten(server):
    early, final = read_all(server, "/raw/", EARLY % "x" + FINAL)
    assert early.header("Location") == "/wp/early"
    assert final.header("Set-Cookie") == "three=3; Path=/wp/3"


def test_bytes_after_an_upgrade_are_no_interim_response(server):
    """Whatever they look like."""
    bytes_sent = (EARLY % "x").encode("ascii")
    with client.Connection(server.port) as connection:
        connection.send(client.request_bytes(
            "GET", "/ws/", "m.test",
            [("Connection", "Upgrade"), ("Upgrade", "websocket")]))
        assert connection.read_response().status == 101
        for _ in range(3):
            connection.send(bytes_sent)
            assert connection._exactly(len(bytes_sent), 0) == bytes_sent
