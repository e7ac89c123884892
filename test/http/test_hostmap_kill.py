# SPDX-License-Identifier: Apache-2.0
"""Writers that are killed at any instant, while httpd serves from the map.

SWITCHBOARD_KILLS is how many are killed for each type and verb; CONTRIBUTING.md
names the command that kills more."""

import os
import random
import subprocess
import time

import pytest

import client
from httpd import wait_for
from maps import TOOL_TIMEOUT, express, files_of, text_of

KILLS = int(os.environ.get("SWITCHBOARD_KILLS", "4"))

FILLER = {"h%d.example.net" % number: "!" for number in range(10000)}

KNOWN = {"known%d.example.com" % number: "abcd"[number % 4]
         for number in range(40)}
"""Hosts that every version of the map has, and their backends."""


class Writer:
    """Makes versions of a map with one verb."""

    def __init__(self, maps, path, verb, dice):
        self.maps = maps
        self.path = path
        self.verb = verb
        self.dice = dice

    def next(self, old):
        """Another version that this verb can make of the old one."""
        new = dict(old)
        some = [host for host in old if host not in KNOWN]
        if self.verb != "set":
            for host in self.dice.sample(some, 200):
                del new[host]
        if self.verb != "delete":
            for number in range(400):
                new["h%d.example.net" % self.dice.randrange(15000)] = \
                    "http://10.0.0.%d" % self.dice.randrange(250)
        return new

    def write_input(self, old, new):
        """What the verb reads; its arguments."""
        name = self.path + ".text"
        with open(name, "w", encoding="ascii") as file:
            if self.verb == "build":
                file.write(text_of(new))
            elif self.verb == "set":
                file.write(text_of(dict(set(new.items()) - set(old.items()))))
            elif self.verb == "delete":
                file.writelines(host + "\n" for host in set(old) - set(new))
            else:
                for host in set(old) | set(new):
                    if old.get(host) != new.get(host):
                        if host in old:
                            file.write("-%s %s\n" % (host, old[host]))
                        if host in new:
                            file.write("+%s %s\n" % (host, new[host]))
        operands = ["-", self.path] if self.verb == "build" \
            else [self.path, "-"]
        return [self.maps.hostmap, self.verb, *operands], name

    def run(self, old, new, lifetime=None):
        """Run the verb, and kill it after so many seconds; its status and how
        long it took."""
        arguments, name = self.write_input(old, new)
        start = time.monotonic()
        with open(name, "rb") as text, \
                subprocess.Popen(arguments, stdin=text,
                                 stdout=subprocess.PIPE) as process:
            if lifetime is not None:
                time.sleep(lifetime)
                process.kill()
            process.communicate(timeout=TOOL_TIMEOUT)
        os.unlink(name)
        return process.returncode, time.monotonic() - start


def entries_of(maps, path):
    return dict(line.split(" ", 1)
                for line in maps.run("list", path).splitlines())


@pytest.mark.parametrize("verb", ["build", "set", "delete", "apply"])
@pytest.mark.parametrize("kind", ["lmdb", "gdbm", "db"])
def test_killed_writer_leaves_the_old_map_or_the_new_one(
        make_httpd, backends, maps, folder, kind, verb):
    dice = random.Random(kind + verb)
    os.mkdir(folder + "/maps")
    path = folder + "/maps/map"
    writer = Writer(maps, path, verb, dice)
    full = {host: backends.url(name) for host, name in KNOWN.items()}
    full.update(FILLER)
    now = full
    maps.build(path, now, kind)
    httpd = make_httpd().start(
        express(path, kind, "ProxyExpressCheckInterval 10ms"))
    seconds = []
    killed = runs = 0
    with client.Hammer(httpd.port, KNOWN) as hammer:
        for _ in range(3):
            version = writer.next(now)
            status, took = writer.run(now, version)
            assert (status, entries_of(maps, path)) == (0, version)
            now = version
            seconds.append(took)
        while killed < KILLS:
            runs += 1
            assert runs < 20 * KILLS, "killed too late, again and again"
            version = writer.next(now)
            status, _ = writer.run(now, version,
                                   dice.uniform(0, min(seconds)))
            assert "no errors" in maps.run("check", path)
            found = entries_of(maps, path)
            if status == 0:
                assert found == version
            else:
                assert status == -9
                assert found in (now, version)
                killed += 1
            now = found
            litter = set(os.listdir(folder + "/maps")) \
                - set(files_of("map", kind))
            assert litter <= {"map.hostmap-new"}
            if len(now) < 2000:
                now = full
                maps.build(path, now, kind)
            assert hammer.wait_for(5)
        # The next one takes over what was left.
        status, _ = writer.run(now, writer.next(now))
        assert status == 0
        assert os.listdir(folder + "/maps") == files_of("map", kind)
    print("killed %d, served %d, sent again %d" % (killed, hammer.served,
                                                   hammer.resent))
    assert hammer.wrong == []


# ---- between the two files of sdbm -----------------------------------------


def kill_between_renames(maps, path, new):
    """What a writer leaves that is killed when it has renamed the .dir."""
    maps.build(path + "-other", new, "sdbm")
    os.rename(path + "-other.pag", path + ".hostmap-new.pag")
    os.rename(path + "-other.dir", path + ".dir")


@pytest.mark.parametrize("verb", ["build", "set", "delete", "apply"])
def test_killed_writer_of_sdbm_leaves_what_the_next_one_ends(maps, tool, verb):
    dice = random.Random(verb)
    path = tool.path("map")
    writer = Writer(maps, path, verb, dice)
    now = FILLER
    maps.build(path, now, "sdbm")
    version = writer.next(now)
    status, took = writer.run(now, version)
    assert (status, entries_of(maps, path)) == (0, version)
    killed = runs = 0
    while killed < KILLS:
        runs += 1
        assert runs < 20 * KILLS, "killed too late, again and again"
        now, version = version, writer.next(version)
        status, _ = writer.run(now, version, dice.uniform(0, took))
        killed += status != 0
        done = tool("check", "map")
        if done.status != 0:
            done.fails("hostmap was killed while it replaced them")
            host = next(iter(version))
            assert tool("set", "map", host, version[host]).ok() \
                == "map: 0 added, 0 changed, 1 same\n"
            assert entries_of(maps, path) == version
        found = entries_of(maps, path)
        assert found == version or (status != 0 and found == now)
        version = found
        if len(version) < 2000:
            version = FILLER
            maps.build(path, version, "sdbm")


VERBS = {"build": ["build", "-", "map"], "set": ["set", "map", "-"],
         "delete": ["delete", "map", "-"], "apply": ["apply", "map", "-"],
         "httxt2dbm": ["httxt2dbm", "-i", "-", "-o", "map"]}


@pytest.mark.parametrize("verb", VERBS)
def test_the_next_writer_ends_what_a_killed_one_began(
        maps, tool, verb):
    old = FILLER
    new = {"n%d.example.org" % number: "!" for number in range(5000)}
    path = tool.path("map")
    maps.build(path, old, "sdbm")
    kill_between_renames(maps, path, new)
    for reader in (["check", "map"], ["list", "map"], ["stat", "map"]):
        tool(*reader).fails("hostmap was killed while it replaced them")
    text = {"build": text_of(new) + "x !\n", "delete": "n0.example.org\n",
            "apply": "+x !\n"}.get(verb, "x !\n")
    done = tool(*VERBS[verb], text=text)
    assert done.status == 0, done
    if verb == "build":
        assert done.out.endswith("1 added, 0 changed, 0 removed, 5000 same\n")
    expected = dict(new)
    if verb == "delete":
        del expected["n0.example.org"]
    else:
        expected["x"] = "!"
    assert entries_of(maps, path) == expected
    assert tool("check", "map").status == 0
    assert tool.files() == ["map.dir", "map.pag"]


def test_half_a_replacement_is_503_until_a_writer_ends_it(
        make_httpd, backends, maps, folder):
    path = maps.build(folder + "/map", {"a": backends.url("a")}, "sdbm")
    new = dict(FILLER, a=backends.url("b"))
    httpd = make_httpd(children=1)
    httpd.expect_log("hostmap was killed while it replaced them")
    httpd.start(express(path, "sdbm", "ProxyExpressCheckInterval 10ms"))
    assert httpd.get("a").backend == "a"
    kill_between_renames(maps, path, new)
    wait_for(lambda: httpd.get("h1.example.net").status == 503, 30,
             "the half is seen")
    maps.run("set", path, "c", "!")
    wait_for(lambda: httpd.get("a").backend == "b", 30,
             "the map serves")
