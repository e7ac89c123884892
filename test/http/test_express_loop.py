# SPDX-License-Identifier: Apache-2.0
"""Entries that lead back to this server: 508, a line in the log that says loop
and which entry, other hosts served meanwhile, and a memory of such entries;
and clients that send CDN-Loop themselves."""

import contextlib
import re
import threading

import pytest

import client
from httpd import wait_for
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


def pid_of(line):
    """The child that wrote a line of the error log."""
    return int(re.search(r"\[pid (\d+)", line)[1])


def assert_said_once_a_child(httpd):
    """Once a minute and child, however many requests there are."""
    lines = httpd.log_lines(SAID)
    children = [pid_of(line) for line in lines]
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
    """More clients than there are workers, and all of them come before any
    request comes back: nobody is left to answer 508 until mod_proxy has waited
    as long as ProxyTimeout says."""
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
    with contextlib.ExitStack() as pause:
        pause.enter_context(httpd.paused(*httpd.child_pids()))
        answers = client.burst(httpd.port, [HOST] * (2 * workers),
                               sent=pause.close)
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


# ---- the memory of loops --------------------------------------------------

INTERVAL = 5.1
"""Seconds, with a tick: while workers are short, one request for a loop that is
known is let through in each interval.  The servers' clock stands still: an
interval is over when a test says so."""

NOTED = ("LogFormat \"%%<{PROXY_EXPRESS_BACKEND}e %%U %%{CDN-Loop}i\" note"
         "\nCustomLog %s note\n")
"""Who came as a client has no CDN-Loop; who was sent on has a backend."""


WORKERS = 8


def eight_workers(httpd):
    """Lines by which prefork has as many as two children of four threads."""
    if httpd.settings.mpm != "prefork":
        return ""
    return ("StartServers %d\nMaxSpareServers %d\nMaxRequestWorkers %d\n"
            % (WORKERS, WORKERS, WORKERS))


STATUS_PAGE = """<Location /server-status>
SetHandler server-status
</Location>
ProxyPass /server-status !
"""


@contextlib.contextmanager
def crowd(httpd, count=WORKERS // 2 + 1):
    """More than half of the workers wait for the rest of a request, of eight
    if it is not told otherwise."""
    clients = [client.Connection(httpd.port) for _ in range(count)]
    try:
        for one in clients:
            one.send(b"GET / HTTP/1.1\r\nHost: ")
        wait_for(lambda: httpd.scoreboard().count("R") >= count, 30,
                 "%d workers read a request" % count)
        yield
    finally:
        for one in clients:
            one.close()


class Looping:
    """A server with an entry that leads back to it, and that it knows."""

    def __init__(self, httpd, path, more=""):
        self.httpd = httpd
        self.map = path
        httpd.start("ProxyPreserveHost On\n" + eight_workers(httpd) + more
                    + STATUS_PAGE + express(path)
                    + NOTED % httpd.path("access.log"))
        httpd.expect_log(SAID)
        httpd.allow_log("reached MaxRequestWorkers")
        assert self.ask(1, "/first") == 1

    def backends(self, target):
        """The backend of each client's request for this path."""
        with open(self.httpd.path("access.log"), encoding="latin-1") as file:
            words = [line.split(None, 2) for line in file]
        return [backend for backend, path, came in words
                if came == "-\n" and path == target]

    def ask(self, count, target):
        """So many ask at once; how many were sent on."""
        answers = client.burst(self.httpd.port, [HOST] * count,
                               target=target)
        assert [answer.status for answer in answers] == [508] * count
        wait_for(lambda: len(self.backends(target)) == count, 30,
                 "the access log has %d requests for %s" % (count, target))
        return sum(backend != "-" for backend in self.backends(target))


@pytest.fixture
def looping(make_httpd, backends, maps, folder, world):
    """Made with a way back to the server."""
    def make(way=directly, more="", children=2, threads=4):
        httpd = make_httpd(modules=["status"], children=children,
                           threads=threads)
        world.preload(httpd)
        world.stop_clock()
        path = maps.build(folder + "/map",
                          {HOST: way(httpd, make_httpd, maps),
                           OTHER: backends.url("a")})
        return Looping(httpd, path, more)
    return make


@WAYS
def test_known_loop_takes_no_worker(way, looping):
    """Four times as many clients as workers, all at once: none goes round, and
    others are served."""
    loop = looping(way)
    with crowd(loop.httpd), \
            client.Hammer(loop.httpd.port, {OTHER: "a"}, clients=1) as hammer:
        assert loop.ask(4 * WORKERS, "/more") == 0
        assert hammer.wait_for(20)
    assert hammer.wrong == []


def test_known_loop_is_asked_again_by_one(looping, world):
    loop = looping()
    with crowd(loop.httpd):
        for number in range(3):
            world.advance(INTERVAL)
            assert loop.ask(2 * WORKERS, "/due%d" % number) == 1
            assert loop.ask(2 * WORKERS, "/more%d" % number) == 0


def test_known_loop_goes_round_while_workers_are_idle(looping):
    """It harms nobody then."""
    loop = looping()
    for number in range(5):
        assert loop.ask(1, "/%d" % number) == 1


def test_mended_entry_is_served_at_once(looping, maps, backends, world):
    loop = looping()
    maps.build(loop.map, {HOST: backends.url("b"), OTHER: backends.url("a")})
    # each child looks at the map again
    world.advance(1)
    for _ in range(20):
        assert loop.httpd.get(HOST).backend == "b"


def test_mended_entry_is_served_again_by_few_workers(looping, maps, backends,
                                                     world):
    loop = looping()
    maps.build(loop.map, {HOST: backends.url("b"), OTHER: backends.url("a")})
    with crowd(loop.httpd):
        world.advance(1)
        assert loop.httpd.get(HOST).status == 508
        world.advance(INTERVAL)
        # one request is let through, and frees the entry
        for _ in range(20):
            assert loop.httpd.get(HOST).backend == "b"


def test_answer_of_a_proxy_frees_no_entry(looping, maps, backends, world):
    """One between us and the backend may have waited for us in vain."""
    loop = looping()
    maps.build(loop.map, {HOST: backends.url("b"), OTHER: backends.url("a")})
    late = client.order(status=504)
    with crowd(loop.httpd):
        world.advance(INTERVAL)
        assert loop.httpd.get(HOST, headers=[late]).status == 504
        for _ in range(5):
            assert loop.httpd.get(HOST).status == 508


def test_known_loop_stays_known_over_a_graceful_restart(looping):
    loop = looping()
    loop.httpd.graceful()
    with crowd(loop.httpd):
        assert loop.ask(2 * WORKERS, "/more") == 0


@pytest.mark.parametrize("more", [
    "ProxyErrorOverride On\n", "ErrorDocument 508 \"sorry\"\n",
    "ErrorDocument 508 /sorry\nProxyErrorOverride On\n"])
def test_loop_is_known_whatever_clients_see_of_it(more, looping):
    loop = looping(more=more)
    with crowd(loop.httpd):
        assert loop.ask(WORKERS, "/more") == 0


def test_known_loop_says_that_it_is_remembered(looping, settings):
    """The first line is of the request that came back, and further ones are
    held back for a minute in the child that wrote it.  While that one does
    nothing, another refuses."""
    loop = looping(children=4, threads=4)
    (line,) = loop.httpd.log_lines(SAID)
    assert "(remembered)" not in line
    first = pid_of(line)
    workers = WORKERS if settings.mpm == "prefork" else 4 * 4
    with loop.httpd.paused(first), crowd(loop.httpd, workers // 2 + 1):
        assert loop.httpd.get(HOST).status == 508
        (_, line) = loop.httpd.log_lines(SAID)
        assert "(remembered)" in line
        assert pid_of(line) != first


def test_path_that_leads_back_leaves_the_others(make_httpd, backends, maps,
                                                folder):
    """The backend is a proxy that sends one path back here."""
    httpd = make_httpd(children=2, threads=4)
    behind = make_httpd().start(
        "ProxyPreserveHost On\n"
        "ProxyPass /back http://127.0.0.1:%d/back disablereuse=on\n"
        "ProxyPass / %s/\n"
        % (httpd.port, backends.url("a")))
    path = maps.build(folder + "/map",
                      {HOST: "http://127.0.0.1:%d" % behind.port})
    httpd.start("ProxyPreserveHost On\n" + express(path))
    httpd.expect_log(SAID)
    for _ in range(5):
        assert httpd.get(HOST, "/back").status == 508
        assert httpd.get(HOST, "/there").backend == "a"


def test_known_loop_of_one_map_is_not_another_maps(make_httpd, backends,
                                                   maps, folder):
    """Two virtual hosts, each with a map that has the same key."""
    httpd = make_httpd()
    port = httpd.listen()
    one = maps.build(folder + "/one",
                     {HOST: "http://127.0.0.1:%d" % httpd.port})
    two = maps.build(folder + "/two", {HOST: backends.url("a")})
    httpd.start("ProxyPreserveHost On\n" + express(one)
                + "<VirtualHost 127.0.0.1:%d>\n%s</VirtualHost>\n"
                % (port, express(two)))
    httpd.expect_log(SAID)
    for _ in range(3):
        assert httpd.get(HOST).status == 508
        assert client.get(port, HOST).backend == "a"


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
    """What this server adds behind it is found when the request comes back.
    Each value has an entry that is not remembered yet."""
    httpd = make_httpd()
    values = ('"', 'x; a="', 'x; a="\\', "x; a='", "(", "x;", "x,")
    hosts = ["h%d.example.com" % number for number in range(len(values))]
    path = maps.build(folder + "/map", dict.fromkeys(
        hosts, "http://127.0.0.1:%d" % httpd.port))
    httpd.start("ProxyPreserveHost On\n" + express(path))
    httpd.expect_log(SAID)
    for host, value in zip(hosts, values):
        answer = httpd.get(host, headers=[("CDN-Loop", value)])
        assert answer.status == 508, value


# ---- what proves a loop ---------------------------------------------------

STATUS = "%s; error=proxy_loop_detected"


def name_of(httpd):
    (ours,) = httpd.get(HOST).received("CDN-Loop")
    return ours


def test_server_that_answers_508_says_why(plain):
    """To whom knows its name; see RFC 9209."""
    ours = name_of(plain)
    plain.expect_log(SAID)
    answer = plain.get(HOST, headers=[("CDN-Loop", ours)])
    assert answer.header("Proxy-Status") == STATUS % ours


def test_proof_is_not_passed_on(make_httpd, maps, folder):
    """A backend that asks us and passes our answer on is no loop."""
    httpd = make_httpd()
    path = maps.build(folder + "/map",
                      {HOST: "http://127.0.0.1:%d" % httpd.port})
    httpd.start("ProxyPreserveHost On\n" + express(path))
    httpd.expect_log(SAID)
    for _ in range(2):
        assert httpd.get(HOST).header("Proxy-Status") is None


@pytest.mark.parametrize("status,headers", [
    (508, []),
    (508, [["Proxy-Status", STATUS % "switchboard-0123456789abcdef"]]),
    (508, [["Proxy-Status", 'x; details="OURS"'], ["CDN-Loop", "OURS"]]),
    (200, [["Proxy-Status", STATUS % "OURS"]])])
def test_answer_that_proves_nothing(status, headers, plain):
    ours = name_of(plain)
    headers = [[name, value.replace("OURS", ours)] for name, value in headers]
    answer = plain.get(HOST, headers=[client.order(status=status,
                                                   headers=headers)])
    assert (answer.status, answer.backend) == (status, "a")
    for _ in range(20):
        assert plain.get(HOST).backend == "a"


@pytest.mark.parametrize("key", [HOST, "*.example.com", "*"])
def test_backend_that_claims_a_loop_harms_its_host_only(
        key, make_httpd, backends, maps, folder, world):
    """Also where one entry is many hosts', of one backend."""
    path = maps.build(folder + "/map", {key: backends.url("a"),
                                        OTHER: backends.url("a")})
    httpd = make_httpd(modules=["status"], children=2, threads=4)
    world.preload(httpd)
    world.stop_clock()
    httpd.start(eight_workers(httpd) + STATUS_PAGE + express(path))
    claim = [["Proxy-Status", STATUS % name_of(httpd)]]
    httpd.expect_log(SAID)
    httpd.allow_log("reached MaxRequestWorkers")
    httpd.get(HOST, headers=[client.order(status=508, headers=claim)])
    with crowd(httpd):
        for _ in range(20):
            assert httpd.get(HOST).status == 508
            assert httpd.get(OTHER).backend == "a"
            if key != HOST:
                assert httpd.get("more.example.com").backend == "a"
