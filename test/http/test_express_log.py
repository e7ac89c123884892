# SPDX-License-Identifier: Apache-2.0
"""The line that troubleshooting.md recommends for the access log, as written
there: it shows what failed, also when an ErrorDocument has been served."""

import os
import re

import pytest

import client
import httpd as httpd_server
from maps import express
from wait import wait_for

PAGE = os.path.join(os.path.dirname(__file__),
                    "../../docs/troubleshooting.md")


def documented_line():
    with open(PAGE, encoding="utf-8") as file:
        found = re.findall(r"^LogFormat .* switch$", file.read(), re.M)
    assert len(found) == 1
    return found[0]


@pytest.fixture(scope="module")
def down():
    """A backend that nobody listens at."""
    return "http://127.0.0.1:%d" % httpd_server.free_port()


@pytest.fixture(scope="module")
def server(make_module_httpd, backends, down, maps, module_folder):
    path = maps.build(module_folder + "/map", {
        "down.test": down,
        "down.test/mine": backends.url("a"),
        "up.test": backends.url("a"),
        "up.test/down": down,
        "gone.test": "410",
        "local.test": "!",
    })
    httpd = make_module_httpd(pool=True)
    httpd.write("htdocs/errors/503.html", "sorry\n")
    return httpd.start(express(path) + """
%s
CustomLog %s switch
ErrorDocument 404 /errors/503.html
ErrorDocument 410 /errors/503.html
ErrorDocument 503 /errors/503.html
ProxyPass /errors !
<VirtualHost *:%d>
</VirtualHost>
<VirtualHost *:%d>
    ErrorDocument 503 /mine/503.html
</VirtualHost>
""" % (documented_line(), httpd.path("access.log"), httpd.port,
       httpd.listen()))


def logged(server, host, path, port=None):
    """The words of the line about a request: status, key, backend, pool."""
    def find():
        with open(server.path("access.log"), encoding="latin-1") as file:
            for line in file:
                if " %s %s " % (host, path) in line:
                    return line.split("] ")[1].split()
        return None
    words = wait_for(find, 30, "the access log has " + path)
    assert words[:2] == [host, path]
    return words[2:6]


def test_error_page_leaves_the_entry_in_the_log(server, down):
    server.allow_log(r"AH00957|AH01114")
    answer = server.get("down.test", "/first")
    assert (answer.status, answer.body) == (503, b"sorry\n")
    assert logged(server, "down.test", "/first") \
        == ["503", "down.test", down + "/", "new"]
    assert server.get("up.test", "/down/x").status == 503
    assert logged(server, "up.test", "/down/x") \
        == ["503", "up.test/down", down + "/", "new"]


def test_request_without_an_error_page_is_logged_as_ever(server, backends):
    url = backends.url("a") + "/"
    assert server.get("up.test", "/second").status == 200
    assert logged(server, "up.test", "/second")[:3] == ["200", "up.test", url]


def test_error_page_of_a_backend_does_not_hide_the_one_that_failed(
        server, backends, down):
    """The ErrorDocument is itself an entry's."""
    server.allow_log(r"AH00957|AH01114")
    answer = client.get(server.ports[1], "down.test", "/third")
    assert answer.backend == "a"
    assert logged(server, "down.test", "/third")[1:] \
        == ["down.test", down + "/", "new"]


def test_status_of_an_entry_and_local_errors(server):
    assert server.get("gone.test", "/fourth").status == 410
    assert logged(server, "gone.test", "/fourth") \
        == ["410", "gone.test", "-", "-"]
    assert server.get("local.test", "/fifth").status == 404
    assert logged(server, "local.test", "/fifth") \
        == ["404", "local.test", "-", "-"]
    assert server.get("unknown.test", "/sixth").status == 404
    assert logged(server, "unknown.test", "/sixth") == ["404", "-", "-", "-"]
