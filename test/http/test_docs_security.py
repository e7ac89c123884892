# SPDX-License-Identifier: Apache-2.0
"""What docs/security.md says of httpd and mod_proxy, which it warns about or
relies on."""

import pytest

import client
import reproxy
from maps import express
from reproxy import HOST, asks, assert_failed
from world import NAME, OLD


@pytest.fixture
def small_map(maps, backends, folder):
    return maps.build(folder + "/map", {
        "www.example.com": backends.url("a"), "local.example.com": "!"})


def test_inherited_map_serves_in_every_virtual_host(make_httpd, small_map):
    httpd = make_httpd()
    port = httpd.listen()
    httpd.start(express(small_map) + f"""
<VirtualHost *:{port}>
    ServerName public.example.com
</VirtualHost>
""")
    assert client.get(port, "www.example.com").backend == "a"


@pytest.mark.parametrize("line", ['RewriteEngine On\nRewriteRule . %s/ [P]',
                                  'SetHandler "proxy:%s/"'])
def test_htaccess_may_proxy_where_fileinfo_is_allowed(
        make_httpd, small_map, backends, line):
    httpd = make_httpd(modules=["rewrite"])
    httpd.write("htdocs/own/.htaccess", line % backends.url("b") + "\n")
    httpd.write("htdocs/own/file", "local\n")
    section = "<Directory %s>\nAllowOverride %%s\n</Directory>\n" \
        % httpd.path("htdocs")
    httpd.start(express(small_map) + section % "None")
    assert httpd.get("local.example.com", "/own/file").body == b"local\n"
    httpd.stop()
    httpd.start(express(small_map) + section % "FileInfo")
    assert httpd.get("local.example.com", "/own/file").backend == "b"


FORGED = [("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-Proto", "https")]


def test_forged_forwarded_for_is_cleared(make_httpd, small_map):
    httpd = make_httpd(modules=["headers"])
    httpd.start(express(small_map) + """
RequestHeader unset X-Forwarded-For early
RequestHeader set   X-Forwarded-Proto expr=%{REQUEST_SCHEME}
""")
    seen = httpd.get("www.example.com", headers=FORGED)
    assert seen.received("X-Forwarded-For") == ["127.0.0.1"]
    assert seen.received("X-Forwarded-Proto") == ["http"]


def test_forged_forwarded_for_is_passed_on_else(make_httpd, small_map):
    httpd = make_httpd().start(express(small_map))
    seen = httpd.get("www.example.com", headers=FORGED)
    assert seen.received("X-Forwarded-For") == ["192.0.2.1, 127.0.0.1"]
    assert seen.received("X-Forwarded-Proto") == ["https"]


def test_dots_with_a_parameter_can_be_denied(make_httpd, small_map):
    section = '<LocationMatch "/\\.\\.;">\nRequire all denied\n' \
              '</LocationMatch>\n'
    httpd = make_httpd().start(express(small_map) + section)
    httpd.allow_log("AH01630")
    for path in ("/x/..;/y", "/x/..;a=b/y", "/..;"):
        assert httpd.get("www.example.com", path).status == 403
    assert httpd.get("www.example.com", "/x..;/y").target == "/x..;/y"


# ---- reproxying -------------------------------------------------------------

@pytest.mark.parametrize("blocked", [OLD, "127.3.0.1"])
def test_proxyblock_holds_for_the_address_of_a_name(
        make_httpd, pool_backends, storages, world, blocked):
    """Not so ReproxyAllow: it compares the name."""
    httpd = make_httpd(reproxy=True)
    world.preload(httpd)
    storage = "http://%s:%d" % (NAME, pool_backends.port["wide"])
    reproxy.start(httpd, storages, "ReproxyAllow " + storage,
                  outside=["ProxyBlock " + blocked])
    response = httpd.get(HOST, "/app/x", [asks([storage + "/x"])])
    if blocked == OLD:
        httpd.expect_log("AH00917: .* IP %s matched" % OLD)
        httpd.allow_log(r":error\]")
        assert_failed(response)
    else:
        assert response.backend == "wide"


@pytest.mark.parametrize("level, is_shown", [
    ("proxy:info proxy_http:info reproxy:debug", False),
    ("proxy:debug", True)])
def test_signature_is_in_the_log_of_mod_proxy_at_debug_only(
        make_httpd, storages, level, is_shown):
    httpd = reproxy.start(make_httpd(reproxy=True), storages,
                          outside=["LogLevel warn " + level])
    signed = reproxy.url(storages, "s", "/x?signature=secret", content=9)
    assert httpd.get(HOST, "/app/x", [asks([signed])]).status == 200
    assert bool(httpd.log_lines("signature=secret")) is is_shown
