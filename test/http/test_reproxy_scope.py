# SPDX-License-Identifier: Apache-2.0
"""Where mod_reproxy acts, what it takes from an app, and its directives."""

import os

import pytest

import client
import reproxy
from maps import express
from reproxy import (APP_BODY, ATTEMPT_LOG, HOST, asks, assert_failed,
                     assert_hidden, assert_serves, counted, new_name, url)

SIZE = 30000
CAPABILITIES = "X-Proxy-Capabilities"


def good(storages, **more):
    return url(storages, "s", "/good", content=SIZE, **more)


def sections(storages):
    """Locations with the app, and what is said of each."""
    app = storages.url("app", "/")
    return """
        ReproxyAllow %s
        ProxyPass /on/ %s
        ProxyPass /off/ %s
        <Location /on/>
        AllowReproxy On
        </Location>
        <Location /on/off/>
        AllowReproxy Off
        </Location>
        <Location /on/off/on/>
        AllowReproxy On
        </Location>
        """ % (reproxy.allow_all(storages).partition(" ")[2], app, app)


@pytest.fixture(scope="module")
def server(make_module_httpd, storages):
    return make_module_httpd(reproxy=True).start(sections(storages))


# ---- where ------------------------------------------------------------------

@pytest.mark.parametrize("path", ["/on/x", "/on/off/on/x"])
def test_in_scope(server, storages, path):
    assert_serves(server.get(HOST, path, [asks([good(storages)])]), "s", SIZE)


@pytest.mark.parametrize("path", ["/off/x", "/on/off/x"])
def test_out_of_scope_nothing_is_touched(server, storages, path):
    asked = "/" + new_name()
    text = url(storages, "s", asked, count=True)
    response = server.get(HOST, path, [
        asks(text, [["X-Reproxy-Expected-Size", "1"],
                    ["X-Reproxy-Other", "2"], ["X-Reproxy-File", "/x"]])])
    assert response.status == 200
    assert response.body == APP_BODY.encode()
    assert response.header("X-Reproxy-URL") == text
    assert response.header("X-Reproxy-Expected-Size") == "1"
    assert response.header("X-Reproxy-Other") == "2"
    assert response.header("X-Reproxy-File") == "/x"
    assert counted(storages, "s", asked) == 0


def test_virtual_host_and_its_exception(make_httpd, storages):
    app = storages.url("app", "/")
    httpd = make_httpd(reproxy=True)
    other = httpd.listen()
    httpd.start("""
        AllowReproxy On
        %s
        ProxyPass / %s
        <Location /off/>
        AllowReproxy Off
        </Location>
        <VirtualHost *:%d>
        AllowReproxy Off
        ProxyPass / %s
        <Location /on/>
        AllowReproxy On
        </Location>
        </VirtualHost>
        """ % (reproxy.allow_all(storages), app, other, app))
    order = [asks([good(storages)])]
    assert_serves(httpd.get(HOST, "/x", order), "s", SIZE)
    assert httpd.get(HOST, "/off/x", order).body == APP_BODY.encode()
    assert client.get(other, HOST, "/x", order).body == APP_BODY.encode()
    assert_serves(client.get(other, HOST, "/on/x", order), "s", SIZE)


def test_section_with_a_condition(make_httpd, storages):
    httpd = make_httpd(reproxy=True).start("""
        %s
        ProxyPass / %s
        <If "%%{HTTP:X-In} == '1'">
        AllowReproxy On
        </If>
        """ % (reproxy.allow_all(storages), storages.url("app", "/")))
    order = asks([good(storages)])
    assert_serves(httpd.get(HOST, "/x", [("X-In", "1"), order]), "s", SIZE)
    assert httpd.get(HOST, "/x", [order]).body == APP_BODY.encode()
    assert httpd.get(HOST, "/x", [("X-In", "1")]).received(CAPABILITIES) \
        == ["reproxy-file"]
    assert httpd.get(HOST, "/x").received(CAPABILITIES) == []


def asis(httpd, path, *lines):
    """A file that mod_asis sends, with these headers."""
    return httpd.write("htdocs/" + path,
                       "Status: 200 OK\n" + "\n".join(lines)
                       + "\n\n" + APP_BODY)


def test_directory_and_files(make_httpd, storages):
    httpd = make_httpd(modules=["asis", "mime"], reproxy=True)
    for path in ("in/a.asis", "in/b.asis", "in/deep/a.asis", "out/a.asis",
                 "out/f.asis"):
        asis(httpd, path, "X-Reproxy-URL: " + good(storages))
    httpd.start("""
        TypesConfig /dev/null
        AddHandler send-as-is asis
        %s
        <Directory %s>
        AllowReproxy On
        </Directory>
        <Directory %s>
        <Files b.asis>
        AllowReproxy Off
        </Files>
        </Directory>
        <Files f.asis>
        AllowReproxy On
        </Files>
        """ % (reproxy.allow_all(storages), httpd.path("htdocs/in"),
               httpd.path("htdocs/in")))
    for path in ("/in/a.asis", "/in/deep/a.asis", "/out/f.asis"):
        assert_serves(httpd.get(HOST, path), "s", SIZE)
    for path in ("/in/b.asis", "/out/a.asis"):
        response = httpd.get(HOST, path)
        assert response.body == APP_BODY.encode()
        assert response.header("X-Reproxy-URL") == good(storages)


# ---- what an app is told ----------------------------------------------------

@pytest.mark.parametrize("path,told", [
    ("/on/x", ["reproxy-file"]), ("/off/x", []), ("/on/off/x", [])])
@pytest.mark.parametrize("claimed", [
    [], [(CAPABILITIES, "reproxy-file")], [(CAPABILITIES, "evil, x")],
    [("x-proxy-capabilities", "a"), ("X-PROXY-CAPABILITIES", "b")]])
def test_app_is_told_what_we_can(server, path, told, claimed):
    """Exactly that, and never what a client says."""
    response = server.get(HOST, path, claimed)
    assert response.received(CAPABILITIES) == told


def test_client_cannot_take_it_away(server):
    """By naming it among the headers of its connection."""
    response = server.get(HOST, "/on/x", [
        ("Connection", CAPABILITIES), (CAPABILITIES, "evil")])
    assert response.received(CAPABILITIES) == ["reproxy-file"]


def test_client_cannot_ask_to_reproxy(server, storages):
    """X-Reproxy-URL of a request is nothing."""
    asked = "/" + new_name()
    text = url(storages, "s", asked, count=True)
    response = server.get(HOST, "/on/x", [("X-Reproxy-URL", text)])
    assert response.backend == "app"
    assert counted(storages, "s", asked) == 0


def test_storage_is_not_told(server, storages):
    response = server.get(HOST, "/on/x", [asks([url(storages, "s")])])
    assert response.backend == "s"
    assert response.received(CAPABILITIES) == []


# ---- every kind of app ------------------------------------------------------

@pytest.fixture(scope="module")
def gateways():
    from backend import Backends
    started = Backends("fcgi:fcgi", "scgi:scgi", "uwsgi:uwsgi", "ajp:ajp",
                       *reproxy.BACKENDS)
    yield started
    started.stop()


CGI = """#!/bin/sh
printf 'Content-Type: text/x-app\\r\\n'
printf 'Set-Cookie: a=1\\r\\nSet-Cookie: b=2\\r\\n'
test -z "$QUERY_STRING" || printf 'X-Reproxy-URL: %s\\r\\n' "$QUERY_STRING"
printf '\\r\\n'
printf 'capable=%s' "$HTTP_X_PROXY_CAPABILITIES"
"""


@pytest.fixture(scope="module")
def every_app(make_module_httpd, gateways):
    httpd = make_module_httpd(
        modules=["proxy_fcgi", "proxy_scgi", "proxy_uwsgi", "proxy_ajp",
                 "proxy_balancer", "slotmem_shm", "lbmethod_byrequests",
                 "rewrite", "asis", "cgi", "alias", "mime"], reproxy=True)
    os.chmod(httpd.write("cgi/app", CGI), 0o755)
    os.chmod(httpd.write("cgi-off/app", CGI), 0o755)
    asis(httpd, "app.asis", "Set-Cookie: a=1", "Set-Cookie: b=2",
         "X-Reproxy-URL: " + good(gateways))
    asis(httpd, "folder/index.asis", "Set-Cookie: a=1", "Set-Cookie: b=2",
         "X-Reproxy-URL: " + good(gateways))
    port = gateways.port
    return httpd.start("""
        <Location />
        AllowReproxy On
        PreserveHeaders Set-Cookie
        </Location>
        <Location /cgi-off>
        AllowReproxy Off
        </Location>
        %s
        ProxyPass /http/ %s
        ProxyPass /fcgi/ fcgi://127.0.0.1:%d/
        ProxyPass /scgi/ scgi://127.0.0.1:%d/
        ProxyPass /uwsgi/ uwsgi://127.0.0.1:%d/
        ProxyPass /ajp/ ajp://127.0.0.1:%d/
        <Proxy balancer://apps>
        BalancerMember http://127.0.0.1:%d
        </Proxy>
        ProxyPass /balancer/ balancer://apps/
        RewriteEngine On
        RewriteRule ^/rewrite/(.*) %s [P]
        <Location /handler/>
        SetHandler "proxy:%s"
        </Location>
        ScriptAlias /cgi/ %s/
        ScriptAlias /cgi-off/ %s/
        TypesConfig /dev/null
        AddHandler send-as-is asis
        DirectoryIndex index.asis
        """ % (reproxy.allow_all(gateways), gateways.url("app", "/"),
               port["fcgi"], port["scgi"], port["uwsgi"], port["ajp"],
               port["app"], gateways.url("app", "/$1"),
               gateways.url("app"), httpd.path("cgi"),
               httpd.path("cgi-off")))


@pytest.mark.parametrize("app", [
    "http", "fcgi", "scgi", "uwsgi", "ajp", "balancer", "rewrite", "handler"])
def test_every_proxied_app(every_app, gateways, app):
    every_app.allow_log(ATTEMPT_LOG)
    order = asks([url(gateways, "t", status=404, body="no"), good(gateways)],
                 [["Set-Cookie", "a=1"], ["Set-Cookie", "b=2"],
                  ["X-App", "1"]])
    with client.Connection(every_app.port) as kept:
        for _ in range(2):
            response = kept.request("GET", "/%s/x" % app, HOST, [order])
            assert_serves(response, "s", SIZE)
            assert response.all("Set-Cookie") == ["a=1", "b=2"]
            assert response.all("X-App") == []


@pytest.mark.parametrize("path", ["/cgi/app?", "/app.asis?", "/folder/?"])
def test_every_other_app(every_app, gateways, path):
    with client.Connection(every_app.port) as kept:
        for _ in range(2):
            response = kept.request("GET", path + good(gateways), HOST)
            assert_serves(response, "s", SIZE)
            assert response.all("Set-Cookie") == ["a=1", "b=2"]


@pytest.mark.parametrize("path,told", [("/cgi/app", "reproxy-file"),
                                       ("/cgi-off/app", "")])
def test_script_is_told_what_we_can(every_app, path, told):
    response = every_app.get(HOST, path, [(CAPABILITIES, "evil")])
    assert response.body == b"capable=" + told.encode()


def test_post_to_a_script_is_reproxied(every_app, gateways):
    # The script reads none of it.
    every_app.allow_log("AH02651")
    with client.Connection(every_app.port) as kept:
        for _ in range(3):
            response = kept.request("POST", "/cgi/app?" + good(gateways),
                                    HOST, body=b"x" * 100000)
            assert_serves(response, "s", SIZE)


def test_app_of_a_map(make_httpd, storages, maps, folder):
    """Its entry's options are none of storage's."""
    httpd = make_httpd(reproxy=True, pool=True, children=1)
    path = maps.build(folder + "/map", {
        HOST: storages.url("app") + " timeout=2 ttl=60"})
    httpd.start(express(path, "lmdb", "AllowReproxy On",
                        "ProxyPoolSet ttl=60",
                        reproxy.allow_all(storages)))
    slow = url(storages, "s", content=SIZE, delay=2.5)
    numbers = set()
    for _ in range(2):
        assert_serves(httpd.get(HOST, "/x", [asks([slow])]), "s", SIZE)
        numbers.add(httpd.get(HOST, "/x", [asks([
            url(storages, "s")])]).json()["connection"])
    assert len(numbers) == 1


# ---- the app's answer -------------------------------------------------------

@pytest.mark.parametrize("order", [
    {"body": ""}, {"content": 100}, {"content": 5000000},
    {"content": 5000000, "chunked": True}, {"content": 70000, "length": None},
    {"content": 3000, "chunked": True, "pieces": 1000},
    {"content": 90, "pieces": 9, "pause": 0.05},
    {"content": 90, "pieces": 9, "pause": 0.05, "chunked": True}],
    ids=str)
@pytest.mark.parametrize("way", reproxy.WAYS)
def test_body_of_the_app_is_swallowed_whole(make_httpd, storages, settings,
                                            way, order):
    modules, lines = reproxy.http2(settings)
    httpd = reproxy.start(make_httpd(modules=modules, reproxy=True), storages,
                          outside=lines)
    with reproxy.way_of(way, settings)(httpd.port) as client_:
        for _ in range(2):
            assert_serves(client_.get("/app/x", [
                asks([good(storages)], **order)]), "s", SIZE)
        assert client_.get("/app/x", [asks(None)]).body == APP_BODY.encode()


@pytest.mark.parametrize("status", [200, 201, 202, 203, 206, 299])
def test_2xx_of_the_app_is_reproxied(server, storages, status):
    """The status is storage's."""
    response = server.get(HOST, "/on/x", [
        asks([good(storages)], status=status)])
    assert_serves(response, "s", SIZE)


def test_204_of_the_app_is_reproxied(server, storages):
    response = server.get(HOST, "/on/x", [
        asks([good(storages)], status=204, body="", length=None)])
    assert_serves(response, "s", SIZE)


@pytest.mark.parametrize("status", [301, 302, 400, 401, 403, 404, 410, 500,
                                    503])
def test_other_answers_pass_through(server, storages, status):
    """Without our headers."""
    asked = "/" + new_name()
    response = server.get(HOST, "/on/x", [
        asks([url(storages, "s", asked, count=True)],
             [["X-Reproxy-Expected-Size", "1"], ["X-Reproxy-File", "/x"],
              ["X-App", "1"], ["Location", "/elsewhere"]], status=status)])
    assert response.status == status
    assert response.body == APP_BODY.encode()
    assert response.header("X-App") == "1"
    assert_hidden(response)
    assert counted(storages, "s", asked) == 0


def test_304_of_the_app_passes_through(server, storages):
    asked = "/" + new_name()
    response = server.get(HOST, "/on/x", [
        ("If-None-Match", '"e"'),
        asks([url(storages, "s", asked, count=True)], [["ETag", '"e"']],
             status=304)])
    assert response.status == 304
    assert response.header("ETag") == '"e"'
    assert_hidden(response)
    assert counted(storages, "s", asked) == 0


def test_answer_that_names_nothing_passes_through(server):
    response = server.get(HOST, "/on/x", [
        asks(None, [["X-Reproxy-Expected-Size", "1"],
                    ["x-reproxy-anything", "2"], ["X-App", "1"]])])
    assert (response.status, response.body) == (200, APP_BODY.encode())
    assert response.header("X-App") == "1"
    assert_hidden(response)


def begins_before_it_ends(server, storages, word, headers):
    """Its body begins at the client while the backend holds the rest."""
    with client.Connection(server.port) as connection:
        connection.send(client.request_bytes("GET", "/on/x", HOST, headers))
        seen = b""
        while not seen.partition(b"\r\n\r\n")[2]:
            seen += connection.socket.recv(1)
        storages.tell(release=word)
        connection.buffer = seen
        assert len(connection.read_response().body) == 400


@pytest.mark.parametrize("framing", [{}, {"chunked": True}])
def test_answer_that_is_none_of_ours_is_not_held_back(server, storages,
                                                      framing):
    """Events of an app go to the client as they come."""
    word = new_name()
    begins_before_it_ends(server, storages, word, [asks(
        None, content=400, pieces=4, hold_body=word, **framing)])


@pytest.mark.parametrize("framing", [{}, {"chunked": True}])
def test_body_of_storage_is_not_held_back(server, storages, framing):
    word = new_name()
    begins_before_it_ends(server, storages, word, [asks([url(
        storages, "s", content=400, pieces=4, hold_body=word, **framing)])])


def test_upgraded_connection_goes_through(make_httpd, storages):
    httpd = make_httpd(reproxy=True).start("""
        ProxyPass / %s upgrade=websocket
        AllowReproxy On
        %s
        """ % (storages.url("app", "/"), reproxy.allow_all(storages)))
    with client.Connection(httpd.port) as connection:
        answer = connection.request("GET", "/chat", HOST, [
            ("Connection", "Upgrade"), ("Upgrade", "websocket")])
        assert answer.status == 101
        for word in (b"ping", b"pong"):
            connection.send(word)
            assert connection._exactly(4, 0) == word


def test_hints_of_the_app_are_no_answer(server, storages):
    raw = ("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
           "HTTP/1.1 200 OK\r\nX-Reproxy-URL: %s\r\n"
           "Content-Length: 2\r\nConnection: close\r\n\r\nno"
           % good(storages))
    with client.Connection(server.port) as kept:
        response = kept.request("GET", "/on/x", HOST, [client.order(raw=raw)])
        if response.status == 103:
            response = kept.read_response()
        assert_serves(response, "s", SIZE)


def test_app_that_cannot_be_reached_is_its_own_failure(make_httpd, storages):
    httpd = make_httpd(reproxy=True).start("""
        %s
        ProxyPass / %s/
        <Location />
        AllowReproxy On
        </Location>
        """ % (reproxy.allow_all(storages), storages.url("refused")))
    httpd.allow_log(ATTEMPT_LOG)
    assert httpd.get(HOST, "/x").status == 503


def test_app_that_breaks_off_behind_its_header_is_reproxied_or_502(
        server, storages):
    """Never a mixture."""
    server.allow_log(ATTEMPT_LOG)
    response = server.get(HOST, "/on/x", [
        asks([good(storages)], content=100000, cut=50000)])
    if response.status == 200:
        assert_serves(response, "s", SIZE)
    else:
        assert_failed(response)


def test_header_twice_is_one_list(server, storages):
    """A field that occurs twice is a list in order (RFC 9110, 5.3)."""
    response = server.get(HOST, "/on/x", [asks(None, [
        ["X-Reproxy-URL", url(storages, "t", status=404)],
        ["X-Reproxy-URL", good(storages)]])])
    assert_serves(response, "s", SIZE)


# ---- what the client gets ---------------------------------------------------

def test_headers_are_storages(server, storages):
    text = good(storages, headers=[
        ["Content-Type", "image/x-storage"], ["Set-Cookie", "s=1"],
        ["Set-Cookie", "s=2"], ["X-Storage", "yes"], ["ETag", '"s"'],
        ["Cache-Control", "max-age=5"]])
    response = server.get(HOST, "/on/x", [asks([text], [
        ["Content-Type", "text/x-app"], ["Set-Cookie", "a=1"],
        ["X-App", "yes"], ["ETag", '"a"'], ["Content-Encoding", "x-app"],
        ["Content-Language", "xx"], ["WWW-Authenticate", "x"],
        ["Location", "/x"], ["Last-Modified",
                             "Mon, 01 Jan 2024 00:00:00 GMT"]])])
    assert_serves(response, "s", SIZE)
    assert response.header("Content-Type") == "image/x-storage"
    assert response.all("Set-Cookie") == ["s=1", "s=2"]
    assert response.header("X-Storage") == "yes"
    assert response.header("ETag") == '"s"'
    for name in ("X-App", "Content-Encoding", "Content-Language",
                 "WWW-Authenticate", "Location", "Last-Modified"):
        assert response.all(name) == []


def test_x_reproxy_of_storage_is_dropped(server, storages):
    """It is neither followed nor shown."""
    asked = "/" + new_name()
    target = url(storages, "t", asked, count=True)
    text = good(storages, headers=[["X-Reproxy-URL", target],
                                   ["X-Reproxy-File", "/etc/passwd"],
                                   ["X-Reproxy-Expected-Size", "1"]])
    assert_serves(server.get(HOST, "/on/x", [asks([text])]), "s", SIZE)
    assert counted(storages, "t", asked) == 0


# ---- directives -------------------------------------------------------------

DIRECTIVES = {
    "AllowReproxy": "On",
    "PreserveHeaders": "Content-Type",
    "ReproxyAllow": "http://storage.example/",
    "ReproxyForwardHeaders": "Authorization",
    "ReproxyMaxURLs": "3",
    "ReproxyTimeout": "500ms",
    "ReproxyFileRoot": "/tmp",
}


@pytest.mark.parametrize("name", DIRECTIVES)
def test_directive_in_every_section(make_httpd, name):
    line = "%s %s\n" % (name, DIRECTIVES[name])
    httpd = make_httpd(reproxy=True)
    text = line
    for section, what in [("Location", "/x"), ("Directory", "/tmp"),
                          ("Files", "x"), ("VirtualHost", "*:1"),
                          ("LocationMatch", "x")]:
        text += "<%s %s>\n%s</%s>\n" % (section, what, line, section)
    status, said = httpd.configure(text).check_config()
    assert status == 0, said


@pytest.mark.parametrize("override", [
    "AllowOverride All", "AllowOverride None\nAllowOverrideList %s",
    "AllowOverride All\nAllowOverrideList %s"])
@pytest.mark.parametrize("name", DIRECTIVES)
def test_directive_is_refused_in_htaccess(make_httpd, name, override):
    """Whatever an administrator lets a folder say."""
    httpd = make_httpd(reproxy=True)
    if "%" in override:
        override %= name
    httpd.write("htdocs/own/.htaccess", "%s %s\n" % (name, DIRECTIVES[name]))
    httpd.write("htdocs/own/file", "x")
    httpd.start("<Directory %s>\n%s\n</Directory>\n"
                % (httpd.path("htdocs"), override))
    httpd.expect_log(r"\.htaccess: .*" + name)
    assert httpd.get(HOST, "/own/file").status == 500


@pytest.mark.parametrize("line,quoted", [
    ("AllowReproxy", None), ("AllowReproxy maybe", None),
    ("PreserveHeaders", None), ("PreserveHeaders Content-Type:",
                                "Content-Type:"),
    ("PreserveHeaders a,b", "a,b"), ("PreserveHeaders Content-Length",
                                     "Content-Length"),
    ("PreserveHeaders X-A content-range", "content-range"),
    ("PreserveHeaders Content-Range", "Content-Range"),
    ("PreserveHeaders transfer-encoding", "transfer-encoding"),
    ("PreserveHeaders Connection", "Connection"),
    ("PreserveHeaders Trailer", "Trailer"),
    ("ReproxyForwardHeaders", None), ("ReproxyForwardHeaders a:b", "a:b"),
    ("ReproxyForwardHeaders Host", "Host"),
    ("ReproxyForwardHeaders Content-Encoding", "Content-Encoding"),
    ("ReproxyFileEscapes", None), ("ReproxyFileEscapes maybe", None),
    ("ReproxyForwardHeaders Content-Length", "Content-Length"),
    ("ReproxyForwardHeaders Connection", "Connection"),
    ("ReproxyAllow", None), ("ReproxyAllow storage", "storage"),
    ("ReproxyAllow http://h/ ftp://h/", "ftp://h/"),
    ("ReproxyAllow unix:/run/s|http://h/", "unix:/run/s|http://h/"),
    ("ReproxyAllow http://u@h/", "http://u@h/"),
    ("ReproxyAllow *", "*"), ("ReproxyAllow *.0.0.1", "*.0.0.1"),
    ("ReproxyAllow http://h/../x", "http://h/../x"),
    ("ReproxyAllow http://h/?x", "http://h/?x"),
    ("ReproxyAllow *.x:0", "*.x:0"),
    ("ReproxyAllow https://*.x/a", "https://*.x/a"),
    ("ReproxyMaxURLs", None), ("ReproxyMaxURLs 0", "0"),
    ("ReproxyMaxURLs -1", "-1"), ("ReproxyMaxURLs x", "x"),
    ("ReproxyMaxURLs 3x", "3x"),
    ("ReproxyTimeout", None), ("ReproxyTimeout 0", "0"),
    ("ReproxyTimeout -1", "-1"), ("ReproxyTimeout x", "x"),
    ("ReproxyTimeout 5parsecs", "5parsecs"),
    ("ReproxyFileRoot", None),
])
def test_wrong_value_is_an_error_that_names_it(make_httpd, line, quoted):
    httpd = make_httpd(reproxy=True)
    status, said = httpd.configure(line + "\n").check_config()
    assert status != 0
    assert line.split()[0] in said.split("httpd.conf")[-1], said
    if quoted:
        assert quoted in said, said


NO_ALLOW = r"SB\d{4}: .*ReproxyAllow"


def test_no_reproxy_allow_is_said_once_at_the_start(make_httpd, storages):
    httpd = make_httpd(reproxy=True)
    httpd.start("AllowReproxy On\n<Location /a>\nAllowReproxy On\n</Location>"
                "\n<Location /b>\nAllowReproxy On\n</Location>\n"
                "<VirtualHost *:1>\nAllowReproxy On\n</VirtualHost>\n"
                "ProxyPass / %s\n" % storages.url("app", "/"))
    assert len(httpd.log_lines(NO_ALLOW)) == 1
    assert_serves(httpd.get(HOST, "/x", [asks([good(storages)])]), "s", SIZE)
    assert len(httpd.log_lines(NO_ALLOW)) == 1


@pytest.mark.parametrize("text", [
    "ReproxyAllow http://h/\nAllowReproxy On\n",
    "<Location /a>\nAllowReproxy On\nReproxyAllow http://h/\n</Location>\n",
    "<Location /a>\nAllowReproxy Off\n</Location>\n", ""])
def test_nothing_is_said_of_a_list_that_is_there(make_httpd, text):
    httpd = make_httpd(reproxy=True).start(text)
    assert httpd.log_lines(NO_ALLOW) == []
