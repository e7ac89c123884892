# SPDX-License-Identifier: Apache-2.0
"""Which entry serves a request: wildcards, the default, paths; and what a path
entry makes of a path, beside what ProxyPass makes of it."""

import pytest

import client
from httpd import wait_for
from maps import ALL_TYPES, express

PREFIX = "blog.example.com"
"""Its entries are those of ENTRIES; the static server has a ProxyPass for
each."""

PLAIN = "plain.example.com"


def entries_of(backends):
    a, b, c, d = (backends.url(name) for name in "abcd")
    return {
        "www.example.com": a,
        "www.example.com/blog": b + "/wp",
        "www.example.com/blog/2024": c,
        "www.example.com/local": "!",
        "*.example.com": d + "/wild",
        "*.example.com/blog": c + "/wildblog",
        "*.deep.example.com": b + "/deep",
        "*": a + "/default",
        "*/all": b + "/all",
        "local.example.com": "!",
        "local.example.com/app": c + "/app/",
        PLAIN: a,
        "192.0.2.7": b,
    }


@pytest.fixture(scope="module", params=ALL_TYPES)
def server(request, make_module_httpd, backends, maps, module_folder):
    path = maps.build(module_folder + "/map-" + request.param,
                      entries_of(backends), request.param)
    httpd = make_module_httpd(children=1)
    httpd.write("htdocs/local/index.html", "local page\n")
    return httpd.start(express(path))


@pytest.mark.parametrize("host, target, backend, received", [
    ("www.example.com", "/", "a", "/"),
    ("www.example.com", "/x?y", "a", "/x?y"),
    ("www.example.com", "/blogger", "a", "/blogger"),
    ("www.example.com", "/Blog", "a", "/Blog"),
    ("www.example.com", "/blog", "b", "/wp"),
    ("www.example.com", "/blog?x=1", "b", "/wp?x=1"),
    ("www.example.com", "/blog/", "b", "/wp/"),
    ("www.example.com", "/blog/x/y", "b", "/wp/x/y"),
    ("www.example.com", "/blog/2024", "c", "/"),
    ("www.example.com", "/blog/2024/may", "c", "/may"),
    ("www.example.com", "/blog/20245", "b", "/wp/20245"),
    ("WWW.Example.COM", "/blog/x", "b", "/wp/x"),
    ("www.example.com:8080", "/blog/x", "b", "/wp/x"),
    # A wildcard is any name below it, not the name itself.
    ("shop.example.com", "/x", "d", "/wild/x"),
    ("a.b.c.example.com", "/x", "d", "/wild/x"),
    ("shop.example.com", "/blog/x", "c", "/wildblog/x"),
    ("a.deep.example.com", "/x", "b", "/deep/x"),
    ("a.b.deep.example.com", "/blog", "b", "/deep/blog"),
    ("deep.example.com", "/x", "d", "/wild/x"),
    ("example.com", "/x", "a", "/default/x"),
    # The default.
    ("other.test", "/x", "a", "/default/x"),
    ("other.test", "/all/x", "b", "/all/x"),
    ("192.0.2.8", "/x", "a", "/default/x"),
    ("192.0.2.7", "/all", "b", "/all"),
    ("[2001:db8::1]", "/x", "a", "/default/x"),
    # Only entries of the host that matched: not those of a wildcard above it.
    (PLAIN, "/blog/x", "a", "/blog/x"),
    (PLAIN, "/all/x", "a", "/all/x"),
    ("local.example.com", "/app/x", "c", "/app/x"),
    ("local.example.com", "/app", "c", "/app/"),
])
def test_entry_that_answers(server, host, target, backend, received):
    response = server.get(host, target)
    assert (response.backend, response.target) == (backend, received)


@pytest.mark.parametrize("host, target, body", [
    ("www.example.com", "/local/", b"local page\n"),
    ("local.example.com", "/", b"local content\n"),
    ("local.example.com", "/local/index.html", b"local page\n"),
])
def test_entry_that_is_not_proxied(server, host, target, body):
    response = server.get(host, target)
    assert (response.status, response.body) == (200, body)


def test_host_of_127_labels_and_path_of_1000_segments(server):
    host = ".".join(["a"] * 125) + ".example.com"
    path = "/s" * 1000
    response = server.get(host, path)
    assert (response.backend, response.target) == ("d", "/wild" + path)
    response = server.get("www.example.com", "/blog" + path)
    assert (response.backend, response.target) == ("b", "/wp" + path)


def test_map_of_the_stock_tool_is_matched_exactly(make_httpd, backends, maps,
                                                  folder):
    """Its wildcards and paths are keys that no request has."""
    path = maps.stock(folder + "/map", {
        "www.example.com": backends.url("a"),
        "*.example.com": backends.url("b"),
        "*": backends.url("b"),
        "www.example.com/blog": backends.url("b")}, "sdbm")
    httpd = make_httpd().start(express(path, "sdbm"))
    assert httpd.get("www.example.com", "/blog").backend == "a"
    assert httpd.get("other.example.com").body == b"local content\n"


@pytest.mark.parametrize("kind", ["lmdb", "sdbm"])
def test_map_gets_and_loses_its_wildcards(make_httpd, backends, maps, folder,
                                          kind):
    """Without a restart: the mark belongs to the file."""
    exact = {"www.example.com": backends.url("a")}
    wild = dict(exact, **{"*.example.com": backends.url("b")})
    path = maps.build(folder + "/map", exact, kind)
    httpd = make_httpd(children=1).start(express(path))
    for entries, backend in ((exact, None), (wild, "b"), (exact, None)):
        maps.build(path, entries, kind)
        wait_for(lambda: httpd.get("x.example.com").backend == backend, 30,
                 "the new map serves")
        assert httpd.get("www.example.com").backend == "a"


def test_replaced_map_never_mixes_with_the_one_before(make_httpd, backends,
                                                      maps, folder):
    """One of them has the host, the other the default: every request finds
    one of the two."""
    first = {"www.example.com": backends.url("a"), "x.test": "!",
             "x.test/y": "!"}
    second = {"*": backends.url("a")}
    path = maps.build(folder + "/map", first)
    httpd = make_httpd(children=1).start(
        express(path, "lmdb", "ProxyExpressCheckInterval 10ms"))
    with client.Hammer(httpd.port, {"www.example.com": "a"}) as hammer:
        for number in range(20):
            maps.build(path, first if number % 2 else second)
            assert hammer.wait_for(50)
    assert hammer.wrong == []


# ---- beside ProxyPass -----------------------------------------------------

ODD_PATHS = [
    "/blog", "/blog/", "/blog/x", "/blog/x/", "/blog?q", "/blog/?q=1&r=/x",
    "/blog//x", "/blog///", "//blog/x", "///blog//x//y", "/blog/./x",
    "/blog/x/../y", "/blog/x/..", "/blog/../blog/x", "/x/../blog/y",
    "/blog/../x", "/blog/.", "/blog/..", "/blog/...", "/blog/.x",
    "/blog/%2e/x", "/blog/x/%2e%2e/y", "/blog/%2E%2E/x", "/blog%2fx",
    "/blog/a%2fb", "/blog/a%2Fb/c", "/blog%2F%2e%2e/x", "/bl%6fg/x",
    "/%62log/x", "/BLOG/x", "/blog;a=b/x", "/blog/;a=b/x", "/blog/x;a=b",
    "/blog/x;a=b/../y", "/blog/x;a=b?c", "/blog;", "/blog/%3Ba", "/blog/a%3Fb",
    "/blog/a%23b", "/blog/a%25b", "/blog/a%2525b", "/blog/%C3%BC",
    "/blog/\xfc", "/blog/a%20b", "/blog/a+b", "/blog/a%2Bb", "/blog/a'b",
    "/blog/a%22b", "/blog/a%3Cb%3E", "/blog/a%5Cb", "/blog/a\\b", "/blog/a|b",
    "/blog/a[b]", "/blog/{x}", "/blog/~x", "/blog/%7Ex", "/blog/a:b",
    "/blog/a@b", "/blog/http://x/", "/blog/%00x", "/blog/%zz", "/blog/a%",
    "/blog/a%2", "/blog/x%0d%0aY:z", "/blogger/x", "/blo", "/", "/x",
    "/deep/a/b", "/deep/a/b/c", "/deep//a///b//c", "/deep/a", "/deep/a/bc",
    "/deep/a%2Fb/c", "/root/x", "/root", "/slash/x", "/slash", "/slash/",
]

SECTIONS = {
    "blog": "/wp",
    "deep/a/b": "/app/x",
    "root": "",
}

WAYS = {
    "plain": "",
    "unmerged": "MergeSlashes Off\n",
    "encoded-on": "AllowEncodedSlashes On\n",
    "encoded-nodecode": "AllowEncodedSlashes NoDecode\n",
    "unmerged-nodecode": "MergeSlashes Off\nAllowEncodedSlashes NoDecode\n",
}


@pytest.fixture(scope="module", params=["canon", "nocanon"])
def pair(request, make_module_httpd, backends, maps, module_folder):
    """A server with ProxyPass and one with a map, with a port for each way to
    read paths."""
    flag = "nocanon" if request.param == "nocanon" else ""
    b = backends.url("b")
    entries = {PREFIX: "!"}
    lines = []
    for path, url in SECTIONS.items():
        entries["%s/%s" % (PREFIX, path)] = "%s%s %s" % (b, url, flag)
        lines.append("ProxyPass /%s %s%s %s" % (path, b, url, flag))
    served = maps.build(module_folder + "/odd-" + request.param, entries)
    servers = []
    for text in ("\n".join(lines), express(served)):
        httpd = make_module_httpd()
        httpd.way_port = {way: httpd.listen() for way in WAYS}
        servers.append(httpd.start("".join(
            "<VirtualHost *:%d>\n%s%s\n</VirtualHost>\n"
            % (httpd.way_port[way], more, text)
            for way, more in WAYS.items())))
    servers[0].flag = flag
    return servers


NOCANON = pytest.mark.parametrize("pair", ["nocanon"], indirect=True)


def outcome(port, target):
    response = client.get(port, PREFIX, target)
    if response.backend:
        return response.backend, response.target
    return response.status, None


def climbs(target):
    """Does the raw path hold dot segments?  There nocanon is passed over,
    where ProxyPass may send them on: the backend would read them as leading
    out of the prefix."""
    path = target.partition("?")[0].lower().replace("%2e", ".")
    return any(one and not one.strip(".") for one in path.split("/"))


def compared(pair, way, targets):
    """How many were, and what differs."""
    asked, different = 0, []
    for httpd in pair:
        httpd.allow_log(r"core:error|AH01136|AH10244|AH00026|proxy:")
    for target in targets:
        if pair[0].flag and climbs(target):
            continue
        ours, theirs = (outcome(httpd.way_port[way], target)
                        for httpd in reversed(pair))
        asked += 1
        if ours != theirs:
            different.append((target, ours, theirs))
    return asked, different


@pytest.mark.parametrize("way", WAYS)
def test_odd_paths_are_what_proxypass_makes_of_them(pair, way):
    asked, different = compared(pair, way, ODD_PATHS)
    assert different == []
    assert asked > 60


BYTES = [
    form % text
    for text in ["%%%02X" % byte for byte in range(1, 256)]
    + [chr(byte) for byte in range(0x21, 0x7f) if chr(byte) != "#"]
    for form in ("/blog/a%sb", "/blog/x?a%sb")]


@pytest.mark.parametrize("way", ["plain", "encoded-nodecode"])
def test_each_byte_is_what_proxypass_makes_of_it(pair, way):
    """Most URLs are canonical as they are, and not given to mod_proxy_http to
    make them so."""
    asked, different = compared(pair, way, BYTES)
    assert different == []
    assert asked > 600


SPELLINGS = [
    "http://127.0.0.1:%d", "http://127.0.0.1:%d/", "HTTP://127.0.0.1:%d",
    "http://LocalHost:%d", "http://127.0.0.1:0%d", "http://127.0.0.1:%d//x",
    "http://127.0.0.1:%d/App~1_a-b.c/", "http://127.0.0.1:%d/a;b=c",
    "http://127.0.0.1:%d/a%%20b",
]


def test_host_that_mod_proxy_takes_for_a_port(make_httpd, maps, folder):
    """It refuses it, before our modules and with them."""
    path = maps.build(folder + "/map", {"www.example.com": "http://65535/"})
    httpd = make_httpd().start(express(path))
    assert httpd.get("www.example.com").status == 400
    httpd.expect_log("AH01083: error parsing URL")


def test_a_spelling_is_what_proxypass_makes_of_it(make_httpd, backends, maps,
                                                  folder):
    """Of the backend's URL: what it is asked for, and as which host."""
    port = int(backends.url("a").rpartition(":")[2])
    urls = {"h%d.example.com" % number: spelling % port
            for number, spelling in enumerate(SPELLINGS)}
    ours = make_httpd().start(express(maps.build(folder + "/map", urls)))
    theirs = make_httpd()
    theirs.start("".join(
        "<VirtualHost *:%d>\nServerName %s\nProxyPass / \"%s%s\"\n"
        "</VirtualHost>\n" % (theirs.port, host, url,
                              "" if url.endswith("/") else "/")
        for host, url in urls.items()))
    for host in urls:
        for target in ("/", "/x/y.html", "/x%20y/?z=%20", "/x?"):
            asked = [(answer.target, answer.received("Host"))
                     for answer in (ours.get(host, target),
                                    theirs.get(host, target))]
            assert asked[0] == asked[1]


@NOCANON
@pytest.mark.parametrize("target", [
    "/blog/../blog/secret", "/blog/%2e%2e/blog/secret", "/blog/./x",
    "/blog/x/..", "/blog/.%2E/blog/x"])
def test_nocanon_sends_no_dot_segments(pair, target):
    """Of a path entry: they would lead out of the backend's path."""
    response = client.get(pair[1].way_port["plain"], PREFIX, target)
    assert response.backend == "b"
    assert response.target.startswith("/wp/")
    assert not climbs(response.target)


@NOCANON
def test_nocanon_keeps_the_raw_path_of_a_path_entry(pair):
    for raw in ("/a%2Fb", "/%7Ex", "/a;b=c//d", "/%C3%BC?x=%20", "?x=1"):
        response = client.get(pair[1].way_port["encoded-nodecode"], PREFIX,
                              "/blog" + raw)
        assert response.target == "/wp" + raw, raw


@pytest.mark.parametrize("value, target, received", [
    ("{b}/wp/", "/blog/x", "/wp/x"),
    ("{b}/wp/", "/blog", "/wp/"),
    ("{b}/wp", "/blog", "/wp"),
    ("{b}/", "/blog/x", "/x"),
    ("{b}", "/blog", "/"),
    ("{b}/wp noquery", "/blog/x?y=1", "/wp/x"),
    ("{b}/wp nocanon noquery", "/blog/%7Ex?y=1", "/wp/%7Ex"),
])
def test_one_slash_between(make_httpd, backends, maps, folder, value, target,
                           received):
    path = maps.build(folder + "/map", {
        "www.example.com": "!",
        "www.example.com/blog": value.format(b=backends.url("b"))})
    httpd = make_httpd(children=1).start(express(path))
    assert httpd.get("www.example.com", target).target == received


# ---- what comes back ------------------------------------------------------

@pytest.fixture(scope="module")
def reverse_server(make_module_httpd, backends, maps, module_folder):
    path = maps.build(module_folder + "/reverse", {
        "www.example.com": backends.url("a"),
        "www.example.com/blog": backends.url("b", "/wp"),
        "www.example.com/root": backends.url("c"),
        'www.example.com/a/\xfc;"x': backends.url("d", "/odd"),
        "*.example.com": backends.url("d", "/wild"),
        "*.example.com/blog": backends.url("d", "/wildblog/"),
    })
    return make_module_httpd().start(express(path))


@pytest.mark.parametrize("host, target, sent, received", [
    ("www", "/blog/x", "{b}/wp/y?z#f", "{front}/blog/y?z#f"),
    ("www", "/blog/x", "{b}/wp", "{front}/blog"),
    ("www", "/blog/x", "{b}/wp/", "{front}/blog/"),
    ("www", "/blog", "/wp/y", "/blog/y"),
    ("www", "/blog/x", "{b}/", "{b}/"),
    ("www", "/blog/x", "/y", "/y"),
    ("www", "/blog/x", "{b}/wpx", "{b}/wpx"),
    ("www", "/blog/x", "/wpx", "/wpx"),
    ("www", "/blog/x", "{a}/y", "{a}/y"),
    ("www", "/blog/x", "{b}/wp/../admin", "{b}/wp/../admin"),
    ("www", "/root/x", "{c}/y", "{front}/root/y"),
    ("www", "/root/x", "{c}", "{front}/root/"),
    ("www", "/root/x", "/y", "/root/y"),
    ("www", "/root/x", "//evil.example/", "//evil.example/"),
    ("www", "/y", "{b}/wp/y", "{b}/wp/y"),
    ("www", "/a/%C3%BC;%22x/y", "/odd/z", "/a/%C3%BC%3B%22x/z"),
    ("shop", "/x", "{d}/wild/y", "{shop}/y"),
    ("shop", "/blog/x", "{d}/wildblog/y", "{shop}/blog/y"),
    ("shop", "/blog/x", "/wildblog", "/blog"),
])
def test_location_has_the_entrys_prefix(reverse_server, backends, host,
                                        target, sent, received):
    known = {name: backends.url(name) for name in "abcd"}
    for name, key in (("www", "front"), ("shop", "shop")):
        known[key] = "http://%s.example.com:%d" % (name, reverse_server.port)
    response = reverse_server.get(
        host + ".example.com:%d" % reverse_server.port, target,
        [client.order(status=302,
                      headers=[["Location", sent.format(**known)]])])
    assert response.status == 302
    assert response.header("Location") == received.format(**known)


@pytest.mark.parametrize("host, target, sent, received", [
    ("www", "/blog/x", "a=b; Path=/wp", "a=b; Path=/blog"),
    ("www", "/blog/x", "a=b; Path=/wp/", "a=b; Path=/blog/"),
    ("www", "/blog/x", "a=b; Path=/wp/y; Secure", "a=b; Path=/blog/y; Secure"),
    ("www", "/blog/x", "a=b; Path=/", "a=b; Path=/"),
    ("www", "/blog/x", "a=b; Path=/wpx", "a=b; Path=/wpx"),
    ("www", "/root/x", "a=b; Path=/", "a=b; Path=/"),
    ("www", "/root/x", "a=b; Path=/y", "a=b; Path=/y"),
    ("www", "/root/x", "a=b; Domain=127.0.0.1", "a=b"),
    ("www", "/a/%C3%BC;%22x", "a=b; Path=/odd; Secure",
     "a=b; Path=/a/%C3%BC%3B%22x; Secure"),
    ("shop", "/blog/x", "a=b; Path=/wildblog", "a=b; Path=/blog"),
    ("shop", "/x", "a=b; Path=/wild", "a=b; Path=/"),
])
def test_cookie_has_the_entrys_prefix(reverse_server, host, target, sent,
                                      received):
    response = reverse_server.get(
        host + ".example.com", target,
        [client.order(headers=[["Set-Cookie", sent]])])
    assert response.header("Set-Cookie") == received


def test_redirect_of_a_path_entry_leads_where_it_should(reverse_server,
                                                        backends):
    first = reverse_server.get(
        "www.example.com:%d" % reverse_server.port, "/blog/x",
        [client.order(status=302, headers=[
            ["Location", backends.url("b", "/wp/new?q")]])])
    path = first.header("Location").partition(
        "//www.example.com:%d" % reverse_server.port)[2]
    second = reverse_server.get("www.example.com", path)
    assert (second.backend, second.target) == ("b", "/wp/new?q")
