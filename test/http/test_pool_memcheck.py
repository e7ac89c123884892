# SPDX-License-Identifier: Apache-2.0
"""The module under valgrind's memcheck."""

import os
import re
import shutil

import pytest

import client
from pools import STALE, start

pytestmark = pytest.mark.skipif(
    not shutil.which("valgrind"), reason="no valgrind here (Debian: apt-get "
    "install valgrind)")


def turn(kept, number):
    """A request of each kind; a fourth of them on new pools."""
    stale = client.order(close="before", reused=True)
    address = "127.3.%d.%d" % (number // 250, 1 + number % 250)
    return [
        kept.request("GET", "/", "a.example.com"),
        kept.request("GET", "/", "b.example.com", [stale]),
        kept.request("POST", "/", "a.example.com", body=b"x"),
        kept.request("GET", "/%s/" % address, "x.example"),
    ]


def summary(text, what):
    """A number of a summary."""
    found = re.search(what + r": ([\d,]+)", text)
    assert found, "valgrind says nothing of %s:\n%s" % (what, text)
    return int(found.group(1).replace(",", ""))


@pytest.fixture
def left(make_httpd, pool_backends, maps, folder):
    """Serves so many turns; how many bytes the child has left at its end."""
    os.chmod(folder, 0o777)

    def measured(turns):
        httpd = make_httpd(modules=["rewrite"], children=1, threads=5,
                           pool=True)
        httpd.run_by("valgrind", "--leak-check=full",
                     "--show-leak-kinds=definite",
                     "--errors-for-leak-kinds=definite",
                     "--log-file=%s/memcheck.%%p" % folder)
        a, b = pool_backends.url("a"), pool_backends.url("b")
        start(httpd, maps, folder, {"a.example.com": a,
                                    "b.example.com": b + " timeout=5"},
              "ProxyPoolMax 8", "RewriteEngine On",
              "RewriteRule ^/(127[.0-9]+)/ http://$1:%d/ [P]"
              % pool_backends.port["wide"])
        httpd.allow_log(STALE)
        pid, = httpd.child_pids()
        with client.Connection(httpd.port) as kept:
            for number in range(turns):
                assert {answer.status for answer in turn(kept, number)} == {
                    200}
        httpd.stop()
        with open("%s/memcheck.%d" % (folder, pid), encoding="utf-8") as file:
            text = file.read()
        assert summary(text, "ERROR SUMMARY") == 0, text
        return summary(text, "in use at exit")
    return measured


def test_nothing_leaks_that_grows_with_requests(left, settings):
    """Nor is anything read or written that should not be."""
    if settings.asan:
        pytest.skip("a module with sanitizers does not run under valgrind")
    few, many = left(25), left(250)
    print("bytes left: %d, %d" % (few, many))
    assert many <= few + 1000
