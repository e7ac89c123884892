# SPDX-License-Identifier: Apache-2.0
"""What the tool hostmap does: build, check, get, list, httxt2dbm.

Its output and its messages are part of what scripts rely on, so they are
compared literally.
"""

import errno
import os
import random
import shutil
import signal
import stat
import subprocess

import pytest

from hostmap_tool import (SORTED, Done, Tool, limited_file_size, preloaded,
                          shuffled)
from maps import ALL_TYPES, DBM_TYPES, STOCK_TOOL, TOOL_TIMEOUT, files_of
from process import thread_states
from wait import wait_for

# ---- build -----------------------------------------------------------------


@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_build_list_build_gives_the_same(tool, map_type):
    tool.map("one", map_type, shuffled(SORTED))
    listed = tool("list", "one").ok()
    assert listed == SORTED
    tool.map("two", map_type, listed)
    assert tool("list", "two").ok() == SORTED


def test_build_says_what_it_made(tool):
    tool.write("text", SORTED)
    assert tool("build", "text", "map").ok() == "map: lmdb, 10 entries\n"
    assert tool.files() == ["map", "text"]


def test_build_replaces_all_entries(tool):
    tool.map()
    tool("build", "-", "map", text="new.example.com !\n").ok()
    assert tool("list", "map").ok() == "new.example.com !\n"


def test_build_of_nothing_is_an_empty_map(tool):
    assert tool("build", "-", "map", text="# none\n").ok() \
        == "map: lmdb, 0 entries\n"
    assert tool("list", "map").ok() == ""
    assert tool("check", "map").ok() == "map: lmdb, 0 entries, no errors\n"


def test_build_reads_what_editors_write(tool):
    text = (b"\xef\xbb\xbf# hosts\r\n"
            b"\r\n"
            b"   \t\n"
            b"  www.example.com\t \thttp://10.0.0.1 \t timeout=5  ping=1 \r\n"
            b"  # more\n"
            b"b.example.com http://10.0.0.2/#not-a-comment\n"
            b"a.example.com http://10.0.0.3")
    done = tool("build", "--skip-bad", "-", "map", text=text)
    assert done.status == 0
    assert done.err.splitlines()[0].startswith("stdin:6: b.example.com: ")
    assert tool("list", "map").ok() == (
        "a.example.com http://10.0.0.3\n"
        "www.example.com http://10.0.0.1 timeout=5 ping=1\n")


def test_build_takes_a_mark_of_utf8_before_the_first_key(tool):
    tool("build", "-", "map", text=b"\xef\xbb\xbfa.example.com !\n").ok()
    assert tool("list", "map").ok() == "a.example.com !\n"


@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_build_keeps_the_type_of_the_map(tool, map_type):
    tool.map("map", map_type, "a.example.com !\n")
    made = tool("build", "-", "map", text="b.example.com !\n").ok()
    assert made.startswith("map: %s, 1 entries" % map_type)
    made = tool("build", "-t", map_type.upper(), "-", "map",
                text="c.example.com !\n").ok()
    assert made.startswith("map: %s, 1 entries" % map_type)
    assert sorted(tool.files()) == sorted(files_of("map", map_type))


@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_build_refuses_to_change_the_type(tool, map_type):
    tool.map("map", map_type)
    for other in ALL_TYPES:
        if other != map_type:
            tool("build", "-t", other, "-", "map", text="b !\n").fails(
                "map: a map of type %s is there, not %s" % (map_type, other))
    assert tool("list", "map").ok() == SORTED
    assert sorted(tool.files()) == sorted(files_of("map", map_type))


def test_build_makes_the_default_type_of_apr(tool, maps):
    made = tool("build", "-t", "default", "-", "ours", text=SORTED).ok()
    maps.stock(tool.path("stock"), {"a": "b"})
    stock = tool("list", "stock", "a").ok()
    assert stock == "a b\n"
    made_type = made.split()[1].rstrip(",")
    assert tool("check", "-t", made_type, "ours").ok()
    tool("check", "-t", made_type, "stock").fails("stock: a: ")


def test_build_names_the_types_there_are(tool):
    tool("build", "-t", "dbase", "-", "map").fails("dbase", "sdbm")
    assert tool.files() == []


WRONG = """\
www.example.com http://10.0.0.1
WWW.Example.net http://10.0.0.1
nothing.example.com
# a comment
  port.example.com:80   http://10.0.0.1
scheme.example.com gopher://10.0.0.1
option.example.com http://10.0.0.1 timeout=soon
www.*.example.com http://10.0.0.1
www.example.org/path/ http://10.0.0.1
dot.example.com. http://10.0.0.1
good.example.com http://10.0.0.1
"""


def test_build_reports_every_wrong_line_and_writes_nothing(tool):
    tool.map()
    tool.write("text", WRONG)
    before = tool.read("map")
    done = tool("build", "text", "map").fails(
        "hostmap: text: 8 wrong lines, map was not written")
    assert done.out == ""
    lines = done.err.splitlines()
    assert [line.split(": ")[0] for line in lines] == [
        "text:2", "text:3", "text:5", "text:6", "text:7", "text:8", "text:9",
        "text:10", "hostmap"]
    for line in lines[:-1]:
        assert ", at column " in line, line
    assert lines[0].startswith("text:2: WWW.Example.net: ")
    assert lines[0].endswith(", at column 1")
    assert lines[2].startswith("text:5: port.example.com:80: ")
    assert lines[2].endswith(", at column 19")
    assert lines[3].endswith(", at column 20")
    assert lines[7].endswith(", at column 16")
    assert tool.read("map") == before
    assert tool.files() == ["map", "text"]


def test_build_skips_wrong_lines_when_told(tool):
    tool.write("text", WRONG)
    done = tool("build", "--skip-bad", "text", "map")
    assert done.status == 0
    assert done.out == "map: lmdb, 2 entries\n"
    assert done.err.splitlines()[-1] == "hostmap: text: 8 wrong lines skipped"
    assert tool("list", "map").ok() == ("good.example.com http://10.0.0.1\n"
                                        "www.example.com http://10.0.0.1\n")


def test_build_names_both_lines_of_a_duplicate(tool):
    text = ("b.example.com http://10.0.0.1\n"
            "www.example.com http://10.0.0.2\n"
            "a.example.com http://10.0.0.3\n"
            "www.example.com http://10.0.0.4\n"
            "a.example.com http://10.0.0.5\n"
            "www.example.com http://10.0.0.6\n")
    done = tool("build", "-", "map", text=text).fails()
    said = ("stdin:4: duplicate key www.example.com, first on line 2\n"
            "stdin:5: duplicate key a.example.com, first on line 3\n"
            "stdin:6: duplicate key www.example.com, first on line 2\n")
    assert done.err == said + ("hostmap: stdin: 3 wrong lines, "
                               "map was not written\n")
    assert tool.files() == []
    done = tool("build", "--skip-bad", "-", "map", text=text)
    assert (done.status, done.out) == (0, "map: lmdb, 3 entries\n")
    assert done.err == said + (
        "hostmap: stdin: duplicate keys: 3 with another value than the first, "
        "0 with the same\nhostmap: stdin: 3 wrong lines skipped\n")
    assert tool("list", "map").ok() == ("a.example.com http://10.0.0.3\n"
                                        "b.example.com http://10.0.0.1\n"
                                        "www.example.com http://10.0.0.2\n")


def test_build_finds_duplicates_in_a_sorted_text(tool):
    tool("build", "-", "map", text="a !\na !\nb !\n").fails(
        "stdin:2: duplicate key a, first on line 1")


def test_a_wrong_line_is_no_first_one(tool):
    text = "a.example.com nonsense\na.example.com !\n"
    done = tool("build", "--skip-bad", "-", "map", text=text)
    assert done.status == 0
    assert "duplicate" not in done.err
    assert tool("list", "map").ok() == "a.example.com !\n"


def test_build_does_not_say_a_million_wrong_lines(tool):
    done = tool("build", "-", "map", text="WRONG !\n" * 2000).fails(
        "stdin: and 1900 more wrong lines\n",
        "hostmap: stdin: 2000 wrong lines, map was not written\n")
    assert done.err.count("\n") == 102


def test_a_long_line_is_one_wrong_line(tool):
    text = "a.example.com http://10.0.0.1/%s b.example.com !\n" % ("x" * 9000)
    done = tool("build", "-", "map", text="z !\n" + text).fails("stdin:2: ")
    assert done.err.count("stdin:") == 2, done
    assert "1 wrong line," in done.err


def test_a_nul_byte_is_a_wrong_line(tool):
    done = tool("build", "-", "map", text=b"a !\nb\0c http://10.0.0.1\n")
    done.fails("stdin:2: ", "NUL")
    tool("build", "-", "map", text=b"\0" * 100000).fails("stdin:1: ")


def test_messages_are_safe_to_show(tool):
    done = tool("build", "-", "map", text=b"\x1b[2J\x07 http://10.0.0.1\n")
    done.fails("stdin:1: \\x1b[2J\\x07: ")
    # U+009B begins a sequence as well; what a name may hold is shown
    done = tool("build", "-", "map", text="\u009b2J\u00e9 http://10.0.0.1\n")
    done.fails("stdin:1: \\xc2\\x9b2J\u00e9: ")


def test_a_pair_too_big_for_sdbm_is_a_wrong_line(tool):
    fits = "http://10.0.0.1/%s timeout=5" % ("p" * (1007 - 16 - 10))
    text = "b !\na %s\n" % fits
    made = tool("build", "-t", "sdbm", "-", "map", text=text).ok()
    assert made == "map: sdbm, 2 entries\n"
    assert tool("list", "map", "a").ok() == "a %s\n" % fits
    text = "b !\naa   %s\n" % fits
    for how in ("--dry-run", "-tsdbm"):
        tool("build", how, "-", "map", text=text).fails(
            "stdin:2: aa: key and value have 1009 bytes, "
            "sdbm holds at most 1008 together",
            "map was not written")
    tool("build", "-t", "lmdb", "-", "other", text=text).ok()
    done = tool("build", "--skip-bad", "-", "map", text=text)
    assert (done.status, done.out) == (
        0, "map: sdbm, 1 entries: 0 added, 0 changed, 1 removed, 1 same\n")


def test_dry_run_checks_and_writes_nothing(tool):
    assert tool("build", "--dry-run", "-", "map", text=SORTED).ok() \
        == "map: lmdb, 10 entries (not written)\n"
    assert tool.files() == []
    tool("build", "--dry-run", "-", "map", text=WRONG).fails("stdin:2: ")
    tool.map("map", "sdbm", "a !\n")
    before = tool.read("map.pag")
    assert tool("build", "--dry-run", "-", "map", text=SORTED).ok() \
        == ("map: sdbm, 10 entries: 10 added, 0 changed, 1 removed, 0 same "
            "(not written)\n")
    assert tool.read("map.pag") == before


def test_build_overwrites_nothing_but_maps(tool):
    tool.write("text", SORTED)
    tool.write("other", "precious\n")
    for arguments in (["text", "other"], ["-t", "db", "text", "other"]):
        tool("build", *arguments).fails("other: ", "not overwritten")
    assert tool.read("other") == b"precious\n"
    os.mkdir(tool.path("folder"))
    tool("build", "text", "folder").fails("folder: ", "not overwritten")


@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_build_of_a_map_names_convert(tool, map_type):
    tool.map("map", map_type)
    tool("build", "map", "new").fails(
        "hostmap: map: a map of type %s, expected a text: `hostmap convert` "
        "reads maps\n" % map_type)
    assert tool.files() == sorted(files_of("map", map_type))


def test_build_mends_a_broken_map(tool):
    for map_type in ("lmdb", "gdbm", "db"):
        tool.map("map", map_type)
        tool.write("map", tool.read("map")[:1000])
        tool("list", "map").fails("hostmap: map: ")
        tool("build", "-", "map", text="a !\n").ok()
        assert tool("list", "-t", map_type, "map").ok() == "a !\n"
        os.remove(tool.path("map"))
    tool.map("map", "sdbm")
    os.remove(tool.path("map.dir"))
    tool("build", "-", "map", text="a !\n").ok()
    assert tool("list", "-t", "sdbm", "map").ok() == "a !\n"


def test_build_fills_an_empty_file(tool):
    tool.write("map", "")
    os.chmod(tool.path("map"), 0o640)
    assert tool("build", "-", "map", text="a !\n").ok() \
        == "map: lmdb, 1 entries\n"
    assert stat.S_IMODE(os.stat(tool.path("map")).st_mode) == 0o640


def test_build_says_what_it_cannot_read_or_write(tool):
    os.mkdir(tool.path("folder"))
    tool("build", "missing", "map").fails(
        "hostmap: missing: No such file or directory")
    tool("build", "folder", "map").fails("hostmap: folder: Is a directory")
    tool("build", "-", "nowhere/map", text=SORTED).fails(
        "hostmap: nowhere/map: ", "No such file or directory")
    assert tool.files() == ["folder"]


def test_build_reads_a_pipe_of_any_size(tool):
    text = "".join("h%06d.example.com http://10.0.0.1\n" % i
                   for i in range(20000))
    os.mkfifo(tool.path("fifo"))
    with subprocess.Popen([tool.program, "build", "fifo", "map"],
                          cwd=tool.folder, stdout=subprocess.PIPE) as build:
        with open(tool.path("fifo"), "w") as fifo:
            fifo.write(text)
        assert build.communicate(timeout=TOOL_TIMEOUT)[0] \
            == b"map: lmdb, 20000 entries\n"
    assert tool("list", "map").ok() == text


@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_mode_and_owner_of_the_map_are_kept(tool, map_type):
    tool.map("map", map_type, "a !\n")
    paths = [tool.path(name) for name in files_of("map", map_type)]
    assert {stat.S_IMODE(os.stat(path).st_mode) for path in paths} == {0o644}
    owner = (os.getuid(), os.getgid())
    if os.getuid() == 0:
        owner = (12345, 23456)
    for path in paths:
        os.chmod(path, 0o640)
        os.chown(path, *owner)
    tool.map("map", map_type, "b !\n")
    for path in paths:
        info = os.stat(path)
        assert stat.S_IMODE(info.st_mode) == 0o640
        assert (info.st_uid, info.st_gid) == owner


@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_a_symbolic_link_stays_one(tool, map_type):
    os.mkdir(tool.path("real"))
    tool.map("real/map", map_type, "a !\n")
    for name in files_of("map", map_type):
        os.symlink("real/" + name, tool.path(name))
    tool.map("map", map_type, "b !\n")
    assert tool("list", "real/map").ok() == "b !\n"
    for name in files_of("map", map_type):
        assert os.path.islink(tool.path(name))
    assert sorted(os.listdir(tool.path("real"))) \
        == sorted(files_of("map", map_type))


@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_a_link_that_leads_nowhere_yet_stays_one(tool, map_type):
    os.mkdir(tool.path("real"))
    os.mkdir(tool.path("links"))
    for name in files_of("map", map_type):
        os.symlink("links/" + name, tool.path(name))
        os.symlink("../real/" + name, tool.path("links/" + name))
    tool.map("map", map_type, "b !\n")
    assert tool("list", "real/map").ok() == "b !\n"
    for name in files_of("map", map_type):
        assert os.path.islink(tool.path(name))
    assert sorted(os.listdir(tool.path("real"))) \
        == sorted(files_of("map", map_type))


@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_a_path_may_hold_blanks(tool, map_type):
    os.mkdir(tool.path("a folder"))
    tool.map("a folder/the map", map_type)
    assert tool("list", "a folder/the map").ok() == SORTED


@pytest.mark.parametrize("verb", ["build", "httxt2dbm"])
@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_a_full_disk_leaves_the_old_map(tool, map_type, verb):
    tool.map("map", map_type)
    names = files_of("map", map_type)
    before = [tool.read(name) for name in names]
    tool.write("text", "".join("h%05d.example.com http://10.0.0.1/%s\n"
                               % (i, "x" * 80) for i in range(20000)))
    arguments = ["build", "text", "map"] if verb == "build" else \
        ["httxt2dbm", "-i", "text", "-o", "map", "-f", map_type]
    size = 400000
    done = tool(*arguments, preexec_fn=limited_file_size(size))
    done.fails("map")
    assert done.out == ""
    assert [tool.read(name) for name in names] == before
    assert tool.files() == sorted(names + ["text"])
    # The same with room enough.
    assert tool(*arguments).status == 0
    assert tool("list", "map", "h19999.example.com").status == 0


@pytest.mark.parametrize("map_type", ["lmdb", "sdbm"])
def test_a_killed_build_leaves_the_old_map(tool, preload, map_type):
    """Killed when all is written and nothing is renamed."""
    tool.map("map", map_type)
    names = files_of("map", map_type)
    before = [tool.read(name) for name in names]
    tool.write("text", "".join("h%06d.example.com http://10.0.0.1\n" % i
                               for i in range(4000)))
    with subprocess.Popen(
            [tool.program, "build", "text", "map"], cwd=tool.folder,
            env=preloaded(preload, PRELOAD_STOP="1")) as build:
        wait_for(lambda: "T" in thread_states(build.pid), TOOL_TIMEOUT,
                 "the new map is written")
        build.kill()
        assert build.wait(TOOL_TIMEOUT) == -signal.SIGKILL
    assert len(tool.files()) > len(names) + 1
    assert [tool.read(name) for name in names] == before
    # The next one takes over what was left.
    tool.map("map", map_type, "a !\n")
    assert tool("list", "map").ok() == "a !\n"
    assert tool.files() == sorted(names + ["text"])


def test_builds_at_the_same_time_wait_for_each_other(tool):
    texts = ["".join("h%05d.example.com http://10.0.0.%d\n" % (i, n)
                     for i in range(5000)) for n in range(6)]
    for n, text in enumerate(texts):
        tool.write("text%d" % n, text)
    builds = [subprocess.Popen([tool.program, "build", "text%d" % n, "map"],
                               cwd=tool.folder, stdout=subprocess.PIPE)
              for n in range(len(texts))]
    for build in builds:
        said = build.communicate(timeout=TOOL_TIMEOUT)[0]
        assert said.startswith(b"map: lmdb, 5000 entries"), said
        assert build.returncode == 0
    assert tool("list", "map").ok() in texts


# ---- get -------------------------------------------------------------------


@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_get_shows_the_entry_and_why(tool, map_type):
    tool.map("map", map_type)
    shown = "www.example.com http://10.0.0.5:8080\n# exact match\n"
    for host in ("www.example.com", "WWW.Example.com:8080",
                 "www.example.com."):
        assert tool("get", "map", host).ok() == shown
    assert tool("get", "map", "[2001:db8::1]:443").ok() \
        == "2001:db8::1 http://[2001:db8::2]:8080\n# exact match\n"
    assert tool("get", "-t", map_type, "map", "gone.example.com").ok() \
        == "gone.example.com 410\n# exact match\n"


@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_get_of_an_unknown_host_is_status_2(tool, map_type):
    tool.map("map", map_type)
    done = tool("get", "map", "none.example.com")
    done.fails("hostmap: map: no entry for none.example.com\n", status=2)
    assert done.out == ""


def test_get_refuses_what_is_no_host_name(tool):
    tool.map()
    for name in ("", "a b", "a..b", "host:port", "*.example.com", "a/b",
                 "x" * 512):
        tool("get", "map", name).fails("not a host name: ", ", at column ")


def test_get_shows_a_bad_entry_and_fails(tool, maps):
    maps.add_raw(tool.path("map"), {"a.example.com": "nonsense"})
    done = tool("get", "map", "a.example.com").fails(
        "hostmap: map: a.example.com: bad entry: ",
        ", at column 1 of the value")
    assert done.out == "a.example.com nonsense\n# exact match\n"


@pytest.mark.parametrize("verb", [["get", "map", "a"], ["list", "map"],
                                  ["check", "map"], ["list", "map", "a"]])
def test_a_reader_says_why_it_cannot_read(tool, verb):
    tool(*verb).fails("hostmap: map: ", "No such file or directory")
    os.mkdir(tool.path("map"))
    tool(*verb).fails("hostmap: map: ")
    os.rmdir(tool.path("map"))
    tool.map()
    tool(*verb, "-t", "sdbm").fails("hostmap: map: ")
    tool(*verb, "-t", "xyz").fails("hostmap: map: ", "xyz")
    whole = tool.read("map")
    tool.write("map", whole[:len(whole) // 2])
    tool(*verb).fails("hostmap: map: ", "cut short")
    os.remove(tool.path("map"))
    tool.map("map", "sdbm")
    os.remove(tool.path("map.dir"))
    tool(*verb).fails("hostmap: map: ", "map.dir")


# ---- list ------------------------------------------------------------------


@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_list_picks_hosts(tool, map_type):
    tool.map("map", map_type, "com !\n"
             "example.com 404\n"
             "a.example.com http://10.0.0.1\n"
             "b.a.example.com http://10.0.0.2\n"
             "notexample.com http://10.0.0.3\n"
             "example.org http://10.0.0.4\n")
    assert tool("list", "map", "A.example.com:80").ok() \
        == "a.example.com http://10.0.0.1\n"
    assert tool("list", "map", "*.Example.com").ok() == (
        "a.example.com http://10.0.0.1\nb.a.example.com http://10.0.0.2\n")
    assert tool("list", "-t", map_type, "map", "*.com").ok() == (
        "a.example.com http://10.0.0.1\nb.a.example.com http://10.0.0.2\n"
        "example.com 404\nnotexample.com http://10.0.0.3\n")
    tool("list", "map", "*.example.org").fails(
        "hostmap: map: no entry below example.org", status=2)
    tool("list", "map", "none.example.org").fails(
        "hostmap: map: no entry for none.example.org", status=2)
    tool("list", "map", "*.").fails("not a host name")


@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_list_sorts_by_bytes(tool, map_type):
    dice = random.Random(11)
    keys = {"".join(dice.choices("ab-._0", k=dice.randint(1, 12)))
            for _ in range(3000)}
    keys = {key for key in keys
            if "" not in key.split(".")}
    text = "".join("%s !\n" % key for key in sorted(keys, key=str.encode))
    tool.map("map", map_type, shuffled(text))
    assert tool("list", "map").ok() == text


def test_list_shows_what_a_text_cannot_hold(tool, maps):
    # A form feed is one of the blanks of httxt2dbm, a bell is not.
    maps.add_raw(tool.path("map"), {"a\x07": "b\x1b\x7f", "c": "d"})
    done = tool("list", "map").fails("1 entries hold bytes")
    assert done.out == "a\\x07 b\\x1b\\x7f\nc d\n"


def test_list_ends_when_nobody_reads(tool):
    text = "".join("h%06d.example.com http://10.0.0.1\n" % i
                   for i in range(50000))
    for map_type in ("lmdb", "sdbm"):
        tool.map("map-" + map_type, map_type, text)
        with subprocess.Popen([tool.program, "list", "map-" + map_type],
                              cwd=tool.folder, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as listing:
            assert listing.stdout.read(10) == b"h000000.ex"
            listing.stdout.close()
            assert listing.stderr.read() == b""
            assert listing.wait(TOOL_TIMEOUT) == 1


@pytest.mark.parametrize("arguments", [
    ["build", "-", "map"], ["check", "-"], ["set", "map", "-"],
    ["diff", "map", "-"], ["convert", "--from", "csv", "-", "map"]])
def test_an_input_that_is_closed_is_not_an_empty_one(tool, arguments):
    tool.map()
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" <&-', "sh", tool.program, *arguments],
        capture_output=True, cwd=tool.folder, timeout=TOOL_TIMEOUT)
    assert done.returncode == 1
    assert os.strerror(errno.EBADF).encode() in done.stderr
    assert tool("list", "map").ok() == SORTED


@pytest.mark.parametrize("arguments", [
    ["list", "map"], ["get", "map", "www.example.com"], ["check", "map"],
    ["build", "text", "new"], ["help"], ["--version"]])
def test_output_that_is_lost_is_an_error(tool, arguments):
    tool.map()
    tool.write("text", SORTED)
    with open("/dev/full", "wb") as full:
        done = subprocess.run([tool.program, *arguments], stdout=full,
                              stderr=subprocess.PIPE, cwd=tool.folder,
                              timeout=TOOL_TIMEOUT)
    assert done.returncode == 1
    assert os.strerror(errno.ENOSPC).encode() in done.stderr
    closed = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", tool.program, *arguments],
        stderr=subprocess.PIPE, cwd=tool.folder, timeout=TOOL_TIMEOUT)
    assert closed.returncode == 1
    assert b"standard output" in closed.stderr
    assert tool("list", "map").ok() == SORTED
    if arguments[0] == "build":
        for err in done.stderr, closed.stderr:
            assert err.startswith(b"hostmap: new is in place and complete, "
                                  b"only the report on standard output is "
                                  b"lost: ")
        assert tool("list", "new").ok() == SORTED


def test_a_report_that_nobody_reads_is_no_failure_of_the_change(tool):
    """The reader has gone before the tool writes."""
    tool.map()
    reader, writer = os.pipe()
    os.close(reader)
    for arguments in (["set", "map", "new", "!"], ["build", "-", "other"],
                      ["convert", "-t", "text", "map", "text"]):
        done = subprocess.run([tool.program, *arguments], input=b"new !\n",
                              stdout=writer, stderr=subprocess.PIPE,
                              cwd=tool.folder, timeout=TOOL_TIMEOUT)
        assert (done.returncode, done.stderr) == (0, b"")
    done = subprocess.run([tool.program, "list", "map"], stdout=writer,
                          stderr=subprocess.PIPE, cwd=tool.folder,
                          timeout=TOOL_TIMEOUT)
    assert (done.returncode, done.stderr) == (1, b"")
    os.close(writer)
    assert "new !\n" in tool("list", "map").ok()
    assert tool("list", "other").ok() == "new !\n"


# ---- check -----------------------------------------------------------------


def test_check_of_a_text(tool):
    tool.write("text", SORTED)
    said = ": text, 10 entries, no errors\n"
    assert tool("check", "text").ok() == "text" + said
    assert tool("check", "-", text=SORTED).ok() == "stdin" + said


def test_check_reports_all_of_a_text(tool):
    tool.write("text", WRONG + "good.example.com !\n")
    done = tool("check", "text").fails(
        "text:2: WWW.Example.net: ", "text:10: dot.example.com.: ",
        "text:12: duplicate key good.example.com, first on line 11\n")
    assert done.out == "text: text, 2 entries, 9 errors\n"
    done = tool("check", "-", text="X !\n").fails("stdin:1: X: ")
    assert done.out == "stdin: text, 0 entries, 1 error\n"


@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_check_of_a_map(tool, map_type):
    tool.map("map", map_type)
    said = "map: %s, 10 entries, no errors\n" % map_type
    assert tool("check", "map").ok() == said
    assert tool("check", "-t", map_type, "map").ok() == said


@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_check_reports_all_of_a_map(tool, maps, map_type):
    maps.add_raw(tool.path("map"), {
        "a.example.com": "http://10.0.0.1",
        "B.example.com": "http://10.0.0.1",
        "c.example.com": "gopher://10.0.0.1",
    }, map_type)
    done = tool("check", "map").fails()
    assert done.out == "map: %s, 3 entries, 2 errors\n" % map_type
    lines = sorted(done.err.splitlines())
    assert len(lines) == 2
    assert lines[0].startswith("map: B.example.com: ")
    assert lines[0].endswith(", at column 1 of the key")
    assert lines[1].startswith("map: c.example.com: ")
    assert lines[1].endswith(", at column 1 of the value")


def test_check_does_not_say_a_million_bad_entries(tool, maps):
    maps.add_raw(tool.path("map"), {"h%d" % i: "bad" for i in range(2000)})
    done = tool("check", "map").fails("map: and 1900 more bad entries")
    assert done.err.count("\n") == 101


def test_check_of_random_bytes_fails(tool):
    dice = random.Random(5)
    for size in (1, 1000, 100000):
        tool.write("file", bytes(dice.randrange(256) for _ in range(size)))
        tool("check", "file").fails("file:1: ")
        for map_type in ALL_TYPES:
            tool("check", "-t", map_type, "file").fails("hostmap: file: ")


def test_check_warns_who_can_write(tool):
    tool.map()
    os.chmod(tool.path("map"), 0o646)
    os.mkdir(tool.path("open"))
    os.rename(tool.path("map"), tool.path("open/map"))
    os.chmod(tool.path("open"), 0o777)
    warnings = (
        "hostmap: %s: warning: the file %s can be written by everybody\n"
        "hostmap: %s: warning: the folder %s can be written by everybody\n")
    done = tool("check", "open/map")
    assert done.status == 0
    assert done.err == warnings % (
        "open/map", "open/map", "open/map", "open")
    # A link does not hide it.
    os.symlink("open/map", tool.path("link"))
    done = tool("check", "link")
    assert done.err == warnings % (
        "link", "link", "link", os.path.realpath(tool.path("open")))
    # Files of others cannot be replaced in a folder like /tmp.
    os.chmod(tool.path("open/map"), 0o644)
    os.chmod(tool.path("open"), 0o1777)
    assert tool("check", "open/map").ok()


def test_check_warns_about_both_files_of_sdbm(tool):
    tool.map("map", "sdbm")
    os.chmod(tool.path("map.pag"), 0o666)
    assert "the file map.pag can be written" in tool("check", "map").err


# ---- the command line ------------------------------------------------------

VERBS = ["build", "check", "get", "list", "set", "delete", "diff", "apply",
         "stat", "convert", "httxt2dbm"]


def test_help_names_every_verb(tool):
    shown = tool("help").ok()
    for verb in VERBS:
        assert "\n  hostmap %s " % verb in shown
        one = tool("help", verb).ok()
        assert one.startswith("Usage: hostmap %s " % verb)
        assert tool(verb, "--help").ok() == one
    assert tool("--help").ok() == shown
    done = tool()
    assert (done.status, done.err) == (1, shown)


def test_version(tool):
    words = tool("--version").ok().split()
    assert words[0] == "hostmap"
    assert words[-1][0].isdigit()


@pytest.mark.parametrize("arguments, said", [
    (["nonsense"], "no verb `nonsense`"),
    (["help", "nonsense"], "no verb `nonsense`"),
    (["help", "get", "list"], "expected one verb"),
    (["build"], "hostmap: build: missing operands"),
    (["build", "a", "b", "c"], "hostmap: build: too many operands"),
    (["get", "map"], "Usage: hostmap get "),
    (["list"], "Usage: hostmap list "),
    (["build", "--frobnicate", "a", "b"],
     "hostmap: build: invalid option: --frobnicate\n"),
    (["get", "-x", "a", "b"], "hostmap: get: invalid option character: x\n"),
    (["get", "-x", "a", "b"], "Usage: hostmap get "),
    (["build", "-", "-"], "`-` is no name for a map"),
    (["build", "-", ""], "`` is no name for a map"),
    (["get", "a", "b", "-t"], "Usage: hostmap get "),
    (["get", "--dry-run", "a", "b"], "--dry-run"),
])
def test_a_wrong_command_line_is_an_error(tool, arguments, said):
    done = tool(*arguments).fails(said)
    assert done.out == ""


def test_options_may_come_last_and_end_with_two_dashes(tool):
    tool("build", "-", "map", "-t", "sdbm", text="a !\n").ok()
    assert tool.files() == ["map.dir", "map.pag"]
    assert tool("list", "--type=sdbm", "map").ok() == "a !\n"
    tool("build", "-t", "lmdb", "--", "-", "--type", text="b !\n").ok()
    assert tool("list", "--", "--type").ok() == "b !\n"


# ---- httxt2dbm -------------------------------------------------------------


def random_line(dice):
    """A line below the 1024 bytes at which the stock tool splits, without the
    bytes that a listing cannot show."""
    blanks = [" ", "\t", "  ", " \t ", "\v", "\f", "\r", ""]
    words = ["key%d" % dice.randrange(60), "Key", "#", "!", "a=b", "\xfc",
             "http://10.0.0.1/", "x" * dice.randrange(1, 300), "*", "\\x41"]
    line = dice.choice(["", "", "", "", " ", "\t", "#", "\r"])
    for _ in range(dice.randrange(5)):
        line += dice.choice(words) + dice.choice(blanks)
    line = line.encode()
    if dice.randrange(30) == 0:
        at = dice.randrange(len(line) + 1)
        line = line[:at] + b"\0" + line[at:]
    assert len(line) < 1000 and b"\n" not in line
    return line


def random_text(dice):
    ends = [b"\n"] * 5 + [b"\r\n", b"\n\n"]
    text = b"".join(random_line(dice) + dice.choice(ends)
                    for _ in range(dice.randrange(200)))
    return text if dice.randrange(2) else text + random_line(dice)


@pytest.mark.parametrize("map_type", DBM_TYPES)
def test_httxt2dbm_makes_what_the_stock_tool_makes(tool, map_type):
    """Entry by entry, made and added to.  Known differences, each with a test
    below: a line of 1024 bytes and more, an entry that does not fit."""
    dice = random.Random(map_type)
    entries = 0
    for run in range(25):
        for _ in range(2):
            text = random_text(dice)
            tool.write("text", text)
            said = []
            for name, program in (("stock", [STOCK_TOOL]),
                                  ("ours", [tool.program, "httxt2dbm"])):
                done = Done(subprocess.run(
                    program + ["-v", "-f", map_type.upper(), "-i", "text",
                               "-o", name + str(run)],
                    capture_output=True, cwd=tool.folder,
                    timeout=TOOL_TIMEOUT))
                assert (done.status, done.out) == (0, "")
                said.append(done.err.replace(name, "NAME"))
            assert said[0] == said[1]
        listed = [tool("list", "-t", map_type, name + str(run))
                  for name in ("stock", "ours")]
        assert (listed[0].status, listed[0].out) \
            == (listed[1].status, listed[1].out)
        entries += listed[0].out.count("\n")
    assert entries > 500


def test_the_stock_tool_can_add_to_our_maps(tool, maps):
    for map_type in DBM_TYPES:
        tool.map("map", map_type, "a !\nb !\n")
        maps.stock(tool.path("map"), {"b": "404", "c": "!"}, map_type)
        assert tool("list", "map").ok() == "a !\nb 404\nc !\n"
        for name in files_of("map", map_type):
            os.remove(tool.path(name))


@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_httxt2dbm_adds_and_the_last_line_counts(tool, map_type):
    convert = ["httxt2dbm", "-f", map_type, "-i", "-", "-o", "map"]
    assert tool(*convert, text="a 1\nb 2 ignored\na 3\n").ok() == ""
    assert tool("list", "map").ok() == "a 3\nb 2\n"
    assert tool(*convert, text="c 4\nb 5\n").ok() == ""
    assert tool("list", "map").ok() == "a 3\nb 5\nc 4\n"
    assert tool.files() == sorted(files_of("map", map_type))


def test_httxt2dbm_adds_to_a_big_sdbm_map(tool):
    """APR's sdbm loses entries that come in the order of its own pages."""
    text = "".join("host%07d.example.com http://10.0.0.1:8080\n" % i
                   for i in range(250000))
    tool.map("map", "sdbm", text)
    tool("httxt2dbm", "-f", "sdbm", "-i", "-", "-o", "map",
         text="zz 1\n").ok()
    assert tool("list", "map").ok() == text + "zz 1\n"


@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_httxt2dbm_default_keeps_the_type_of_the_map(tool, map_type):
    tool.map("map", map_type, "a !\n")
    tool("httxt2dbm", "-i", "-", "-o", "map", text="b !\n").ok()
    tool("httxt2dbm", "-f", "Default", "-i", "-", "-o", "map",
         text="c !\n").ok()
    assert tool("list", "-t", map_type, "map").ok() == "a !\nb !\nc !\n"


def test_httxt2dbm_default_is_the_type_of_the_stock_tool(tool, maps):
    tool("httxt2dbm", "-i", "-", "-o", "ours", text="a !\n").ok()
    maps.stock(tool.path("stock"), {"a": "!"})
    made = [name.replace("ours", "") for name in tool.files()
            if name.startswith("ours")]
    stock = [name.replace("stock", "") for name in tool.files()
             if name.startswith("stock")]
    assert made == stock
    assert [tool("check", name).ok().split()[1]
            for name in ("ours", "stock")][0] in ("db,", "sdbm,", "gdbm,")
    assert tool("check", "ours").ok().replace("ours", "") \
        == tool("check", "stock").ok().replace("stock", "")


@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_httxt2dbm_does_not_split_a_long_line(tool, map_type):
    text = "a " + "x" * 900 + " " + "y" * 900 + "z b\n"
    tool("httxt2dbm", "-f", map_type, "-i", "-", "-o", "map", text=text).ok()
    assert tool("list", "map").ok() == "a " + "x" * 900 + "\n"


@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_httxt2dbm_takes_what_the_type_can_hold(tool, map_type):
    key = "K" * (511 if map_type == "lmdb" else 900)
    value = "v" * (1008 - len(key) if map_type == "sdbm" else 100000)
    text = "a b\n%s %s\nz y\n" % (key, value)
    tool("httxt2dbm", "-f", map_type, "-i", "-", "-o", "map", text=text).ok()
    assert tool("list", "map").ok() == "%s %s\na b\nz y\n" % (key, value)


@pytest.mark.parametrize("map_type, key, value", [
    ("sdbm", "k" * 4, "v" * 1005), ("lmdb", "k" * 512, "v")])
def test_httxt2dbm_names_the_line_that_does_not_fit(tool, map_type, key,
                                                    value):
    convert = ["httxt2dbm", "-f", map_type, "-i", "-", "-o", "map"]
    tool(*convert, text="old 1\n").ok()
    text = "new 2\n# comment\n%s %s\nzz 3\n" % (key, value)
    tool(*convert, text=text).fails("stdin:3: kkkk",
                                    "'map' was not written")
    assert tool("list", "map").ok() == "old 1\n"
    assert tool.files() == sorted(files_of("map", map_type))


@pytest.mark.parametrize("arguments, said", [
    ([], "Usage: "),
    (["-i", "text"], "Error: No output DBM specified."),
    (["-o", "map"], "Error: No input file specified."),
    (["-v", "-v", "-i", "text", "-o", "map"],
     "Error: -v can only be passed once"),
    (["-i", "text", "-i", "text", "-o", "map"],
     "Error: -i can only be passed once"),
    (["-x"], "Error: Parsing Arguments Failed"),
    (["-i", "missing", "-o", "map"],
     "Error: Cannot open input file 'missing': (2) No such file"),
    (["-f", "XDBM", "-i", "text", "-o", "map"], "XDBM"),
    (["-i", "text", "-o", "nowhere/map"], "'nowhere/map'"),
    (["-i", "text", "-o", "text"], "not a map"),
    (["-f", "sdbm", "-i", "text", "-o", "nowhere/map"], "'nowhere/map'"),
])
def test_httxt2dbm_errors_are_those_of_the_stock_tool(tool, arguments, said):
    tool.write("text", "a b\n")
    done = tool("httxt2dbm", *arguments).fails(said)
    assert done.out == ""
    stock = subprocess.run([STOCK_TOOL, *arguments], capture_output=True,
                           cwd=tool.folder, timeout=TOOL_TIMEOUT)
    assert stock.returncode == 1
    assert tool.files() == ["text"]
    assert tool.read("text") == b"a b\n"


def test_httxt2dbm_refuses_another_type_than_the_map_has(tool):
    tool.map("map", "lmdb")
    before = tool.read("map")
    for map_type in ("gdbm", "db"):
        tool("httxt2dbm", "-f", map_type, "-i", "-", "-o", "map",
             text="a b\n").fails("map")
    assert tool.read("map") == before
    assert tool.files() == ["map"]


def test_called_httxt2dbm_it_is_httxt2dbm(tool):
    shutil.copy(tool.program, tool.path("httxt2dbm"))
    face = Tool(tool.path("httxt2dbm"), tool.folder)
    face("-f", "SDBM", "-i", "-", "-o", "map", text="Any b c\n").ok()
    assert tool("list", "map").ok() == "Any b\n"
    face().fails("Usage: httxt2dbm [-v] [-f format] -i SOURCE_TXT")
