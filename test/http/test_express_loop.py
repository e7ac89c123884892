# SPDX-License-Identifier: Apache-2.0
"""Entries that lead back to this server: 508, a line in the log that says loop
and which entry, other hosts served meanwhile; and clients that send CDN-Loop
themselves."""

import re
import threading

import pytest

import client
from maps import express

HOST = "www.example.com"
OTHER = "other.example.com"
SAID = r":error\].*SB0005: .*\bloop"


def test_loop_is_508_and_said_once(make_httpd, maps, folder):
    httpd = make_httpd()
    path = maps.build(folder + "/map",
                      {HOST: "http://127.0.0.1:%d" % httpd.port,
                       "127.0.0.1": "http://127.0.0.1:%d" % httpd.port})
    httpd.start("ProxyPreserveHost On\n" + express(path))
    httpd.expect_log(SAID)
    response = httpd.get(HOST)
    assert response.status == 508
    lines = httpd.log_lines(r"\bloop")
    assert len(lines) == 1, lines
    assert HOST in lines[0]


def test_loop_without_the_clients_host_is_508(make_httpd, maps, folder):
    """Through the backend's own host name, which is mapped too."""
    httpd = make_httpd()
    path = maps.build(folder + "/map",
                      {HOST: "http://127.0.0.1:%d" % httpd.port,
                       "127.0.0.1": "http://127.0.0.1:%d" % httpd.port})
    httpd.start(express(path))
    httpd.expect_log(SAID)
    assert httpd.get(HOST).status == 508


def test_loop_of_two_servers_is_508(make_httpd, maps, folder):
    one, two = make_httpd(), make_httpd()
    for httpd, other in ((one, two), (two, one)):
        path = maps.build(httpd.path("map"),
                          {HOST: "http://127.0.0.1:%d" % other.port})
        httpd.start("ProxyPreserveHost On\n" + express(path))
    one.expect_log(SAID)
    assert one.get(HOST).status == 508
    assert one.get("unknown.example.com").status == 200


def test_two_servers_in_a_row_are_no_loop(make_httpd, backends, maps):
    one, two = make_httpd(), make_httpd()
    for httpd, url in ((one, "http://127.0.0.1:%d" % two.port),
                       (two, backends.url("a"))):
        path = maps.build(httpd.path("map"), {HOST: url})
        httpd.start("ProxyPreserveHost On\n" + express(path))
    response = one.get(HOST)
    assert response.backend == "a"
    members = ", ".join(response.received("CDN-Loop")).split(",")
    assert len({member.strip() for member in members}) == 2


def test_id_survives_a_graceful_restart(make_httpd, backends, maps, folder):
    """A request that left before the restart and comes back after it."""
    path = maps.build(folder + "/map", {HOST: backends.url("a")})
    httpd = make_httpd().start(express(path))
    (before,) = httpd.get(HOST).received("CDN-Loop")
    httpd.graceful()
    with client.Connection(httpd.port) as connection:
        (after,) = connection.request("GET", "/", HOST).received("CDN-Loop")
    assert before == after


def test_forged_id_does_no_harm_but_508(make_httpd, backends, maps, folder):
    path = maps.build(folder + "/map", {HOST: backends.url("a")})
    httpd = make_httpd().start(express(path))
    (ours,) = httpd.get(HOST).received("CDN-Loop")
    httpd.expect_log(r"\bloop")
    for value in (ours, "x, %s; a=b" % ours, ours.upper()):
        answer = httpd.get(HOST, headers=[("CDN-Loop", value)])
        assert answer.status == 508
    for value in (ours + "x", '"%s"' % ours, "", ",,", "x; a=\"%s\"" % ours):
        answer = httpd.get(HOST, headers=[("CDN-Loop", value)])
        assert answer.status == 200, value




# ---- loops and other hosts ------------------------------------------------

def directly(httpd, make_httpd, maps):
    """The URL of a backend that leads back to this server, which is not
    started yet."""
    return "http://127.0.0.1:%d" % httpd.port


def through_a_mapping_server(httpd, make_httpd, maps):
    other = make_httpd()
    path = maps.build(other.path("map"),
                      {"*": "http://127.0.0.1:%d" % httpd.port})
    other.start("ProxyPreserveHost On\n" + express(path))
    return "http://127.0.0.1:%d" % other.port


def through_a_plain_proxy(httpd, make_httpd, maps):
    """It keeps no connection: the event MPM closes idle ones when it is busy,
    just as the next request may come."""
    other = make_httpd().start(
        "ProxyPreserveHost On\n"
        "ProxyPass / http://127.0.0.1:%d/ disablereuse=on\n" % httpd.port)
    return "http://127.0.0.1:%d" % other.port


WAYS = pytest.mark.parametrize("way", [
    directly, through_a_mapping_server, through_a_plain_proxy],
    ids=lambda way: way.__name__)

REQUESTS = 100
"""Of each client that asks for a host whose entry is a loop."""


def ask_often(port, statuses):
    for number in range(REQUESTS):
        statuses.append(client.get(port, HOST, "/%d" % number).status)


def assert_said_once_a_child(httpd):
    """Once a minute and child, however many requests there are."""
    lines = httpd.log_lines(SAID)
    children = [re.search(r"\[pid (\d+)", line).group(1) for line in lines]
    assert len(children) == len(set(children)), lines


@WAYS
def test_loop_leaves_the_workers_to_others(way, make_httpd, backends, maps,
                                           folder):
    """Eight workers, three clients in the loop, two that ask for others."""
    httpd = make_httpd(children=2, threads=4)
    path = maps.build(folder + "/map",
                      {HOST: way(httpd, make_httpd, maps),
                       OTHER: backends.url("a")})
    httpd.start("ProxyPreserveHost On\n" + express(path))
    httpd.expect_log(SAID)
    statuses = []
    clients = [threading.Thread(target=ask_often, args=(httpd.port, statuses))
               for _ in range(3)]
    with client.Hammer(httpd.port, {OTHER: "a"}, clients=2) as hammer:
        for one in clients:
            one.start()
        for one in clients:
            one.join()
        assert hammer.wait_for(20)
    assert statuses == [508] * (3 * REQUESTS)
    assert hammer.wrong == []
    assert_said_once_a_child(httpd)


def test_loop_that_takes_all_workers_ends_with_the_timeout(
        make_httpd, backends, maps, folder, settings):
    """More clients at once than there are workers: nobody is left to answer
    508 until mod_proxy has waited as long as ProxyTimeout says."""
    httpd = make_httpd(children=1, threads=4)
    path = maps.build(folder + "/map",
                      {HOST: "http://127.0.0.1:%d" % httpd.port,
                       OTHER: backends.url("a")})
    httpd.start("ProxyPreserveHost On\nProxyTimeout 1\n" + express(path))
    httpd.allow_log(SAID)
    httpd.allow_log("reached MaxRequestWorkers")
    # mod_proxy's words for what timed out
    httpd.expect_log(r"AH01102|AH00898")
    workers = 1 if settings.mpm == "prefork" else 4
    answers = client.burst(httpd.port, [HOST] * (2 * workers))
    assert {answer.status for answer in answers} <= {502, 504, 508}
    assert httpd.get(OTHER).backend == "a"


@WAYS
def test_loop_of_the_default_entry_names_it(way, make_httpd, backends, maps,
                                            folder):
    """`*` leads every unknown host back here; those that are known are
    served, and many names say one line."""
    httpd = make_httpd()
    path = maps.build(folder + "/map",
                      {"*": way(httpd, make_httpd, maps),
                       OTHER: backends.url("a")})
    httpd.start("ProxyPreserveHost On\n" + express(path))
    httpd.expect_log(SAID + "(?<=entry \\*: loop)")
    for number in range(20):
        assert httpd.get("h%d.example.com" % number).status == 508
        assert httpd.get(OTHER).backend == "a"
    assert_said_once_a_child(httpd)


def test_loop_below_a_path_leaves_the_rest_of_its_host(make_httpd, backends,
                                                       maps, folder):
    httpd = make_httpd()
    path = maps.build(folder + "/map",
                      {HOST: backends.url("a"),
                       HOST + "/x": "http://127.0.0.1:%d/x" % httpd.port})
    httpd.start("ProxyPreserveHost On\n" + express(path))
    httpd.expect_log(SAID + r"(?<=/x: loop)")
    assert httpd.get(HOST, "/x/y").status == 508
    assert httpd.get(HOST, "/y").backend == "a"


def test_backend_that_is_this_server_and_local_content_is_no_loop(
        make_httpd, maps, folder):
    """Another virtual host of this httpd, without a map."""
    httpd = make_httpd()
    port = httpd.listen()
    path = maps.build(folder + "/map", {HOST: "http://127.0.0.1:%d" % port})
    httpd.start("ProxyPreserveHost On\n" + express(path)
                + "<VirtualHost 127.0.0.1:%d>\nProxyExpressEnable Off\n"
                  "</VirtualHost>\n" % port)
    answer = httpd.get(HOST)
    assert (answer.status, answer.body) == (200, b"local content\n")


# ---- clients that send CDN-Loop -------------------------------------------

@pytest.fixture
def plain(make_httpd, backends, maps, folder):
    path = maps.build(folder + "/map", {HOST: backends.url("a")})
    return make_httpd(children=2, threads=4).start(express(path))


def test_forged_id_harms_its_request_only(plain):
    """Neither the next request of its connection nor anybody else's."""
    (ours,) = plain.get(HOST).received("CDN-Loop")
    plain.expect_log(SAID)
    with client.Hammer(plain.port, {HOST: "a"}, clients=2) as hammer:
        keep = client.KeepAlive(plain.port)
        for _ in range(REQUESTS):
            forged = keep.get(HOST, headers=[("CDN-Loop", ours)])
            assert forged.status == 508
            assert keep.get(HOST).backend == "a"
        keep.close()
        assert hammer.wait_for(20)
    assert hammer.wrong == []


def test_long_and_odd_values_are_no_loop(plain):
    for value in ("x, " * 2000, '"' * 4000, "\\" * 4000, "a=b;" * 1000,
                  "switchboard-", "switchboard-" * 500, "\xff" * 1000,
                  '"' + "\\\"" * 1000):
        answer = plain.get(HOST, headers=[("CDN-Loop", value)])
        assert answer.status == 200, value[:40]


def test_open_quote_of_a_client_hides_no_loop(make_httpd, maps, folder):
    """What this server adds behind it is found when the request comes back."""
    httpd = make_httpd()
    path = maps.build(folder + "/map",
                      {HOST: "http://127.0.0.1:%d" % httpd.port})
    httpd.start("ProxyPreserveHost On\n" + express(path))
    httpd.expect_log(SAID)
    for value in ('"', 'x; a="', 'x; a="\\', "x; a='", "(", "x;", "x,"):
        answer = httpd.get(HOST, headers=[("CDN-Loop", value)])
        assert answer.status == 508, value
