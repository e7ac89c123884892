# SPDX-License-Identifier: Apache-2.0
"""Values that are no backends, what the environment says of an entry, and who
makes use of that."""

import json
import re
import ssl

import pytest

import client
from backend import self_signed
from httpd import wait_for
from maps import express
from tree import TOP, text_of


# ---- redirects ------------------------------------------------------------

@pytest.fixture(scope="module")
def redirects(make_module_httpd, maps, module_folder):
    """A server whose entries redirect, and which has Redirects for those of
    host `stock`."""
    new = "https://new.example.com"
    path = maps.build(module_folder + "/redirects", {
        "old.example.com": "301 " + new,
        "slash.example.com": "302 " + new + "/",
        "app.example.com": "307 " + new + "/app",
        "fixed.example.com": "308 " + new + "/landing?",
        "query.example.com": "302 " + new + "/find?a=b",
        "fragment.example.com": "302 " + new + "/find#top",
        "path.example.com": "410",
        "path.example.com/old": "303 " + new + "/new",
        "path.example.com/gone": "301 " + new + "/landing?",
        "*.example.com": "302 " + new + "/wild",
        **{"s%d.example.com" % status: "%d %s" % (status, new)
           for status in (301, 302, 303, 307, 308)},
    })
    httpd = make_module_httpd(modules=["alias"])
    httpd.stock = httpd.listen()
    httpd.nodecode = httpd.listen()
    return httpd.start(express(path) + """
<VirtualHost *:%d>
    ProxyExpressEnable Off
    Redirect 303 /old %s/new
</VirtualHost>
<VirtualHost *:%d>
    AllowEncodedSlashes NoDecode
</VirtualHost>
""" % (httpd.stock, new, httpd.nodecode))


@pytest.mark.parametrize("host, target, status, location", [
    ("old", "/", 301, "/"),
    ("old", "/x/y?z=%20&a=/b", 301, "/x/y?z=%20&a=/b"),
    ("old", "/x?", 301, "/x"),
    ("slash", "/x?y", 302, "/x?y"),
    ("app", "/", 307, "/app/"),
    ("app", "/x?y", 307, "/app/x?y"),
    ("fixed", "/x?y", 308, "/landing"),
    ("fixed", "/", 308, "/landing"),
    ("query", "/x?y", 302, "/find/x?a=b"),
    ("fragment", "/x?y", 302, "/find/x?y#top"),
    ("path", "/old", 303, "/new"),
    ("path", "/old?y", 303, "/new?y"),
    ("path", "/old/x?y", 303, "/new/x?y"),
    ("path", "/gone/x?y", 301, "/landing"),
    ("other", "/x?y", 302, "/wild/x?y"),
])
def test_redirect(redirects, host, target, status, location):
    response = redirects.get(host + ".example.com", target)
    assert response.status == status
    assert response.header("Location") == "https://new.example.com" + location


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method, version", [
    ("GET", "HTTP/1.1"), ("GET", "HTTP/1.0"), ("HEAD", "HTTP/1.1"),
    ("HEAD", "HTTP/1.0"), ("POST", "HTTP/1.1"), ("DELETE", "HTTP/1.1")])
def test_redirect_of_each_method(redirects, status, method, version):
    """Nothing is left on a kept connection, a request body included."""
    body = b"x" * 50000 if method == "POST" else None
    host = "s%d.example.com" % status
    keep = [("Connection", "keep-alive")]
    with client.Connection(redirects.port) as connection:
        for _ in range(2):
            response = connection.request(method, "/x?y", host, keep,
                                          body=body, version=version)
            assert response.status == status
            assert response.header("Location") \
                == "https://new.example.com/x?y"
            assert (b"new.example.com" in response.body) \
                == (method != "HEAD")


@pytest.mark.parametrize("target", [
    "/old", "/old/", "/old/a%20b", "/old/%C3%BC", "/old/a;b=c", "/old/%22%3C",
    "/old//x", "/old/../old/x", "/old/%3F%23", "/old/a+b%2Bc", "/old/%25",
    "/old/a:b@c", "/old/%0d%0aX-Y:z", "/old/[x]", "/old/x?a=%0d%0a&b=c",
    "/old/x?a=b?c", "/old/a'b", "/old/(x)", "/old/a%5Cb", "/old/a%7Cb"])
def test_redirect_of_a_path_is_what_redirect_makes_of_it(redirects, target):
    """But for the case of the letters in escapes."""
    ours = redirects.get("path.example.com", target)
    stock = client.get(redirects.stock, "path.example.com", target)
    assert ours.status == stock.status == 303

    def plain(response):
        return re.sub("%..", lambda escape: escape[0].upper(),
                      response.header("Location"))
    assert plain(ours) == plain(stock)


def test_encoded_slash_stays_encoded(redirects):
    """Where httpd does not decode it."""
    response = client.get(redirects.nodecode, "old.example.com", "/a%2Fb%20c")
    assert response.header("Location") == "https://new.example.com/a%2Fb%20c"


@pytest.mark.parametrize("target", [
    "/%0d%0aSet-Cookie:%20a=b", "/%0D%0A%0D%0A<script>", "/x?%0d%0aA:b",
    "/%00", "//evil.example/", "/\\evil.example", "/@evil.example/",
    "/.evil.example/", "/:80@evil.example", "/x?\"<>", "/\xfc?\xfc",
    "/%0aX:y"])
def test_redirect_is_led_astray_by_no_path(redirects, target):
    """One Location, of bytes that a URL has, to the host of the entry."""
    response = redirects.get("old.example.com", target)
    if response.status in (400, 404):
        assert response.all("Location") == []
        return
    assert response.status == 301
    location = response.header("Location")
    assert location.startswith("https://new.example.com/")
    assert re.fullmatch(r"[!$%&'()*+,\-./0-9:;=?@A-Z_a-z~]+", location)
    assert response.all("Set-Cookie") == response.all("X") == []


# ---- statuses -------------------------------------------------------------

@pytest.fixture(scope="module")
def statuses(make_module_httpd, backends, maps, module_folder):
    path = maps.build(module_folder + "/statuses", {
        "gone.example.com": "410",
        "down.example.com": "503",
        "law.example.com": "451",
        "teapot.example.com": "418",
        "www.example.com": backends.url("a"),
        "www.example.com/old": "410",
        "www.example.com/secret": "403",
        "local.example.com": "!",
        "acme.example.com": backends.url("a"),
        "acme.example.com/.well-known/acme-challenge": "!",
        "secure.example.com": "301 https://secure.example.com",
        "secure.example.com/.well-known/acme-challenge": "!",
    })
    httpd = make_module_httpd(modules=["alias", "headers"])
    httpd.write("htdocs/errors/503.html", "we are back soon\n")
    httpd.write("acme/token", "the answer\n")
    return httpd.start(express(path) + """
ErrorDocument 410 "it is gone"
ErrorDocument 503 /errors/503.html
Header always set Retry-After 120 "expr=%%{REQUEST_STATUS} == 503"
Alias /.well-known/acme-challenge %s
""" % httpd.path("acme"))


@pytest.mark.parametrize("host, target, status, body", [
    ("gone", "/x", 410, b"it is gone"),
    ("down", "/x", 503, b"we are back soon\n"),
    ("www", "/old/x", 410, b"it is gone"),
])
def test_status_has_its_error_document(statuses, host, target, status, body):
    response = statuses.get(host + ".example.com", target)
    assert (response.status, response.body) == (status, body)


def test_status_without_an_error_document(statuses):
    assert statuses.get("law.example.com").status == 451
    assert statuses.get("www.example.com", "/secret/x").status == 403
    assert statuses.get("www.example.com", "/secrets").backend == "a"


def test_status_that_httpd_does_not_know_is_500(statuses):
    assert statuses.get("teapot.example.com").status == 500


def test_maintenance_may_say_when_it_ends(statuses):
    response = statuses.get("down.example.com")
    assert response.header("Retry-After") == "120"
    assert statuses.get("gone.example.com").header("Retry-After") is None


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "OPTIONS"])
@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.1"])
def test_status_of_each_method(statuses, method, version):
    body = b"x" * 50000 if method in ("POST", "PUT") else None
    with client.Connection(statuses.port) as connection:
        for _ in range(2):
            response = connection.request(
                method, "/", "law.example.com",
                [("Connection", "keep-alive")], body=body, version=version)
            assert response.status == 451


@pytest.mark.parametrize("host", ["acme", "secure"])
def test_challenge_is_local_content(statuses, host):
    response = statuses.get(host + ".example.com",
                            "/.well-known/acme-challenge/token")
    assert (response.status, response.body) == (200, b"the answer\n")


def test_rest_of_such_a_host_is_what_its_entry_says(statuses):
    assert statuses.get("acme.example.com", "/.well-known/x").backend == "a"
    response = statuses.get("secure.example.com", "/.well-known/x")
    assert response.header("Location") \
        == "https://secure.example.com/.well-known/x"


def test_status_is_said_at_level_debug_only(make_httpd, maps, folder):
    path = maps.build(folder + "/map", {"gone.example.com": "410",
                                        "www.example.com": "301 http://x.y"})
    httpd = make_httpd(children=1)
    httpd.start(express(path) + "LogLevel proxy_express:debug\n")
    for host in ("gone", "www"):
        httpd.get(host + ".example.com", "/z")
    assert len(httpd.log_lines(
        r":debug\].*SB0003: entry gone\.example\.com: /z is answered with 410")) \
        == 1
    assert len(httpd.log_lines(r"SB0003: entry www.*/z is answered with 301")) == 1


# ---- the environment ------------------------------------------------------

@pytest.fixture(scope="module")
def environment(make_module_httpd, backends, maps, module_folder):
    a, b = backends.url("a"), backends.url("b")
    path = maps.build(module_folder + "/environment", {
        "www.example.com": a,
        "www.example.com/blog": b + "/wp",
        "www.example.com/here": "!",
        "slash.example.com": b + "/app/",
        "options.example.com": b + "/app noquery",
        "*.wild.example.com": b,
        "local.example.com": "!",
        "gone.example.com": "410",
        "old.example.com": "301 https://new.example.com",
        "bad.example.com": a,
        "*": b + "/default",
    })
    httpd = make_module_httpd(
        modules=["headers", "include", "mime", "filter", "env", "proxy_html",
                 "xml2enc"], children=1)
    httpd.write("htdocs/env.shtml",
                '<!--#echo var="PROXY_EXPRESS_BACKEND" -->|'
                '<!--#echo var="PROXY_EXPRESS_KEY" -->|'
                '<!--#echo var="PROXY_EXPRESS_MATCH" -->\n')
    httpd.write("mime.types", "text/html html shtml\n")
    httpd.write("htdocs/here/parts.shtml",
                '<!--#include virtual="/here/env.shtml" -->'
                '<!--#include virtual="/blog/part" -->'
                '<!--#include virtual="/here/env.shtml" -->\n')
    with open(httpd.path("htdocs/env.shtml"), encoding="ascii") as file:
        httpd.write("htdocs/here/env.shtml", file.read())
    return httpd.start(express(path) + """
LogFormat "%%U %%>s [%%{PROXY_EXPRESS_BACKEND}e] [%%{PROXY_EXPRESS_KEY}e] \
[%%{PROXY_EXPRESS_MATCH}e]" express
CustomLog %s express
AddOutputFilter INCLUDES .shtml
<Directory %s>
    Options +Includes
</Directory>
RequestHeader set X-Entry-Backend %%{PROXY_EXPRESS_BACKEND}e
RequestHeader set X-Entry "expr=%%{reqenv:PROXY_EXPRESS_MATCH} \
%%{reqenv:PROXY_EXPRESS_KEY}"
<If "reqenv('PROXY_EXPRESS_MATCH') == 'default'">
    RequestHeader set X-Default yes
</If>
<If "reqenv('PROXY_EXPRESS_KEY') == 'www.example.com/blog'">
    Header set X-Blog yes
</If>
<If "reqenv('PROXY_EXPRESS_BACKEND') == '%s/wp/'">
    Require expr "%%{QUERY_STRING} != 'forbidden'"
</If>
<Location /html>
    ProxyHTMLEnable On
    ProxyHTMLInterp On
    ProxyHTMLLinks a href
    ProxyHTMLURLMap ${PROXY_EXPRESS_BACKEND} / v
</Location>
<Location /blog/html>
    ProxyHTMLEnable On
    ProxyHTMLInterp On
    ProxyHTMLLinks a href
    ProxyHTMLURLMap ${PROXY_EXPRESS_BACKEND} /blog/ v
</Location>
""" % (httpd.path("access.log"), httpd.path("htdocs"), b))


def logged(httpd, target):
    """The line of the access log for this path, without it."""
    def find():
        with open(httpd.path("access.log"), encoding="utf-8") as file:
            for line in file:
                if line.startswith(target + " "):
                    return line.rstrip("\n").partition(" ")[2]
        return None
    return wait_for(find, 30, "the access log has " + target)


@pytest.mark.parametrize("host, target, line", [
    ("www", "/log1", "200 [{a}/] [www.example.com] [exact]"),
    ("www", "/blog/log2", "200 [{b}/wp/] [www.example.com/blog] [path]"),
    ("slash", "/log3", "200 [{b}/app/] [slash.example.com] [exact]"),
    ("options", "/log4", "200 [{b}/app/] [options.example.com] [exact]"),
    ("x.wild", "/log5", "200 [{b}/] [*.wild.example.com] [wildcard]"),
    ("other", "/log6", "200 [{b}/default/] [*] [default]"),
    ("local", "/log7", "404 [-] [local.example.com] [exact]"),
    ("gone", "/log8", "410 [-] [gone.example.com] [exact]"),
    ("old", "/log9", "301 [-] [old.example.com] [exact]"),
    ("www", "/here/log10", "404 [-] [www.example.com/here] [path]"),
])
def test_access_log_says_what_answered(environment, backends, host, target,
                                       line):
    environment.get(host + ".example.com", target)
    assert logged(environment, target) == line.format(
        a=backends.url("a"), b=backends.url("b"))


def test_request_header_of_the_environment(environment, backends):
    seen = environment.get("www.example.com", "/blog/x")
    assert seen.received("X-Entry-Backend") == [backends.url("b", "/wp/")]
    assert seen.received("X-Entry") == ["path www.example.com/blog"]
    seen = environment.get("x.wild.example.com")
    assert seen.received("X-Entry-Backend") == [backends.url("b", "/")]
    assert seen.received("X-Entry") == ["wildcard *.wild.example.com"]


def test_if_of_the_environment(environment):
    assert environment.get("other.test").received("X-Default") == ["yes"]
    assert environment.get("www.example.com").received("X-Default") == []
    assert environment.get("www.example.com",
                           "/blog/x").header("X-Blog") == "yes"
    assert environment.get("www.example.com", "/x").header("X-Blog") is None


def test_require_of_the_environment(environment):
    environment.allow_log("AH01630")
    assert environment.get("www.example.com",
                           "/blog/x?forbidden").status == 403
    assert environment.get("www.example.com", "/blog/x?else").status == 200
    assert environment.get("www.example.com", "/x?forbidden").status == 200


@pytest.mark.parametrize("host, target, links", [
    ("www", "/html", [("{a}/x?y", "/x?y"), ("{a}/", "/"),
                      ("{b}/wp/x", "{b}/wp/x"), ("{a}0/x", "{a}0/x")]),
    ("slash", "/html", [("{b}/app/x", "/x"), ("{b}/application",
                                              "{b}/application")]),
    ("www", "/blog/html", [("{b}/wp/x", "/blog/x"), ("{b}/x", "{b}/x")]),
])
def test_links_of_a_page_are_the_clients(environment, backends, host, target,
                                         links):
    """ProxyHTMLURLMap, whose pattern has to end at a segment."""
    known = {name: backends.url(name) for name in "ab"}
    page = "".join('<a href="%s">x</a>' % sent.format(**known)
                   for sent, _ in links)
    response = environment.get(
        host + ".example.com", target,
        [client.order(body="<html><body>%s</body></html>" % page,
                      headers=[["Content-Type", "text/html"]])])
    assert re.findall('href="([^"]*)"', response.body.decode()) \
        == [received.format(**known) for _, received in links]


def test_subrequest_has_the_environment_of_its_own_entry(environment):
    """Not that of the page which includes it, nor of the part before."""
    response = environment.get("www.example.com", "/here/parts.shtml")
    first, part, last = re.fullmatch(
        r"(.*)\n(\{.*\})(.*)\n\n", response.body.decode(),
        re.DOTALL).groups()
    assert first == last == "(none)|www.example.com/here|path"
    assert json.loads(part)["target"] == "/wp/part"


def test_client_has_no_say_in_the_environment(environment, backends):
    response = environment.get(
        "www.example.com", "/x",
        [("PROXY_EXPRESS_BACKEND", "evil"), ("Proxy-Express-Key", "evil")])
    assert response.received("X-Entry-Backend") == [backends.url("a", "/")]
    assert response.received("X-Entry") == ["exact www.example.com"]


def test_unknown_host_has_no_such_environment(make_httpd, maps, folder):
    path = maps.build(folder + "/map", {"www.example.com": "!"})
    httpd = make_httpd(children=1)
    httpd.start(express(path) + 'LogFormat "%%U [%%{PROXY_EXPRESS_BACKEND}e] '
                '[%%{PROXY_EXPRESS_KEY}e] [%%{PROXY_EXPRESS_MATCH}e]" e\n'
                'CustomLog %s e\n' % httpd.path("access.log"))
    httpd.get("other.example.com", "/unknown")
    assert logged(httpd, "/unknown") == "[-] [-] [-]"


# ---- what the client used -------------------------------------------------

def documented(word):
    """The block of configuration in the module's page with this word."""
    blocks = re.findall(r"```apache\n(.*?)```", text_of(
        TOP + "/docs/mod_proxy_express.md"), re.DOTALL)
    found = [block for block in blocks if word in block]
    assert len(found) == 1, word
    return found[0]


@pytest.fixture(scope="module")
def forwarded(make_module_httpd, backends, maps, module_folder):
    path = maps.build(module_folder + "/forwarded", {
        "www.example.com": backends.url("a"),
        "www.example.com/blog": backends.url("b")})
    httpd = make_module_httpd(modules=["headers", "ssl"], children=1)
    httpd.tls = httpd.listen()
    return httpd.start(express(path)
                       + documented("X-Forwarded-Proto") + """
<VirtualHost *:%d>
    ServerName main.example.net:443
    SSLEngine On
    SSLCertificateFile %s
</VirtualHost>
""" % (httpd.tls, self_signed(module_folder + "/pem")))


def get_over_tls(port, host, headers=()):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with client.Connection(port) as connection:
        connection.socket = context.wrap_socket(
            connection.socket, server_hostname=host.partition(":")[0])
        return connection.request("GET", "/blog/x", host, headers)


@pytest.mark.parametrize("headers", [
    [], [("X-Forwarded-Proto", "gopher"), ("X-Forwarded-Port", "1")]])
@pytest.mark.parametrize("host, http, https", [
    ("www.example.com", "80", "443"),
    ("www.example.com:8443", "8443", "8443")])
def test_backend_learns_scheme_and_port(forwarded, headers, host, http,
                                        https):
    """Those of the client's URL, whatever he says of them himself."""
    plain = forwarded.get(host, "/blog/x", headers)
    assert plain.received("X-Forwarded-Proto") == ["http"]
    assert plain.received("X-Forwarded-Port") == [http]
    tls = get_over_tls(forwarded.tls, host, headers)
    assert tls.received("X-Forwarded-Proto") == ["https"]
    assert tls.received("X-Forwarded-Port") == [https]


def documented_block(first):
    """The block of the page's configuration that begins so."""
    blocks = [part.split("```")[0] for part in
              text_of(TOP + "/docs/mod_proxy_express.md").split("```apache\n")[1:]]
    found = [block for block in blocks if block.startswith(first)]
    assert len(found) == 1, first
    return found[0]


def test_clients_forwarded_headers_do_not_reach_the_backend(
        make_httpd, backends, maps, folder):
    """With the lines of the page; the entry's prefix does."""
    path = maps.build(folder + "/map", {
        "m.example.com": backends.url("a"),
        "m.example.com/grafana": backends.url("b")})
    httpd = make_httpd(modules=["headers"]).start(
        express(path)
        + documented_block("RequestHeader unset X-Forwarded-For")
        + documented_block("RequestHeader set X-Forwarded-Prefix"))
    sent = [("X-Forwarded-" + name, "forged.example")
            for name in ("For", "Host", "Server", "Prefix")]
    plain = httpd.get("m.example.com", "/x", sent)
    assert plain.received("X-Forwarded-For") == ["127.0.0.1"]
    assert plain.received("X-Forwarded-Host") == ["m.example.com"]
    assert plain.received("X-Forwarded-Server") == ["main.example.net"]
    assert plain.received("X-Forwarded-Prefix") == []
    below = httpd.get("m.example.com", "/grafana/x", sent)
    assert below.received("X-Forwarded-Prefix") == ["/grafana"]
    assert "forged.example" not in str(below.json()["headers"])


@pytest.mark.parametrize("static", [False, True])
def test_noquery_beside_that_of_proxypass(make_httpd, backends, maps, folder,
                                          static):
    """Ours is for the whole request; ProxyPass's leaves the query with it."""
    path = maps.build(folder + "/map", {
        "www.example.com": backends.url("a") + " noquery"})
    httpd = make_httpd()
    httpd.start(express(path) + """
LogFormat "%%q \\"%%r\\"" query
CustomLog %s query
%s
""" % (httpd.path("access.log"), "ProxyPass / %s/ noquery"
       % backends.url("a") if static else ""))
    answer = httpd.get("www.example.com", "/x?y=z")
    if not static:
        assert answer.target == "/x"

    def logged():
        with open(httpd.path("access.log"), encoding="latin-1") as file:
            return [line.split(" ")[0] for line in file
                    if '"GET /x?y=z' in line]
    assert wait_for(logged, 30, "the access log has the request") \
        == ["?y=z" if static else ""]
