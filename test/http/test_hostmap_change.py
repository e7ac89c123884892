# SPDX-License-Identifier: Apache-2.0
"""`hostmap set` and `hostmap delete`: a map is changed, all or nothing, and no
writer loses what another one was told is there."""

import fcntl
import os
import random
import subprocess
import time

import pytest

from hostmap_tool import ENTRIES, SORTED, limited_file_size
from maps import ALL_TYPES, TOOL_TIMEOUT, files_of


def contents(tool, map_type, name="map"):
    return [tool.read(file) for file in files_of(name, map_type)]


def listed(tool, name="map"):
    return dict(line.split(" ", 1)
                for line in tool("list", name).ok().splitlines())


# ---- set -------------------------------------------------------------------


@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_set_adds_and_changes_one_entry(tool, map_type):
    tool.map("map", map_type)
    assert tool("set", "map", "new.example.com", "http://10.0.0.9",
                "timeout=5", "ping=1").ok() == "map: 1 added, 0 changed, 0 same\n"
    assert tool("set", "map", "gone.example.com", "404").ok() \
        == "map: 0 added, 1 changed, 0 same\n"
    assert listed(tool) == dict(
        ENTRIES, **{"new.example.com": "http://10.0.0.9 timeout=5 ping=1",
                    "gone.example.com": "404"})
    assert tool("check", "map").ok()
    assert tool.files() == sorted(files_of("map", map_type))


@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_set_of_what_is_there_leaves_the_file_alone(tool, map_type):
    tool.map("map", map_type)
    before = [os.stat(tool.path(name)) for name in files_of("map", map_type)]
    assert tool("set", "map", "gone.example.com", "410").ok() \
        == "map: 0 added, 0 changed, 1 same\n"
    assert tool("set", "map", "-", text=SORTED).ok() \
        == "map: 0 added, 0 changed, 10 same\n"
    after = [os.stat(tool.path(name)) for name in files_of("map", map_type)]
    assert [(s.st_ino, s.st_mtime_ns) for s in before] \
        == [(s.st_ino, s.st_mtime_ns) for s in after]
    assert tool.files() == sorted(files_of("map", map_type))


@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_set_reads_lines(tool, map_type):
    tool.map("map", map_type, "a !\nb !\nc !\n")
    text = "# more\nd  404\n\nb http://10.0.0.1   timeout=5\nc !\n"
    assert tool("set", "map", "-", text=text).ok() \
        == "map: 1 added, 1 changed, 1 same\n"
    assert tool("list", "map").ok() \
        == "a !\nb http://10.0.0.1 timeout=5\nc !\nd 404\n"


@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_set_checks_as_build_does_and_changes_all_or_nothing(tool, map_type):
    tool.map("map", map_type)
    before = contents(tool, map_type)
    tool("set", "map", "-", text="a !\nB !\nc nonsense\na 404\n").fails(
        "stdin:2: B: write the name in lower case, at column 1\n",
        "stdin:3: c: ", ", at column 3\n",
        "stdin:4: duplicate key a, first on line 1\n",
        "hostmap: map was not changed\n")
    tool("set", "map", "a.example.com:80", "!").fails(
        "hostmap: a.example.com:80: ", ", at column 14\n",
        "hostmap: map was not changed\n")
    tool("set", "map", "a", "gopher://10.0.0.1").fails(
        "hostmap: a: ", ", at column 3\n")
    for key in ("", "a b", "#a", "a\nb"):
        tool("set", "map", key, "!").fails("is not a key")
    tool("set", "map", "a", "!\nb !").fails("a value is one line")
    assert contents(tool, map_type) == before
    assert tool.files() == sorted(files_of("map", map_type))


def test_set_knows_the_limits_of_the_type(tool):
    tool.map("map", "sdbm")
    tool("set", "map", "a", "http://10.0.0.1/" + "p" * 1000).fails(
        "sdbm holds at most 1008")
    tool.map("other", "lmdb")
    tool("set", "other", "a", "http://10.0.0.1/" + "p" * 1000).ok()


@pytest.mark.parametrize("arguments", [
    ["set", "map", "a", "!"], ["set", "map", "-"], ["delete", "map", "a"]])
def test_a_change_needs_a_map(tool, arguments):
    tool(*arguments).fails("hostmap: map: there is no map, `hostmap build`")
    tool.write("map", "some text\n")
    tool(*arguments).fails("hostmap: map: ", "not a map")
    assert tool.read("map") == b"some text\n"
    assert tool.files() == ["map"]


@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_many_changes_one_after_the_other(tool, map_type):
    """A map that was changed is one like others: model and map stay equal,
    and what it takes on the disk does not grow for ever (an sdbm file has
    holes, which its copies keep)."""
    dice = random.Random(map_type)
    model = {"h%d.example.com" % i: "http://10.0.0.1" for i in range(2000)}
    tool.map("map", map_type, "".join("%s %s\n" % e for e in model.items()))
    sizes = []
    for _ in range(30):
        some = {"h%d.example.com" % dice.randrange(3000):
                "http://10.0.0.%d/%s" % (dice.randrange(9),
                                         "x" * dice.randrange(300))
                for _ in range(40)}
        tool("set", "map", "-",
             text="".join("%s %s\n" % e for e in some.items())).ok()
        model.update(some)
        gone = dice.sample(sorted(model), 35)
        tool("delete", "map", *gone).ok()
        for key in gone:
            del model[key]
        assert listed(tool) == model
        sizes.append(sum(os.stat(tool.path(name)).st_blocks
                         for name in files_of("map", map_type)))
    assert sizes[-1] < 4 * sizes[0], sizes
    assert tool("check", "map").ok()


@pytest.mark.parametrize("map_type", ["sdbm", "gdbm"])
def test_a_change_waits_for_who_changes_in_place(tool, map_type):
    """httxt2dbm of httpd holds this lock while it works."""
    tool.map("map", map_type, "a !\n")
    with open(tool.path(files_of("map", map_type)[0]), "r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with subprocess.Popen([tool.program, "set", "map", "b", "!"],
                              cwd=tool.folder) as change:
            time.sleep(0.5)
            assert change.poll() is None
            fcntl.flock(held, fcntl.LOCK_UN)
            assert change.wait(TOOL_TIMEOUT) == 0
    assert tool("list", "map").ok() == "a !\nb !\n"


@pytest.mark.parametrize("arguments", [
    ["check", "--quiet", "map"], ["list", "map"], ["list", "map", "h1"],
    ["get", "map", "h1"], ["stat", "map"], ["diff", "map", "text"],
    ["convert", "map", "-"]], ids=" ".join)
@pytest.mark.parametrize("map_type", ["sdbm", "db"])
def test_readers_do_not_mind_that_a_map_is_replaced(tool, map_type, arguments):
    text = "".join("h%d !\n" % i for i in range(50))
    tool.map("map", map_type, text)
    tool.write("text", text)
    loop = ("i=0; while [ $i -lt 100000 ] && [ ! -e stop ]; do \"$1\" httxt2dbm "
            "-f $2 -i text -o map || exit 1; i=$((i + 1)); done")
    with subprocess.Popen(["sh", "-c", loop, "sh", tool.program, map_type],
                          cwd=tool.folder) as writer:
        for _ in range(60):
            tool(*arguments).ok()
        assert writer.poll() is None, "the writer was done too soon"
        tool.write("stop", "")
        assert writer.wait(TOOL_TIMEOUT) == 0


@pytest.mark.parametrize("map_type", ["sdbm", "gdbm"])
def test_build_compares_when_who_changes_in_place_is_done(tool, map_type):
    """That it is busy is no reason to let most of its entries go."""
    tool.map("map", map_type, "".join("h%d !\n" % i for i in range(200)))
    tool.write("text", "h0 !\n")
    with open(tool.path(files_of("map", map_type)[0]), "r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with subprocess.Popen([tool.program, "build", "text", "map"],
                              cwd=tool.folder, stderr=subprocess.PIPE) as build:
            time.sleep(0.5)
            assert build.poll() is None
            fcntl.flock(held, fcntl.LOCK_UN)
            said = build.communicate(timeout=TOOL_TIMEOUT)[1]
    assert (build.returncode, b"199 of 200 entries would be removed" in said) \
        == (1, True), said
    assert tool("list", "map").ok().count("\n") == 200


@pytest.mark.parametrize("map_type", ["lmdb", "sdbm"])
def test_ten_writers_lose_nothing(tool, map_type):
    """Ten at once, each with one `set` after the other: what was acknowledged
    is there."""
    runs = 100 if map_type == "lmdb" else 20
    tool.map("map", map_type)
    loop = ("i=0; while [ $i -lt %d ]; do \"$1\" set map w$2-$i.example.com "
            "\"http://10.0.0.$2\" >>out$2 || exit 1; i=$((i + 1)); done"
            % runs)
    writers = [subprocess.Popen(["sh", "-c", loop, "sh", tool.program, str(n)],
                                cwd=tool.folder) for n in range(10)]
    assert [writer.wait(TOOL_TIMEOUT * 2) for writer in writers] == [0] * 10
    for n in range(10):
        assert tool.read("out%d" % n) \
            == b"map: 1 added, 0 changed, 0 same\n" * runs
    assert listed(tool) == dict(ENTRIES, **{
        "w%d-%d.example.com" % (n, i): "http://10.0.0.%d" % n
        for n in range(10) for i in range(runs)})
    assert tool("check", "map").ok()


# ---- delete ----------------------------------------------------------------


@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_delete_takes_entries_out(tool, map_type):
    tool.map("map", map_type)
    assert tool("delete", "map", "gone.example.com").ok() \
        == "map: 1 removed\n"
    assert tool("delete", "map", "under_score", "2001:db8::1").ok() \
        == "map: 2 removed\n"
    rest = dict(ENTRIES)
    for key in ("gone.example.com", "under_score", "2001:db8::1"):
        del rest[key]
    assert listed(tool) == rest
    assert tool("delete", "map", "www.example.com", "www.example.com").fails() \
        .err.startswith("hostmap: duplicate key www.example.com\n")
    assert tool("delete", "map", "-", text=tool("list", "map").ok()).ok() \
        == "map: 7 removed\n"
    assert tool("list", "map").ok() == ""
    assert tool("check", "map").ok()


@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_delete_of_an_unknown_key_is_status_2_and_removes_nothing(tool,
                                                                  map_type):
    tool.map("map", map_type)
    before = contents(tool, map_type)
    done = tool("delete", "map", "gone.example.com", "none", "GONE").fails(
        "hostmap: map: no entry for none\n",
        "hostmap: map: no entry for GONE\n",
        "hostmap: map: 2 of the keys have no entry, nothing was removed\n",
        status=2)
    assert done.out == ""
    tool("delete", "map", "x" * 512).fails("no entry for xxxx", status=2)
    assert contents(tool, map_type) == before
    assert tool.files() == sorted(files_of("map", map_type))


def test_delete_reads_keys_and_passes_over_the_rest(tool):
    tool.map("map", "lmdb", "a !\nb !\nc !\nd !\n")
    text = "# what goes\n\n  a\r\nb http://10.0.0.1 # whatever\n\tc\t!"
    assert tool("delete", "map", "-", text=text).ok() == "map: 3 removed\n"
    assert tool("list", "map").ok() == "d !\n"


def test_delete_takes_keys_that_set_would_refuse(tool, maps):
    maps.add_raw(tool.path("map"), {"UPPER": "value", "a:1": "x", "b": "!"})
    assert tool("delete", "map", "UPPER", "a:1").ok() == "map: 2 removed\n"
    assert tool("list", "map").ok() == "b !\n"


# ---- when it goes wrong ----------------------------------------------------


@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_a_change_that_does_not_fit_the_disk_changes_nothing(tool, map_type):
    tool.map("map", map_type, "".join("h%05d !\n" % i for i in range(5000)))
    before = contents(tool, map_type)
    size = max(map(len, before))
    tool.write("text", "".join("i%05d http://10.0.0.1/%s\n" % (i, "x" * 90)
                               for i in range(20000)))
    text = tool.read("text")
    for limit in (size // 2, size + 100000):
        done = tool("set", "map", "-", text=text,
                    preexec_fn=limited_file_size(limit)).fails("map")
        assert done.out == ""
        assert contents(tool, map_type) == before
        assert tool.files() == sorted(files_of("map", map_type) + ["text"])
    assert tool("set", "map", "-", text=text).ok() \
        == "map: 20000 added, 0 changed, 0 same\n"
    assert tool("list", "map").ok().count("\n") == 25000
