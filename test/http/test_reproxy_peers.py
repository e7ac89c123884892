# SPDX-License-Identifier: Apache-2.0
"""Real apps: what they send that no app of our own does.  PHP sends headers
and not one byte of body; mod_proxy_fcgi then passes nothing on."""

import json

import pytest

import client
import peers
import reproxy
from reproxy import HOST, assert_hidden, assert_serves, url

PEERS = ["php-fpm:unix", "php-fpm:tcp", "php-cgi:unix", "php-cgi:tcp",
         "gunicorn:unix", "gunicorn:tcp", "node:tcp"]


@pytest.fixture(scope="module")
def files(module_folder):
    with open(module_folder + "/a.bin", "wb") as file:
        file.write(b"a file's content\n" * 1000)
    return module_folder


@pytest.fixture(scope="module", params=PEERS)
def served(request, make_module_httpd, storages, files):
    """A server with one of the apps below /app/."""
    name, over = request.param.split(":")
    if not peers.program(name):
        pytest.skip("%s is not on this machine (support/packages)" % name)
    peer = peers.Peer(name, over)
    request.addfinalizer(peer.stop)
    peer.start()
    if name.startswith("php"):
        lines = peers.php_lines(peer, "/app/")
    else:
        target = "http://127.0.0.1:%d/" % peer.port if peer.port \
            else "unix:%s|http://localhost/" % peer.socket
        lines = ["ProxyPass /app/ " + target]
    httpd = make_module_httpd(modules=["alias", "proxy_fcgi", "mime"],
                              reproxy=True)
    return httpd.start("\n".join([
        "TypesConfig /dev/null", *lines, reproxy.allow_all(storages),
        "<Location /app/>", "AllowReproxy On",
        "ReproxyFileRoot " + files, "PreserveHeaders X-Kept",
        "</Location>"]) + "\n")


def ask(served, method="GET", **order):
    return client.request(served.port, method, "/app/x", HOST,
                          headers=[("X-Ask", json.dumps(order))])


def test_headers_alone_name_a_file(served, files):
    response = ask(served, headers=[["X-Reproxy-File", files + "/a.bin"],
                                    ["X-Kept", "yes"]])
    assert response.status == 200
    assert response.body == b"a file's content\n" * 1000
    assert response.header("X-Kept") == "yes"
    assert_hidden(response)


@pytest.mark.parametrize("status", [200, 204, 202])
def test_headers_alone_name_a_url(served, storages, status):
    for _ in range(3):
        assert_serves(ask(served, status=status, headers=[
            ["X-Reproxy-URL", url(storages, "s", content=5000)]]), "s", 5000)


def test_body_of_the_app_is_dropped(served, storages):
    for size in (1, 10000, 300000):
        assert_serves(ask(served, body="x", times=size, headers=[
            ["X-Reproxy-URL", url(storages, "s", content=5000)]]), "s", 5000)


def test_head_of_headers_alone(served, storages):
    response = ask(served, "HEAD", headers=[
        ["X-Reproxy-URL", url(storages, "s", content=5000)]])
    assert (response.status, response.body) == (200, b"")
    assert response.header("Content-Length") == "5000"


def test_second_url_is_tried(served, storages):
    assert_serves(ask(served, headers=[
        ["X-Reproxy-URL", url(storages, "t", status=404)],
        ["X-Reproxy-URL", url(storages, "s", content=5000)]]), "s", 5000)


@pytest.mark.parametrize("status", [200, 204, 404, 500])
def test_answer_without_a_name_is_the_apps(served, status):
    response = ask(served, status=status, headers=[["X-Other", "1"]])
    assert response.status == status
    assert response.header("X-Other") == "1"
    assert response.header("X-Proxy-Capabilities") is None
