# SPDX-License-Identifier: Apache-2.0
"""Many at once, many in a row: concurrent look-ups, shared files, memory."""

import os
import re
import threading

import pytest

import client
from maps import age, ALL_TYPES, express, filler, writer_lock
from process import mappings, private_dirty

HOST = "www.example.com"


def many_hosts(backends, count=1000):
    return {"host%d.example.com" % number: backends.url("abcd"[number % 4])
            for number in range(count)}


def expected(backends, host):
    return "abcd"[int(re.match(r"host(\d+)", host)[1]) % 4]


@pytest.mark.parametrize("kind", ALL_TYPES)
def test_500_requests_at_once(make_httpd, backends, maps, folder, kind):
    entries = many_hosts(backends)
    path = maps.build(folder + "/map", entries, kind)
    age(path, kind)
    httpd = make_httpd(threads=256).start(
        express(path, kind))
    hosts = list(entries)[:500]
    answers = client.burst(httpd.port, hosts)
    assert [answer.backend for answer in answers] \
        == [expected(backends, host) for host in hosts]


@pytest.mark.parametrize("kind", ["lmdb", "sdbm"])
def test_500_streams_at_once(make_httpd, backends, maps, folder, kind,
                             settings):
    if settings.mpm == "prefork":
        pytest.skip("mod_http2 does not serve under prefork")
    entries = many_hosts(backends)
    path = maps.build(folder + "/map", entries, kind)
    age(path, kind)
    httpd = make_httpd(modules=["http2"], children=1, threads=64).start(
        "Protocols h2c http/1.1\nH2MaxSessionStreams 200\n"
        "H2MaxWorkers 150\n" + express(path, kind))
    wrong = []

    def run(hosts):
        with client.H2Connection(httpd.port) as connection:
            answers = connection.requests([(host, "/", ()) for host in hosts])
        wrong.extend(host for host, answer in zip(hosts, answers)
                     if answer.backend != expected(backends, host))
    hosts = list(entries)
    threads = [threading.Thread(target=run, args=(hosts[start:start + 100],))
               for start in range(0, 500, 100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_names_of_one_file_share_it(make_httpd, backends, maps, folder):
    path = maps.build(folder + "/map", {HOST: backends.url("a")})
    os.symlink("map", folder + "/link")
    os.link(path, folder + "/hard")
    httpd = make_httpd(children=1)
    ports = [httpd.listen() for _ in range(3)]
    httpd.start("".join(
        "<VirtualHost *:%d>\n%s</VirtualHost>\n"
        % (port, express(folder + name, "lmdb", more))
        for port, name, more in zip(
            ports, ("/map", "/link", "/hard"),
            ("", "", "ProxyExpressCheckInterval 1s"))))
    for port in ports:
        assert client.get(port, HOST).backend == "a"
    (child,) = httpd.child_pids()
    assert mappings(child, folder) == 1


def ask_all(port, hosts, status):
    hosts = list(hosts)
    with client.Connection(port) as connection:
        for start in range(0, len(hosts), 100):
            for answer in connection.pipeline(hosts[start:start + 100]):
                assert answer.status == status


def growth_limit(settings):
    """Kilobytes; a sanitizer keeps what was freed for a while."""
    return 16384 if settings.asan else 1024


@pytest.mark.parametrize("kind", ["sdbm", "gdbm", "lmdb"])
def test_random_hosts_neither_grow_a_child_nor_evict_real_ones(
        make_httpd, backends, maps, folder, kind, settings):
    entries = many_hosts(backends, 100)
    path = maps.build(folder + "/map", entries, kind)
    age(path, kind)
    httpd = make_httpd(children=1).start(
        express(path, kind, "ProxyExpressUnknownHost 404")
        + "ErrorDocument 404 unknown\n")
    with client.Connection(httpd.port) as connection:
        for host in entries:
            answer = connection.request("GET", "/", host)
            assert answer.backend == expected(backends, host)
    strangers = list(filler(20000, None))
    ask_all(httpd.port, strangers[:3000], 404)
    (child,) = httpd.child_pids()
    before = private_dirty(child)
    ask_all(httpd.port, strangers[3000:], 404)
    assert httpd.child_pids() == [child]
    assert private_dirty(child) - before < growth_limit(settings)
    if kind == "sdbm":
        # Nobody can read the file now: what is answered is remembered.
        with writer_lock(path + ".dir"), \
                client.Connection(httpd.port) as connection:
            for host in entries:
                answer = connection.request("GET", "/", host)
                assert answer.backend == expected(backends, host)


def test_child_does_not_grow_with_the_hosts_it_serves(
        make_httpd, maps, folder, settings):
    entries = filler(50000, "!")
    path = maps.build(folder + "/map", entries)
    httpd = make_httpd(children=1).start(
        express(path, "lmdb", "ProxyExpressUnknownHost 404"))
    hosts = list(entries)
    ask_all(httpd.port, hosts[:3000], 200)
    (child,) = httpd.child_pids()
    before = private_dirty(child)
    ask_all(httpd.port, hosts[3000:23000], 200)
    assert httpd.child_pids() == [child]
    assert private_dirty(child) - before < growth_limit(settings)


def test_start_takes_no_longer_for_a_large_map(make_httpd, maps, folder):
    """A look-up touches the pages that it needs, as the one for the mark does
    (the system maps some more around each), and nothing else does."""
    path = maps.build(folder + "/map", filler(100000, "!"))
    httpd = make_httpd(children=1).start(
        express(path, "lmdb", "ProxyExpressUnknownHost 404"))
    ask_all(httpd.port, ["unknown.example.com"], 404)
    (child,) = httpd.child_pids()
    with open("/proc/%d/smaps" % child, encoding="utf-8") as file:
        parts = file.read().split(path)
    assert len(parts) == 2
    resident = int(re.search(r"Rss:\s+(\d+) kB", parts[1])[1])
    assert resident < os.path.getsize(path) / 1024 / 4
