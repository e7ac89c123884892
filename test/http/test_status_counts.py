# SPDX-License-Identifier: Apache-2.0
"""mod_switchboard_status: what is counted, exactly."""

import contextlib
import os
import random
import signal
import threading

import pytest

import client
from httpd import free_port
from status import Status
from wait import wait_for


@pytest.fixture
def status(make_httpd):
    return Status(make_httpd, pool=True)


@pytest.fixture
def served(status, maps, folder, backends):
    """A server with some hosts of each kind."""
    path = maps.build(folder + "/map", {
        "a.example.com": backends.url("a"),
        "b.example.com": backends.url("b"),
        "*.wild.example.com": backends.url("a"),
        "gone.example.com": "410",
        "old.example.com": "301 https://new.example.com",
        "local.example.com": "!",
    })
    return status.start(path)


def test_outcomes_and_classes(served):
    for host, count in (("a.example.com", 3), ("gone.example.com", 2),
                        ("old.example.com", 1), ("local.example.com", 4),
                        ("nobody.example.com", 5)):
        for _ in range(count):
            served.httpd.get(host)
    served.wait_for_outcome("unknown", 5)
    requests = served.read()["requests"]
    assert requests["outcomes"]["mapped"] == 3
    assert requests["outcomes"]["answered"] == 3
    assert requests["outcomes"]["declined"] == 4
    assert requests["classes"]["4xx"] == 2
    assert requests["classes"]["3xx"] == 1
    assert requests["total"] == sum(requests["classes"].values())
    assert requests["total"] == sum(requests["outcomes"].values())


def test_a_bad_entry_and_a_loop(status, maps, folder):
    path = folder + "/map"
    maps.add_raw(path, {
        "bad.example.com": "nonsense",
        "loop.example.com": "http://127.0.0.1:%d" % status.httpd.port})
    # a child of worker ends when its kept connections to itself do
    status.start(path, "ProxyPreserveHost On", "KeepAliveTimeout 1")
    status.httpd.expect_log("SB0002")
    status.httpd.expect_log("SB0005")
    assert status.httpd.get("bad.example.com").status == 500
    assert status.httpd.get("loop.example.com", headers=[]).status == 508
    status.wait_for_outcome("bad_entry", 1)
    wait_for(lambda: status.outcome("loop") >= 1, 30, "the loop is counted")
    assert status.entry("bad.example.com", "by_errors")["errors"] == 1


def test_a_broken_map(status, folder):
    with open(folder + "/map", "w", encoding="ascii") as file:
        file.write("no map of any type, but long enough to be one" * 100)
    status.httpd.allow_log("SB0008|SB0013")
    status.start(folder + "/map")
    assert status.httpd.get("a.example.com").status == 503
    status.wait_for_outcome("map_broken", 1)
    made, = status.read()["maps"]
    assert made["state"] == "broken"
    assert made["last_error"]
    assert made["last_error_at"] > 1600000000
    assert made["type"] is None


def test_maps_and_their_replacement(served, maps, folder, backends):
    before, = served.read()["maps"]
    assert before["state"] == "ok"
    assert before["entries"] == 6
    assert before["type"] == "lmdb"
    assert before["path"] == folder + "/map"
    maps.build(folder + "/map", {"a.example.com": backends.url("b")})
    wait_for(lambda: served.read()["maps"][0]["entries"] == 1, 30,
             "the new map is seen")
    assert served.read()["maps"][0]["modified"] >= before["modified"]


def test_entries_are_keys_of_the_map(served):
    """A client that makes names up under a wildcard makes no entries."""
    dice = random.Random(1)
    with contextlib.closing(
            client.KeepAlive(served.httpd.port)) as connection:
        for number in range(200):
            connection.get("h%d-%d.wild.example.com"
                           % (number, dice.randrange(10 ** 9)))
    served.wait_for_outcome("mapped", 200)
    entries = served.read()["entries"]
    assert [entry["key"] for entry in entries["by_requests"]] \
        == ["*.wild.example.com"]
    entry, = entries["by_requests"]
    assert entry["requests"] == 200
    assert entry["missed_at_most"] == 0
    assert entry["errors"] == 0
    assert entry["bytes"] > 200 * 100
    assert entry["seconds"] > 0
    assert entry["recent"] == 200
    assert entries["used"] == 1


def test_a_backend(served, backends):
    name = backends.url("a")
    with contextlib.closing(
            client.KeepAlive(served.httpd.port)) as connection:
        for _ in range(10):
            connection.get("a.example.com")
        connection.get("a.example.com",
                       headers=[client.order(status=404)])
        connection.get("a.example.com",
                       headers=[client.order(status=503)])
    served.wait_for_outcome("mapped", 12)
    backend = served.backend(name)
    assert backend["requests"] == 12
    assert backend["counts"]["2xx"] == 10
    assert backend["counts"]["4xx"] == 1
    assert backend["counts"]["5xx"] == 1
    assert backend["failures"] == 0
    assert backend["state"] == "up"
    assert backend["counts"]["new"] + backend["counts"]["reused"] == 12
    assert backend["counts"]["reused"] >= 1
    assert backend["first_byte"]["count"] == 12
    assert 0 < backend["first_byte"]["p50"] <= backend["first_byte"]["p99"]
    assert backend["in_flight"] == 0
    assert backend["waiting"] == 0
    assert backend["last_failure"] is None


@pytest.mark.parametrize("order, reason", [
    ({"close": "before"}, "reset"),
    ({"raw": "HTTP/1.1 200 OK\r\nno header\r\n\r\n"}, "bad"),
])
def test_failures_of_a_backend_that_is_there(served, backends, order, reason):
    served.httpd.allow_log("AH01102|AH01097|AH00898|AH01114|AH10154|AH02609|AH01106")
    assert served.httpd.get("a.example.com", "/",
                            [client.order(**order)]).status == 502
    served.wait_for_outcome("mapped", 1)
    backend = served.backend(backends.url("a"))
    assert backend["counts"][reason] == 1
    assert backend["failures"] == 1
    assert backend["last_failure"] == reason
    assert backend["last_failure_at"] > 1600000000
    served.httpd.get("a.example.com")
    served.wait_for_outcome("mapped", 2)
    backend = served.backend(backends.url("a"))
    assert backend["failures_in_a_row"] == 0
    assert backend["state"] == "up"


def test_refused_and_timed_out(status, maps, folder, backends):
    status.httpd.allow_log("AH00957|AH01114|AH01102|AH00898")
    refused = "http://127.0.0.1:%d" % status.httpd.listen()
    # the port is httpd's to listen on, and not listened on
    status.httpd.ports.remove(int(refused.rpartition(":")[2]))
    path = maps.build(folder + "/map", {
        "refused.example.com": refused,
        "slow.example.com": backends.url("a") + " timeout=1"})
    status.start(path)
    for _ in range(3):
        assert status.httpd.get("refused.example.com").status == 503
    assert status.httpd.get("slow.example.com", "/",
                            [client.order(delay=5)]).status == 502
    status.wait_for_outcome("mapped", 4)
    backend = status.backend(refused)
    assert backend["counts"]["refused"] == 3
    assert backend["state"] == "failing"
    assert backend["failures_in_a_row"] == 3
    assert status.backend(backends.url("a"))["counts"]["timeout"] == 1
    assert status.entry("refused.example.com", "by_errors")["errors"] == 3


def test_in_flight(served, backends):
    name = backends.url("a")
    hosts = ["a.example.com"] * 3
    with backends.holding(served.httpd.port, *hosts) as answers:
        backend = served.backend(name)
        assert backend["in_flight"] == 3
        assert backend["waiting"] == 3
    assert [answer.status for answer in answers] == [200] * 3
    wait_for(lambda: served.backend(name)["in_flight"] == 0, 30,
             "nothing is in flight")
    assert served.backend(name)["waiting"] == 0


def test_what_a_killed_child_had_in_flight_is_given_back(served, backends):
    name = backends.url("a")
    served.httpd.allow_log("AH00052|exit signal|AH00051")

    def kill():
        for pid in served.httpd.child_pids():
            os.kill(pid, signal.SIGKILL)

    answers = []

    def ask():
        try:
            answers.append(client.get(served.httpd.port, "a.example.com", "/",
                                      [client.order(hold="killed")]))
        except (client.Closed, OSError) as error:
            answers.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    wait_for(lambda: served.backend(name)
             and served.backend(name)["in_flight"] == 4, 30,
             "four are in flight")
    kill()
    for thread in threads:
        thread.join()
    backends.tell(release="killed")

    def gone():
        try:
            return served.backend(name)["in_flight"] == 0
        except (client.Closed, OSError):
            return False
    wait_for(gone, 30, "nothing is in flight")
    assert served.backend(name)["waiting"] == 0


def test_counters_go_on_over_a_graceful_restart(served, backends):
    for _ in range(5):
        served.httpd.get("a.example.com")
    served.wait_for_outcome("mapped", 5)
    since = served.read()["since"]
    served.httpd.graceful()
    for _ in range(2):
        served.httpd.get("a.example.com")
    served.wait_for_outcome("mapped", 7)
    assert served.read()["since"] == since
    assert served.backend(backends.url("a"))["counts"]["2xx"] == 7
    assert served.entry("a.example.com")["requests"] == 7


def test_an_error_document_is_no_request_of_its_own(
        status, maps, folder, backends):
    path = maps.build(folder + "/map", {"a.example.com": backends.url("a"),
                                        "gone.example.com": "410"})
    status.start(path, "ErrorDocument 410 /gone.html")
    status.httpd.write("htdocs/gone.html", "it is gone\n")
    response = status.httpd.get("gone.example.com")
    assert response.status == 410
    assert response.body == b"it is gone\n"
    status.wait_for_outcome("answered", 1)
    requests = status.read()["requests"]
    assert requests["classes"]["4xx"] == 1
    assert status.entry("gone.example.com")["requests"] == 1


def test_without_the_other_modules(make_httpd):
    """No mod_proxy_pool: the totals and the entries are counted."""
    status = Status(make_httpd)
    httpd = status.httpd
    httpd.start("ProxyExpressEnable Off\n<VirtualHost 127.0.0.1:%d>\n"
                "<Location />\nSetHandler switchboard-status\n</Location>\n"
                "</VirtualHost>\n" % status.port)
    httpd.get("local.example.com")
    # the questions themselves count, and the one that asks for a start
    wait_for(lambda: status.read()["requests"]["classes"]["2xx"] > 5, 30,
             "requests are counted")
    seen = status.read()
    assert seen["requests"]["outcomes"]["not_looked_up"] \
        == seen["requests"]["total"]
    assert seen["backends"] == []
    assert seen["maps"] == []


def test_reproxied_requests(make_httpd, maps, folder, storages):
    """Fail-over from a dead storage to one that serves."""
    status = Status(make_httpd, pool=True, reproxy=True)
    status.httpd.allow_log("AH00957|AH01114|SB0207")
    path = maps.build(folder + "/map", {"app.example.com":
                                        storages.url("app")})
    status.start(path, "AllowReproxy On")
    dead = "http://127.0.0.1:%d/x" % free_port()
    urls = dead + " " + storages.url("s", "/file")
    response = status.httpd.get("app.example.com", "/", [client.order(
        headers=[["X-Reproxy-URL", urls]])])
    assert response.status == 200
    assert response.backend == "s"
    wait_for(lambda: status.read()["reproxy"]["answers"] == 1, 30,
             "the answer is counted")
    reproxy = status.read()["reproxy"]
    assert reproxy["attempts"]["ok"] == 1
    assert reproxy["attempts"]["unreachable"] == 1
    assert reproxy["files"] == 0
    assert reproxy["bytes"] > 0
