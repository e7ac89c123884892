# SPDX-License-Identifier: Apache-2.0
"""Backends of an entry that are not plain http: balancers of the configuration,
gateways, websockets, HTTP/2, TLS, unix sockets; each for a host and for a path
below it."""

import collections

import pytest

import client
from httpd import free_port
from maps import express

BALANCER = ["proxy_balancer", "slotmem_shm", "lbmethod_byrequests",
            "lbmethod_bytraffic", "lbmethod_bybusyness"]


# ---- schemes --------------------------------------------------------------

@pytest.fixture(scope="module", params=[False, True],
                ids=["alone", "with-pool"])
def schemes(request, make_module_httpd, pool_backends, maps, module_folder,
            settings):
    """A server with an entry for each scheme, with and without
    mod_proxy_pool."""
    urls = {scheme: "%s://127.0.0.1:%d" % (scheme, pool_backends.port[scheme])
            for scheme in ("h2", "h2c", "fcgi", "scgi", "uwsgi", "ajp")}
    urls["https"] = "https://127.0.0.1:%d" % pool_backends.port["tls"]
    urls["wss"] = "wss://127.0.0.1:%d" % pool_backends.port["tls"]
    urls["ws"] = "ws://127.0.0.1:%d" % pool_backends.port["a"]
    urls["unix"] = "unix:%s|http://localhost" % pool_backends.socket
    urls["unixws"] = "unix:%s|ws://localhost" % pool_backends.socket
    entries = {}
    for scheme, url in urls.items():
        entries[scheme + ".example.com"] = url + "/srv"
        entries[scheme + ".example.com/app"] = url + "/opt/app"
    modules = ["ssl", "proxy_fcgi", "proxy_scgi", "proxy_uwsgi", "proxy_ajp",
               "proxy_wstunnel"]
    if settings.mpm != "prefork":
        modules += ["http2", "proxy_http2"]
    httpd = make_module_httpd(modules=modules, children=1, pool=request.param)
    path = maps.build(module_folder + "/schemes-%d" % request.param, entries)
    return httpd.start(express(
        path, "lmdb", "SSLProxyEngine On", "SSLProxyCheckPeerName Off",
        "SSLProxyCheckPeerCN Off"))


PATHS = pytest.mark.parametrize("asked, received", [
    ("/x/y.php?z=1", "/srv/x/y.php?z=1"),
    ("/app/x%20y?z=1", "/opt/app/x%20y?z=1"),
    ("/app", "/opt/app"),
    ("/application", "/srv/application"),
])


@PATHS
@pytest.mark.parametrize("scheme, backend", [
    ("https", "tls"), ("unix", "unix"), ("ajp", "ajp"), ("ws", "a"),
    ("wss", "tls"), ("unixws", "unix")])
def test_scheme_is_asked_for_the_path(schemes, scheme, backend, asked,
                                      received):
    """Requests of ws that upgrade nothing are plain ones."""
    response = schemes.get(scheme + ".example.com", asked)
    assert (response.status, response.backend) == (200, backend)
    assert response.target == received


@PATHS
@pytest.mark.parametrize("scheme", ["h2", "h2c"])
def test_http2_is_asked_for_the_path(schemes, settings, scheme, asked,
                                     received):
    if settings.mpm == "prefork":
        pytest.skip("mod_http2, which mod_proxy_http2 needs, does not serve "
                    "under prefork")
    response = schemes.get(scheme + ".example.com", asked)
    assert (response.status, response.backend) == (200, scheme)
    assert response.target == received


@pytest.mark.parametrize("scheme", ["ws", "wss", "unixws"])
@pytest.mark.parametrize("target", ["/chat", "/app/chat"])
def test_websocket(schemes, scheme, target):
    with client.Connection(schemes.port) as connection:
        answer = connection.request(
            "GET", target, scheme + ".example.com",
            [("Connection", "Upgrade"), ("Upgrade", "websocket")])
        assert answer.status == 101
        for message in (b"hello", b"\x81\x00\xff" * 1000):
            connection.send(message)
            assert connection._exactly(len(message), 0) == message


def environment_of(httpd, scheme, target):
    response = httpd.get(scheme + ".example.com", target)
    assert (response.status, response.backend) == (200, scheme)
    return response.json()["env"]


@pytest.mark.parametrize("target, file, key, match", [
    ("/x/y.php?z=1", "/srv/x/y.php", "fcgi.example.com", "exact"),
    ("/app/y.php?z=1", "/opt/app/y.php", "fcgi.example.com/app", "path"),
])
def test_fcgi_has_its_script_and_the_environment(schemes, pool_backends,
                                                 target, file, key, match):
    seen = environment_of(schemes, "fcgi", target)
    url = "fcgi://127.0.0.1:%d" % pool_backends.port["fcgi"]
    assert seen["SCRIPT_FILENAME"] == "proxy:" + url + file
    assert seen["REQUEST_URI"] == target
    assert seen["QUERY_STRING"] == "z=1"
    assert seen["PROXY_EXPRESS_KEY"] == key
    assert seen["PROXY_EXPRESS_MATCH"] == match
    assert seen["PROXY_EXPRESS_BACKEND"] \
        == url + ("/srv/" if match == "exact" else "/opt/app/")


@pytest.mark.parametrize("target, file, path", [
    ("/x?z=1", "/srv/x", ""), ("/app/x?z=1", "/opt/app/x", "/app")])
@pytest.mark.parametrize("scheme", ["scgi", "uwsgi"])
def test_gateway_has_its_path_and_the_environment(schemes, pool_backends,
                                                  scheme, target, file, path):
    seen = environment_of(schemes, scheme, target)
    url = "%s://127.0.0.1:%d" % (scheme, pool_backends.port[scheme])
    assert seen["SCRIPT_FILENAME"] == "proxy:" + url + file
    assert seen["REQUEST_URI"] == target
    assert seen["QUERY_STRING"] == "z=1"
    assert seen["PROXY_EXPRESS_KEY"] == scheme + ".example.com" + path


def test_ajp_has_no_such_environment(schemes):
    """mod_proxy_ajp hands on what is called AJP_..., and nothing else."""
    seen = environment_of(schemes, "ajp", "/x")
    assert not any("EXPRESS" in name for name in seen)


def test_ws_without_fallback_is_for_upgrades_only(make_httpd, pool_backends,
                                                  maps, folder):
    """What upgrades nothing goes on to local content then."""
    path = maps.build(folder + "/map", {
        "ws.example.com": "ws://127.0.0.1:%d" % pool_backends.port["a"]})
    httpd = make_httpd(modules=["proxy_wstunnel"], children=1)
    httpd.start(express(path, "lmdb",
                        "ProxyWebsocketFallbackToProxyHttp Off"))
    assert httpd.get("ws.example.com").body == b"local content\n"
    with client.Connection(httpd.port) as connection:
        assert connection.request(
            "GET", "/chat", "ws.example.com",
            [("Connection", "Upgrade"),
             ("Upgrade", "websocket")]).status == 101
        connection.send(b"hello")
        assert connection._exactly(5, 0) == b"hello"


# ---- balancers ------------------------------------------------------------

@pytest.fixture
def balanced(make_httpd, pool_backends, maps, folder):
    """Makes a server whose hosts lead to the balancer `cluster`, with these
    lines in its section; {a}, {b}, {c} are backends, {dead} answers not."""
    def made(*lines, more="", modules=()):
        known = {name: pool_backends.url(name) for name in "abc"}
        known["dead"] = "http://127.0.0.1:%d" % free_port()
        path = maps.build(folder + "/map", {
            "www.example.com": "balancer://cluster",
            "app.example.com": "balancer://cluster/app",
            "path.example.com": "!",
            "path.example.com/blog": "balancer://cluster/wp",
        })
        httpd = make_httpd(modules=[*BALANCER, *modules], children=1,
                           pool=True)
        httpd.start(express(path) + "<Proxy balancer://cluster>\n%s\n"
                    "</Proxy>\n%s\n" % ("\n".join(lines).format(**known),
                                        more))
        return httpd
    return made


def who(httpd, count, headers=(), host="www.example.com", target="/"):
    """How many of these requests each member answered."""
    seen = collections.Counter()
    for _ in range(count):
        response = httpd.get(host, target, headers)
        assert response.status == 200, response
        seen[response.backend] += 1
    return dict(seen)


@pytest.mark.parametrize("host, asked, received", [
    ("www", "/x?y", "/x?y"),
    ("app", "/x?y", "/app/x?y"),
    ("path", "/blog/x?y", "/wp/x?y"),
    ("path", "/blog", "/wp"),
])
def test_balancer_is_asked_for_the_path(balanced, host, asked, received):
    httpd = balanced("BalancerMember {a}", "BalancerMember {b}")
    targets = {(seen.backend, seen.target) for seen in (
        httpd.get(host + ".example.com", asked) for _ in range(6))}
    assert targets == {("a", received), ("b", received)}


@pytest.mark.parametrize("method", ["byrequests", "bytraffic", "bybusyness"])
def test_each_method_uses_all_members(balanced, method):
    httpd = balanced("BalancerMember {a}", "BalancerMember {b}",
                     "BalancerMember {c}", "ProxySet lbmethod=" + method)
    seen = who(httpd, 12)
    assert set(seen) == {"a", "b", "c"}
    if method == "byrequests":
        assert seen == {"a": 4, "b": 4, "c": 4}


def test_loadfactor(balanced):
    httpd = balanced("BalancerMember {a} loadfactor=3",
                     "BalancerMember {b} loadfactor=1")
    assert who(httpd, 12) == {"a": 9, "b": 3}


@pytest.mark.parametrize("headers, target", [
    ([("Cookie", "SID=session.two")], "/"),
    ([], "/x;sid=session.two"),
    ([], "/x?sid=session.two"),
])
def test_stickysession(balanced, headers, target):
    httpd = balanced("BalancerMember {a} route=one",
                     "BalancerMember {b} route=two",
                     "BalancerMember {c} route=three",
                     "ProxySet stickysession=SID|sid")
    assert who(httpd, 6, headers, target=target) == {"b": 6}
    assert len(who(httpd, 6)) > 1


def test_cookie_of_a_route_makes_a_session(balanced):
    """The documented recipe: Header add with BALANCER_WORKER_ROUTE."""
    httpd = balanced(
        "BalancerMember {a} route=one", "BalancerMember {b} route=two",
        "ProxySet stickysession=ROUTE", modules=["headers"],
        more='Header add Set-Cookie "ROUTE=.%{BALANCER_WORKER_ROUTE}e; '
             'path=/" env=BALANCER_ROUTE_CHANGED')
    first = httpd.get("www.example.com")
    cookie = first.header("Set-Cookie").partition(";")[0]
    assert cookie in ("ROUTE=.one", "ROUTE=.two")
    assert who(httpd, 6, [("Cookie", cookie)]) == {first.backend: 6}


def test_failover_to_a_member_that_lives(balanced):
    httpd = balanced("BalancerMember {dead} route=one retry=60",
                     "BalancerMember {b} route=two",
                     "ProxySet stickysession=SID")
    httpd.allow_log("AH00957|AH00959|AH01114|AH01132|AH00961")
    headers = [("Cookie", "SID=session.one")]
    assert who(httpd, 6, headers) == {"b": 6}


def test_nofailover_answers_503(balanced):
    httpd = balanced("BalancerMember {dead} route=one",
                     "BalancerMember {b} route=two",
                     "ProxySet stickysession=SID nofailover=On")
    httpd.allow_log("AH00957|AH00959|AH01114|AH01132|AH01161|AH01167|AH00961")
    for _ in range(2):
        assert httpd.get("www.example.com", headers=[
            ("Cookie", "SID=session.one")]).status == 503
    assert who(httpd, 2, [("Cookie", "SID=session.two")]) == {"b": 2}


def test_hot_standby_serves_when_the_others_do_not(balanced):
    httpd = balanced("BalancerMember {a}", "BalancerMember {b} status=+H")
    assert who(httpd, 6) == {"a": 6}
    httpd = balanced("BalancerMember {dead}", "BalancerMember {b} status=+H")
    httpd.allow_log("AH00957|AH00959|AH01114|AH01132|AH00961")
    assert who(httpd, 6) == {"b": 6}


def test_disabled_member_serves_nobody(balanced):
    httpd = balanced("BalancerMember {a} status=+D", "BalancerMember {b}")
    assert who(httpd, 6) == {"b": 6}


def test_timeout_of_a_member(balanced):
    httpd = balanced("BalancerMember {a} timeout=1")
    httpd.expect_log("AH01102")
    httpd.allow_log("AH00898")
    response = httpd.get("www.example.com", headers=[client.order(delay=30)])
    assert response.status in (502, 504)


def test_connections_of_members_are_kept(balanced):
    httpd = balanced("BalancerMember {a}")
    numbers = {httpd.get("www.example.com").json()["connection"]
               for _ in range(5)}
    assert len(numbers) == 1


def test_proxypassreverse_of_a_balancer(balanced, pool_backends):
    """As in a virtual host with ProxyPass: by directive."""
    httpd = balanced("BalancerMember {a}", "BalancerMember {b}",
                     more="ProxyPassReverse / balancer://cluster/")
    for name in ("a", "b"):
        response = httpd.get("www.example.com", "/", [client.order(
            status=302,
            headers=[["Location", pool_backends.url(name, "/x")]])])
        assert response.header("Location").startswith(
            "http://www.example.com")
        assert response.header("Location").endswith("/x")


def test_balancer_that_is_not_configured_is_500_and_said(make_httpd, maps,
                                                         folder):
    path = maps.build(folder + "/map", {
        "www.example.com": "balancer://nowhere/x"})
    httpd = make_httpd(modules=BALANCER, children=1, pool=True)
    httpd.start(express(path))
    httpd.expect_log("SB0015")
    for _ in range(5):
        assert httpd.get("www.example.com").status == 500
    assert len(httpd.log_lines(
        r'SB0015: map .*: entry www\.example\.com: .* has no '
        r'<Proxy "balancer://nowhere">')) == 1


def test_balancer_of_another_virtual_host_is_not_meant(
        make_httpd, pool_backends, maps, folder):
    """Those of the main server are everybody's."""
    path = maps.build(folder + "/map", {
        "all.example.com": "balancer://all",
        "own.example.com": "BALANCER://own"})
    httpd = make_httpd(modules=BALANCER, children=1, pool=True)
    own, other = httpd.listen(), httpd.listen()
    httpd.start(express(path) + """
<Proxy balancer://all>
    BalancerMember %s
</Proxy>
<VirtualHost *:%d>
    <Proxy balancer://own>
        BalancerMember %s
    </Proxy>
</VirtualHost>
<VirtualHost *:%d>
</VirtualHost>
""" % (pool_backends.url("a"), own, pool_backends.url("b"), other))
    httpd.expect_log("SB0015: .*own.example.com")
    assert client.get(own, "all.example.com").backend == "a"
    assert client.get(other, "all.example.com").backend == "a"
    assert client.get(own, "own.example.com").backend == "b"
    assert client.get(other, "own.example.com").status == 500
