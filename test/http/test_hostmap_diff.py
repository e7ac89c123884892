# SPDX-License-Identifier: Apache-2.0
"""`hostmap diff` and `hostmap apply`: from one map to another and back."""

import json
import random

import pytest

from hostmap_tool import SORTED, limited_file_size
from maps import ALL_TYPES, files_of

OLD = "a !\nb !\nc http://10.0.0.1 timeout=5\nd 404\n"
NEW = "0 !\nb 410\nc http://10.0.0.1 timeout=5\nd.d 404\n"
DIFF = "+0 !\n-a !\n-b !\n+b 410\n-d 404\n+d.d 404\n"


def put(tool, name, kind, text):
    """A text or a map of this name."""
    if kind == "text":
        lines = text.splitlines(keepends=True)
        random.Random(1).shuffle(lines)
        return tool.write(name, "# a text\n\n" + "".join(lines))
    return tool.map(name, kind, text)


# ---- diff ------------------------------------------------------------------


@pytest.mark.parametrize("new", ("text",) + ALL_TYPES)
@pytest.mark.parametrize("old", ("text",) + ALL_TYPES)
def test_diff_of_maps_and_texts(tool, old, new):
    put(tool, "old", old, OLD)
    put(tool, "new", new, NEW)
    done = tool("diff", "old", "new")
    assert (done.status, done.out, done.err) == (2, DIFF, "")
    put(tool, "same", new, OLD)
    assert tool("diff", "old", "same").ok() == ""


def test_diff_reads_standard_input(tool):
    tool.map("map", "lmdb", OLD)
    done = tool("diff", "-", "map", text=NEW)
    assert (done.status, done.err) == (2, "")
    assert done.out == "-0 !\n+a !\n-b 410\n+b !\n+d 404\n-d.d 404\n"
    assert tool("diff", "map", "-", text=OLD).ok() == ""
    tool("diff", "-", "-").fails("only one of the two")


def test_diff_with_nothing(tool):
    tool.write("nothing", "")
    tool.map("map", "lmdb", "a !\n")
    assert tool("diff", "nothing", "map").out == "+a !\n"
    assert tool("diff", "map", "nothing").out == "-a !\n"
    assert tool("diff", "nothing", "nothing").ok() == ""


def test_diff_says_what_is_wrong(tool):
    tool.map("map", "lmdb", OLD)
    tool.write("text", "a !\nB !\na !\n")
    for sides in (("map", "text"), ("text", "map"), ("text", "text")):
        done = tool("diff", *sides).fails(
            "text:2: B: ", "text:3: duplicate key a, first on line 1\n",
            "hostmap: text: 2 wrong lines\n")
        assert done.out == ""
    tool("diff", "map", "missing").fails("hostmap: missing: ", "No such file")
    whole = tool.read("map")
    tool.write("cut", whole[:len(whole) // 2])
    tool("diff", "cut", "map").fails("hostmap: cut: ", "cut short")


def test_diff_shows_what_a_text_cannot_hold(tool, maps):
    maps.add_raw(tool.path("map"), {"a\x07": "b\x1b"})
    tool.write("nothing", "")
    done = tool("diff", "nothing", "map").fails("1 entries hold bytes")
    assert done.out == "+a\\x07 b\\x1b\n"


def test_diff_as_json(tool):
    tool.map("old", "lmdb", OLD)
    tool.map("new", "sdbm", NEW)
    done = tool("diff", "--json", "old", "new")
    assert (done.status, done.err) == (2, "")
    assert [json.loads(line) for line in done.out.splitlines()] == [
        {"key": "0", "old": None, "new": "!"},
        {"key": "a", "old": "!", "new": None},
        {"key": "b", "old": "!", "new": "410"},
        {"key": "d", "old": "404", "new": None},
        {"key": "d.d", "old": None, "new": "404"}]
    done = tool("diff", "--json", "old", "old")
    assert (done.status, done.out) == (0, "")


# ---- apply -----------------------------------------------------------------


@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_apply_does_what_diff_says(tool, map_type):
    tool.map("map", map_type, OLD)
    tool.write("diff", DIFF)
    assert tool("apply", "map", "diff").ok() \
        == "map: 2 added, 1 changed, 2 removed\n"
    assert tool("list", "map").ok() == NEW
    back = tool("diff", "map", "-", text=OLD).out
    assert tool("apply", "map", "-", text=back).ok() \
        == "map: 2 added, 1 changed, 2 removed\n"
    assert tool("list", "map").ok() == OLD
    assert tool("apply", "map", "-", text="# none\n").ok() \
        == "map: 0 added, 0 changed, 0 removed\n"


@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_diff_and_apply_go_from_any_map_to_any_other(tool, map_type):
    dice = random.Random(map_type)
    tool.map("map", map_type, "")
    for _ in range(15):
        entries = {"%s%d.x" % (dice.choice(("a", "b-")), dice.randrange(300)):
                   "http://10.0.0.1/%s timeout=%d" % (
                       "p" * dice.choice((0, 1, 500)), dice.randrange(1, 3))
                   for _ in range(dice.choice((0, 1, 100, 300)))}
        text = "".join("%s %s\n" % entry for entry in entries.items())
        changes = tool("diff", "map", "-", text=text).out
        tool("apply", "map", "-", text=changes).ok()
        assert tool("diff", "map", "-", text=text).ok() == ""
    assert tool("check", "map").ok()


@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_apply_refuses_what_does_not_match_and_changes_nothing(tool, map_type):
    tool.map("map", map_type, OLD)
    names = files_of("map", map_type)
    before = [tool.read(name) for name in names]
    for line, said in (
            ("-b 404", "b: the map has another value for this key"),
            ("-b !!", "b: the map has another value for this key"),
            ("-bb !", "bb: the map has no entry of this key"),
            ("-b !\n-b !", None),
            ("+b !", "b: the map has an entry of this key already"),
            ("+b 404", "b: the map has an entry of this key already"),
            ("+b 404\n-b !", "b: the map has an entry of this key already"),
            ("+new !\n+new !", None)):
        text = "-a !\n%s\n+z !\n" % line
        done = tool("apply", "map", "-", text=text).fails(
            "hostmap: map was not changed\n")
        assert done.out == ""
        if said:
            assert done.err.startswith("stdin:2: %s\n" % said), done
        assert [tool.read(name) for name in names] == before
    assert tool.files() == sorted(names)


@pytest.mark.parametrize("line, said", [
    ("b !", "expected a line that begins with `+` or `-`, at column 1"),
    ("  +b !", "expected a line that begins with `+` or `-`, at column 1"),
    ("+", "expected a key and a value after the sign, at column 2"),
    ("+b", "expected a value after the key, at column 3"),
    ("-b", "expected a value after the key, at column 3"),
    ("+B !", "B: write the name in lower case, at column 2"),
    ("+b gopher://x", ", at column 4"),
])
def test_apply_checks_its_lines(tool, line, said):
    tool.map()
    tool("apply", "map", "-", text="# x\n%s\n" % line).fails(
        "stdin:2: ", said, "hostmap: map was not changed\n")
    assert tool("list", "map").ok() == SORTED


def test_apply_removes_bad_entries(tool, maps):
    maps.add_raw(tool.path("map"), {"UPPER": "bad", "a": "!", "b": "nonsense"})
    text = "-UPPER bad\n-b nonsense\n+b !\n"
    assert tool("apply", "map", "-", text=text).ok() \
        == "map: 0 added, 1 changed, 1 removed\n"
    assert tool("list", "map").ok() == "a !\nb !\n"


def test_apply_needs_a_map_and_a_difference(tool):
    tool("apply", "map", "-").fails("map: there is no map")
    tool.map()
    tool("apply", "map", "missing").fails("missing: No such file")


@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_apply_on_a_full_disk_changes_nothing(tool, map_type):
    tool.map("map", map_type, OLD)
    names = files_of("map", map_type)
    before = [tool.read(name) for name in names]
    text = "-a !\n" + "".join("+i%05d http://10.0.0.1/%s\n" % (i, "x" * 90)
                              for i in range(3000))
    tool("apply", "map", "-", text=text,
         preexec_fn=limited_file_size(100000)).fails("map")
    assert [tool.read(name) for name in names] == before
    assert tool.files() == sorted(names)
    tool("apply", "map", "-", text=text).ok()
    assert tool("list", "map").ok().count("\n") == 3003
