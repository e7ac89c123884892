# SPDX-License-Identifier: Apache-2.0
"""What mod_proxy's directives and variables do for a host of a map, beside a
ProxyPass to the same backend, and for URLs that an app names.  The rows of
docs/compatibility.md lead here, where no other test shows them."""

import re
import types

import pytest

import client
import reproxy
from maps import express
from reproxy import (ATTEMPT_LOG, HOST, asks, assert_failed, assert_serves,
                     counted, new_name, url)

SIZE = 3000
BALANCER = ["proxy_balancer", "slotmem_shm", "lbmethod_byrequests"]
CHUNKED = "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
LARGE = "30d40\r\n%s\r\n0\r\n\r\n" % ("x" * 200000)
FILTERED = '<Location "/">\nSetInputFilter Sed\nInputSed "s/no/yes/"\n' \
    "</Location>"
BAD_HEADER = ("HTTP/1.1 200 OK\r\nX-Good: 1\r\nno colon here\r\n"
              "X-Late: 1\r\n\r\nbody")


def case(name, lines, expected, headers=(), target="/x", modules=(),
         method="GET", body=None, chunked=None, log=None, order=None):
    """lines: the configuration, {a} and {b} are backends; expected: what is to
    be seen, see `check`; chunked: a request's body, written so; log: lines
    that may be said; order: how the backend answers."""
    if order:
        headers = [*headers, client.order(**order)]
    return pytest.param(types.SimpleNamespace(
        lines=lines, expected=expected, headers=list(headers), target=target,
        modules=modules, method=method, body=body, chunked=chunked, log=log),
        id=name)


def send(port, one, host=HOST):
    """The response to a case's request; interim ones are read over."""
    with client.Connection(port) as connection:
        headers = list(one.headers)
        if one.chunked is not None:
            headers.append(("Transfer-Encoding", "chunked"))
        connection.send(client.request_bytes(one.method, one.target, host,
                                             headers, one.body))
        if one.chunked is not None:
            connection.send(one.chunked.encode("ascii"))
        while True:
            response = connection.read_response()
            if response.status >= 200:
                return response


def check(response, expected, urls):
    """Each word of expected says where to look: `received` and `header` hold
    patterns of a header that the backend or the client got; None: it did not
    get it."""
    for what, wanted in expected.items():
        if what in ("received", "header"):
            for name, pattern in wanted.items():
                got = response.received(name) if what == "received" \
                    else response.all(name)
                if pattern is None:
                    assert got == [], response
                else:
                    assert re.fullmatch(pattern.format_map(urls),
                                        ", ".join(got)), (name, got)
        elif what in ("status", "backend", "target"):
            if isinstance(wanted, str):
                wanted = wanted.format_map(urls)
            assert getattr(response, what) == wanted, response
        elif what == "text":
            assert response.body == wanted, response
        elif what == "source":
            assert response.json()["peer"][0] == wanted, response
        else:
            assert response.json()[what] == wanted, response


# ---- a host of a map, and a ProxyPass ---------------------------------------

CASES = [
    # <Proxy>, <ProxyMatch>, access control
    case("Proxy-denies", '<Proxy "*">\nRequire all denied\n</Proxy>',
         {"status": 403}, log="AH01630"),
    case("Proxy-of-another-backend",
         '<Proxy "{b}">\nRequire all denied\n</Proxy>', {"backend": "a"}),
    case("Proxy-is-a-prefix",
         '<Proxy "{a}/foo">\nRequire all denied\n</Proxy>', {"status": 403},
         target="/foobar", log="AH01630"),
    case("Proxy-filters",
         '<Proxy "{a}/*">\nSetOutputFilter SUBSTITUTE\n'
         'Substitute "s|needle|thread|"\n</Proxy>', {"text": b"a thread"},
         order={"body": "a needle"},
         modules=["substitute", "filter"]),
    case("ProxyMatch-denies",
         '<ProxyMatch "/secret/">\nRequire all denied\n</ProxyMatch>',
         {"status": 403}, target="/secret/x", log="AH01630"),
    case("ProxyMatch-names-groups",
         '<ProxyMatch "^http://(?<sitename>[^/:]+)">\n'
         "RequestHeader set X-Site %{{MATCH_SITENAME}}e\n</ProxyMatch>",
         {"received": {"X-Site": r"127\.0\.0\.1"}}, modules=["headers"]),
    case("ProxyMatch-groups-in-Require",
         '<ProxyMatch "^http://(?<sitename>[^/:]+)">\n'
         "Require expr \"reqenv('MATCH_SITENAME') == 'other.example'\"\n"
         "</ProxyMatch>", {"status": 403}, modules=["headers"],
         log="AH01630"),
    case("Require-in-Location",
         '<Location "/x">\nRequire ip 192.0.2.1\n</Location>',
         {"status": 403},
         modules=["authz_host"], log="AH01630"),
    case("Allow-and-Deny",
         '<Proxy "*">\nOrder deny,allow\nDeny from all\n</Proxy>',
         {"status": 403}, modules=["access_compat"], log="AH01797"),
    case("Proxy-Chain-Auth-unset",
         '<Location "/">\nAuthType Basic\nAuthName test\n'
         "AuthBasicProvider anon\nAnonymous *\nAnonymous_MustGiveEmail Off\n"
         "Require valid-user\n</Location>",
         {"received": {"Proxy-Authorization": None}},
         headers=[("Authorization", "Basic eDp5"),
                  ("Proxy-Authorization", "Basic eDp6")],
         modules=["auth_basic", "authn_core", "authn_anon", "authz_user"]),
    case("Proxy-Chain-Auth",
         'SetEnv Proxy-Chain-Auth 1\n<Location "/">\nAuthType Basic\n'
         "AuthName test\nAuthBasicProvider anon\nAnonymous *\n"
         "Anonymous_MustGiveEmail Off\nRequire valid-user\n</Location>",
         {"received": {"Proxy-Authorization": "Basic eDp6"}},
         headers=[("Authorization", "Basic eDp5"),
                  ("Proxy-Authorization", "Basic eDp6")],
         modules=["env", "auth_basic", "authn_core", "authn_anon",
                  "authz_user"]),

    # headers of requests
    case("ProxyAddHeaders-On", "",
         {"received": {"X-Forwarded-For": r"192\.0\.2\.9, 127\.0\.0\.1",
                       "X-Forwarded-Host": HOST,
                       "X-Forwarded-Server": ".+"}},
         headers=[("X-Forwarded-For", "192.0.2.9")]),
    case("ProxyAddHeaders-Off", "ProxyAddHeaders Off",
         {"received": {"X-Forwarded-For": None, "X-Forwarded-Host": None,
                       "X-Forwarded-Server": None}}),
    case("ProxyPreserveHost-On", "ProxyPreserveHost On",
         {"received": {"Host": HOST}}),
    case("ProxyPreserveHost-Off", "ProxyPreserveHost Off",
         {"received": {"Host": r"127\.0\.0\.1:{port}"}}),
    case("ProxyVia-Off", "ProxyVia Off",
         {"received": {"Via": "1.0 client"}, "header": {"Via": None}},
         headers=[("Via", "1.0 client")]),
    case("ProxyVia-On", "ProxyVia On",
         {"received": {"Via": r"1\.0 client, 1\.1 [\w.:]+"},
          "header": {"Via": r"1\.1 [\w.:]+"}},
         headers=[("Via", "1.0 client")]),
    case("ProxyVia-Full", "ProxyVia Full",
         {"received": {"Via": r"1\.1 [\w.:]+ \(Apache.*\)"},
          "header": {"Via": r"1\.1 [\w.:]+ \(Apache.*\)"}}),
    case("ProxyVia-Block", "ProxyVia Block",
         {"received": {"Via": None}}, headers=[("Via", "1.0 client")]),
    case("ProxyMaxForwards", "ProxyMaxForwards 15",
         {"received": {"Max-Forwards": "15"}}),
    case("ProxyMaxForwards-of-the-client", "ProxyMaxForwards 15",
         {"received": {"Max-Forwards": "2"}}, headers=[("Max-Forwards", "3")]),
    case("ProxyMaxForwards-default", "", {"received": {"Max-Forwards": None}}),
    case("Max-Forwards-has-run-out", "", {"status": 400},
         headers=[("Max-Forwards", "0")], log="proxy loop"),
    case("RequestHeader", "RequestHeader set X-Own yes",
         {"received": {"X-Own": "yes"}}, modules=["headers"]),

    # request bodies
    case("body-with-a-length", "",
         {"received": {"Content-Length": "11", "Transfer-Encoding": None},
          "body": "hello world"}, method="POST", body=b"hello world"),
    case("body-in-chunks", "", {"body": "hello world"}, method="POST",
         chunked=CHUNKED),
    case("proxy-sendcl", "SetEnv proxy-sendcl 1",
         {"received": {"Content-Length": "200000",
                       "Transfer-Encoding": None}},
         method="POST", chunked=LARGE,
         modules=["env"]),
    case("no-proxy-sendcl", "",
         {"received": {"Content-Length": None,
                       "Transfer-Encoding": "(?i)chunked"}},
         method="POST", chunked=LARGE),
    case("proxy-sendchunked", "SetEnv proxy-sendchunked 1\n" + FILTERED,
         {"received": {"Content-Length": None,
                       "Transfer-Encoding": "(?i)chunked"},
          "body": "yes\n" * 20000}, method="POST", body=b"no\n" * 20000,
         modules=["env", "sed"]),
    case("no-proxy-sendchunked", FILTERED,
         {"received": {"Content-Length": "80000", "Transfer-Encoding": None},
          "body": "yes\n" * 20000}, method="POST", body=b"no\n" * 20000,
         modules=["sed"]),
    case("LimitRequestBody", "SetEnv proxy-sendcl 1\nLimitRequestBody 1000",
         {}, method="POST", chunked=LARGE, modules=["env"],
         log="larger than the configured limit"),
    case("Proxy100Continue-On", "Proxy100Continue On",
         {"received": {"Expect": "(?i)100-continue"}, "body": "hello"},
         method="POST", body=b"hello", headers=[("Expect", "100-continue")]),
    case("Proxy100Continue-Off", "Proxy100Continue Off",
         {"received": {"Expect": None}, "body": "hello"},
         method="POST", body=b"hello", headers=[("Expect", "100-continue")]),

    # protocol adjustments
    case("HTTP/1.1", "", {"version": "HTTP/1.1",
                          "received": {"Connection": "(?i)keep-alive"}}),
    case("force-proxy-request-1.0", "SetEnv force-proxy-request-1.0 1",
         {"version": "HTTP/1.0"}, modules=["env"]),
    case("proxy-nokeepalive", "SetEnv proxy-nokeepalive 1",
         {"received": {"Connection": "(?i)close"}}, modules=["env"]),
    case("no-proxy", "SetEnvIf Request_URI ^/index no-proxy",
         {"text": b"local content\n"}, target="/index.html",
         modules=["setenvif"]),

    # responses
    case("ProxyBadHeader-default", "", {"status": 502},
         order={"raw": BAD_HEADER}, log="AH00898|AH01106"),
    case("ProxyBadHeader-IsError", "ProxyBadHeader IsError", {"status": 502},
         order={"raw": BAD_HEADER}, log="AH00898|AH01106"),
    case("ProxyBadHeader-Ignore", "ProxyBadHeader Ignore",
         {"status": 200, "text": b"body",
          "header": {"X-Good": "1", "X-Late": "1"}}, order={"raw": BAD_HEADER}),
    case("ProxyBadHeader-StartBody", "ProxyBadHeader StartBody",
         {"status": 200, "header": {"X-Good": "1", "X-Late": None},
          "text": b"X-Late: 1\r\n\r\nbody"}, order={"raw": BAD_HEADER}),
    case("ProxyErrorOverride-Off", 'ErrorDocument 404 "ours"',
         {"status": 404, "text": b"theirs"},
         order={"status": 404, "body": "theirs"}),
    case("ProxyErrorOverride-On",
         'ProxyErrorOverride On\nErrorDocument 404 "ours"',
         {"status": 404, "text": b"ours"},
         order={"status": 404, "body": "theirs"}),
    case("ProxyErrorOverride-On-404",
         'ProxyErrorOverride On 404\nErrorDocument 500 "ours"',
         {"status": 500, "text": b"theirs"},
         order={"status": 500, "body": "theirs"}),
    case("ProxyTimeout", "ProxyTimeout 1", {"status": 502},
         order={"delay": 2.5}, log="AH01102|AH00898"),

    # where requests go
    case("ProxyBlock-host", "ProxyBlock 127.0.0.1", {"status": 403},
         log="Connect to remote machine blocked"),
    case("ProxyBlock-all", "ProxyBlock *", {"status": 403},
         log="Connect to remote machine blocked"),
    case("ProxyBlock-word-of-another", "ProxyBlock blocked.invalid",
         {"backend": "a"}),
    case("ProxyRemote", "ProxyRemote * {b}",
         {"backend": "b", "target": "{a}/x"}),
    case("ProxyRemoteMatch", 'ProxyRemoteMatch "^http:" {b}',
         {"backend": "b", "target": "{a}/x"}),
    case("NoProxy", "ProxyRemote * {b}\nNoProxy .example.com",
         {"backend": "a", "target": "/x"}),
    case("NoProxy-of-the-backend", "ProxyRemote * {b}\nNoProxy 127.0.0.1",
         {"backend": "b", "target": "{a}/x"}),
    case("ProxySourceAddress", "ProxySourceAddress 127.0.0.3",
         {"source": "127.0.0.3"}),
    case("ProxyDomain", "ProxyDomain .example.com", {"backend": "a"}),
    case("ProxyDomain-absolute-target", "ProxyDomain .example.com",
         {"status": 301, "header": {
             "Location": r"http://intranet\.example\.com/x"}},
         target="http://intranet/x"),
]


@pytest.mark.parametrize("one", CASES)
def test_as_proxypass(make_httpd, backends, maps, folder,
                                       one):
    """Both in a virtual host with these lines."""
    urls = {name: backends.url(name) for name in "ab"}
    urls["port"] = backends.port["a"]
    path = maps.build(folder + "/map", {HOST: urls["a"],
                                        "intranet": urls["a"]})
    httpd = make_httpd(modules=one.modules, pool=True)
    static = httpd.listen()
    lines = one.lines.format_map(urls)
    httpd.start("""
<VirtualHost *:%d>
%s%s
</VirtualHost>
<VirtualHost *:%d>
%s
ProxyPass / %s/
</VirtualHost>
""" % (httpd.port, express(path), lines, static, lines, urls["a"]))
    if one.log:
        httpd.allow_log(one.log)
    responses = [send(port, one) for port in (httpd.port, static)]
    for response in responses:
        check(response, one.expected, urls)
    assert responses[0].status == responses[1].status


# ---- the parts that take more than a line -----------------------------------

@pytest.fixture
def mapped(make_httpd, backends, maps, folder):
    """Makes a server that maps hosts; lines stand outside of any section."""
    def made(entries, *lines, **more):
        path = maps.build(folder + "/map", entries)
        return make_httpd(**more).start(express(path, "lmdb", *lines))
    return made


def test_forward_proxy_beside_a_map(mapped, backends):
    """What is asked of the forward proxy is not looked up."""
    httpd = mapped({HOST: backends.url("a"), "127.0.0.1": backends.url("b"),
                    "*": backends.url("b")}, "ProxyRequests On")
    assert httpd.get(HOST, "/x").backend == "a"
    forward = httpd.get("127.0.0.1:%d" % backends.port["c"],
                        backends.url("c", "/x"))
    assert (forward.backend, forward.target) == ("c", "/x")


@pytest.mark.parametrize("requests, status", [("On", 200), ("Off", 405)])
def test_connect_beside_a_map(mapped, backends, requests, status):
    httpd = mapped({"*": backends.url("b")}, "ProxyRequests " + requests,
                   "AllowCONNECT %d" % backends.port["a"],
                   modules=["proxy_connect"])
    with client.Connection(httpd.port) as connection:
        address = "127.0.0.1:%d" % backends.port["a"]
        connection.send(client.request_bytes("CONNECT", address, address))
        head = connection._until(b"\r\n\r\n", 0)
        assert int(head.split()[1]) == status
        if status == 200:
            answer = connection.request("GET", "/tunnel", "any.example.com")
            assert (answer.backend, answer.target) == ("a", "/tunnel")


@pytest.mark.parametrize("handler", ["unix", "fcgi"])
def test_handler_serves_what_the_map_leaves(make_httpd, pool_backends, maps,
                                            folder, handler):
    """SetHandler "proxy:...": for a host whose entry is `!`, or that has none;
    a mapped host has no files that FilesMatch could ask for."""
    url = {"unix": "unix:%s|http://localhost" % pool_backends.socket,
           "fcgi": "fcgi://127.0.0.1:%d/" % pool_backends.port["fcgi"]}
    path = maps.build(folder + "/map", {
        "local.example.com": "!", HOST: pool_backends.url("a")})
    httpd = make_httpd(modules=["proxy_fcgi"])
    httpd.write("htdocs/page.php", "<?php")
    httpd.start(express(path) + """
<FilesMatch "\\.php$">
    SetHandler "proxy:%s"
</FilesMatch>
""" % url[handler])
    for host in ("local.example.com", "unknown.example.com"):
        assert httpd.get(host, "/page.php").backend == handler
    assert httpd.get(HOST, "/page.php").backend == "a"


def test_proxypass_of_all_kinds_beside_a_map(make_httpd, backends, maps,
                                             folder):
    """ProxyPassInterpolateEnv is about ProxyPass: what that does not match is
    the map's.  With ProxyPassInherit Off a virtual host loses ProxyRemote,
    and (as httpd is) no ProxyPass."""
    path = maps.build(folder + "/map", {HOST: backends.url("a")})
    httpd = make_httpd(modules=["setenvif"])
    alone = httpd.listen()
    b, c = backends.url("b"), backends.url("c")
    httpd.start(express(path) + """
SetEnvIf Request_URI ^/dynamic/(\\w+) TO=$1
ProxyPassInterpolateEnv On
ProxyPass /dynamic %s/${TO} interpolate
ProxyPass /static %s/s disablereuse=on
ProxyRemote * %s
<VirtualHost *:%d>
    ProxyPassInherit Off
</VirtualHost>
""" % (b, b, c, alone))
    for target, wanted in (("/dynamic/x", b + "/x/x"),
                           ("/static/x", b + "/s/x"),
                           ("/other", backends.url("a", "/other"))):
        seen = httpd.get(HOST, target)
        assert (seen.backend, seen.target) == ("c", wanted)
    seen = client.get(alone, HOST, "/static/x")
    assert (seen.backend, seen.target) == ("b", "/s/x")
    seen = client.get(alone, HOST, "/other")
    assert (seen.backend, seen.target) == ("a", "/other")


def test_workers_of_the_configuration_overlap(make_httpd, pool_backends, maps,
                                              folder):
    """Worker sharing: the section with the longest URL that an entry's begins
    with serves it.  disablereuse=on of one tells which it was."""
    a = pool_backends.url("a")
    path = maps.build(folder + "/map", {
        "long.example.com": a + "/examples", "short.example.com": a + "/apps"})
    httpd = make_httpd(children=1, pool=True).start(express(path) + """
<Proxy "%s/examples">
    ProxySet disablereuse=on
</Proxy>
<Proxy "%s">
    ProxySet enablereuse=on
</Proxy>
""" % (a, a))

    def connections(host):
        return {httpd.get(host).json()["connection"] for _ in range(4)}
    assert len(connections("long.example.com")) == 4
    assert len(connections("short.example.com")) == 1


def test_status_page_shows_what_the_configuration_names(
        make_httpd, pool_backends, maps, folder):
    """ProxyStatus: balancers and their members; not what only a map names."""
    path = maps.build(folder + "/map", {
        HOST: pool_backends.url("a"), "lb.example.com": "balancer://cluster"})
    httpd = make_httpd(modules=[*BALANCER, "status"], pool=True)
    httpd.start(express(path) + """
ExtendedStatus Off
ProxyStatus On
<Proxy "balancer://cluster">
    BalancerMember "%s"
</Proxy>
ProxyPass /server-status !
<Location "/server-status">
    SetHandler server-status
</Location>
""" % pool_backends.url("b").replace("127.0.0.1", "localhost"))
    assert httpd.get(HOST).backend == "a"
    assert httpd.get("lb.example.com").backend == "b"
    page = httpd.get(HOST, "/server-status").body.decode("latin-1")
    assert "balancer://cluster" in page
    assert re.search(r"<td>localhost(:\d+)?</td>", page)
    assert not re.search(r"<td>127\.0\.0\.1(:\d+)?</td>", page)


# ---- balancers --------------------------------------------------------------

MANAGER = """
ProxyPass /manager !
<Location "/manager">
    SetHandler balancer-manager
</Location>
"""


def manage(httpd, text):
    """Send a form of the balancer manager, with the page's nonce."""
    referer = ("Referer", "http://%s/manager" % HOST)
    page = httpd.get(HOST, "/manager", [referer]).body.decode("latin-1")
    nonce = re.search(r"nonce=([0-9a-f-]+)", page)[1]
    response = client.request(
        httpd.port, "POST", "/manager", HOST,
        headers=[referer,
                 ("Content-Type", "application/x-www-form-urlencoded")],
        body=(text + "&nonce=" + nonce).encode("ascii"))
    assert response.status == 200, response


def members(httpd, count=8):
    return {httpd.get(HOST).backend for _ in range(count)}


@pytest.mark.parametrize("persist", ["On", "Off"])
def test_balancer_manager_changes_a_mapped_hosts_members(
        make_httpd, backends, maps, folder, persist):
    """BalancerGrowth makes room for a member that the manager adds;
    BalancerPersist says whether a restart forgets it."""
    a, b = backends.url("a"), backends.url("b")
    path = maps.build(folder + "/map", {HOST: "balancer://cluster"})
    httpd = make_httpd(modules=BALANCER).start(express(path) + """
BalancerPersist %s
<Proxy "balancer://cluster">
    BalancerMember "%s"
    ProxySet growth=2
</Proxy>
""" % (persist, a) + MANAGER)
    assert members(httpd) == {"a"}
    manage(httpd, "b=cluster&b_nwrkr=%s&b_wyes=1" % b)
    manage(httpd, "b=cluster&w=%s&w_status_D=0" % b)
    assert members(httpd) == {"a", "b"}
    httpd.graceful()
    assert members(httpd) == ({"a", "b"} if persist == "On" else {"a"})


@pytest.mark.parametrize("growth", [0, 5])
def test_balancer_growth_is_of_the_virtual_host(make_httpd, backends, maps,
                                                folder, growth):
    """Room for more balancers takes nothing from those of a map."""
    path = maps.build(folder + "/map", {HOST: "balancer://cluster"})
    httpd = make_httpd(modules=BALANCER).start(express(path) + """
BalancerGrowth %d
<Proxy "balancer://cluster">
    BalancerMember "%s"
</Proxy>
""" % (growth, backends.url("a")))
    assert members(httpd, 2) == {"a"}


@pytest.mark.parametrize("inherit, proxy_pass, status", [
    ("On", "On", 200), ("Off", "On", 200), ("On", "Off", 200),
    ("Off", "Off", 500)])
def test_balancer_of_the_main_server_is_inherited(
        make_httpd, backends, maps, folder, inherit, proxy_pass, status):
    """Unless both directives are Off, as httpd reads them."""
    path = maps.build(folder + "/map", {HOST: "balancer://cluster"})
    httpd = make_httpd(modules=BALANCER)
    other = httpd.listen()
    httpd.start(express(path) + """
<Proxy "balancer://cluster">
    BalancerMember "%s"
</Proxy>
<VirtualHost *:%d>
    BalancerInherit %s
    ProxyPassInherit %s
</VirtualHost>
""" % (backends.url("a"), other, inherit, proxy_pass))
    if status != 200:
        httpd.expect_log("SB0015")
    assert httpd.get(HOST).status == 200
    assert client.get(other, HOST).status == status


# ---- links in pages ---------------------------------------------------------

LINKS = (("page", '<a href="%s">x</a>'), ("event", '<a onclick="go(\'%s\')">'),
         ("script", '<script>go("%s")</script>'))
"""Where a page has URLs."""


def html(lines):
    """A section with these lines, which changes URLs of backend a."""
    return "\n".join(['<Location "/">', "ProxyHTMLLinks a href",
                      "ProxyHTMLEvents onclick", "ProxyHTMLURLMap {a}/ /",
                      *lines, "</Location>"])


def page_of(url):
    """The order for a page whose URLs begin so."""
    text = "".join(link % (url + name) for name, link in LINKS)
    return {"body": "<html><body>%s</body></html>" % text,
            "headers": [["Content-Type", "text/html"]]}


def links_in(response):
    """The URLs of such a page, by their last part."""
    assert response.status == 200, response
    return {one.rpartition("/")[2]: one for one in re.findall(
        "[\"']([^\"']*/(?:page|event|script))[\"']", response.body.decode())}


LINK_CASES = pytest.mark.parametrize("lines, changed", [
    (["ProxyHTMLEnable Off"], []),
    (["ProxyHTMLEnable On"], ["page"]),
    (["ProxyHTMLEnable On", "ProxyHTMLExtended Off"], ["page"]),
    (["ProxyHTMLEnable On", "ProxyHTMLExtended On"],
     ["page", "event", "script"]),
])
"""lines of a section, and which URLs become the client's."""

HTML_MODULES = ["proxy_html", "xml2enc", "filter"]


@LINK_CASES
def test_links_are_changed_as_with_proxypass(make_httpd, backends, maps,
                                             folder, lines, changed):
    """ProxyHTMLEnable, and ProxyHTMLExtended for scripts and events."""
    a = backends.url("a")
    path = maps.build(folder + "/map", {HOST: a})
    httpd = make_httpd(modules=HTML_MODULES, pool=True)
    static = httpd.listen()
    httpd.start(html(lines).format(a=a) + """
<VirtualHost *:%d>
%s
</VirtualHost>
<VirtualHost *:%d>
ProxyPass / %s/
</VirtualHost>
""" % (httpd.port, express(path), static, a))
    for port in (httpd.port, static):
        response = client.get(port, HOST, "/x", [
            client.order(**page_of(a + "/"))])
        assert links_in(response) == {
            name: ("/" if name in changed else a + "/") + name
            for name, _ in LINKS}


@LINK_CASES
def test_links_of_a_reproxied_page(make_httpd, storages, lines, changed):
    """Filters see the final response, of whatever storage it is."""
    httpd = reproxy.start(
        make_httpd(modules=HTML_MODULES, reproxy=True), storages,
        outside=[html(lines).format(a="http://a.example")])
    order = page_of("http://a.example/")
    response = httpd.get(HOST, "/app/x", [asks(
        [url(storages, "t", **order)],
        headers=[["Content-Type", "text/html"]])])
    assert links_in(response) == {
        name: ("/" if name in changed else "http://a.example/") + name
        for name, _ in LINKS}


# ---- the how-to -------------------------------------------------------------

@pytest.fixture
def howto(make_httpd, backends, maps, folder):
    """/internal of the public host is /public of the internal one; pictures
    and one folder are not."""
    path = maps.build(folder + "/map", {
        HOST: "!",
        HOST + "/internal": backends.url("a", "/public"),
        HOST + "/internal/excluded": "!"})
    httpd = make_httpd()
    httpd.write("htdocs/internal/excluded/page.html", "excluded\n")
    httpd.write("htdocs/internal/logo.png", "local logo\n")
    return httpd.start(express(path) + """
ProxyPassMatch "^/internal/.*[.](jpeg|png)$" !
<Proxy "*">
    Require all granted
</Proxy>
""")


def test_howto_of_four_steps(howto, backends):
    """Load the modules, map the path, rewrite headers, grant access."""
    response = howto.get(HOST, "/internal/status.cgi?x")
    assert (response.backend, response.target) == ("a", "/public/status.cgi?x")
    response = howto.get(HOST, "/internal/x", [client.order(
        status=301,
        headers=[["Location", backends.url("a", "/public/status.cgi")]])])
    assert re.fullmatch("http://%s(:[0-9]+)?/internal/status.cgi" % HOST,
                        response.header("Location"))
    assert howto.get(HOST, "/").body == b"local content\n"


def test_howto_of_incomplete_subtrees(howto):
    """A path entry that is `!`, and ProxyPassMatch with `!`."""
    assert howto.get(HOST, "/internal/excluded/page.html").body \
        == b"excluded\n"
    assert howto.get(HOST, "/internal/logo.png").body == b"local logo\n"
    assert howto.get(HOST, "/internal/logo.gif").backend == "a"


def test_howto_of_the_same_absolute_urls(mapped, backends):
    """The backend knows its public name: nothing needs rewriting."""
    httpd = mapped({HOST: backends.url("a")}, "ProxyPreserveHost On")
    link = "http://%s/x" % HOST
    response = httpd.get(HOST, "/x", [client.order(
        status=302, headers=[["Location", link]])])
    assert response.header("Location") == link
    assert response.received("Host") == [HOST]


# ---- URLs that an app names -------------------------------------------------

def told(response, **wanted):
    """What storage t received: header=pattern; None: it is not there."""
    assert response.backend == "t", response
    for name, pattern in wanted.items():
        got = response.received(name.replace("_", "-"))
        assert re.fullmatch(pattern, ", ".join(got)) if pattern else not got, \
            (name, got)


REPROXIED = {
    "ProxyAddHeaders On": {"X_Forwarded_For": None, "X_Forwarded_Host": None,
                           "X_Forwarded_Server": None},
    "ProxyPreserveHost On": {"Host": r"127\.0\.0\.1:[0-9]+"},
    "ProxyVia Full": {"Via": None},
    "ProxyMaxForwards 15": {"Max_Forwards": None},
    "Proxy100Continue On": {"Expect": None, "Content_Length": None},
    "SetEnv proxy-sendchunked 1": {"Transfer_Encoding": None},
    "SetEnv proxy-nokeepalive 1": {"Connection": "(?i)close"},
    "RequestHeader set X-Own yes": {"X_Own": None},
    "": {"Connection": "(?i)keep-alive"},
}


@pytest.mark.parametrize("lines", REPROXIED)
def test_reproxied_url_is_asked_so(make_httpd, storages, lines):
    """Little of what a proxied request gets: see mod_reproxy's page."""
    httpd = reproxy.start(
        make_httpd(modules=["env", "headers"], pool=True, reproxy=True),
        storages, outside=[lines])
    response = client.request(
        httpd.port, "POST", "/app/x", HOST, body=b"a body",
        headers=[asks([url(storages, "t", "/y")])])
    told(response, **REPROXIED[lines])
    assert (response.json()["method"], response.target) == ("GET", "/y")


def test_reproxied_url_and_http_1_0(make_httpd, storages):
    httpd = reproxy.start(make_httpd(modules=["env"], reproxy=True), storages,
                          outside=["SetEnv force-proxy-request-1.0 1"])
    response = httpd.get(HOST, "/app/x", [asks([url(storages, "t")])])
    assert response.json()["version"] == "HTTP/1.0"


def test_reproxied_url_comes_from_the_source_address(make_httpd, storages):
    httpd = reproxy.start(make_httpd(reproxy=True), storages,
                          outside=["ProxySourceAddress 127.0.0.3"])
    response = httpd.get(HOST, "/app/x", [asks([url(storages, "t")])])
    assert response.json()["peer"][0] == "127.0.0.3"


def test_remote_match_of_a_reproxied_url(make_httpd, storages):
    """And ProxyDomain adds nothing to a name without a dot."""
    httpd = reproxy.start(
        make_httpd(reproxy=True), storages, "ReproxyAllow http://remote",
        outside=['ProxyRemoteMatch "^http://remote" %s' % storages.url("u"),
                 "ProxyDomain .example.com"])
    response = httpd.get(HOST, "/app/x", [asks(["http://remote/y"])])
    assert response.backend == "u"
    assert response.target == "http://remote/y"


def test_filters_of_a_section_are_not_storages(make_httpd, storages):
    httpd = reproxy.start(
        make_httpd(modules=["substitute", "filter", "headers"], reproxy=True),
        storages, outside=[
            '<Proxy "%s/*">' % storages.url("t"),
            "SetOutputFilter SUBSTITUTE", 'Substitute "s|needle|thread|"',
            "Header set X-Section yes", "</Proxy>"])
    response = httpd.get(HOST, "/app/x", [asks([
        url(storages, "t", body="a needle")])])
    assert response.body == b"a needle"
    assert response.header("X-Section") is None


@pytest.mark.parametrize("reuse, count", [("on", 1), ("off", 4)])
def test_proxyset_of_a_reproxied_url(make_httpd, storages, reuse, count):
    httpd = reproxy.start(
        make_httpd(children=1, pool=True, reproxy=True), storages,
        outside=['<Proxy "%s">' % storages.url("t"),
                 "ProxySet enablereuse=" + reuse, "</Proxy>"])
    seen = {httpd.get(HOST, "/app/x", [asks([url(storages, "t")])])
            .json()["connection"] for _ in range(4)}
    assert len(seen) == count


@pytest.mark.parametrize("lines, fails", [
    ("ProxyBlock 127.0.0.1", True),
    ("ProxyBlock *", True),
    ("ProxyBlock blocked.invalid", False),
    ("SetEnvIf Request_URI . no-proxy", False),
    ('<ProxyMatch "^http://(?<sitename>[^/:]+)">\n'
     "Require expr \"reqenv('MATCH_SITENAME') == 'other.example'\"\n"
     "</ProxyMatch>", True),
    ('<ProxyMatch "^http://(?<sitename>[^/:]+)">\n'
     "Require expr \"reqenv('MATCH_SITENAME') == '127.0.0.1'\"\n"
     "</ProxyMatch>", False),
])
def test_reproxied_url_may_be_forbidden(make_httpd, storages, lines, fails):
    """The app is a file, as these lines are about all that is proxied."""
    httpd = make_httpd(modules=["asis", "mime", "setenvif"], reproxy=True)
    path = "/" + new_name()
    httpd.write("htdocs/app.asis", "Status: 200 OK\nX-Reproxy-URL: %s\n\nbody"
                % url(storages, "t", path, content=SIZE, count=True))
    httpd.start("""
TypesConfig /dev/null
AddHandler send-as-is asis
AllowReproxy On
%s
%s
""" % (reproxy.allow_all(storages), lines))
    if fails:
        httpd.allow_log(ATTEMPT_LOG + "|AH01630")
        assert_failed(httpd.get(HOST, "/app.asis"))
        assert counted(storages, "t", path) == 0
    else:
        assert_serves(httpd.get(HOST, "/app.asis"), "t", SIZE)


@pytest.mark.parametrize("how, fails", [
    ("IsError", True), ("Ignore", False), ("StartBody", False)])
def test_bad_header_of_storage(make_httpd, storages, how, fails):
    httpd = reproxy.start(make_httpd(reproxy=True), storages,
                          outside=["ProxyBadHeader " + how])
    httpd.allow_log(ATTEMPT_LOG)
    response = httpd.get(HOST, "/app/x", [asks([
        url(storages, "t", raw=BAD_HEADER),
        url(storages, "s", content=SIZE)])])
    if fails:
        assert_serves(response, "s", SIZE)
    else:
        assert response.body.endswith(b"body")
        assert response.header("X-Good") == "1"


def test_error_override_of_storage(make_httpd, storages):
    """An error of storage's is a failed attempt anyhow; the app's is
    replaced."""
    httpd = reproxy.start(
        make_httpd(reproxy=True), storages,
        outside=["ProxyErrorOverride On", 'ErrorDocument 404 "ours"',
                 'ErrorDocument 502 "all failed"'])
    httpd.allow_log(ATTEMPT_LOG)
    wrong = url(storages, "t", status=404, body="theirs")
    assert_serves(httpd.get(HOST, "/app/x", [
        asks([wrong, url(storages, "s", content=SIZE)])]), "s", SIZE)
    response = httpd.get(HOST, "/app/x", [asks([wrong])])
    assert (response.status, response.body) == (502, b"all failed")
    response = httpd.get(HOST, "/app/x", [asks(status=404)])
    assert (response.status, response.body) == (404, b"ours")


def test_timeout_within_storages_body(make_httpd, storages):
    """ProxyTimeout, once the response has begun."""
    httpd = reproxy.start(make_httpd(reproxy=True), storages,
                          outside=["ProxyTimeout 1"])
    httpd.allow_log(ATTEMPT_LOG)
    with pytest.raises(client.Closed):
        httpd.get(HOST, "/app/x", [asks([
            url(storages, "t", content=SIZE, pieces=2, pause=3)])])


def test_via_of_a_reproxied_response(make_httpd, storages):
    httpd = reproxy.start(make_httpd(reproxy=True), storages,
                          outside=["ProxyVia On"])
    response = httpd.get(HOST, "/app/x", [asks([url(storages, "t")])])
    assert response.all("Via")[-1].startswith("1.1 ")


@pytest.mark.parametrize("text", [
    "balancer://cluster/x", "fcgi://127.0.0.1:9/x", "ajp://127.0.0.1:9/x",
    "unix:/run/app.sock|http://localhost/x", "h2c://127.0.0.1:9/x"])
def test_reproxied_url_is_http_or_https(make_httpd, storages, text):
    """Whatever the configuration holds."""
    httpd = reproxy.start(
        make_httpd(modules=BALANCER, reproxy=True), storages, outside=[
            "<Proxy balancer://cluster>",
            "BalancerMember %s" % storages.url("t"), "</Proxy>"])
    httpd.allow_log(ATTEMPT_LOG)
    assert_serves(httpd.get(HOST, "/app/x", [
        asks([text, url(storages, "s", content=SIZE)])]), "s", SIZE)
    assert_failed(httpd.get(HOST, "/app/x", [asks([text])]))


def test_forward_proxy_and_reproxied_urls(make_httpd, storages):
    """An origin that anybody may name is an app only in scope."""
    httpd = reproxy.start(make_httpd(reproxy=True), storages,
                          outside=["ProxyRequests On"])
    order = asks([url(storages, "s", content=SIZE)])
    response = httpd.get("127.0.0.1:%d" % storages.port["t"],
                         storages.url("t", "/elsewhere/x"), [order])
    assert response.body == reproxy.APP_BODY.encode()
