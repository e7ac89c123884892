# SPDX-License-Identifier: Apache-2.0
"""hostmap follow against a real Redis: the map is what the store is, whatever
fails on the way."""

import os
import random
import re
import signal
import subprocess
import threading
import time

import pytest

import client
from fleet import (LOG, NAME, PATIENCE, Client, Door, Failed, Redis,
                   SilentProxy, bound, entries, entry, state, wait_entries)
from maps import express
from wait import wait_for


def hosts(count, first=0):
    return {"host%05d.example.com" % number: entry(number)
            for number in range(first, first + count)}


def once(tool, redis, *options):
    return tool("follow", "--once", *options, redis.url, "map")


def is_equal(tool, redis):
    done = tool("verify", redis.url, "map")
    assert done.status == 0, done
    return done.out


# ---- the first map ---------------------------------------------------------

def test_no_map_and_the_store_is_up(tool, redis):
    redis.fill(hosts(2500))
    done = once(tool, redis)
    assert done.status == 0, done
    assert "snapshot of 2500 entries" in done.err
    assert entries(tool) == hosts(2500)
    assert tool.files().count("map") == 1
    is_equal(tool, redis)


def test_a_map_of_many(tool, redis):
    """The long form, a million, is test/fleet."""
    count = int(os.environ.get("FLEET_HOSTS", "20000"))
    redis.fill({"host%07d.example.com" % number: entry(number)
                for number in range(count)})
    began = time.monotonic()
    done = once(tool, redis)
    bound("a map of %d from Redis" % count, time.monotonic() - began, 5)
    assert done.status == 0, done
    assert state(tool)["entries"] == count
    is_equal(tool, redis)


def test_no_map_and_the_store_is_down(tool, redis, follow):
    redis.kill()
    once(tool, redis).fails("Connection refused", status=2)
    follower = follow(redis.url, "map")
    follower.wait_log("cannot be reached")
    with Door(redis.port) as door:
        wait_for(lambda: door.accepted >= 3, PATIENCE, "more attempts")
    assert follower.log().count("cannot be reached") == 1
    assert follower.is_running()
    assert not os.path.exists(tool.path("map"))
    redis.start()
    redis.write({"a.example": "!"})
    wait_entries(tool, {"a.example": "!"})


def test_changes_arrive(tool, redis, follow):
    redis.fill(hosts(10))
    follower = follow(redis.url, "map")
    wait_entries(tool, hosts(10))
    redis.write({"host00001.example.com": None, "b.example": "410"})
    wanted = dict(hosts(10), **{"b.example": "410"})
    del wanted["host00001.example.com"]
    wait_entries(tool, wanted)
    is_equal(tool, redis)
    assert follower.log().count("snapshot") == 1
    assert follower.stop() == 0


# ---- the store goes and comes back -----------------------------------------

def test_an_outage_fails_no_request_and_takes_no_snapshot(
        make_redis, follow, make_httpd, backends, folder):
    path = folder + "/map"
    redis = make_redis("redis", "--appendonly", "yes", "--appendfsync",
                       "always")
    known = {"host%d.example.com" % number: "abcd"[number % 4]
             for number in range(40)}
    redis.fill({host: backends.url(name) for host, name in known.items()})
    follower = follow(redis.url, path)
    follower.wait_log("connected")
    httpd = make_httpd().start(
        express(path, "lmdb", "ProxyExpressCheckInterval 10ms"))
    with client.Hammer(httpd.port, known) as hammer:
        assert hammer.wait_for(50)
        redis.kill()
        follower.wait_log("cannot be reached")
        assert hammer.wait_for(200)
        redis.start()
        redis.write({"new.example.com": backends.url("d")})
        began = time.monotonic()
        wait_for(lambda: client.get(httpd.port, "new.example.com").status
                 == 200, PATIENCE, "the change arrives")
        bound("caught up after an outage", time.monotonic() - began, 2)
        httpd.graceful()
        assert hammer.wait_for(100)
    assert hammer.wrong == []
    assert follower.log().count("snapshot of") == 1


def test_restarts_and_changes_under_load(make_redis, follow, make_httpd,
                                         backends, folder):
    """The long form, a million requests, is test/fleet."""
    wanted = int(os.environ.get("FLEET_REQUESTS", "3000"))
    path = folder + "/map"
    redis = make_redis()
    known = {"known%d.example.com" % number: "abcd"[number % 4]
             for number in range(40)}
    redis.fill({host: backends.url(name) for host, name in known.items()})
    redis.fill(hosts(5000))
    follow("--interval", "50ms", redis.url, path).wait_log("connected")
    httpd = make_httpd().start(
        express(path, "lmdb", "ProxyExpressCheckInterval 10ms"))
    stop = threading.Event()

    def write():
        number = 0
        with redis.client() as writer:
            while not stop.wait(0.01):
                for _ in range(10):
                    number += 1
                    writer.write({"host%05d.example.com" % (number % 5000):
                                  entry(number)})

    writer = threading.Thread(target=write)
    writer.start()
    try:
        with client.Hammer(httpd.port, known) as hammer:
            for _ in range(0, wanted, 1000):
                assert hammer.wait_for(1000)
                httpd.graceful()
        assert hammer.wrong == []
        print("served %d" % hammer.served)
    finally:
        stop.set()
        writer.join()


def test_kill_9_at_any_moment(tool, redis, follow):
    """The long form, 200 times, is test/fleet."""
    count = int(os.environ.get("FLEET_KILLS", "12"))
    redis.fill(hosts(1000))
    follower = follow("--interval", "20ms", redis.url, "map")
    follower.wait_log("connected")
    stop = threading.Event()

    def write():
        dice = random.Random(1)
        with redis.client() as writer:
            while not stop.wait(0.002):
                number = dice.randrange(1000)
                writer.write({"host%05d.example.com" % number:
                              entry(dice.randrange(1 << 24))})

    writer = threading.Thread(target=write)
    writer.start()
    try:
        dice = random.Random(2)
        for _ in range(count):
            time.sleep(dice.random() / 5)
            follower.kill()
            follower.start()
    finally:
        stop.set()
        writer.join()
    last = redis("XREVRANGE", LOG, "+", "-", "COUNT", 1)[0][0].decode()
    wait_for(lambda: state(tool)["position"].startswith(last + ":"), PATIENCE,
             "the map is at the log's end")
    is_equal(tool, redis)
    assert follower.log().count("snapshot of") == 1
    left = [name for name in tool.files() if name.startswith("map.")]
    assert len(left) <= 1, left


def test_a_power_cut_is_continued_from_the_kept_copy(tool, redis, follow):
    redis.fill(hosts(500))
    options = ("--keep", "kept", redis.url, "map")
    follower = follow(*options)
    wait_for(lambda: os.path.exists(tool.path("kept")), PATIENCE, "kept")
    redis.write({"late.example": "!"})
    wait_entries(tool, dict(hosts(500), **{"late.example": "!"}))
    assert entries(tool, "kept") == hosts(500)
    follower.kill()
    os.unlink(tool.path("map"))
    follower.start()
    follower.wait_log("begins as the kept copy")
    wait_entries(tool, dict(hosts(500), **{"late.example": "!"}))
    assert follower.log().count("snapshot of") == 1
    assert follower.stop() == 0
    # at the end it is kept again
    assert entries(tool, "kept") == entries(tool)


def test_a_neighbours_map_continues(tool, redis):
    redis.fill(hosts(100))
    assert once(tool, redis).status == 0
    os.rename(tool.path("map"), tool.path("neighbour"))
    redis.write({"late.example": "!"})
    os.rename(tool.path("neighbour"), tool.path("map"))
    done = once(tool, redis)
    assert (done.status, done.err) == (0, "")
    assert entries(tool)["late.example"] == "!"


# ---- what the store has lost -----------------------------------------------

def test_redis_restarts_from_a_whole_log(tool, make_redis, follow):
    redis = make_redis("redis", "--appendonly", "yes", "--appendfsync",
                       "always")
    redis.fill(hosts(100))
    follower = follow(redis.url, "map")
    wait_entries(tool, hosts(100))
    redis.kill()
    redis.start()
    redis.write({"b.example": "!"})
    wait_entries(tool, dict(hosts(100), **{"b.example": "!"}))
    assert follower.log().count("snapshot of") == 1


def test_lost_writes_leave_the_map(tool, make_redis, follow):
    """A second server is a copy from before the last write, as a replica or
    an append-only file that lacks it."""
    redis = make_redis()
    redis.fill(hosts(200))
    older = make_redis("older", "--replicaof", "127.0.0.1 %d" % redis.port)
    wait_for(lambda: len(older.hosts()) == 200, PATIENCE, "replicated")
    older("REPLICAOF", "NO", "ONE")
    redis.write({"lost.example": "!"})
    follower = follow("--behind", "2s",
                      "%s,127.0.0.1:%d" % (redis.url, older.port), "map")
    wait_entries(tool, dict(hosts(200), **{"lost.example": "!"}))
    redis.kill()
    # nothing new there: the map serves, then the store's state is taken
    follower.wait_log("before the map's position: waiting 2 s")
    assert "lost.example" in entries(tool)
    wait_entries(tool, hosts(200))
    follower.wait_log("snapshot of 200 entries")


def test_lost_writes_and_new_ones_are_another_history(tool, make_redis,
                                                      follow):
    redis = make_redis()
    redis.fill(hosts(200))
    older = make_redis("older", "--replicaof", "127.0.0.1 %d" % redis.port)
    wait_for(lambda: len(older.hosts()) == 200, PATIENCE, "replicated")
    older("REPLICAOF", "NO", "ONE")
    redis.write({"lost.example": "!"})
    follower = follow("%s,127.0.0.1:%d" % (redis.url, older.port), "map")
    wait_entries(tool, dict(hosts(200), **{"lost.example": "!"}))
    older.write({"new.example": "410"})
    redis.kill()
    wait_entries(tool, dict(hosts(200), **{"new.example": "410"}))
    follower.wait_log("because the log has another history")


def test_the_same_id_with_other_fields_is_another_history(tool, redis):
    redis.fill(hosts(200))
    redis("XADD", LOG, "9999999999999-0", "a.example", "!")
    redis("HSET", NAME, "a.example", "!")
    assert once(tool, redis).status == 0
    redis("XDEL", LOG, "9999999999999-0")
    redis("DEL", LOG)
    redis("XADD", LOG, "9999999999999-0", "b.example", "!")
    redis("HSET", NAME, "b.example", "!")
    done = once(tool, redis)
    assert "because the log has another history" in done.err
    assert "b.example" in entries(tool)


def test_a_fail_over_that_loses_nothing_continues(tool, make_redis, follow):
    redis = make_redis()
    redis.fill(hosts(200))
    replica = make_redis("replica", "--replicaof",
                         "127.0.0.1 %d" % redis.port)
    wait_for(lambda: len(replica.hosts()) == 200, PATIENCE, "replicated")
    follower = follow("%s,127.0.0.1:%d" % (redis.url, replica.port), "map")
    wait_entries(tool, hosts(200))
    redis.kill()
    replica("REPLICAOF", "NO", "ONE")
    replica.write({"b.example": "!"})
    wait_entries(tool, dict(hosts(200), **{"b.example": "!"}))
    assert follower.log().count("snapshot of") == 1


def test_sentinel_names_the_master(tool, make_redis, follow):
    redis = make_redis()
    redis.fill(hosts(10))
    conf = os.path.join(redis.folder, "sentinel.conf")
    with open(conf, "w", encoding="ascii") as file:
        file.write("sentinel monitor main 127.0.0.1 %d 1\n" % redis.port)
    sentinel = Redis(redis.folder, "--sentinel")
    sentinel.options = ()
    with open(os.path.join(redis.folder, "slog"), "wb") as log:
        sentinel.process = subprocess.Popen(
            [sentinel.program, conf, "--sentinel", "--port",
             str(sentinel.port), "--bind", "127.0.0.1"], stdout=log,
            stderr=log)
    try:
        wait_for(sentinel.answers, PATIENCE, "the sentinel answers")
        done = tool("follow", "--once",
                    "redis+sentinel://127.0.0.1:%d/main" % sentinel.port,
                    "map")
        assert done.status == 0, done
        assert entries(tool) == hosts(10)
        tool("follow", "--once", "redis+sentinel://127.0.0.1:%d/other"
             % sentinel.port, "map").fails("knows no master other", status=2)
    finally:
        sentinel.kill()


# ---- the guard -------------------------------------------------------------

def test_an_empty_store_is_refused_and_mends_itself(tool, redis, follow):
    redis.fill(hosts(300))
    follower = follow(redis.url, "map")
    wait_entries(tool, hosts(300))
    # under a live connection
    redis("FLUSHALL")
    follower.wait_log("has no log")
    redis.write({"a.example": "!"})
    follower.wait_log("300 of 300 entries would be removed")
    assert entries(tool) == hosts(300)
    once(tool, redis).fails("would be removed", status=3)
    redis.fill(hosts(300))
    wait_entries(tool, dict(hosts(300), **{"a.example": "!"}))
    assert follower.is_running()


def test_a_batch_that_removes_most_is_refused(tool, redis):
    redis.fill(hosts(300))
    assert once(tool, redis).status == 0
    redis.write({host: None for host in hosts(200)})
    once(tool, redis).fails("200 of 300 entries would be removed by changes",
                            status=3)
    assert entries(tool) == hosts(300)
    done = once(tool, redis, "--max-removed", "100")
    assert (done.status, done.err) == (0, "")
    assert len(entries(tool)) == 100
    is_equal(tool, redis)


# ---- the log ---------------------------------------------------------------

def test_a_trimmed_log_takes_a_snapshot(tool, redis):
    redis.fill(hosts(100))
    assert once(tool, redis).status == 0
    for number in range(5):
        redis.write({"new%d.example" % number: "!"})
    redis("XTRIM", LOG, "MAXLEN", 2)
    done = once(tool, redis)
    assert "because the log was trimmed" in done.err
    assert len(entries(tool)) == 105
    is_equal(tool, redis)


def test_a_deleted_log_is_an_error_until_one_begins(tool, redis, follow):
    redis.fill(hosts(100))
    follower = follow(redis.url, "map")
    wait_entries(tool, hosts(100))
    redis("DEL", LOG)
    follower.wait_log("has no log")
    redis.wait_calls("xrevrange", 2)
    assert follower.log().count("has no log") == 1
    assert entries(tool) == hosts(100)
    redis.write({"b.example": "!"})
    wait_entries(tool, dict(hosts(100), **{"b.example": "!"}))


def test_a_hash_without_a_log_is_no_store(tool, redis):
    redis("HSET", NAME, "a.example", "!")
    once(tool, redis).fails("has no log")
    assert not os.path.exists(tool.path("map"))
    redis("SET", LOG, "text")
    once(tool, redis).fails("WRONGTYPE")
    redis("DEL", LOG)
    tool("push", "-", redis.url, text="a.example !\n").ok()
    assert once(tool, redis).status == 0
    assert entries(tool) == {"a.example": "!"}


def test_changes_during_a_snapshot_are_never_undone(tool, redis):
    """A host whose value only grows, read while snapshots are taken."""
    redis.fill(hosts(20000))
    redis.write({"grows.example": entry(0)})
    stop = threading.Event()

    def grow():
        with redis.client() as writer:
            number = 0
            while not stop.is_set():
                number += 1
                writer.write({"grows.example": entry(number)})

    writer = threading.Thread(target=grow)
    writer.start()
    seen = []
    try:
        for _ in range(6):
            if os.path.exists(tool.path("map")):
                os.unlink(tool.path("map"))
            done = once(tool, redis)
            assert done.status == 0, done
            seen.append(entries(tool)["grows.example"])
            once(tool, redis)
            seen.append(entries(tool)["grows.example"])
    finally:
        stop.set()
        writer.join()

    def number(value):
        parts = value[7:].split(":")[0].split(".")
        return int(parts[1]) << 16 | int(parts[2]) << 8 | int(parts[3])

    assert [number(value) for value in seen] \
        == sorted(number(value) for value in seen)
    once(tool, redis)
    is_equal(tool, redis)


def test_a_transaction_is_seen_whole_or_not_at_all(tool, redis, follow):
    names = list(hosts(1000))
    redis.write({host: entry(0) for host in names})
    follow("--interval", "10ms", redis.url, "map")
    wait_for(lambda: entries(tool), PATIENCE, "a map")
    for number in range(1, 12):
        redis.write({host: entry(number) for host in names})
        values = set(entries(tool).values())
        assert len(values) == 1, values
    wait_for(lambda: set(entries(tool).values()) == {entry(11)}, PATIENCE,
             "the last transaction")


# ---- entries that a map cannot take ----------------------------------------

def test_wrong_entries_are_skipped(tool, redis):
    redis.write({"good.example": "!", "was.example": "http://10.0.0.1"})
    assert once(tool, redis).status == 0
    redis.write({"UPPER.example": "!", "bad.example": "no url",
                 "k" * 600: "!", "long.example": "http://h/" + "x" * 5000,
                 "was.example": "no url", "binary.example": "\x00\x01",
                 "next.example": "410"})
    with redis.client() as writer:
        writer("XADD", LOG, "*", b"\xffmarks", "paths", b"\xfffollow", "x",
               b"a\x00b", "!")
    done = once(tool, redis)
    assert done.status == 0
    assert done.err.count("skipped") == 9, done
    wanted = {"good.example": "!", "next.example": "410",
              "was.example": "http://10.0.0.1"}
    assert entries(tool) == wanted
    assert state(tool)["marks"] == []
    # a snapshot judges alike, and a host that had an entry keeps it
    redis.write({"tick.example": "!"})
    redis("XTRIM", LOG, "MAXLEN", 1)
    done = once(tool, redis)
    assert "snapshot of 4 entries" in done.err
    assert entries(tool) == dict(wanted, **{"tick.example": "!"})


def test_a_store_of_wrong_entries_is_refused(tool, redis):
    redis.write({"a.example": "x", "b.example": "y"})
    once(tool, redis).fails("all 2 entries of the store are wrong", status=3)
    assert not os.path.exists(tool.path("map"))


# ---- the network -----------------------------------------------------------

def test_a_silent_link_is_noticed(tool, redis, follow):
    redis.fill(hosts(10))
    proxy = SilentProxy(redis.port)
    try:
        follower = follow("redis://127.0.0.1:%d" % proxy.port, "map")
        wait_entries(tool, hosts(10))
        proxy.silent.set()
        began = time.monotonic()
        follower.wait_log("has not answered")
        bound("a silent link noticed", time.monotonic() - began, 5)
        redis.write({"b.example": "!"})
        proxy.silent.clear()
        wait_entries(tool, dict(hosts(10), **{"b.example": "!"}))
        assert follower.log().count("snapshot of") == 1
    finally:
        proxy.close()


def test_a_link_that_falls_silent_at_the_end_of_a_snapshot(tool, redis,
                                                            follow):
    """The lease's release is not answered: the reason that is logged is
    that."""
    redis.fill(hosts(10))
    proxy = SilentProxy(redis.port, b"\r\nDEL\r\n")
    try:
        follower = follow("redis://127.0.0.1:%d" % proxy.port, "map")
        follower.wait_log("cannot be reached")
        assert "has not answered for 3 s" in follower.log()
        proxy.silent.clear()
        redis.write({"b.example": "!"})
        wait_entries(tool, dict(hosts(10), **{"b.example": "!"}))
        assert follower.log().count("snapshot of") == 1
    finally:
        proxy.close()


def auth_failures(admin):
    return int(re.search(rb"cmdstat_auth:.*failed_calls=(\d+)",
                         admin("INFO", "commandstats"))[1])


def test_a_wrong_password_is_one_line(tool, make_redis, follow):
    redis = make_redis("redis", "--requirepass", "right")
    tool.write("password", "wrong\n")
    follower = follow("--password-file", "password", redis.url, "map")
    follower.wait_log("WRONGPASS")
    with Client(redis.port) as admin:
        admin("AUTH", "right")
        failed = auth_failures(admin)
        wait_for(lambda: auth_failures(admin) >= failed + 2, PATIENCE,
                 "more attempts")
    assert follower.log().count("WRONGPASS") == 1
    for text in (follower.log(),
                 open("/proc/%d/cmdline" % follower.process.pid,
                      encoding="ascii").read()):
        assert "wrong\n" not in text and "right" not in text
    with Client(redis.port) as admin:
        admin("AUTH", "right")
        admin.write({"a.example": "!"})
    tool.write("password", "right\n")
    follower.signal(signal.SIGHUP)
    wait_entries(tool, {"a.example": "!"})
    done = tool("follow", "--once", redis.url, "other",
                env=dict(os.environ, HOSTMAP_PASSWORD="right"))
    assert done.status == 0, done
    once(tool, redis).fails("NOAUTH")
    tool("follow", "--once", "redis://:right@127.0.0.1:%d" % redis.port,
         "map").fails("--password-file")


def test_a_user_with_the_documented_rights_can_follow(tool, redis):
    with open(os.path.join(os.path.dirname(__file__), "../../docs/fleet.md"),
              encoding="utf-8") as page:
        lines = [line.split() for line in page
                 if line.startswith("    ACL SETUSER ")]
    assert [words[2] for words in lines] == ["edge", "writer", "relay"]
    for words in lines:
        redis(*[word.replace(">PASSWORD", ">secret") for word in words])
    env = dict(os.environ, HOSTMAP_PASSWORD="secret")
    at = "127.0.0.1:%d" % redis.port
    tool.write("hosts", "a.example !\n")
    tool("push", "hosts", "redis://writer@" + at, env=env).ok()
    done = tool("follow", "--once", "--report", "redis://edge@" + at, "map",
                env=env)
    assert done.status == 0 and "cannot" not in done.err, done
    assert entries(tool) == {"a.example": "!"}
    assert redis("HLEN", NAME + ":nodes") == 1
    tool("push", "hosts", "redis://edge@" + at, env=env,
         text="").ok()
    tool.write("hosts", "b.example !\n")
    tool("push", "--max-removed", "100", "hosts", "redis://edge@" + at,
         env=env).fails("NOPERM")


# ---- the disk --------------------------------------------------------------

def test_a_map_of_somebody_else_is_not_overwritten(tool, redis, follow):
    redis.fill(hosts(10))
    tool.map("map")
    before = tool.read("map")
    once(tool, redis).fails("follows no store", status=3)
    assert tool.read("map") == before
    tool.write("text", "not a map\n")
    tool("follow", "--once", redis.url, "text").fails("not a map", status=3)
    tool.map("old", "sdbm")
    tool("follow", "--once", redis.url, "old").fails("only lmdb",
                                                     status=3)
    other = redis.url + "?name=shops"
    redis("XADD", "switchboard:{shops}:log", "*", "", "")
    assert tool("follow", "--once", other, "shops").status == 0
    tool("follow", "--once", redis.url, "shops").fails(
        "follows redis:shops, not redis:hosts", status=3)


def test_a_full_disk_leaves_the_map(tool, redis):
    from hostmap_tool import limited_file_size
    redis.fill(hosts(2000))
    assert once(tool, redis).status == 0
    before = tool.read("map")
    redis.write({"b.example": "!"})
    done = tool("follow", "--once", redis.url, "map",
                preexec_fn=limited_file_size(40000))
    assert done.status == 1, done
    assert tool.read("map") == before
    assert once(tool, redis).status == 0
    assert "b.example" in entries(tool)


def test_another_program_at_the_map_is_noticed(tool, redis, follow):
    redis.fill(hosts(10))
    follower = follow("--status", "status", redis.url, "map")
    wait_entries(tool, hosts(10))
    assert tool("delete", "--unfollow", "map",
                "host00000.example.com").status == 0
    follower.wait_log("follows no store")
    redis.write({"b.example": "!"})
    refused = follower.status("status")["refused"]
    wait_for(lambda: follower.status("status")["refused"] >= refused + 2,
             PATIENCE, "the map is looked at again")
    assert "b.example" not in entries(tool)
    # taken away: it is made anew
    os.unlink(tool.path("map"))
    wait_entries(tool, dict(hosts(10), **{"b.example": "!"}))


def test_a_broken_map_is_made_anew(tool, redis):
    redis.fill(hosts(2000))
    assert once(tool, redis).status == 0
    with open(tool.path("map"), "r+b") as file:
        file.truncate(20000)
    assert once(tool, redis).status == 0
    assert entries(tool) == hosts(2000)


# ---- a fleet ---------------------------------------------------------------

def test_snapshots_are_taken_few_at_a_time(tool, redis, tmp_path):
    """The long form, 100 followers, is test/fleet."""
    count = int(os.environ.get("FLEET_FOLLOWERS", "12"))
    redis.fill(hosts(20000))
    # those of other machines do not take the processor from the store
    running = [subprocess.Popen(
        ["nice", "-n", "19", tool.program, "follow", "--once", "--snapshots",
         "4", redis.url, "map%d" % number], cwd=tool.folder,
        stderr=subprocess.PIPE) for number in range(count)]
    most = 0
    slowest = 0
    try:
        with redis.client() as watch:
            while any(one.poll() is None for one in running):
                began = time.monotonic()
                held = len(watch("KEYS", NAME + ":snapshot:*"))
                slowest = max(slowest, time.monotonic() - began)
                most = max(most, held)
    finally:
        for one in running:
            if one.poll() is None:
                one.kill()
            one.communicate()
    assert [one.returncode for one in running] == [0] * count
    assert 1 <= most <= 4
    bound("the store's slowest answer to another client", slowest, 0.05)
    digests = {state(tool, "map%d" % number)["digest"]
               for number in range(count)}
    assert len(digests) == 1


def test_reports_become_a_table(tool, redis, follow):
    redis.fill(hosts(10))
    followers = [follow("--report", "--status", "status.json", redis.url,
                        "map%d" % number) for number in range(2)]
    wait_for(lambda: redis("HLEN", NAME + ":nodes") == 2, PATIENCE, "reports")
    done = tool("fleet", redis.url)
    assert done.status == 0, done
    assert done.out.count(" ok\n") == 2
    assert "2 nodes, 0 not as they should be" in done.out
    redis("HSET", NAME + ":nodes", "evil\n\x1b[2J", '{"position": "x"')
    done = tool("fleet", redis.url)
    assert done.status == 2 and "\x1b" not in done.out, done
    assert "silent" in done.out
    assert tool("fleet", "--json", redis.url).out.count("\n") == 3
    for follower in followers:
        assert follower.stop() == 0
    wait_for(lambda: "lag_seconds" in tool.read("status.json").decode(),
             PATIENCE, "a status")


def test_the_status_is_what_prometheus_reads(tool, redis, follow):
    redis.fill(hosts(10))
    follow("--status", "follow.prom", redis.url, "map")
    wait_for(lambda: os.path.exists(tool.path("follow.prom"))
             and b"switchboard_follow_entries 10\n"
             in tool.read("follow.prom"), PATIENCE, "the metrics")
    text = tool.read("follow.prom").decode()
    assert 'switchboard_follow_snapshots_total{reason="first"} 1' in text
    for line in text.splitlines():
        assert line.startswith("# ") or len(line.split()) == 2, line


# ---- the service manager ---------------------------------------------------

def test_the_service_manager_is_told(tool, redis, follow):
    import socket
    redis.fill(hosts(10))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(tool.path("notify"))
        manager.settimeout(PATIENCE)
        follower = follow(redis.url, "map",
                          env={"NOTIFY_SOCKET": tool.path("notify"),
                               "JOURNAL_STREAM": "1:2"})
        told = ""
        while "READY=1" not in told or told.count("WATCHDOG=1") < 2:
            told += manager.recv(4096).decode() + "\n"
        follower.process.terminate()
        while "STOPPING=1" not in told:
            told += manager.recv(4096).decode() + "\n"
        assert follower.stop() == 0
    assert "<5>hostmap: redis:hosts: connected" in follower.log()


def test_a_snapshot_can_be_asked_for(tool, redis, follow):
    redis.fill(hosts(10))
    follower = follow(redis.url, "map")
    wait_entries(tool, hosts(10))
    # a writer that forgot the log
    redis("HSET", NAME, "b.example", "!")
    tool("verify", redis.url, "map").fails("differs from the store", status=2)
    follower.signal(signal.SIGUSR1)
    follower.wait_log("because it was asked for")
    assert entries(tool)["b.example"] == "!"


# ---- the verbs -------------------------------------------------------------

def test_push_writes_what_is_different(tool, redis):
    text = "".join("%s %s\n" % one for one in hosts(2500).items())
    tool.write("hosts", text)
    assert "2500 added" in tool("push", "--dry-run", "hosts", redis.url).ok()
    assert redis.hosts() == {}
    assert "2500 added" in tool("push", "hosts", redis.url).ok()
    assert len(redis.hosts()) == 2500
    assert "2500 same" in tool("push", "hosts", redis.url).ok()
    # the first entry begins the log, then 1,000 changes each
    assert redis("XLEN", LOG) == 4
    tool("push", "-", redis.url, text="a.example !\n").fails("2500 of 2500")
    tool("push", "-", redis.url, text="a.example wrong\n").fails("wrong line")
    assert len(redis.hosts()) == 2500
    tool.map("a-map")
    assert '"added": 10' in tool("push", "--json", "--max-removed", "100",
                                 "a-map", redis.url).ok()


def test_push_diff_is_all_or_nothing(tool, redis):
    redis.write({"a.example": "!", "b.example": "410"})
    change = "-a.example !\n+a.example 404\n-b.example 410\n+c.example !\n"
    tool("push", "--diff", "-", redis.url,
         text=change + "-z.example !\n").fails("z.example")
    tool("push", "--diff", "-", redis.url,
         text=change.replace("-a.example !", "-a.example 410")).fails(
             "a.example: the store has no such entry")
    tool("push", "--diff", "-", redis.url, text="+a.example 404\n").fails(
        "already")
    assert redis.hosts() == {b"a.example": b"!", b"b.example": b"410"}
    tool("push", "--diff", "-", redis.url, text=change).ok()
    assert redis.hosts() == {b"a.example": b"404", b"c.example": b"!"}


def test_pull_makes_a_text_and_a_map_that_follows(tool, redis):
    redis.write({"a.example": "!", "b.example": "410"})
    text = tool("pull", redis.url, "-").ok()
    assert text.startswith("# redis:hosts at ")
    assert text.splitlines()[1:] == ["a.example !", "b.example 410"]
    tool("pull", "-t", "text", redis.url, "text").ok()
    assert tool.read("text").decode() == text
    # a map that was built becomes one that follows
    tool.write("own", "a.example !\n")
    tool("build", "own", "map").ok()
    tool("pull", redis.url, "map").ok()
    redis.write({"c.example": "!"})
    done = once(tool, redis)
    assert (done.status, done.err) == (0, "")
    assert len(entries(tool)) == 3


@pytest.mark.parametrize("words", [
    ("set", "map", "x.example", "!"), ("delete", "map", "a.example"),
    ("apply", "map", "diff"), ("build", "text", "map"),
    ("convert", "text", "map")], ids=lambda words: words[0])
def test_a_map_that_follows_is_not_changed(tool, redis, words):
    redis.write({"a.example": "!"})
    assert once(tool, redis).status == 0
    tool.write("diff", "+x.example !\n")
    tool.write("text", "a.example !\n")
    before = tool.read("map")
    tool(*words).fails("it follows a store")
    assert tool.read("map") == before
    assert state(tool)["follows"] == "redis:hosts"
    assert tool(words[0], "--unfollow", *words[1:]).status == 0
    assert state(tool)["follows"] is None


def test_a_map_that_follows_is_not_changed_by_httxt2dbm(tool, redis):
    redis.write({"a.example": "!"})
    assert once(tool, redis).status == 0
    tool.write("text", "b.example !\n")
    tool("httxt2dbm", "-f", "LMDB", "-i", "text", "-o", "map").fails(
        "it follows a store")


def test_verify_finds_a_damaged_map(tool, redis):
    redis.fill(hosts(100))
    assert once(tool, redis).status == 0
    data = tool.read("map")
    assert data.count(b"http://10.0.0.42:8080") == 1
    tool.write("map", data.replace(b"http://10.0.0.42:8080",
                                   b"http://10.0.0.43:8080"))
    tool("verify", redis.url, "map").fails("damaged", status=2)


def test_the_state_is_no_entry(tool, redis):
    redis.write({"a.example": "!", "*.b.example": "!"})
    assert once(tool, redis).status == 0
    told = state(tool)
    assert (told["entries"], told["marks"]) == (2, ["wildcards"])
    assert tool("list", "map").ok() == "*.b.example !\na.example !\n"
    tool.write("text", "*.b.example !\na.example !\n")
    assert tool("diff", "map", "text").ok() == ""


def test_a_unix_socket(tool, make_redis, tmp_path):
    path = str(tmp_path / "s")
    redis = make_redis("redis", "--unixsocket", path)
    redis.write({"a.example": "!"})
    done = tool("follow", "--once", "redis+unix:" + path, "map")
    assert done.status == 0, done
    assert entries(tool) == {"a.example": "!"}


def test_an_error_of_the_server_is_told(redis):
    with pytest.raises(Failed):
        redis("NO SUCH COMMAND")
