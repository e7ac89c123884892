# SPDX-License-Identifier: Apache-2.0
"""Which host finds which entry, and what its backend is asked for."""

import re

import pytest

import client
from maps import express

# Requests with these targets reach the backend exactly as they do through a
# ProxyPass to the same backend.
TARGETS = [
    "/", "/plain", "/a/b/c/", "/a%20b", "/%C3%BC", "/%7Euser", "/~user",
    "/%41", "/a;v=1/b;w", "/a+b", "/a%2Bb", "/a%25b", "/a%3Fb", "/a%3fb",
    "/a%23b", "/a%26b", "/a%5Cb", "/a%3Bb", "/a//b", "/a/./b", "/a/../b",
    "/a:b@c", "/a,b'c$d!e*f(g)", "/a|b", "/a%7Cb", "/%E2%82%AC", "/a%2Fb",
    "/?", "/?x", "/p?x=1&y=2", "/p?x=%20&y=%2F", "/p?a?b?c", "/p?u=http://x/",
    "/p?x=a+b;c", "/%2e%2e/x", "/a%0Ab", "/a%00b", "/index.html/",
]


@pytest.fixture(scope="module")
def server(make_module_httpd, backends, maps, module_folder):
    a, b, c = (backends.url(name) for name in "abc")
    path = maps.build(module_folder + "/map", {
        "www.example.com": a,
        "shop.example.com": b,
        "app.example.com": b + "/app",
        "slash.example.com": b + "/app/",
        "root.example.com": a + "/",
        "nocanon.example.com": a + " nocanon",
        "noquery.example.com": a + " noquery",
        "local.example.com": "!",
        "xn--bcher-kva.example.com": b,
        "under_score.example.com": b,
        "192.0.2.7": b,
        "2001:db8::1": c,
        "canonical.example.com": c,
        "main.example.net": c,
    })
    httpd = make_module_httpd(modules=["setenvif"])
    httpd.static = httpd.listen()
    httpd.deny = httpd.listen()
    httpd.canonical = httpd.listen()
    httpd.slashes = httpd.listen()
    httpd.preserve = httpd.listen()
    httpd.write("htdocs/missing.html", "sorry from a file\n")
    return httpd.start(express(path, "lmdb") + f"""
<VirtualHost *:{httpd.static}>
    ProxyExpressEnable Off
    ServerName static.example.com
    ProxyPass / {a}/
    ProxyPassReverse / {a}/
</VirtualHost>
<VirtualHost *:{httpd.static}>
    ProxyExpressEnable Off
    ServerName static-app.example.com
    ProxyPass / {b}/app/
</VirtualHost>
<VirtualHost *:{httpd.static}>
    ProxyExpressEnable Off
    ServerName static-nocanon.example.com
    ProxyPass / {a}/ nocanon
</VirtualHost>
<VirtualHost *:{httpd.static}>
    ProxyExpressEnable Off
    ServerName static-slashes.example.com
    AllowEncodedSlashes NoDecode
    ProxyPass / {a}/ nocanon
</VirtualHost>
<VirtualHost *:{httpd.deny}>
    ServerName deny-404.example.net
    ProxyExpressUnknownHost 404
    ErrorDocument 404 "sorry from a text"
</VirtualHost>
<VirtualHost *:{httpd.deny}>
    ServerName deny-503.example.net
    ProxyExpressUnknownHost 503
</VirtualHost>
<VirtualHost *:{httpd.deny}>
    ServerName deny-file.example.net
    ProxyExpressUnknownHost 404
    ErrorDocument 404 /missing.html
</VirtualHost>
<VirtualHost *:{httpd.deny}>
    ServerName decline.example.net
    ProxyExpressUnknownHost decline
</VirtualHost>
<VirtualHost *:{httpd.canonical}>
    ServerName canonical.example.com
    UseCanonicalName On
</VirtualHost>
<VirtualHost *:{httpd.slashes}>
    AllowEncodedSlashes NoDecode
</VirtualHost>
<VirtualHost *:{httpd.preserve}>
    ProxyPreserveHost On
</VirtualHost>
""")


def test_mapped_host_reaches_its_backend(server):
    assert server.get("www.example.com").backend == "a"
    assert server.get("shop.example.com").backend == "b"


@pytest.mark.parametrize("host, backend", [
    ("WWW.Example.COM", "a"),
    ("www.example.com.", "a"),
    ("www.example.com:80", "a"),
    ("www.example.com:65535", "a"),
    ("www.example.com.:8080", "a"),
    ("xn--bcher-kva.example.com", "b"),
    ("XN--BCHER-KVA.example.com", "b"),
    ("under_score.example.com", "b"),
    ("192.0.2.7", "b"),
    ("192.0.2.7:8080", "b"),
    ("[2001:db8::1]", "c"),
    ("[2001:DB8::1]", "c"),
    ("[2001:db8::1]:8080", "c"),
])
def test_host_is_found_however_it_is_spelled(server, host, backend):
    assert server.get(host).backend == backend


@pytest.mark.parametrize("host", [
    "unknown.example.com", "example.com", "ww.example.com",
    "www.example.co", "www.example.comm", "x.www.example.com",
    "[2001:db8::2]", "192.0.2.70", "a" * 63 + ".example.com",
    ".".join(["label"] * 100) + ".example.com",
])
def test_unknown_host_gets_local_content(server, host):
    response = server.get(host)
    assert (response.status, response.body) == (200, b"local content\n")


def test_one_connection_serves_many_hosts(server):
    with client.Connection(server.port) as connection:
        for host, backend in 3 * [("www.example.com", "a"),
                                  ("shop.example.com", "b"),
                                  ("unknown.example.com", None),
                                  ("[2001:db8::1]", "c")]:
            response = connection.request("GET", "/", host)
            assert response.backend == backend


def test_http10_with_host_is_mapped(server):
    response = server.get("www.example.com", version="HTTP/1.0")
    assert response.backend == "a"


def test_request_without_host_is_looked_up_as_the_server_name(server):
    response = server.get(None, version="HTTP/1.0")
    assert response.backend == "c"


def test_request_without_host_and_without_entry_is_declined(
        make_httpd, backends, maps, folder):
    path = maps.build(folder + "/map",
                      {"www.example.com": backends.url("a")})
    httpd = make_httpd().start(express(path))
    response = httpd.get(None, version="HTTP/1.0")
    assert (response.status, response.body) == (200, b"local content\n")


def test_host_of_an_absolute_target_wins_over_the_header(server):
    response = server.get("shop.example.com", "http://www.example.com/x?y")
    assert response.backend == "a"
    assert response.target == "/x?y"


def test_options_star_is_answered_by_httpd(server):
    response = client.request(server.port, "OPTIONS", "*",
                              "www.example.com")
    assert response.status == 200
    assert response.backend is None


def test_options_of_a_path_is_mapped(server):
    response = client.request(server.port, "OPTIONS", "/x",
                              "www.example.com")
    assert response.json()["method"] == "OPTIONS"


def test_head_is_mapped(server):
    response = client.request(server.port, "HEAD", "/x", "www.example.com")
    assert response.status == 200
    assert response.reason == "Tested"
    assert response.body == b""


def test_request_body_reaches_the_backend(server):
    body = b"key=value&" * 1000
    response = client.request(server.port, "POST", "/form",
                              "www.example.com", body=body)
    assert response.json()["method"] == "POST"
    assert response.json()["body"].encode() == body


def test_client_host_reaches_the_backend_with_preserve_host(server):
    response = client.get(server.preserve, "www.example.com:81")
    assert response.received("Host") == ["www.example.com:81"]


def test_backend_sees_its_own_host_and_who_was_asked_for(server, backends):
    response = server.get("www.example.com")
    assert response.received("Host") == ["127.0.0.1:%d" % backends.port["a"]]
    assert response.received("X-Forwarded-Host") == ["www.example.com"]


@pytest.mark.parametrize("host, target, received", [
    ("www.example.com", "/", "/"),
    ("www.example.com", "/x/y.html?a=1&b=%20", "/x/y.html?a=1&b=%20"),
    ("root.example.com", "/", "/"),
    ("root.example.com", "/x?y", "/x?y"),
    ("app.example.com", "/", "/app/"),
    ("app.example.com", "/x?y", "/app/x?y"),
    ("slash.example.com", "/", "/app/"),
    ("slash.example.com", "/x?y", "/app/x?y"),
])
def test_path_and_query_are_appended_to_the_backend(
        server, host, target, received):
    assert server.get(host, target).target == received


def outcome(response):
    return response.status, response.backend and response.target


@pytest.mark.parametrize("host, static", [
    ("www.example.com", "static.example.com"),
    ("app.example.com", "static-app.example.com"),
    ("slash.example.com", "static-app.example.com"),
    ("nocanon.example.com", "static-nocanon.example.com"),
])
def test_backend_is_asked_as_through_proxypass(server, host, static):
    server.expect_log("AH10244: invalid URI path")
    mapped = {target: outcome(server.get(host, target))
              for target in TARGETS}
    proxied = {target: outcome(client.get(server.static, static, target))
               for target in TARGETS}
    assert mapped == proxied


def test_nocanon_passes_encoded_slashes(server):
    target = "/a%2Fb%2fc/%7Ex?y=%2F"
    mapped = client.get(server.slashes, "nocanon.example.com", target)
    static = client.get(server.static, "static-slashes.example.com", target)
    assert mapped.target == static.target == target


def test_noquery_drops_the_query(server):
    response = server.get("noquery.example.com", "/x?secret=1")
    assert response.target == "/x"


def test_exclamation_mark_is_not_proxied(server):
    response = server.get("local.example.com")
    assert (response.status, response.body) == (200, b"local content\n")


def test_exclamation_mark_is_not_an_unknown_host(server):
    # Port of the virtual hosts that refuse unknown hosts; the first of them
    # serves hosts that none of them names.
    response = client.get(server.deny, "local.example.com")
    assert (response.status, response.body) == (200, b"local content\n")


def test_options_without_a_pool_are_said_once(
        make_httpd, backends, maps, folder):
    path = maps.build(folder + "/map", {
        "options.example.com":
            backends.url("a") + " timeout=5 connectiontimeout=2"})
    httpd = make_httpd(children=1).start(express(path))
    for _ in range(20):
        assert httpd.get("options.example.com").backend == "a"
    lines = httpd.log_lines(r"its options have no effect without mod_proxy_pool")
    assert lines, "not said"
    assert len(lines) == 1, lines
    assert all(":warn]" in line for line in lines)
    assert "options.example.com" in lines[0]


@pytest.mark.parametrize("host, status", [
    ("deny-404.example.net", 404), ("deny-503.example.net", 503)])
def test_unknown_host_gets_the_configured_status(server, host, status):
    server.allow_log(r"SB\d+.*" + re.escape(host))
    response = client.get(server.deny, host)
    assert response.status == status
    assert response.backend is None


def test_unknown_host_gets_the_text_of_the_error_document(server):
    response = client.get(server.deny, "deny-404.example.net")
    assert response.body == b"sorry from a text"


def test_unknown_host_gets_the_file_of_the_error_document(server):
    response = client.get(server.deny, "deny-file.example.net")
    assert (response.status, response.body) == (404, b"sorry from a file\n")


def test_known_host_is_served_where_unknown_ones_are_refused(server):
    assert client.get(server.deny, "www.example.com").backend == "a"


def test_decline_can_be_written_out(server):
    response = client.get(server.deny, "decline.example.net")
    assert (response.status, response.body) == (200, b"local content\n")


def test_refusing_unknown_hosts_leaves_options_star_alone(server):
    response = client.request(server.deny, "OPTIONS", "*",
                              "deny-404.example.net")
    assert response.status == 200


def test_canonical_name_is_looked_up_when_httpd_is_told_so(server):
    for host in ("www.example.com", "unknown.example.com"):
        assert client.get(server.canonical, host).backend == "c"


def test_mapped_request_carries_cdn_loop(server):
    (value,) = server.get("www.example.com").received("CDN-Loop")
    assert re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", value)


def test_cdn_loop_of_others_is_kept(server):
    (ours,) = server.get("www.example.com").received("CDN-Loop")
    response = server.get("www.example.com",
                          headers=[("CDN-Loop", "edge.example; v=1, other")])
    members = [member.strip()
               for value in response.received("CDN-Loop")
               for member in value.split(",")]
    assert members == ["edge.example; v=1", "other", ours]


def test_request_that_is_not_mapped_carries_no_cdn_loop(server):
    response = client.get(server.static, "static.example.com")
    assert response.received("CDN-Loop") == []
