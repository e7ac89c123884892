# SPDX-License-Identifier: Apache-2.0
"""What a backend says of itself in a response becomes the client's view:
Location and its kin, and cookies.  Stock never does this."""

import pytest

import client
from maps import express

# In URLs below: {a}, {b} are the ports of two backends, {front} is the port
# that the client uses.  www maps to http://127.0.0.1:{a}, app and slash to
# http://127.0.0.1:{b}/app and .../app/, named to http://backend.example.org,
# which is reached on its default port through a ProxyRemote.
LOCATIONS = [
    # The backend itself.
    ("www", "http://127.0.0.1:{a}", "http://www.example.com:{front}/"),
    ("www", "http://127.0.0.1:{a}/", "http://www.example.com:{front}/"),
    ("www", "http://127.0.0.1:{a}/x?y=1&z#f",
     "http://www.example.com:{front}/x?y=1&z#f"),
    ("www", "http://127.0.0.1:{a}?y", "http://www.example.com:{front}/?y"),
    ("www", "HTTP://127.0.0.1:{a}/x", "http://www.example.com:{front}/x"),
    ("www", "//127.0.0.1:{a}/x", "http://www.example.com:{front}/x"),
    ("www", "http://127.0.0.1:{a}/%7Ex%2Fy",
     "http://www.example.com:{front}/%7Ex%2Fy"),
    ("www", "http://127.0.0.1:{a}//x", "http://www.example.com:{front}//x"),
    ("www", "/x?y", "/x?y"),
    ("www", "x/y", "x/y"),
    ("www", "?x", "?x"),
    # Another host, port, scheme or a look-alike.
    ("www", "http://www.example.com/x", "http://www.example.com/x"),
    ("www", "http://127.0.0.1:{b}/x", "http://127.0.0.1:{b}/x"),
    ("www", "http://127.0.0.1/x", "http://127.0.0.1/x"),
    ("www", "http://127.0.0.1:{a}0/x", "http://127.0.0.1:{a}0/x"),
    ("www", "https://127.0.0.1:{a}/x", "https://127.0.0.1:{a}/x"),
    ("www", "http://127.0.0.1:{a}.evil.example/x",
     "http://127.0.0.1:{a}.evil.example/x"),
    ("www", "http://127.0.0.1.evil.example:{a}/x",
     "http://127.0.0.1.evil.example:{a}/x"),
    ("www", "http://127.0.0.10:{a}/x", "http://127.0.0.10:{a}/x"),
    ("www", "http://127.0.0.1:{a}@evil.example/x",
     "http://127.0.0.1:{a}@evil.example/x"),
    ("www", "http://evil.example/http://127.0.0.1:{a}/x",
     "http://evil.example/http://127.0.0.1:{a}/x"),
    # A backend with a path.
    ("app", "http://127.0.0.1:{b}/app", "http://app.example.com:{front}/"),
    ("app", "http://127.0.0.1:{b}/app/", "http://app.example.com:{front}/"),
    ("app", "http://127.0.0.1:{b}/app/x?y",
     "http://app.example.com:{front}/x?y"),
    ("app", "http://127.0.0.1:{b}/app?y",
     "http://app.example.com:{front}/?y"),
    ("app", "/app/x", "/x"),
    ("app", "/app", "/"),
    ("app", "/application", "/application"),
    ("app", "/x", "/x"),
    ("app", "http://127.0.0.1:{b}/application",
     "http://127.0.0.1:{b}/application"),
    ("app", "http://127.0.0.1:{b}/App/x", "http://127.0.0.1:{b}/App/x"),
    ("app", "http://127.0.0.1:{b}/", "http://127.0.0.1:{b}/"),
    ("app", "http://127.0.0.1:{a}/app/x", "http://127.0.0.1:{a}/app/x"),
    # Nothing that leaves the entry, or turns into another host's URL.
    ("app", "/app//evil.example/x", "/evil.example/x"),
    ("app", "/app/../x", "/app/../x"),
    ("app", "http://127.0.0.1:{b}/app/%2E%2e/x",
     "http://127.0.0.1:{b}/app/%2E%2e/x"),
    ("slash", "http://127.0.0.1:{b}/app/x",
     "http://slash.example.com:{front}/x"),
    ("slash", "/app/x", "/x"),
    # A backend on its scheme's default port.
    ("named", "http://backend.example.org/x",
     "http://named.example.com:{front}/x"),
    ("named", "http://backend.example.org:80/x",
     "http://named.example.com:{front}/x"),
    ("named", "http://BACKEND.example.org/x",
     "http://named.example.com:{front}/x"),
    ("named", "http://backend.example.org:81/x",
     "http://backend.example.org:81/x"),
    ("named", "https://backend.example.org/x",
     "https://backend.example.org/x"),
    ("named", "http://backend.example.org.evil.example/x",
     "http://backend.example.org.evil.example/x"),
]

COOKIES = [
    ("www", "k=v", "k=v"),
    ("www", "k=v; Path=/x; HttpOnly", "k=v; Path=/x; HttpOnly"),
    ("www", "k=v; Domain=127.0.0.1; Path=/x", "k=v; Path=/x"),
    ("www", "k=v; Domain=example.com; Secure",
     "k=v; Domain=example.com; Secure"),
    ("www", "k=v; Domain=127.0.0.10", "k=v; Domain=127.0.0.10"),
    ("app", "k=v; Path=/app", "k=v; Path=/"),
    ("app", "k=v; Path=/app/", "k=v; Path=/"),
    ("app", "k=v; path=/app/admin; Secure", "k=v; path=/admin; Secure"),
    ("app", "k=v; Path=/application", "k=v; Path=/application"),
    ("app", "k=v; Path=/", "k=v; Path=/"),
    ("app", "Path=/app; Path=/app/x", "Path=/app; Path=/x"),
    ("slash", "k=v; Path=/app/x", "k=v; Path=/x"),
    ("named", "k=v; Domain=backend.example.org", "k=v"),
    ("named", "k=v; Domain=Backend.Example.ORG; Path=/x", "k=v; Path=/x"),
    ("named", "k=v; Domain=.example.org", "k=v; Domain=.example.org"),
    ("named", "k=v; Domain=xbackend.example.org",
     "k=v; Domain=xbackend.example.org"),
]


@pytest.fixture(scope="module")
def server(make_module_httpd, backends, maps, module_folder, settings):
    a, b, c = (backends.url(name) for name in "abc")
    path = maps.build(module_folder + "/map", {
        "www.example.com": a,
        "app.example.com": b + "/app",
        "slash.example.com": b + "/app/",
        "named.example.com": "http://backend.example.org",
    })
    httpd = make_module_httpd(
        modules=["headers"] + (["http2"] if settings.mpm != "prefork" else []))
    httpd.users, httpd.override, httpd.static = (httpd.listen()
                                                 for _ in range(3))
    httpd.write("htdocs/sorry.html", "sorry from a file\n")
    protocols = "Protocols h2c http/1.1" if settings.mpm != "prefork" else ""
    return httpd.start(express(path) + f"""
{protocols}
ProxyRemote http://backend.example.org {c}
<VirtualHost *:{httpd.users}>
    ProxyPassReverse /users http://other.example.org/there
    ProxyPassReverse /mine http://127.0.0.1:{backends.port["a"]}/theirs
    ProxyPassReverseCookieDomain other.example.org mine.example.com
    ProxyPassReverseCookiePath /there /users
</VirtualHost>
<VirtualHost *:{httpd.override}>
    ProxyErrorOverride On
    ErrorDocument 404 /sorry.html
    ErrorDocument 503 "sorry from a text"
    ProxyPass /sorry.html !
</VirtualHost>
<VirtualHost *:{httpd.static}>
    ProxyExpressEnable Off
    ProxyPass / {a}/
    ProxyPassReverse / {a}/
</VirtualHost>
""")


@pytest.fixture
def urls(server, backends):
    """Fills the ports in."""
    ports = dict(backends.port, front=server.port)
    return lambda text: text.format(**ports)


def answered(server, name, headers, status=200, port=None):
    """The response of a backend with these headers to the host name."""
    port = port or server.port
    host = "%s.example.com:%d" % (name, port)
    return client.get(port, host, "/", [
        client.order(status=status, headers=headers)])


@pytest.mark.parametrize("name, sent, received", LOCATIONS)
def test_location_is_the_clients(server, urls, name, sent, received):
    response = answered(server, name, [["Location", urls(sent)]], 302)
    assert response.status == 302
    assert response.header("Location") == urls(received)


@pytest.mark.parametrize("header", [
    "Location", "Content-Location", "URI", "Destination"])
@pytest.mark.parametrize("status", [200, 201, 301, 404])
def test_every_header_with_a_url_is_rewritten(server, urls, header, status):
    response = answered(server, "app", [
        [header, urls("http://127.0.0.1:{b}/app/x")],
        ["X-Unrelated", urls("http://127.0.0.1:{b}/app/x")]], status)
    assert response.status == status
    assert response.header(header) == urls("http://app.example.com:{front}/x")
    assert response.header("X-Unrelated") == urls("http://127.0.0.1:{b}/app/x")


@pytest.mark.parametrize("name, sent, received", COOKIES)
def test_cookie_is_the_clients(server, name, sent, received):
    response = answered(server, name, [["Set-Cookie", sent]])
    assert response.header("Set-Cookie") == received


def test_each_of_several_cookies_is_rewritten_in_order(server):
    response = answered(server, "app", [
        ["Set-Cookie", "one=1; Path=/app/1"],
        ["X-Between", "x"],
        ["Set-Cookie", "two=2; Path=/other"],
        ["Set-Cookie", "three=3; Domain=127.0.0.1; Path=/app"],
    ])
    assert response.all("Set-Cookie") == [
        "one=1; Path=/1", "two=2; Path=/other", "three=3; Path=/"]


def test_response_without_such_headers_is_not_touched(server):
    headers = [["ETag", '"x"'], ["X-One", "/app/x"], ["X-Two", "a, b"]]
    response = answered(server, "app", headers)
    for name, value in headers:
        assert response.header(name) == value


@pytest.mark.parametrize("host", ["www.example.com", "WWW.example.com:81",
                                  "www.example.com."])
def test_front_is_what_proxypassreverse_makes_it(server, backends, host):
    order = client.order(status=302,
                         headers=[["Location", backends.url("a", "/x")]])
    mapped = client.get(server.users, host, "/", [order]).header("Location")
    static = client.get(server.static, host, "/", [order]).header("Location")
    assert mapped.replace(":%d" % server.users, ":PORT") \
        == static.replace(":%d" % server.static, ":PORT")


def test_http10_client_gets_its_location(server, backends):
    response = client.get(
        server.port, "www.example.com:%d" % server.port, "/",
        [client.order(status=302,
                      headers=[["Location", backends.url("a", "/x")]])],
        version="HTTP/1.0")
    assert response.header("Location") \
        == "http://www.example.com:%d/x" % server.port


def test_redirect_leads_where_it_should(server, backends):
    """Followed as a client would: the same backend answers."""
    response = answered(server, "app",
                        [["Location", backends.url("b", "/app/next")]], 302)
    start = "http://app.example.com:%d" % server.port
    assert response.header("Location").startswith(start)
    target = response.header("Location")[len(start):]
    follow = server.get("app.example.com", target)
    assert (follow.backend, follow.target) == ("b", "/app/next")


def test_alternating_hosts_get_their_own_locations(server, backends):
    """Nothing of one entry is left behind for the next request."""
    with client.Connection(server.port) as connection:
        for name, backend, path in 5 * [("www", "a", ""), ("app", "b", "/app"),
                                        ("slash", "b", "/app")]:
            host = "%s.example.com:%d" % (name, server.port)
            response = connection.request("GET", "/", host, [client.order(
                status=302,
                headers=[["Location", backends.url(backend, path + "/x")]])])
            assert response.header("Location") == "http://%s/x" % host


@pytest.mark.parametrize("status, body", [
    (404, b"sorry from a file\n"), (503, b"sorry from a text")])
def test_error_override_serves_the_error_document(server, urls, status, body):
    """Whatever headers of the backend survive are the client's."""
    response = answered(server, "app", [
        ["Location", urls("http://127.0.0.1:{b}/app/x")],
        ["Set-Cookie", "k=v; Path=/app"]], status, server.override)
    assert (response.status, response.body) == (status, body)
    assert response.all("Location") in (
        [], ["http://app.example.com:%d/x" % server.override])
    assert response.all("Set-Cookie") in ([], ["k=v; Path=/"])


def test_error_override_leaves_redirects_alone(server, urls):
    response = answered(server, "app", [
        ["Location", urls("http://127.0.0.1:{b}/app/x")]], 302,
        server.override)
    assert response.backend == "b"
    assert response.header("Location") \
        == "http://app.example.com:%d/x" % server.override


def test_users_proxypassreverse_still_works(server):
    response = answered(server, "www", [
        ["Location", "http://other.example.org/there/x"],
        ["Set-Cookie", "k=v; Domain=other.example.org; Path=/there"]],
        302, server.users)
    assert response.header("Location") \
        == "http://www.example.com:%d/users/x" % server.users
    assert response.header("Set-Cookie") \
        == "k=v; Domain=mine.example.com; Path=/users"


def test_users_proxypassreverse_goes_before_the_map(server, backends):
    """What the administrator wrote for this backend is not rewritten a
    second time."""
    response = answered(server, "www", [
        ["Location", backends.url("a", "/theirs/x")]], 302, server.users)
    assert response.header("Location") \
        == "http://www.example.com:%d/mine/x" % server.users


def test_unmapped_proxypass_is_not_rewritten(make_httpd, backends, maps,
                                             folder):
    """A ProxyPass without ProxyPassReverse, on a server with a map."""
    path = maps.build(folder + "/map",
                      {"www.example.com": backends.url("a")})
    httpd = make_httpd().start(
        express(path) + "ProxyPass /x %s\n" % backends.url("a"))
    location = backends.url("a", "/y")
    response = httpd.get("www.example.com", "/x", [
        client.order(status=302, headers=[["Location", location]])])
    assert response.header("Location") == location


def test_http2_client_gets_its_headers(server, urls, settings):
    if settings.mpm == "prefork":
        pytest.skip("mod_http2 does not serve under prefork")
    host = "app.example.com:%d" % server.port
    sent = client.order(status=302, headers=[
        ["Location", urls("http://127.0.0.1:{b}/app/x")],
        ["Set-Cookie", "one=1; Path=/app/1"],
        ["Set-Cookie", "two=2; Domain=127.0.0.1"]])
    with client.H2Connection(server.port) as connection:
        for response in connection.requests(10 * [(host, "/", [sent])]):
            assert response.status == 302
            assert response.header("location") == "http://%s/x" % host
            assert response.all("set-cookie") == ["one=1; Path=/1", "two=2"]
