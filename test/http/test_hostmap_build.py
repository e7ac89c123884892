# SPDX-License-Identifier: Apache-2.0
"""`hostmap build` over a map that is there: what it says, what it refuses; and
texts that do not fit the memory that it takes."""

import json
import os
import random

import pytest

from hostmap_tool import BIG, limited_file_size, peak
from maps import ALL_TYPES, files_of, text_of


def hosts(count, value="!"):
    return {"h%04d.example.com" % i: value for i in range(count)}


# ---- what it says ----------------------------------------------------------


@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_build_says_what_is_different(tool, map_type):
    tool.map("map", map_type, "a !\nb !\nc !\nd !\ne !\n")
    text = "0 !\nb !\nbb !\nc 404\nd  !\nz !\n"
    said = "map: %s, 6 entries: 3 added, 1 changed, 2 removed, 2 same" % map_type
    assert tool("build", "--dry-run", "-", "map", text=text).ok() \
        == said + " (not written)\n"
    assert tool("list", "map").ok() == "a !\nb !\nc !\nd !\ne !\n"
    assert tool("build", "-", "map", text=text).ok() == said + "\n"
    assert tool("build", "-", "map", text=text).ok() == (
        "map: %s, 6 entries: 0 added, 0 changed, 0 removed, 6 same\n"
        % map_type)


@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_counts_of_build_are_those_of_a_model(tool, map_type):
    dice = random.Random(map_type)
    before = {}
    tool.map("map", map_type, "")
    for _ in range(12):
        keys = ["%s%d" % (dice.choice(("a", "a.b", "h")), dice.randrange(40))
                for _ in range(dice.randrange(60))]
        after = {key: dice.choice(("!", "404", "410")) for key in keys}
        both = set(before) & set(after)
        said = json.loads(tool("build", "--json", "-", "map",
                               text=text_of(after)).ok())
        assert said == {
            "map": "map", "type": map_type, "entries": len(after),
            "compared": True, "added": len(after) - len(both),
            "changed": sum(before[key] != after[key] for key in both),
            "removed": len(before) - len(both),
            "same": sum(before[key] == after[key] for key in both),
            "skipped": 0, "written": True}
        before = after


def test_build_as_json(tool):
    said = json.loads(tool("build", "--dry-run", "--json", "-", "map",
                           text="a !\n").ok())
    assert (said["added"], said["written"]) == (1, False)
    done = tool("build", "--skip-bad", "--json", "-", "map",
                text="a !\nB !\na !\n")
    assert done.status == 0
    said = json.loads(done.out)
    assert (said["entries"], said["skipped"], said["written"]) == (1, 2, True)


@pytest.mark.parametrize("map_type", ["lmdb", "gdbm", "db"])
def test_build_says_that_it_could_not_compare(tool, map_type):
    tool.map("map", map_type, text_of(hosts(500)))
    tool.write("map", tool.read("map")[:1000])
    assert tool("build", "-", "map", text="a !\n").ok() == (
        "map: %s, 1 entries, in place of a map that cannot be read\n"
        % map_type)
    tool.write("map", tool.read("map")[:1000])
    said = json.loads(tool("build", "--json", "-", "map", text="a !\n").ok())
    assert said["compared"] is False


# ---- what it refuses -------------------------------------------------------


@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_build_does_not_empty_a_map_by_accident(tool, map_type):
    before = hosts(200)
    tool.map("map", map_type, text_of(before))
    half = text_of(dict(list(before.items())[:100]))
    less = text_of(dict(list(before.items())[:99]))
    for text, gone in ((less, 101), ("", 200), (text_of({"x": "!"}), 200)):
        done = tool("build", "-", "map", text=text).fails(
            "hostmap: map: %d of 200 entries would be removed, more than 50%%: "
            "it was not written; if that is meant, say --max-removed 100\n"
            % gone)
        assert done.out == ""
        tool("build", "--dry-run", "-", "map", text=text).fails(
            "it would not be written")
    assert tool("list", "map").ok() == text_of(before)
    assert tool.files() == sorted(files_of("map", map_type))
    assert tool("build", "-", "map", text=half).ok().endswith(
        "100 removed, 100 same\n")


def test_max_removed_is_what_was_said(tool):
    tool.map("map", "lmdb", text_of(hosts(200)))
    tool("build", "--max-removed", "0", "-", "map",
         text=text_of(hosts(199))).fails("more than 0%")
    tool("build", "--max-removed", "9", "-", "map",
         text=text_of(hosts(180))).fails("20 of 200 entries", "more than 9%")
    tool("build", "--max-removed=10", "-", "map",
         text=text_of(hosts(180))).ok()
    tool("build", "--max-removed", "100", "-", "map", text="").ok()
    # A small map is looked after when asked for.
    tool.map("map", "lmdb", text_of(hosts(10)))
    tool("build", "--max-removed", "5", "-", "map",
         text=text_of(hosts(9))).fails("1 of 10 entries")
    for wrong in ("-1", "101", "ten", "5%", ""):
        tool("build", "--max-removed", wrong, "-", "map", text="").fails(
            "--max-removed %s: expected a number of percent, 0 to 100" % wrong)


def test_a_small_map_may_lose_all(tool):
    tool.map("map", "lmdb", text_of(hosts(100)))
    assert "100 removed" in tool("build", "-", "map", text="").ok()
    tool.map("map", "lmdb", text_of(hosts(101)))
    tool("build", "-", "map", text="").fails("101 of 101 entries")


# ---- list, build, list -----------------------------------------------------


def edge_entries(dice, map_type):
    """Entries that are as long as can be, and others."""
    pair = 1008 if map_type == "sdbm" else 511 + 4096
    values = ["!", "410", "301 https://new.example.com/?a=b#c",
              "unix:/run/a b.sock|http://localhost".replace(" ", "-"),
              "http://[2001:db8::1]:8080/x timeout=5 ping=1 nocanon noquery",
              "balancer://cluster", "h2c://a_b:1", "wss://x.example.com/"]
    entries = {"-": "!", "0": "!", "_": "!", "a": "!", "a-": "!", "a.a": "!",
               "a.b": "!", "a0": "!", "2001:db8::1": "!", "xn--bcher-kva": "!"}
    for _ in range(60):
        labels = ["".join(dice.choices("abcxyz019-_", k=dice.randint(1, 63)))
                  for _ in range(dice.randint(1, 8))]
        key = ".".join(labels)[:511].rstrip(".")
        entries[key] = dice.choice(values)
    long_key = ".".join(["k" * 63] * 8)[:511]
    assert len(long_key) == 511
    url = "http://10.0.0.1/"
    room = min(4096, pair - len(long_key)) - len(url)
    entries[long_key] = url + "v" * room
    entries["long"] = url + "v" * (min(4096, pair - 4) - len(url))
    return entries


@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_list_build_list_is_the_identity(tool, map_type):
    dice = random.Random(map_type)
    for size in (0, 1, 70, 70, 70):
        entries = edge_entries(dice, map_type)
        keys = dice.sample(sorted(entries), min(size, len(entries)))
        text = text_of({key: entries[key] for key in keys})
        for name in files_of("one", map_type) + files_of("two", map_type):
            if os.path.exists(tool.path(name)):
                os.unlink(tool.path(name))
        tool.map("one", map_type, text)
        listed = tool("list", "one").ok()
        assert sorted(listed.splitlines()) == sorted(text.splitlines())
        tool.map("two", map_type, listed)
        assert tool("list", "two").ok() == listed
        assert tool("check", "two").ok()


# ---- texts that do not fit -------------------------------------------------

def big_text(path, shuffled=True):
    order = list(range(BIG))
    if shuffled:
        random.Random(3).shuffle(order)
    with open(path, "w", encoding="ascii") as file:
        file.writelines("h%07d !\n" % i for i in order)
    return order


def test_a_text_of_any_size_is_sorted(tool, tmp_path):
    order = big_text(tool.path("text"))
    with open(tool.path("text"), "a", encoding="ascii") as file:
        file.write("h%07d 404\n" % order[5])
        file.write("BAD !\nh%07d 404\n" % order[2000000])
        file.write("h%07d 404" % order[5])
    duplicates = (
        "text:%d: BAD: write the name in lower case, at column 1\n"
        "text:%d: duplicate key h%07d, first on line 6\n"
        "text:%d: duplicate key h%07d, first on line 2000001\n"
        "text:%d: duplicate key h%07d, first on line 6\n" % (
            BIG + 2, BIG + 1, order[5], BIG + 3, order[2000000], BIG + 4,
            order[5]))
    tool.map("map", "lmdb", "a !\n")
    done = tool("build", "text", "map").fails("BAD", "1 wrong line")
    assert tool("list", "map").ok() == "a !\n"
    done, said, _ = peak(tool, "build", "--skip-bad", "text", "map")
    assert done.status == 0, done
    assert done.err == duplicates + (
        "hostmap: text: duplicate keys: 3 with another value than the first, "
        "0 with the same\nhostmap: text: 4 wrong lines skipped\n")
    assert said == ("map: lmdb, %d entries: %d added, 0 changed, 1 removed, "
                    "0 same" % (BIG, BIG))
    listed = tool("list", "map").ok()
    assert listed == "".join("h%07d !\n" % i for i in range(BIG))
    # The last line of a key counts for httxt2dbm.
    tool("httxt2dbm", "-f", "lmdb", "-i", "text", "-o", "other").ok()
    assert tool("get", "other", "h%07d" % order[5]).ok().startswith(
        "h%07d 404\n" % order[5])
    # What cannot be read back would be nothing.
    done = tool("check", "text").fails("duplicate key h%07d" % order[5])
    assert done.out == "text: text, %d entries, 4 errors\n" % BIG
    assert tool.files() == ["map", "other", "text"]


def test_duplicates_alone_keep_a_big_text_from_being_written(tool):
    order = big_text(tool.path("text"), shuffled=False)
    with open(tool.path("text"), "a", encoding="ascii") as file:
        file.writelines("h%07d 404\n" % i for i in order[:150])
    tool.map("map", "lmdb", "a !\n")
    done = tool("build", "text", "map").fails(
        "text:%d: duplicate key h0000000, first on line 1\n" % (BIG + 1),
        "text:%d: duplicate key h0000099, first on line 100\n" % (BIG + 100),
        "text: and 50 more wrong lines\n",
        "hostmap: text: 150 wrong lines, map was not written\n")
    assert done.err.count("\n") == 102
    assert tool("list", "map").ok() == "a !\n"
    assert tool.files() == ["map", "text"]


def test_a_long_text_is_read_in_pieces(tool):
    """Lines lie across the ends of chunks of 64 MB; and one is longer."""
    filler = "# " + "x" * 998 + "\n"
    line = 0
    wrong = None
    with open(tool.path("text"), "w", encoding="ascii") as file:
        for part in range(70):
            for _ in range(3000):
                file.write(filler)
            line += 3001
            file.write("h%02d http://10.0.0.1/%s\n" % (part, "y" * 700))
            if part == 30:
                for _ in range(130):
                    file.write("z" * 1000000)
                file.write("\n")
                line += 1
                wrong = line
        file.write("B !")
    done, said, kilobytes = peak(tool, "build", "--skip-bad", "text", "map")
    assert done.status == 0, done
    assert said == "map: lmdb, 70 entries"
    assert done.err == (
        "text:%d: line too long, at column %d\n"
        "text:%d: B: write the name in lower case, at column 1\n"
        "hostmap: text: 2 wrong lines skipped\n" % (
            wrong, 64 << 20, line + 1))
    assert kilobytes < 100000
    assert tool("list", "map").ok() == "".join(
        "h%02d http://10.0.0.1/%s\n" % (part, "y" * 700)
        for part in range(70))


def test_temporary_files_go_to_tmpdir(tool):
    big_text(tool.path("text"))
    os.mkdir(tool.path("tmp"))
    more = dict(os.environ, TMPDIR=tool.path("nowhere"))
    tool("build", "text", "map", env=more).fails(
        "hostmap: %s: a temporary file cannot be made there" % more["TMPDIR"],
        "No such file or directory")
    assert tool.files() == ["text", "tmp"]
    more["TMPDIR"] = tool.path("tmp")
    tool("build", "text", "map", env=more).ok()
    assert os.listdir(tool.path("tmp")) == []
    tool("build", "text", "other", env=more,
         preexec_fn=limited_file_size(100000)).fails(
        "hostmap: %s: a temporary file cannot be written there"
        % more["TMPDIR"])
    assert tool.files() == ["map", "text", "tmp"]
