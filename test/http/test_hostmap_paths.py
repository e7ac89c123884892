# SPDX-License-Identifier: Apache-2.0
"""Wildcards and paths in maps that are changed, compared and sorted on disk: a
path never loses its host, and the mark says what the map holds."""

import json

import pytest

from hostmap_tool import BIG
from maps import ALL_TYPES, files_of

TEXT = """\
* 404
*.example.com http://10.0.0.2
*.example.com/blog http://10.0.0.4
www.example.com http://10.0.0.1
www.example.com-2 !
www.example.com.org !
www.example.com/blog http://10.0.0.5
www.example.com/blog/2024 http://10.0.0.6
"""
NEEDS = ("a path needs its host's own entry, set it to `!` if there is no "
         "backend for the rest")


def marks(tool):
    return json.loads(tool("stat", "--json", "map").ok())["marks"]


def answer(tool, *asked):
    return json.loads(tool("get", "--json", "map", *asked).ok())["key"]


@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_changes_keep_and_widen_the_mark(tool, map_type):
    tool.map("map", map_type, "a !\n")
    assert marks(tool) == []
    tool("set", "map", "*.b", "!").ok()
    assert marks(tool) == ["wildcards"]
    tool("set", "map", "c", "!").ok()
    assert marks(tool) == ["wildcards"]
    assert answer(tool, "x.b") == "*.b"
    tool("apply", "map", "-", text="+a/x 404\n-c !\n").ok()
    assert marks(tool) == ["wildcards", "paths"]
    assert answer(tool, "a", "/x/y") == "a/x"
    tool("delete", "map", "*.b").ok()
    assert tool("list", "map").ok() == "a !\na/x 404\n"
    assert tool("check", "map").ok().endswith(" 2 entries, no errors\n")


@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_no_change_leaves_a_path_without_its_host(tool, map_type):
    tool.map("map", map_type, TEXT)
    before = [tool.read(name) for name in files_of("map", map_type)]
    changes = [
        (["set", "map", "none.example.com/x", "!"], "", NEEDS),
        (["set", "map", "-"], "new !\nnew/x !\nmore/x !\n",
         "stdin:3: more/x: " + NEEDS),
        (["delete", "map", "www.example.com"], "",
         "and www.example.com/blog"),
        (["delete", "map", "www.example.com-2", "*.example.com"], "",
         "and *.example.com/blog would be left without: take it out as "
         "well, or set the host to `!`\n"),
        (["delete", "map", "www.example.com", "www.example.com/blog"], "",
         "www.example.com/blog/2024 would be left without"),
        (["apply", "map", "-"], "+none/x !\n", "stdin:1: none/x: " + NEEDS),
        (["apply", "map", "-"],
         "-www.example.com http://10.0.0.1\n+www.example.com/new !\n",
         "stdin:2: www.example.com/new: " + NEEDS),
        (["apply", "map", "-"], "-www.example.com http://10.0.0.1\n",
         "and www.example.com/blog")]
    for words, text, said in changes:
        done = tool(*words, text=text).fails(
            said, "hostmap: map was not changed\n")
        assert done.out == ""
        assert [tool.read(name) for name in files_of("map", map_type)] \
            == before
    assert tool.files() == sorted(files_of("map", map_type))


@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_a_host_comes_and_goes_with_its_paths(tool, map_type):
    tool.map("map", map_type, TEXT)
    tool("set", "map", "-", text="new/x/y !\nnew !\nnew/x !\n").ok()
    assert answer(tool, "new", "/x/z") == "new/x"
    tool("delete", "map", "new/x/y", "new", "new/x").ok()
    assert tool("list", "map").ok() == TEXT
    listed = tool("list", "map", "www.example.com").ok()
    assert listed.count("\n") == 3
    assert tool("delete", "map", "-", text=listed).ok() == "map: 3 removed\n"
    # of others it is not the host
    tool("delete", "map", "www.example.com.org").ok()
    # one that is removed and put back
    tool("apply", "map", "-", text="-*.example.com http://10.0.0.2\n"
         "+*.example.com !\n").ok()
    assert tool("list", "map").ok() == (
        "* 404\n*.example.com !\n*.example.com/blog http://10.0.0.4\n"
        "www.example.com-2 !\n")
    assert tool("check", "map").ok()


def test_diff_and_apply_carry_wildcards_and_paths(tool):
    tool.map("map", "lmdb", TEXT)
    other = "a !\na/b !\n"
    changes = tool("diff", "map", "-", text=other).out
    assert len(changes.splitlines()) == 10
    assert "marks" not in changes
    tool("apply", "map", "-", text=changes).ok()
    assert tool("diff", "map", "-", text=other).ok() == ""
    assert tool("build", "--max-removed", "100", "-", "map", text=TEXT).ok() \
        == "map: lmdb, 8 entries: 8 added, 0 changed, 2 removed, 0 same\n"


@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_the_mark_cannot_be_set_or_deleted(tool, map_type):
    tool.map("map", map_type, TEXT)
    key = b"\xffmarks"
    tool("set", "map", "-", text=key + b" !\n").fails("stdin:1: ")
    tool("delete", "map", "-", text=key).fails("no entry for", status=2)
    tool("apply", "map", "-", text=b"-" + key + b" wildcards paths\n").fails(
        "the map has no entry of this key")
    assert marks(tool) == ["wildcards", "paths"]


@pytest.mark.parametrize("map_type", ["lmdb", "sdbm"])
def test_names_in_utf8_are_set_and_deleted_as_punycode(tool, map_type):
    tool.map("map", map_type, "a !\n")
    done = tool("set", "map", "bücher.example", "!")
    assert (done.status, done.err) == (
        0, "hostmap: note: bücher.example: stored as xn--bcher-kva.example\n")
    assert tool("set", "--quiet", "map", "bücher.example/ü", "404").ok() == ""
    assert tool("list", "map").ok() == (
        "a !\nxn--bcher-kva.example !\nxn--bcher-kva.example/ü 404\n")
    assert tool("delete", "map", "bücher.example", "bücher.example/ü").ok() \
        == "map: 2 removed\n"
    tool("delete", "map", "bücher.example").fails(
        "no entry for bücher.example", status=2)
    assert tool("list", "map").ok() == "a !\n"


def test_quiet_changes_say_what_is_wrong_only(tool):
    tool.map("map", "lmdb", "a !\n")
    assert tool("set", "--quiet", "map", "b", "!").ok() == ""
    assert tool("delete", "--quiet", "map", "a").ok() == ""
    assert tool("apply", "--quiet", "map", "-", text="+c !\n").ok() == ""
    done = tool("diff", "--quiet", "map", "-", text="ü !\nb !\nc !\n")
    assert (done.status, done.out, done.err) == (2, "+xn--tda !\n", "")
    tool("set", "--quiet", "map", "B", "!").fails("hostmap: B: ")


def test_a_text_that_is_sorted_on_disk_is_checked_like_others(tool):
    """Names in punycode and paths of a text of several runs; what is wrong with
    them keeps all of it from being written or printed."""
    right = "".join("h%07d !\n" % i for i in range(BIG))
    more = "h0000001/x !\nbücher !\nbücher/x 404\n"
    tool.write("text", more + right)
    done = tool("build", "--quiet", "text", "map")
    assert (done.status, done.err) == (0, "")
    listed = tool("list", "map").ok()
    assert listed.count("\n") == BIG + 3
    assert listed.startswith("h0000000 !\nh0000001 !\nh0000001/x !\nh0000002")
    assert listed.endswith("xn--bcher-kva !\nxn--bcher-kva/x 404\n")
    assert tool("convert", "map", "-").ok() == listed
    assert tool("convert", "--quiet", "text", "-").ok() == listed
    tool.write("text", "none/x !\n" + right + "h0000005 404\n")
    said = ("text:1: none/x: a path needs its host's own line, write `none !` "
            "if there is no backend for the rest\n",
            "text:%d: duplicate key h0000005, first on line 7\n" % (BIG + 2))
    for dest in ("map", "-"):
        done = tool("convert", "text", dest).fails(*said)
        assert done.out == ""
    assert tool("list", "map").ok() == listed
    done = tool("convert", "--skip-bad", "text", "-")
    assert (done.status, done.out) == (0, right)
    assert done.err == said[1] + said[0] + (
        "hostmap: text: duplicate keys: 1 with another value than the first, "
        "0 with the same\nhostmap: text: 2 wrong lines skipped\n")
    assert tool.files() == ["map", "text"]
