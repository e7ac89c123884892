# SPDX-License-Identifier: Apache-2.0
"""Pools for what is not plain http to a port: TLS, sockets, other protocols."""

import contextlib
import socket
import threading

import pytest

import client
from pools import ask, connection, new_target, note, start, stats

TLS_LINES = ["SSLProxyEngine On", "SSLProxyCheckPeerName Off",
             "SSLProxyCheckPeerCN Off"]


def ask_plainly(httpd, host):
    """As ask, of a backend that takes no orders."""
    target = new_target()
    return connection(httpd.get(host, target)), note(httpd, target)


# ---- https ----------------------------------------------------------------

@pytest.fixture
def tls_server(make_httpd, pool_backends, maps, folder):
    """Makes a server with two hosts for the TLS backend, by its address and
    by its name."""
    def made(*more):
        httpd = make_httpd(modules=["ssl"], children=1, pool=True)
        port = pool_backends.port["tls"]
        return start(httpd, maps, folder, {
            "one.example.com": "https://localhost:%d" % port,
            "two.example.com": "https://localhost:%d" % port,
            "address.example.com": "https://127.0.0.1:%d" % port,
        }, *TLS_LINES, *more)
    return made


def asked_name(httpd, host):
    """The name that the TLS backend was asked for, and on which connection."""
    answer = httpd.get(host)
    return answer.json()["name"], connection(answer)


def test_tls_connection_is_reused(tls_server):
    httpd = tls_server()
    name, first = asked_name(httpd, "one.example.com")
    assert name == "localhost"
    for host in ("one.example.com", "two.example.com"):
        assert asked_name(httpd, host) == ("localhost", first)
        assert ask(httpd, host) == (first, "reused")


def test_tls_connection_for_an_address_is_another(tls_server):
    httpd = tls_server()
    _, first = asked_name(httpd, "one.example.com")
    assert asked_name(httpd, "address.example.com")[1] != first


def test_tls_name_of_another_host_is_never_reused(tls_server):
    """With the client's Host the backend is asked for that name."""
    httpd = tls_server("ProxyPreserveHost On")
    seen = {}
    for host in ["one.example.com", "two.example.com"] * 3:
        name, number = asked_name(httpd, host)
        assert name == host
        assert seen.setdefault(number, host) == host
    again = ask(httpd, "two.example.com")
    assert again[1] == "reused"
    assert seen[again[0]] == "two.example.com"


def test_tls_settings_of_virtual_hosts_do_not_mix(
        make_httpd, pool_backends, maps, folder):
    """A connection that one of them opened is not checked by the other."""
    httpd = make_httpd(modules=["ssl"], children=1, pool=True)
    strict = httpd.listen()
    start(httpd, maps, folder,
          {"one.example.com":
           "https://localhost:%d" % pool_backends.port["tls"]},
          *TLS_LINES, "<VirtualHost 127.0.0.1:%d>" % strict,
          "ServerName strict.example.net", "SSLProxyEngine On",
          "SSLProxyCheckPeerName On", "</VirtualHost>")
    httpd.expect_log("AH02411|AH01084|AH01102|AH01097|AH00898")
    first, _ = ask(httpd, "one.example.com")
    assert client.get(strict, "one.example.com").status in (500, 502)
    assert ask(httpd, "one.example.com") == (first, "reused")


# ---- unix sockets ---------------------------------------------------------

def test_unix_socket_is_reused(make_httpd, pool_backends, maps, folder):
    unix = "unix:%s|http://localhost" % pool_backends.socket
    httpd = start(make_httpd(modules=["rewrite"], children=1, pool=True),
                  maps, folder, {
        "one.example.com": unix,
        "two.example.com": unix + "/app",
        "port.example.com": "http://localhost:%d" % pool_backends.port["a"],
    }, "RewriteEngine On", "RewriteRule ^/rewritten(/.*) %s$1 [P]" % unix)
    first, how = ask(httpd, "one.example.com")
    assert (first[0], how) == ("unix", "new")
    assert ask(httpd, "two.example.com") == (first, "reused")
    assert ask(httpd, "port.example.com")[0][0] == "a"
    target = "/rewritten" + new_target()
    answer = httpd.get("other.example.net", target)
    assert (connection(answer), note(httpd, target)) == (first, "reused")


def test_unix_sockets_are_told_apart(make_httpd, pool_backends, maps,
                                     folder):
    """By their path, though the URL behind it is the same."""
    missing = folder + "/missing"
    httpd = start(make_httpd(children=1, pool=True), maps, folder, {
        "there.example.com":
        "unix:%s|http://localhost" % pool_backends.socket,
        "missing.example.com": "unix:%s|http://localhost" % missing})
    httpd.expect_log("AH02454|AH01114")
    assert ask(httpd, "there.example.com")[0][0] == "unix"
    assert httpd.get("missing.example.com").status == 503
    assert ask(httpd, "there.example.com")[1] == "reused"


# ---- other protocols ------------------------------------------------------

def test_http2_backend_is_reused(make_httpd, pool_backends, maps, folder,
                                 settings):
    if settings.mpm == "prefork":
        pytest.skip("mod_http2, which mod_proxy_http2 needs, does not serve "
                    "under prefork")
    httpd = start(make_httpd(modules=["http2", "proxy_http2"], children=1,
                             pool=True), maps, folder, {
        "www.example.com": "h2c://127.0.0.1:%d" % pool_backends.port["h2c"]})
    first, how = ask_plainly(httpd, "www.example.com")
    assert (first[0], how) == ("h2c", "new")
    for _ in range(3):
        assert ask_plainly(httpd, "www.example.com") == (first, "reused")


def test_fastcgi_backend_is_reused_when_its_entry_says_so(
        make_httpd, pool_backends, maps, folder):
    """mod_proxy_fcgi keeps no connection unasked: a process may serve one
    only."""
    fcgi = "fcgi://127.0.0.1:%d" % pool_backends.port["fcgi"]
    httpd = start(make_httpd(modules=["proxy_fcgi"], children=1, pool=True),
                  maps, folder, {
        "once.example.com": fcgi,
        "kept.example.com": fcgi + " enablereuse=on"})
    once = [connection(httpd.get("once.example.com")) for _ in range(3)]
    assert len(set(once)) == 3
    kept = [ask_plainly(httpd, "kept.example.com") for _ in range(3)]
    # whether a connection is new is not known for this protocol
    assert kept == [(kept[0][0], "-")] * 3


def test_ajp_backend_is_reused(make_httpd, pool_backends, maps, folder):
    """And gets the secret and the pings that its entry says."""
    ajp = "ajp://127.0.0.1:%d" % pool_backends.port["ajp"]
    httpd = start(make_httpd(modules=["proxy_ajp"], children=1, pool=True),
                  maps, folder, {
        "www.example.com": ajp,
        "more.example.com": ajp + " secret=hush-hush ping=5"})
    first, how = ask_plainly(httpd, "www.example.com")
    # whether a connection is new is not known for this protocol
    assert (first[0], how) == ("ajp", "-")
    for _ in range(3):
        assert ask_plainly(httpd, "www.example.com") == (first, "-")
    answers = [httpd.get("more.example.com") for _ in range(3)]
    assert {connection(answer) for answer in answers} == {
        ("ajp", first[1] + 1)}
    assert [answer.json()["pings"] for answer in answers] == [1, 2, 3]
    for answer in answers:
        assert "\x0c\0\x09hush-hush\0" in answer.json()["raw"]
    assert "hush" not in httpd.get("www.example.com").json()["raw"]


def test_websocket_urls_have_a_connection_each(
        make_httpd, pool_backends, maps, folder):
    """It is the client's until it ends."""
    httpd = start(make_httpd(modules=["proxy_wstunnel"], children=1,
                             pool=True), maps, folder, {
        "www.example.com": "ws://127.0.0.1:%d" % pool_backends.port["a"]})
    before = stats(pool_backends, "a")["connections"]
    for _ in range(2):
        with client.Connection(httpd.port) as chat:
            answer = chat.request("GET", new_target(), "www.example.com", [
                ("Connection", "Upgrade"), ("Upgrade", "websocket")])
            assert answer.status == 101
            chat.send(b"hello")
            assert chat._exactly(5, 0) == b"hello"
    # two, and the one that asks
    assert stats(pool_backends, "a")["connections"] == before + 3


@contextlib.contextmanager
def fixed_answer(answer):
    """A port where each connection is read from, answered with these bytes
    and closed; and a list that grows by one entry for each."""
    served = []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(10)

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    accepted, _ = listener.accept()
                    with accepted:
                        accepted.recv(65536)
                        served.append(1)
                        accepted.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1], served
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize("scheme, answer, how", [
    ("scgi", b"Status: 200 OK\r\n\r\nhello", "-"),
    ("uwsgi", b"HTTP/1.0 200 OK\r\n\r\nhello", "new")],
    ids=["scgi", "uwsgi"])
def test_scheme_without_kept_connections_is_served(
        make_httpd, maps, folder, scheme, answer, how):
    """mod_proxy closes theirs.  Of scgi nobody knows that they are new."""
    with fixed_answer(answer) as (port, served):
        httpd = start(make_httpd(modules=["proxy_" + scheme], children=1,
                                 pool=True), maps, folder, {
            "www.example.com": "%s://127.0.0.1:%d" % (scheme, port)})
        for count in range(1, 4):
            target = new_target()
            answer = httpd.get("www.example.com", target)
            assert (answer.status, answer.body) == (200, b"hello")
            assert note(httpd, target) == how
            assert len(served) == count


@pytest.mark.parametrize("scheme", ["http", "fcgi", "scgi", "uwsgi",
                                    "ajp"])
def test_new_connection_that_fails_is_not_tried_again(
        make_httpd, maps, folder, scheme):
    """Whatever the protocol's module says of it."""
    modules = [] if scheme == "http" else ["proxy_" + scheme]
    with fixed_answer(b"no such thing\r\n\r\n") as (port, served):
        httpd = start(make_httpd(modules=modules, children=1, pool=True),
                      maps, folder, {"www.example.com": "%s://127.0.0.1:%d"
                                     % (scheme, port)})
        httpd.allow_log(r"\[(proxy|proxy_\w+|core|http|cgi):error\]")
        for count in range(1, 4):
            httpd.get("www.example.com")
            assert len(served) == count
