# SPDX-License-Identifier: Apache-2.0
"""A backend that does not answer takes no more of the server than
ProxyPoolMaxWaiting allows, and one that answers is never limited."""

import os
import select
import signal
import time

import pytest

import client
from pools import start
from silent import Silent, Waiting
from wait import wait_for

PATIENCE = 1.0
"""How long a backend may keep a request waiting before it is silent."""

LOGGED = r"SB0107: backend http://127\.0\.0\.1:\d+ does not answer"


@pytest.fixture
def silent():
    """Makes silent backends."""
    made = []

    def make(**how):
        made.append(Silent(**how))
        return made[-1]
    yield make
    for backend in made:
        backend.close()


@pytest.fixture
def server(make_httpd, pool_backends, maps, folder):
    """Makes a server with the host ok.test and these hosts."""
    def made(hosts, *more, modules=()):
        httpd = make_httpd(modules=modules, children=2, threads=16, pool=True)
        return start(httpd, maps, folder,
                     {"ok.test": pool_backends.url("a"), **hosts}, *more)
    return made


def fill(httpd, host, backend, count):
    """That many requests that wait for a backend which is silent then."""
    before = backend.count()
    waiting = [Waiting(httpd.port, host) for _ in range(count)]
    backend.wait_for(before + count)
    # time that has to pass, not time that something may take
    time.sleep(PATIENCE + 0.05)
    return waiting


def refused(response):
    return (response.status, response.header("Retry-After")) == (503, "1")


def test_silent_backend_gets_no_more_than_its_share(server, silent):
    backend = silent()
    httpd = server({"dead.test": backend.url}, "ProxyPoolMaxWaiting 4")
    httpd.expect_log(LOGGED)
    waiting = fill(httpd, "dead.test", backend, 4)
    for _ in range(20):
        assert refused(httpd.get("dead.test"))
    assert backend.count() == 4
    # while they wait, others are served
    assert httpd.get("ok.test").status == 200
    backend.answer_all()
    assert [one.read().status for one in waiting] == [200] * 4
    # it answers: it is not limited any more
    assert httpd.get("dead.test").status == 200
    assert len(httpd.log_lines("SB0107")) <= len(httpd.child_pids())


def test_backend_that_answers_is_not_limited(server, silent):
    """Long polls beside answers: the first byte of one is an answer for all."""
    backend = silent()
    httpd = server({"poll.test": backend.url}, "ProxyPoolMaxWaiting 2")
    waiting = [Waiting(httpd.port, "poll.test") for _ in range(2)]
    backend.wait_for(2)
    backend.answer(0)
    wait_for(lambda: any(_has_answer(one) for one in waiting), 30,
             "one of two is answered")
    more = [Waiting(httpd.port, "poll.test") for _ in range(6)]
    backend.wait_for(8)
    backend.answer_all()
    assert [one.read().status for one in waiting + more] == [200] * 8


def _has_answer(waiting):
    return bool(select.select([waiting.connection.socket], [], [], 0)[0])


def test_silent_fastcgi_is_limited_too(server, silent):
    """Its connections are bare sockets: the answer is seen elsewhere."""
    backend = silent(mark=b"")
    httpd = server({"dead.test": backend.url.replace("http:", "fcgi:")},
                   "ProxyPoolMaxWaiting 2", modules=["proxy_fcgi"])
    httpd.expect_log(LOGGED.replace("http", "fcgi"))
    httpd.allow_log("AH01067|AH01075|AH01071|AH01068")
    fill(httpd, "dead.test", backend, 2)
    assert refused(httpd.get("dead.test"))
    assert backend.count() == 2


def test_silent_backends_together_get_no_more_than_theirs(server, silent):
    backends = [silent(), silent(), silent()]
    httpd = server({"dead%d.test" % n: backend.url
                    for n, backend in enumerate(backends)},
                   "ProxyPoolMaxWaiting 4 6")
    httpd.expect_log(LOGGED)
    waiting = fill(httpd, "dead0.test", backends[0], 4)
    waiting += fill(httpd, "dead1.test", backends[1], 2)
    assert refused(httpd.get("dead0.test"))
    # one request asks whether it answers; then it is silent too
    waiting += fill(httpd, "dead2.test", backends[2], 1)
    assert refused(httpd.get("dead1.test"))
    assert refused(httpd.get("dead2.test"))
    assert httpd.get("ok.test").status == 200
    for backend in backends:
        backend.answer_all()
    assert [one.read().status for one in waiting] == [200] * 7


def test_requests_of_killed_children_wait_no_more(server, silent):
    backend = silent()
    httpd = server({"dead.test": backend.url}, "ProxyPoolMaxWaiting 4")
    httpd.expect_log(LOGGED)
    httpd.allow_log("AH00051|AH00052|exit signal Killed|AH01102|AH00898")
    fill(httpd, "dead.test", backend, 4)
    assert refused(httpd.get("dead.test"))
    for pid in httpd.child_pids():
        os.kill(pid, signal.SIGKILL)

    def goes_again():
        try:
            with client.Connection(httpd.port, timeout=5) as connection:
                connection.send(client.request_bytes("GET", "/", "dead.test"))
                before = backend.count()
                wait_for(lambda: backend.count() > before, 2, "it came")
                return True
        except (client.Closed, OSError, AssertionError):
            return False
    wait_for(goes_again, 30, "a request goes to the backend again")


def test_off_limits_nothing(server, silent):
    backend = silent()
    httpd = server({"dead.test": backend.url}, "ProxyPoolMaxWaiting off")
    waiting = fill(httpd, "dead.test", backend, 9)
    waiting += fill(httpd, "dead.test", backend, 1)
    backend.answer_all()
    assert [one.read().status for one in waiting] == [200] * 10


@pytest.mark.parametrize("value", ["0", "0%", "101%", "x", "4 y", "off 3",
                                   "1000001", "4%%"])
def test_wrong_value_is_refused(make_httpd, value):
    httpd = make_httpd(pool=True)
    httpd.configure("ProxyPoolMaxWaiting %s\n" % value)
    status, text = httpd.check_config()
    assert status != 0
    assert "ProxyPoolMaxWaiting: `" in text and "expected off" in text
