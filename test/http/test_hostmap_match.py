# SPDX-License-Identifier: Apache-2.0
"""Wildcards and paths: which keys a map takes, which entry `hostmap get` says
answers, and what `hostmap stat` says of a map."""

import json
import os
import time

import pytest

from hostmap_tool import SORTED
from maps import ALL_TYPES

TEXT = """\
* 404
*.b.example.com http://10.0.0.3
*.example.com http://10.0.0.2
*.example.com/blog http://10.0.0.4
www.example.com http://10.0.0.1
www.example.com/blog http://10.0.0.5
www.example.com/blog/2024 http://10.0.0.6
"""

ANSWERS = [
    (["www.example.com"], "www.example.com", "exact", None),
    (["WWW.Example.com:8080", "/"], "www.example.com", "exact", None),
    (["www.example.com", "/blog?x=/2024"], "www.example.com/blog", "exact",
     "/blog"),
    (["www.example.com", "/x/../blog//2024/%6day"],
     "www.example.com/blog/2024", "exact", "/blog/2024"),
    (["www.example.com", "/blogger"], "www.example.com", "exact", None),
    (["a.example.com"], "*.example.com", "wildcard", None),
    (["a.example.com", "/blog/"], "*.example.com/blog", "wildcard", "/blog"),
    (["x.a.b.example.com"], "*.b.example.com", "wildcard", None),
    (["example.com"], "*", "default", None),
    (["[::1]:80"], "*", "default", None),
]


# ---- get -------------------------------------------------------------------


@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_get_matches_as_documented(tool, map_type):
    tool.map("map", map_type, TEXT)
    values = dict(line.split(" ", 1) for line in TEXT.splitlines())
    for asked, key, match, path in ANSWERS:
        shown = json.loads(tool("get", "--json", "map", *asked).ok())
        assert (shown["key"], shown["match"], shown["matched_path"]) \
            == (key, match, path), asked
        assert shown["value"] == values[key]
        assert shown["error"] is None
        first, why = tool("get", "map", *asked).ok().splitlines()
        assert first == "%s %s" % (key, values[key])
        assert why.startswith("# %s match" % match)
        assert why.endswith(path or "") and ("path" in why) == bool(path)


def test_get_says_why_an_entry_answers(tool):
    tool.map("map", "lmdb", TEXT)
    assert tool("get", "map", "A.example.com", "/blog/1").ok() == (
        "*.example.com/blog http://10.0.0.4\n"
        "# wildcard match, no entry for a.example.com, longest path /blog\n")
    assert tool("get", "map", "other").ok() == (
        "* 404\n# default match, no entry for other\n")


def test_get_json_of_an_unknown_host_is_an_object_too(tool):
    tool.map()
    done = tool("get", "--json", "map", "None.example.com", "/x")
    done.fails("no entry for none.example.com", status=2)
    assert json.loads(done.out) == {
        "map": "map", "host": "none.example.com", "path": "/x",
        "match": None, "matched_path": None, "key": None, "value": None,
        "group": None, "error": None}


def test_get_json_takes_any_bytes(tool, maps):
    maps.add_raw(tool.path("map"), {"a": 'q"b\\s\x01\x7fü'})
    with open(tool.path("raw"), "wb") as file:
        file.write(b"b \xff\xc3x\xed\xa0\x80\n")
    tool("httxt2dbm", "-i", "raw", "-o", "map").ok()
    done = tool("get", "--json", "map", "a").fails("bad entry")
    assert json.loads(done.out)["value"] == 'q"b\\s\x01\x7fü'
    assert json.loads(done.out)["error"]
    done = tool("get", "--json", "map", "b").fails("bad entry")
    assert json.loads(done.out)["value"] == "\ufffd\ufffdx" + 3 * "\ufffd"


@pytest.mark.parametrize("path, said", [
    ("blog", "expected a path that begins with `/`, at column 1"),
    ("/../x", "dot segments lead above the root"),
    ("/a%2fb", "at column 3"),
    ("/%", "expected `%` and two hexadecimal digits"),
])
def test_get_refuses_what_is_no_path(tool, path, said):
    tool.map()
    tool("get", "map", "www.example.com", path).fails("not a path: ", said)


# ---- keys ------------------------------------------------------------------


@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_wildcards_and_paths_are_listed_and_built_again(tool, map_type):
    tool.map("one", map_type, TEXT)
    assert tool("list", "one").ok() == TEXT
    assert tool("check", "one").ok() == "one: %s, 7 entries, no errors\n" \
        % map_type
    tool.map("two", map_type, tool("list", "one").ok())
    assert tool("list", "two").ok() == TEXT


@pytest.mark.parametrize("map_type", ["lmdb", "sdbm"])
def test_list_shows_the_paths_of_a_host(tool, map_type):
    tool.map("map", map_type, TEXT)
    lines = TEXT.splitlines(keepends=True)
    assert tool("list", "map", "www.example.com").ok() == "".join(lines[4:])
    assert tool("list", "map", "*.example.com").ok() == "".join(lines[1:])
    assert tool("list", "map", "*.b.example.com").ok() == lines[1]
    tool("list", "map", "b.example.com").fails(
        "map: no entry for b.example.com", status=2)


def test_a_path_needs_its_host(tool):
    text = ("a.example.com/x http://10.0.0.1\n"
            "b.example.com !\n"
            "b.example.com-x http://10.0.0.1\n"
            "b.example.com/x http://10.0.0.1\n"
            "*/x http://10.0.0.1\n"
            "b.example.com.x/y http://10.0.0.1\n")
    done = tool("build", "-", "map", text=text).fails(
        "stdin:1: a.example.com/x: a path needs its host's own line, write "
        "`a.example.com !` if there is no backend for the rest\n",
        "stdin:5: */x: ", "stdin:6: b.example.com.x/y: ", "3 wrong lines")
    assert "stdin:4" not in done.err
    tool("build", "--skip-bad", "-", "map", text=text)
    assert tool("list", "map").ok() == (
        "b.example.com !\n"
        "b.example.com-x http://10.0.0.1\n"
        "b.example.com/x http://10.0.0.1\n")


@pytest.mark.parametrize("map_type", ["lmdb", "gdbm"])
def test_check_finds_a_path_without_its_host(tool, maps, map_type):
    tool.map("map", map_type, TEXT)
    maps.add_raw(tool.path("map"), {"c.example.com/x": "!"}, map_type)
    tool("check", "map").fails("map: c.example.com/x: a path whose host has "
                               "no entry of its own")


def test_check_finds_wildcards_that_match_nothing(tool, maps):
    maps.stock(tool.path("map"), {"*.example.com": "http://10.0.0.1"}, "db")
    tool("check", "map").fails("map: wildcards or paths, but the map is not "
                               "marked")
    tool("get", "map", "a.example.com").fails("no entry", status=2)


# ---- the mark --------------------------------------------------------------


@pytest.mark.parametrize("map_type", ALL_TYPES)
@pytest.mark.parametrize("text, marks", [
    ("a !\n", []), ("* !\n", ["wildcards"]), ("a !\na/b !\n", ["paths"]),
    (TEXT, ["wildcards", "paths"])])
def test_the_mark_is_no_entry(tool, map_type, text, marks):
    tool.map("map", map_type, text)
    shown = json.loads(tool("stat", "--json", "map").ok())
    assert (shown["entries"], shown["marks"]) == (text.count("\n"), marks)
    assert tool("list", "map").ok() == text
    assert tool("check", "map").ok() == "map: %s, %d entries, no errors\n" \
        % (map_type, text.count("\n"))


@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_adding_as_httxt2dbm_keeps_the_mark_and_makes_none(tool, maps,
                                                           map_type):
    tool.map("map", map_type, TEXT)
    maps.add_raw(tool.path("map"), {"a.example.net": "!"}, map_type)
    shown = json.loads(tool("stat", "--json", "map").ok())
    assert (shown["entries"], shown["marks"]) == (8, ["wildcards", "paths"])
    maps.add_raw(tool.path("plain"), {"*": "!", "a/b": "!"}, map_type)
    shown = json.loads(tool("stat", "--json", "plain").ok())
    assert (shown["entries"], shown["marks"]) == (2, [])


def test_the_key_of_the_mark_is_nobodys(tool):
    tool.write("text", b"\xffmarks wildcards\n")
    tool("httxt2dbm", "-i", "text", "-o", "map").fails(
        "this key is reserved for the map itself")
    tool("build", "text", "map").fails("text:1: ")
    assert tool.files() == ["text"]


# ---- stat ------------------------------------------------------------------


@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_stat_says_what_a_map_is(tool, map_type):
    text = "".join("h%05d.example.com http://10.0.0.1\n" % i
                   for i in range(3000))
    tool.map("map", map_type, text)
    main = tool.path("map.pag" if map_type == "sdbm" else "map")
    size = sum(os.stat(tool.path(name)).st_size for name in tool.files())
    then = time.time() - 7300
    for name in tool.files():
        os.utime(tool.path(name), (then, then))
    shown = json.loads(tool("stat", "--json", "map").ok())
    assert shown["map"] == "map"
    assert shown["type"] == map_type
    assert shown["entries"] == 3000
    assert shown["size"] == size
    assert shown["mtime"] == int(os.stat(main).st_mtime)
    assert 7300 <= shown["age"] < 7400
    assert 0 < shown["fill"] <= 1
    assert shown["marks"] == []
    if map_type == "lmdb":
        assert shown["depth"] == 2
        assert shown["fill"] > 0.9
    else:
        assert shown["depth"] is None
    lines = dict(line.split(None, 1)
                 for line in tool("stat", "map").ok().splitlines())
    assert lines["entries"] == "3000"
    assert lines["type"] == map_type
    assert lines["size"] == "%d bytes" % size
    assert lines["age"].startswith("2 h 1 min (")
    assert lines["marks"] == "none"
    assert ("depth" in lines) == (map_type == "lmdb")


def test_a_map_of_a_clock_that_is_ahead_is_new(tool):
    tool.map()
    then = time.time() + 7300
    os.utime(tool.path("map"), (then, then))
    assert json.loads(tool("stat", "--json", "map").ok())["age"] == 0
    assert "age      0 min 0 s (" in tool("stat", "map").ok()


def test_stat_of_an_empty_map(tool):
    tool.map("map", "lmdb", "# nothing\n")
    shown = json.loads(tool("stat", "--json", "map").ok())
    assert (shown["entries"], shown["depth"]) == (0, 0)


def test_stat_of_no_map_is_an_error(tool):
    tool("stat", "map").fails("map: ", "No such file")
    tool.write("map", SORTED)
    tool("stat", "map").fails("map: ")


# ---- groups of backends ----------------------------------------------------

GROUPS = """\
@web policy=first http://10.0.0.5 http://10.0.0.6 weight=2
shop.example.com @web/shop timeout=30
two.example.com http://10.0.0.8 http://10.0.0.9 backup
www.example.com @web
"""


def test_map_with_groups_is_listed_as_it_was_built(tool):
    tool.map("map", "lmdb", GROUPS)
    assert tool("list", "map").ok() == GROUPS
    assert tool("check", "map").ok() == "map: lmdb, 4 entries, no errors\n"


def test_get_shows_the_group_of_an_entry(tool):
    tool.map("map", "lmdb", GROUPS)
    assert tool("get", "map", "shop.example.com").ok() == (
        "shop.example.com @web/shop timeout=30\n# exact match\n"
        "# the group: policy=first http://10.0.0.5 http://10.0.0.6 weight=2\n")
    shown = json.loads(tool("get", "--json", "map", "www.example.com").ok())
    assert shown["group"].startswith("policy=first http://10.0.0.5 ")
    shown = json.loads(tool("get", "--json", "map", "two.example.com").ok())
    assert shown["group"] is None


@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_entry_needs_its_group(tool, map_type):
    wrong = "a.example.com names the group @none, which the map does not hold"
    text = b"a.example.com @none\n"
    tool("build", "-t", map_type, "-", "map", text=text).fails(wrong)
    tool("check", "-", text=text).fails(wrong)
    tool.map("map", map_type, GROUPS)
    before = tool("list", "map").ok()
    tool("set", "map", "a.example.com", "@none").fails(wrong)
    assert tool("list", "map").ok() == before


@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_group_in_use_is_not_deleted(tool, map_type):
    tool.map("map", map_type, GROUPS)
    before = tool("list", "map").ok()
    tool("delete", "map", "@web").fails(
        "names the group @web, which the map does not hold")
    assert tool("list", "map").ok() == before
    tool("delete", "map", "@web", "www.example.com", "shop.example.com").ok()
    assert "@web" not in tool("list", "map").ok()
