# SPDX-License-Identifier: Apache-2.0
"""The map among the other modules that map a request: RewriteRule, then
ProxyPass, then the map, then Alias and Redirect."""

import pytest

import client
from maps import express

HOST = "www.example.com"


@pytest.fixture(scope="module")
def server(make_module_httpd, backends, maps, module_folder):
    path = maps.build(module_folder + "/map", {
        HOST: backends.url("a"),
        "local.example.com": "!",
    })
    c, d = backends.url("c"), backends.url("d")
    httpd = make_module_httpd(modules=[
        "alias", "rewrite", "setenvif", "include", "mime", "filter"])
    httpd.write("mime.types", "text/html html shtml\n")
    httpd.write("htdocs/excluded/page.html", "excluded page\n")
    httpd.write("htdocs/excluded/index.html", "excluded index\n")
    httpd.write("htdocs/excluded/both.shtml",
                '[<!--#include virtual="page.html" -->]'
                '[<!--#include virtual="/part" -->]\n')
    httpd.write("htdocs/location/page.html", "location page\n")
    httpd.write("htdocs/match/picture.png", "match picture\n")
    httpd.write("htdocs/matchlocation/page.html", "matched location\n")
    httpd.write("htdocs/noproxy/page.html", "no-proxy page\n")
    httpd.write("htdocs/noproxy/index.html", "no-proxy index\n")
    httpd.write("htdocs/list.shtml",
                '[<!--#include virtual="/index.html" -->]\n')
    httpd.write("htdocs/rewritten/page.html", "rewritten page\n")
    httpd.write("aliased/page.html", "aliased page\n")
    return httpd.start(express(path) + f"""
ProxyPass /excluded !
ProxyPassMatch ^/match/.*\\.png$ !
ProxyPass /static {c}/static
ProxyPass /encoded {c}/encoded mapping=encoded
ProxyPassMatch ^/numbered/([0-9]+)$ {c}/number-$1
<Location /location>
    ProxyPass !
</Location>
<LocationMatch ^/matchlocation>
    ProxyPassMatch !
</LocationMatch>
<Location /section>
    ProxyPass {c}/section
</Location>
SetEnvIf Request_URI ^/noproxy no-proxy
RewriteEngine On
RewriteRule ^/rewrite/proxy/(.*)$ {d}/rewritten/$1 [P]
RewriteRule ^/rewrite/file/(.*)$ {httpd.path("htdocs")}/rewritten/$1 [L]
RewriteRule ^/rewrite/pass/(.*)$ /passed/$1 [PT]
RewriteRule ^/rewrite/redirect/(.*)$ /elsewhere/$1 [R=302,L]
RewriteRule ^/rewrite/gone$ - [G]
Alias /aliased {httpd.path("aliased")}
Redirect 301 /redirected http://redirected.example.com
AddOutputFilter INCLUDES .shtml
<Directory {httpd.path("htdocs")}>
    Options +Includes
</Directory>
<Location /included>
    Options +Includes
    SetOutputFilter INCLUDES
</Location>
""")


@pytest.mark.parametrize("target, backend, received", [
    ("/static/x?y=1", "c", "/static/x?y=1"),
    ("/encoded/x?y=1", "c", "/encoded/x?y=1"),
    ("/section/x", "c", "/section/x"),
    ("/numbered/12", "c", "/number-12"),
    ("/numbered/xy", "a", "/numbered/xy"),
    ("/", "a", "/"),
])
def test_proxypass_wins(server, target, backend, received):
    response = server.get(HOST, target)
    assert (response.backend, response.target) == (backend, received)


@pytest.mark.parametrize("target, body", [
    ("/excluded/page.html", b"excluded page\n"),
    ("/location/page.html", b"location page\n"),
    ("/match/picture.png", b"match picture\n"),
    ("/matchlocation/page.html", b"matched location\n"),
])
def test_proxypass_exclusion_wins(server, target, body):
    response = server.get(HOST, target)
    assert (response.status, response.body) == (200, body)


@pytest.mark.parametrize("target", [
    "/excluder", "/match/picture.jpg", "/locations", "/x/excluded/"])
def test_what_no_exclusion_names_is_mapped(server, target):
    assert server.get(HOST, target).backend == "a"


def test_no_proxy_variable_wins(server):
    response = server.get(HOST, "/noproxy/page.html")
    assert (response.status, response.body) == (200, b"no-proxy page\n")


def test_rewrite_to_a_proxy_wins(server):
    response = server.get(HOST, "/rewrite/proxy/x?y")
    assert (response.backend, response.target) == ("d", "/rewritten/x?y")


def test_rewrite_to_a_file_wins(server):
    response = server.get(HOST, "/rewrite/file/page.html")
    assert (response.status, response.body) == (200, b"rewritten page\n")


def test_rewrite_to_a_redirect_wins(server):
    response = server.get(HOST, "/rewrite/redirect/x")
    assert response.status == 302
    assert response.header("Location").endswith(HOST + "/elsewhere/x")


def test_rewrite_to_a_status_wins(server):
    assert server.get(HOST, "/rewrite/gone").status == 410


def test_rewritten_path_is_what_the_backend_gets(server):
    response = server.get(HOST, "/rewrite/pass/x?y")
    assert (response.backend, response.target) == ("a", "/passed/x?y")


def test_map_wins_over_alias(server):
    assert server.get(HOST, "/aliased/page.html").backend == "a"


def test_map_wins_over_redirect(server):
    assert server.get(HOST, "/redirected/x").backend == "a"


@pytest.mark.parametrize("host", ["unknown.example.com", "local.example.com"])
def test_alias_and_redirect_serve_what_the_map_declines(server, host):
    assert server.get(host, "/aliased/page.html").body == b"aliased page\n"
    response = server.get(host, "/redirected/x")
    assert response.status == 301
    assert response.header("Location") == "http://redirected.example.com/x"


def requests_so_far(backends, name):
    """Requests that a backend has had, this one included."""
    return client.get(backends.port[name], "test", "/stats",
                      [client.order(stats=True)]).json()["requests"]


def test_index_of_a_mapped_host_is_one_request(server, backends):
    before = requests_so_far(backends, "a")
    response = server.get(HOST, "/")
    assert (response.backend, response.target) == ("a", "/")
    assert requests_so_far(backends, "a") == before + 2


@pytest.mark.parametrize("target, body", [
    ("/excluded/", b"excluded index\n"),
    ("/noproxy/", b"no-proxy index\n"),
])
def test_index_of_an_excluded_folder_is_local(server, target, body):
    response = server.get(HOST, target)
    assert (response.status, response.body) == (200, body)


def test_include_of_a_local_page_takes_parts_from_the_backend(
        server, backends):
    """A subrequest is mapped as a request is: once."""
    before = requests_so_far(backends, "a")
    response = server.get(HOST, "/excluded/both.shtml")
    assert response.status == 200
    text = response.body.decode()
    assert text.startswith("[excluded page\n][{")
    assert '"backend": "a"' in text and '"target": "/part"' in text
    assert requests_so_far(backends, "a") == before + 2


def test_include_of_an_unknown_host_is_local(server):
    response = server.get("unknown.example.com", "/list.shtml")
    assert (response.status, response.body) == (200, b"[local content\n]\n")


def test_include_in_a_page_of_a_backend_is_mapped_once(server, backends):
    before = requests_so_far(backends, "a")
    response = server.get(HOST, "/included/page", [client.order(
        body='[<!--#include virtual="/again" -->]',
        headers=[["Content-Type", "text/html"]])])
    assert response.body.startswith(b'[[')
    assert requests_so_far(backends, "a") == before + 3
