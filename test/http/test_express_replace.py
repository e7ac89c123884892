# SPDX-License-Identifier: Apache-2.0
"""Maps that change while they are served from."""

import contextlib
import os
import random
import subprocess
import threading
import time

import pytest

import client
from httpd import wait_for
from maps import DBM_TYPES, age, express, filler, writer_lock
from process import mappings

HOST = "www.example.com"

KNOWN = {"known%d.example.com" % number: "abcd"[number % 4]
         for number in range(40)}
"""Hosts that every map of a test has, and their backends."""


INTERVAL = 0.2
"""Seconds, more than ProxyExpressCheckInterval's default: whoever asks after it
gets what the file says, at once."""


def known_entries(backends):
    return {host: backends.url(name) for host, name in KNOWN.items()}


# ---- replaced by rename ---------------------------------------------------

def test_swap_under_load_misroutes_and_fails_nothing(
        make_httpd, backends, maps, folder):
    entries = known_entries(backends)
    path = maps.build(folder + "/map", entries)
    httpd = make_httpd().start(
        express(path, "lmdb", "ProxyExpressCheckInterval 10ms"))
    dice = random.Random(1)
    with client.Hammer(httpd.port, KNOWN) as hammer:
        for number in range(50):
            more = filler(dice.randint(0, 3000), backends.url("d"), number)
            maps.build(path, dict(entries, **more))
            if number % 5 == 4:
                httpd.graceful()
            assert hammer.wait_for(50)
    print("served %d, sent again %d" % (hammer.served, hammer.resent))
    assert hammer.wrong == []
    for pid in httpd.child_pids():
        wait_for(lambda pid=pid: mappings(pid, path) <= 1, 30,
                 "the old files are closed")


@pytest.mark.parametrize("kind", ["lmdb", "gdbm", "db"])
def test_host_moves_from_backend_to_backend(make_httpd, backends, maps,
                                            folder, kind):
    """No answer is older than the interval after a rename."""
    path = maps.build(folder + "/map", {HOST: backends.url("a")}, kind)
    httpd = make_httpd(children=1).start(
        express(path, kind, "ProxyExpressCheckInterval 10ms"))
    with client.Connection(httpd.port) as connection:
        for name in "bcda" * 3:
            maps.build(path, {HOST: backends.url(name)}, kind)
            time.sleep(0.05)
            assert connection.request("GET", "/", HOST).backend == name


@pytest.mark.parametrize("kind", ["lmdb", "sdbm", "gdbm", "db"])
def test_every_child_serves_a_new_entry_after_the_interval(
        make_httpd, backends, maps, folder, kind, settings):
    """More requests under way at once than two children have threads: each of
    the three has some."""
    path = maps.build(folder + "/map", {HOST: backends.url("a")}, kind)
    age(path, kind)
    httpd = make_httpd(children=3)
    log = httpd.path("access.log")
    httpd.start(express(path, kind) + "LogFormat \"%%P %%{Host}i\" pid\n"
                "CustomLog %s pid\n" % log)
    count = 12 if settings.mpm == "prefork" else 60

    def answers(host):
        with backends.holding(httpd.port, *[host] * count) as together:
            pass
        return {answer.backend for answer in together}

    assert answers(HOST) == {"a"}
    maps.build(path, {HOST: backends.url("b"),
                      "new.example.com": backends.url("c")}, kind)
    time.sleep(INTERVAL)
    assert answers("new.example.com") == {"c"}
    assert answers(HOST) == {"b"}

    def pids(host):
        with open(log, encoding="ascii") as file:
            return {line.split()[0] for line in file if host in line}
    wait_for(lambda: len(pids("new.example.com")) >= 3, 30,
             "3 children serve")


@pytest.mark.parametrize("kind", ["lmdb", "sdbm"])
def test_burst_after_a_quiet_time_gets_new_entries_only(
        make_httpd, backends, maps, folder, kind):
    """Nobody has looked at the file since the rename: of those who come
    together, the first looks and the others wait for what it finds."""
    path = maps.build(folder + "/map", {HOST: backends.url("a")}, kind)
    age(path, kind)
    httpd = make_httpd(children=1, threads=64).start(express(path, kind))
    assert httpd.get(HOST).backend == "a"
    for number, name in enumerate("bcda"):
        maps.build(path, {HOST: backends.url(name)}, kind)
        age(path, kind, 20 + number)
        time.sleep(INTERVAL)
        answers = client.burst(httpd.port, [HOST] * 60)
        assert {answer.backend for answer in answers} == {name}


def test_entry_that_was_removed_is_unknown(make_httpd, backends, maps,
                                           folder):
    path = maps.build(folder + "/map", {HOST: backends.url("a"),
                                        "old.example.com": backends.url("b")})
    httpd = make_httpd(children=1).start(express(path))
    assert httpd.get("old.example.com").backend == "b"
    maps.build(path, {HOST: backends.url("a")})
    time.sleep(INTERVAL)
    assert httpd.get("old.example.com").backend is None
    assert httpd.get(HOST).backend == "a"


@pytest.mark.parametrize("kind", ["lmdb", "sdbm", "gdbm", "db", "default"])
def test_map_that_is_built_after_the_start_serves_after_the_interval(
        make_httpd, backends, maps, folder, kind):
    path = folder + "/map"
    httpd = make_httpd(children=1)
    httpd.expect_log("map %s:" % path)
    httpd.start(express(path, kind))
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        assert httpd.get(HOST).status == 503
        time.sleep(0.02)
    built = "lmdb" if kind == "default" else kind
    maps.build(path, {HOST: backends.url("a")}, built)
    age(path, built)
    time.sleep(INTERVAL)
    assert httpd.get(HOST).backend == "a"


def test_check_interval_is_how_often_the_file_is_looked_at(
        make_httpd, backends, maps, folder):
    path = maps.build(folder + "/map", {HOST: backends.url("a")})
    httpd = make_httpd(children=1).start(
        express(path, "lmdb", "ProxyExpressCheckInterval 1h"))
    assert httpd.get(HOST).backend == "a"
    maps.build(path, {HOST: backends.url("b")})
    time.sleep(0.5)
    assert httpd.get(HOST).backend == "a"
    httpd.graceful()
    wait_for(lambda: httpd.get(HOST).backend == "b", 30, "the old child ends")


def test_symlink_that_is_turned_is_a_new_map(make_httpd, backends, maps,
                                             folder):
    """As deployment tools do: releases beside one another, a link to one."""
    for name in "ab":
        maps.build(folder + "/map-" + name, {HOST: backends.url(name)})
    os.symlink("map-a", folder + "/map")
    httpd = make_httpd(children=1).start(express(folder + "/map"))
    assert httpd.get(HOST).backend == "a"
    os.symlink("map-b", folder + "/link")
    os.rename(folder + "/link", folder + "/map")
    time.sleep(INTERVAL)
    assert httpd.get(HOST).backend == "b"


def test_map_that_is_renamed_back_serves_again(make_httpd, backends, maps,
                                               folder):
    """The older file has the older time: any difference is a change."""
    path = maps.build(folder + "/map", {HOST: backends.url("a")})
    os.link(path, folder + "/kept")
    httpd = make_httpd(children=1).start(express(path))
    assert httpd.get(HOST).backend == "a"
    maps.build(folder + "/other", {HOST: backends.url("b")})
    for name, backend in (("/other", "b"), ("/kept", "a")):
        os.rename(folder + name, path)
        time.sleep(INTERVAL)
        assert httpd.get(HOST).backend == backend


# ---- read permission only -------------------------------------------------

def test_map_and_folder_of_another_user_serve(make_httpd, backends, maps,
                                              folder):
    """httpd reads and does no more: no lock file, nothing made or touched."""
    path = maps.build(folder + "/map", {HOST: backends.url("a")})
    os.chmod(path, 0o444)
    os.chmod(folder, 0o555)
    if os.getuid() == 0:
        os.chown(path, 12345, 12345)
        os.chown(folder, 12345, 12345)
    before = os.stat(path)
    httpd = make_httpd().start(express(path))
    for _ in range(20):
        assert httpd.get(HOST).backend == "a"
    httpd.graceful()
    assert httpd.get(HOST).backend == "a"
    after = os.stat(path)
    assert os.listdir(folder) == ["map"]
    assert (before.st_ino, before.st_mtime_ns, before.st_size) \
        == (after.st_ino, after.st_mtime_ns, after.st_size)
    os.chmod(folder, 0o755)


@contextlib.contextmanager
def read_only_mount(source, target):
    if os.getuid() != 0:
        pytest.skip("only root can mount")
    os.mkdir(target)
    done = subprocess.run(["mount", "--bind", source, target],
                          stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        pytest.skip("this system does not let mount: " + done.stderr.strip())
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", target], check=True)
        yield target
    finally:
        subprocess.run(["umount", "--lazy", target], check=True)


@pytest.mark.parametrize("kind", ["lmdb", "sdbm", "gdbm", "db"])
def test_map_on_a_read_only_mount_serves(make_httpd, backends, maps, folder,
                                         kind):
    os.mkdir(folder + "/source")
    maps.build(folder + "/source/map", {HOST: backends.url("a")}, kind)
    with read_only_mount(folder + "/source", folder + "/mounted") as mounted:
        with pytest.raises(OSError):
            os.mkdir(mounted + "/x")
        httpd = make_httpd(children=1).start(express(mounted + "/map", kind))
        assert httpd.get(HOST).backend == "a"
        maps.build(folder + "/source/map", {HOST: backends.url("b")}, kind)
        time.sleep(INTERVAL)
        assert httpd.get(HOST).backend == "b"
        httpd.stop()


# ---- changed in place by the stock tool -----------------------------------

@pytest.mark.parametrize("kind", DBM_TYPES)
def test_entry_that_the_stock_tool_adds_is_served(make_httpd, backends, maps,
                                                  folder, kind):
    path = maps.stock(folder + "/map", {HOST: backends.url("a")}, kind)
    age(path, kind)
    httpd = make_httpd(children=1).start(express(path, kind))
    assert httpd.get(HOST).backend == "a"
    assert httpd.get("new.example.com").backend is None
    maps.stock(path, {"new.example.com": backends.url("b"),
                      HOST: backends.url("c")}, kind)
    wait_for(lambda: httpd.get("new.example.com").backend == "b", 30,
             "the new entry serves")
    wait_for(lambda: httpd.get(HOST).backend == "c", 30,
             "the changed entry serves")


@pytest.mark.parametrize("kind", ["sdbm", "gdbm"])
def test_stock_tool_updates_in_place_under_load(make_httpd, backends, maps,
                                                folder, kind):
    path = maps.stock(folder + "/map", known_entries(backends), kind)
    httpd = make_httpd().start(
        express(path, kind, "ProxyExpressCheckInterval 10ms"))
    took = []
    refused = 0
    with client.Hammer(httpd.port, KNOWN) as hammer:
        for number in range(20):
            more = filler(100, backends.url("d"), number)
            began = time.monotonic()
            # gdbm's writer does not wait for a reader: it is run again, as
            # a site's script has to do with the stock module.
            while not maps.stock(path, more, kind, check=False):
                refused += 1
                assert time.monotonic() < began + 30, "the writer is kept out"
            took.append(time.monotonic() - began)
            assert hammer.wait_for(50)
    print("served %d, writer refused %d times" % (hammer.served, refused))
    assert hammer.wrong == []
    assert max(took) < 30
    assert kind == "gdbm" or refused == 0
    for host in filler(100, None, 19):
        assert httpd.get(host).backend == "d"


def test_writer_that_holds_the_file_costs_known_hosts_nothing(
        make_httpd, backends, maps, folder):
    entries = known_entries(backends)
    path = maps.stock(folder + "/map",
                      dict(entries, **{HOST: backends.url("a")}), "sdbm")
    age(path, "sdbm")
    httpd = make_httpd(children=1).start(express(path, "sdbm"))
    for host, name in KNOWN.items():
        assert httpd.get(host).backend == name
    httpd.allow_log(r"map .*busy")
    with writer_lock(path + ".dir"):
        began = time.monotonic()
        for host, name in KNOWN.items():
            assert httpd.get(host).backend == name
        # a second for each would be 40
        assert time.monotonic() - began < 20
        began = time.monotonic()
        assert httpd.get(HOST).status == 503
        assert 0.9 < time.monotonic() - began < 15
    assert httpd.get(HOST).backend == "a"


def test_queue_after_a_writer_waits_a_second_together(
        make_httpd, backends, maps, folder, settings):
    """Not one second for each look-up, one after the other: that would be
    twenty in each child, or four for a process of prefork's."""
    path = maps.stock(folder + "/map", known_entries(backends), "sdbm")
    age(path, "sdbm")
    httpd = make_httpd(children=2).start(express(path, "sdbm"))
    httpd.allow_log(r"map .*busy")
    # Under prefork a process of its own for each, as many as there are now.
    hosts = list(KNOWN)[:8 if settings.mpm == "prefork" else 40]
    with writer_lock(path + ".dir"):
        began = time.monotonic()
        answers = client.burst(httpd.port, hosts)
        took = time.monotonic() - began
    assert {answer.status for answer in answers} == {503}
    assert settings.mpm == "prefork" or took < 12


def test_look_up_goes_on_when_the_writer_is_done(make_httpd, backends, maps,
                                                 folder, world):
    """The clock stands still: it waits for the writer, and no second ends."""
    path = maps.stock(folder + "/map", {HOST: backends.url("a")}, "sdbm")
    age(path, "sdbm")
    httpd = make_httpd(children=1)
    world.preload(httpd)
    world.stop_clock()
    httpd.start(express(path, "sdbm"))
    answers = []
    with writer_lock(path + ".dir"):
        thread = threading.Thread(
            target=lambda: answers.append(httpd.get(HOST)))
        thread.start()
        time.sleep(0.3)
        assert answers == []
    thread.join()
    assert answers[0].backend == "a"
