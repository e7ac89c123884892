# SPDX-License-Identifier: Apache-2.0
"""hostmap convert: between types, to and from texts, and from the lists that
others keep; names in punycode; what --quiet leaves out."""

import os
import resource
import stat
import subprocess

import pytest

from hostmap_tool import SORTED, peak
from maps import ALL_TYPES, TOOL_TIMEOUT, files_of

MARKED = "* 404\n*.b !\na !\na/x/y http://10.0.0.1\n"

# ---- maps and texts --------------------------------------------------------


@pytest.mark.parametrize("to", ALL_TYPES)
@pytest.mark.parametrize("from_type", ALL_TYPES)
def test_convert_carries_all_from_type_to_type(tool, from_type, to):
    text = SORTED + MARKED
    tool.map("one", from_type, text)
    assert tool("convert", "-t", to, "one", "two").ok() \
        == "two: %s, 14 entries\n" % to
    assert tool("list", "two").ok() == tool("list", "one").ok()
    assert "marks    wildcards paths\n" in tool("stat", "two").ok()


def test_convert_over_a_map_does_what_build_does(tool):
    text = "".join("h%03d !\n" % i for i in range(200))
    tool.map("map", "sdbm", text)
    assert tool("convert", "map", "two").ok() == "two: lmdb, 200 entries\n"
    assert tool("convert", "-", "two", text=text + "a !\n").ok() \
        == "two: lmdb, 201 entries: 1 added, 0 changed, 0 removed, 200 same\n"
    tool("convert", "-", "two", text="a !\n").fails(
        "two: 200 of 201 entries would be removed, more than 50%")
    assert tool("convert", "--max-removed", "100", "-", "two",
                text="a !\n").ok().endswith("200 removed, 1 same\n")
    tool("convert", "--max-removed", "100", "map", "-").fails(
        "--max-removed goes with a map")


def test_convert_makes_texts(tool):
    tool.map("map", "sdbm")
    assert tool("convert", "map", "-").ok() == SORTED
    assert tool("convert", "-t", "text", "map", "-").ok() == SORTED
    assert tool("convert", "-t", "text", "map", "text").ok() \
        == "text: text, 10 entries\n"
    assert tool.read("text").decode() == SORTED
    assert tool("convert", "-t", "gdbm", "text", "again").ok() \
        == "again: gdbm, 10 entries\n"
    tool("convert", "-", "last", text=tool.read("text")).ok()
    assert tool("list", "last").ok() == SORTED
    assert tool.files() == ["again", "last", "map.dir", "map.pag", "text"]


def test_convert_writes_as_build_does(tool):
    tool.map("map", "gdbm", "a !\n")
    tool("convert", "-", "map", text="b !\n").ok()
    assert tool("list", "-t", "gdbm", "map").ok() == "b !\n"
    tool("convert", "-t", "lmdb", "-", "map", text="c !\n").fails(
        "a map of type gdbm is there, not lmdb")
    tool.write("other", "precious\n")
    tool("convert", "map", "other").fails("other: ", "not overwritten")
    assert tool.read("other") == b"precious\n"


def test_convert_to_a_text_overwrites_no_map(tool):
    tool.map()
    before = tool.read("map")
    tool("convert", "-t", "text", "map", "map").fails(
        "map: a map of type lmdb is there: not overwritten with a text")
    assert tool.read("map") == before
    os.mkdir(tool.path("folder"))
    tool("convert", "-t", "text", "map", "folder").fails("folder: ")
    tool("convert", "-t", "text", "map", "nowhere/text").fails(
        "nowhere/text", "No such file or directory")


def test_convert_to_a_text_keeps_its_mode(tool):
    tool.map()
    tool.write("text", "old\n")
    os.chmod(tool.path("text"), 0o640)
    tool("convert", "-t", "text", "map", "text").ok()
    assert tool.read("text").decode() == SORTED
    assert stat.S_IMODE(os.stat(tool.path("text")).st_mode) == 0o640


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to give files to "
                    "others")
def test_convert_to_a_text_keeps_its_owner(tool):
    tool.map()
    tool.write("text", "old\n")
    os.chown(tool.path("text"), 12345, 23456)
    tool("convert", "-t", "text", "map", "text").ok()
    info = os.stat(tool.path("text"))
    assert (info.st_uid, info.st_gid) == (12345, 23456)


def test_texts_that_are_made_at_the_same_time_are_whole(tool):
    texts = ["".join("h%05d http://10.0.0.%d\n" % (i, n)
                     for i in range(20000 - 5000 * n)) for n in range(4)]
    for n, text in enumerate(texts):
        tool.write("text%d" % n, text)
    for _ in range(5):
        made = [subprocess.Popen(
            [tool.program, "convert", "--quiet", "-t", "text", "text%d" % n,
             "text"], cwd=tool.folder) for n in range(len(texts))]
        assert [one.wait(TOOL_TIMEOUT) for one in made] == [0] * len(texts)
        assert tool.read("text").decode() in texts


def test_a_symbolic_link_to_a_text_stays_one(tool):
    tool.map()
    os.mkdir(tool.path("folder"))
    tool.write("folder/text", "old\n")
    os.symlink("folder/text", tool.path("text"))
    assert tool("convert", "-t", "text", "map", "text").ok() \
        == "text: text, 10 entries\n"
    assert os.readlink(tool.path("text")) == "folder/text"
    assert tool.read("folder/text").decode() == SORTED
    assert os.listdir(tool.path("folder")) == ["text"]


def test_a_failed_write_leaves_the_old_text(tool):
    tool.map()
    tool.write("text", "old\n")

    def small_files_only():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    tool("convert", "-t", "text", "map", "text",
         preexec_fn=small_files_only).fails("hostmap: text: ",
                                            "File too large")
    assert tool.read("text") == b"old\n"
    assert tool.files() == ["map", "text"]


def test_convert_names_the_entry_that_does_not_do(tool, maps):
    maps.stock(tool.path("emap"), {"a.example.com": "http://10.0.0.1",
                                   "B.example.com": "http://10.0.0.2",
                                   "c.example.com": "nonsense"}, "db")
    done = tool("convert", "emap", "map").fails(
        "emap: B.example.com: write the name in lower case\n",
        "emap: c.example.com: nonsense: ",
        "hostmap: emap: 2 wrong lines, map was not written\n")
    assert done.out == ""
    assert not os.path.exists(tool.path("map"))
    done = tool("convert", "--skip-bad", "emap", "map")
    assert (done.status, done.out) == (0, "map: lmdb, 1 entries\n")


def test_a_pair_too_big_for_the_type_is_named(tool):
    value = "http://10.0.0.1/" + "p" * 1000
    tool.map("map", "lmdb", "a %s\n" % value)
    tool("convert", "-t", "sdbm", "map", "two").fails(
        "map: a: key and value have 1017 bytes, sdbm holds at most 1008")
    assert files_of("map", "lmdb") == tool.files()


@pytest.mark.parametrize("arguments, said", [
    (["-t", "lmdb", "a", "-"], "standard output takes a text only"),
    (["--from", "ini", "a", "b"], "expected csv, tsv, haproxy or nginx"),
    (["--key", "x", "a", "b"], "go with --from"),
    (["--value-format", "http://%s", "a", "b"], "go with --from"),
    (["--from", "nginx", "--key", "x", "-", "-"], "--from csv and tsv"),
    (["--from", "csv", "--key", "2", "-", "-"], "the same column"),
    (["--from", "csv", "--key", "x", "-", "-"],
     "stdin:1: --key x: no column of this name in the first line"),
    (["--from", "csv", "--value-format", "http://", "-", "-"],
     "expected a `%s`"),
    (["--from", "csv", "--value-format", "%s%d", "-", "-"],
     "expected `%s` for the value"),
    (["missing", "-"], "missing: No such file or directory"),
    (["--from", "csv", "missing", "-"],
     "missing: No such file or directory"),
])
def test_convert_says_what_is_wrong_with_the_command(tool, arguments, said):
    done = tool("convert", *arguments, text="a,b\n").fails(said)
    assert done.out == ""
    assert tool.files() == []


# ---- lists of others -------------------------------------------------------

CSV = (b"\xef\xbb\xbfid,Domain,Backend\r\n"
       b"1,WWW.example.com,10.0.0.1:8080\r\n"
       b'2,"shop.example.com.","10.0.0.2"\r\n'
       b"\r\n"
       b"3, a.example.com:80 ,10.0.0.3\r\n")
CSV_TEXT = ("a.example.com http://10.0.0.3\n"
            "shop.example.com http://10.0.0.2\n"
            "www.example.com http://10.0.0.1:8080\n")


def test_csv_with_columns_by_name(tool):
    tool.write("hosts.csv", CSV)
    assert tool("convert", "--from", "csv", "--key", "domain", "--value",
                "backend", "--value-format", "http://%s", "hosts.csv",
                "-").ok() == CSV_TEXT


def test_csv_with_columns_by_number_has_no_header(tool):
    text = CSV.split(b"\n", 1)[1]
    assert tool("convert", "--from=csv", "--key=2", "--value=3",
                "--value-format=http://%s", "-", "-", text=text).ok() \
        == CSV_TEXT
    tool("convert", "--from=csv", "--key=2", "--value=3",
         "--value-format=http://%s", "-", "-", text=text + b"4,b\r\n").fails(
        "stdin:5: b: too few columns")


def test_tsv(tool):
    text = CSV.replace(b",", b"\t")
    assert tool("convert", "--from", "tsv", "--key", "domain", "--value",
                "backend", "--value-format", "http://%s", "-", "-",
                text=text).ok() == CSV_TEXT


def test_csv_becomes_a_map(tool):
    tool.write("hosts.csv", CSV)
    for map_type in ALL_TYPES:
        name = "map-" + map_type
        assert tool("convert", "-t", map_type, "--from", "csv", "--key",
                    "domain", "--value", "backend", "--value-format",
                    "http://%s", "hosts.csv", name).ok() \
            == "%s: %s, 3 entries\n" % (name, map_type)
        assert tool("list", name).ok() == CSV_TEXT


def test_csv_reports_lines_of_the_file(tool):
    text = ("domain,backend\n"
            "a.example.com,http://10.0.0.1\n"
            '"b\nb",http://10.0.0.1\n'
            "c.example.com,10.0.0.1\n"
            "A.example.com,http://10.0.0.2\n"
            'd.example.com,"http://10.0.0.1\n'
            "e.example.com,http://10.0.0.1\n")
    tool.write("hosts.csv", text)
    arguments = ["convert", "--from", "csv", "--key", "domain", "--value",
                 "backend"]
    done = tool(*arguments, "hosts.csv", "map").fails(
        "hosts.csv:3: b\\x0ab: expected letters",
        "hosts.csv:5: c.example.com: 10.0.0.1: ",
        "hosts.csv:6: duplicate key a.example.com, first on line 2\n",
        "hosts.csv:7: d.example.com: a quote that is not closed\n",
        "hostmap: hosts.csv: 4 wrong lines, map was not written\n")
    assert done.err.count("\n") == 5
    assert tool.files() == ["hosts.csv"]
    done = tool(*arguments, "--skip-bad", "hosts.csv", "-")
    assert done.status == 0
    assert done.out == ("a.example.com http://10.0.0.1\n"
                        "e.example.com http://10.0.0.1\n")
    assert done.err.endswith("hostmap: hosts.csv: 4 wrong lines skipped\n")


def test_percent_signs_of_a_value_format(tool):
    assert tool("convert", "--from", "csv", "--value-format",
                "http://10.0.0.1/%%20/%s/%s", "-", "-", text="a,b\n").ok() \
        == "a http://10.0.0.1/%20/b/b\n"


HAPROXY = """\
# domains
www.example.com    be_www
  shop.example.com\tbe_shop
*.tenants.example.com be_tenants
.end.example.com   be_end
^api[0-9]+\\.example\\.com$ be_api
www.example.com/static be_static
broken
"""


def test_haproxy_map_file(tool):
    tool.write("hosts.map", HAPROXY)
    arguments = ["convert", "--from", "haproxy", "--value-format",
                 "balancer://%s", "hosts.map"]
    tool(*arguments, "map").fails(
        "hosts.map:5: .end.example.com: a suffix (map_end, map_dom)",
        "hosts.map:6: ^api[0-9]+\\.example\\.com$: a regular expression",
        "hosts.map:7: www.example.com/static: a path (map_beg, map_dir)",
        "hosts.map:8: broken: expected a value after the key",
        "hostmap: hosts.map: 4 wrong lines, map was not written")
    assert tool.files() == ["hosts.map"]
    done = tool(*arguments, "--skip-bad", "-")
    assert done.status == 0
    assert done.out == ("*.tenants.example.com balancer://be_tenants\n"
                        "shop.example.com balancer://be_shop\n"
                        "www.example.com balancer://be_www\n")


NGINX = """\
map $http_host $backend {
    hostnames;

    default          http://10.0.0.1;   # the rest
    www.example.com  "http://10.0.0.2";
    .example.net     http://10.0.0.3;
    *.example.org    'http://10.0.0.4';
    mail.*           http://10.0.0.5;
    ~^(?<n>.+)\\.x$   http://10.0.0.6;
    include          more.map;
    v.example.com    $other;
}
"""


def test_nginx_map_block(tool):
    tool.write("map.conf", NGINX)
    arguments = ["convert", "--from", "nginx", "map.conf"]
    tool(*arguments, "map").fails(
        "map.conf:8: mail.*: a mask at the end of a name",
        "map.conf:9: ~^(?<n>.+)\\.x$: a regular expression",
        "map.conf:10: include: convert the included file by itself",
        "map.conf:11: v.example.com: a variable",
        "hostmap: map.conf: 4 wrong lines, map was not written")
    done = tool(*arguments, "--skip-bad", "map")
    assert (done.status, done.out) == (0, "map: lmdb, 5 entries\n")
    assert tool("list", "map").ok() == ("* http://10.0.0.1\n"
                                        "*.example.net http://10.0.0.3\n"
                                        "*.example.org http://10.0.0.4\n"
                                        "example.net http://10.0.0.3\n"
                                        "www.example.com http://10.0.0.2\n")


def test_nginx_include_has_no_block(tool):
    assert tool("convert", "--from", "NGINX", "--value-format", "http://%s",
                "-", "-", text="a 10.0.0.1;\nb 10.0.0.2;\n").ok() \
        == "a http://10.0.0.1\nb http://10.0.0.2\n"


# ---- names outside of ASCII ------------------------------------------------


def test_names_become_punycode_with_a_note(tool):
    text = ("bücher.example http://10.0.0.1\n"
            "*.Straße.example !\n"
            "bücher.example/ä http://10.0.0.2\n"
            "例え.テスト !\n")
    done = tool("build", "-", "map", text=text)
    assert done.status == 0
    assert done.err == (
        "stdin:1: note: bücher.example: stored as xn--bcher-kva.example\n"
        "stdin:2: note: *.Straße.example: stored as "
        "*.xn--strae-oqa.example\n"
        "stdin:3: note: bücher.example/ä: stored as "
        "xn--bcher-kva.example/ä\n"
        "stdin:4: note: 例え.テスト: stored as xn--r8jz45g.xn--zckzah\n")
    assert tool("list", "map").ok() == (
        "*.xn--strae-oqa.example !\n"
        "xn--bcher-kva.example http://10.0.0.1\n"
        "xn--bcher-kva.example/ä http://10.0.0.2\n"
        "xn--r8jz45g.xn--zckzah !\n")
    assert tool("get", "map", "BÜCHER.example:80").ok() == (
        "xn--bcher-kva.example http://10.0.0.1\n# exact match\n")
    assert tool("get", "map", "例え.テスト:8080").ok() == (
        "xn--r8jz45g.xn--zckzah !\n# exact match\n")
    assert tool("list", "map", "*.テスト").ok() \
        == "xn--r8jz45g.xn--zckzah !\n"


@pytest.mark.parametrize("name", [b"\xff.example", b"\xc3\xbc..example",
                                  b"a\xe2\x80\x8bb\xc3\xbc\x01.example",
                                  b"\xc3\xbc" * 300])
def test_names_that_are_none_are_wrong_lines(tool, name):
    done = tool("build", "-", "map", text=name + b" !\na !\n").fails(
        "stdin:1: ", "1 wrong line,")
    assert done.err.count("\n") == 2
    assert tool.files() == []


XN_FORM = ("if the name is registered all the same, write it in its xn-- "
           "form\n")


@pytest.mark.parametrize("name, code", [
    ("i\u2764.ws", "U+2764"), ("i\u2764\ufe0f.ws", "U+2764"),
    ("\U0001f600.ws", "U+1F600"), ("B\xfc\xa9.example", "U+00A9"),
    ("*.\u2603.net", "U+2603"), ("a\u2044b.example", "U+2044")])
def test_symbols_are_refused_with_what_to_write(tool, name, code):
    """Browsers take them, IDNA 2008 and libidn2 do not."""
    said = "%s: %s is not allowed by IDNA 2008, as symbols and emoji are " \
           "not: %s" % (name, code, XN_FORM)
    tool("build", "-", "map", text=name + " !\n").fails("stdin:1: " + said)
    tool("convert", "--from", "csv", "-", "-", text=name + ",!\n").fails(
        "stdin:1: " + said)
    # as it is registered: in the map, and by `get`
    assert tool("build", "-", "map", text="xn--i-7iq.ws !\n").ok()
    assert tool("get", "map", "xn--i-7iq.ws").ok().startswith("xn--i-7iq.ws")
    if not name.startswith("*"):
        tool("get", "map", name).fails("not a host name: " + code, XN_FORM)


@pytest.mark.parametrize("name", ["-\xfc.example", "\xfc-.example",
                                  "ab--\xfc.example", "1\u05d0.example",
                                  "\U0001f469\u200d\U0001f4bb.ws"])
def test_what_else_libidn2_refuses_has_the_same_advice(tool, name):
    tool("build", "-", "map", text=name + " !\n").fails(
        "stdin:1: %s: " % name, XN_FORM)


@pytest.mark.parametrize("name", ["\u2100.example", "\uff0a.example",
                                  "\uff0f.example", "a\uff1a80.example"])
def test_no_character_becomes_a_path_or_a_wildcard(tool, name):
    tool("build", "-", "map", text="a !\n" + name + " !\n").fails(
        "stdin:2: %s: a character stands for one that no host name has\n"
        % name)


def test_bytes_that_are_not_utf_8_are_called_so(tool):
    tool("build", "-", "map", text=b"a\xff.example !\n").fails(
        ": not UTF-8\n")


def test_a_name_and_its_punycode_are_duplicates(tool):
    tool("build", "-", "map", text="xn--bcher-kva !\nbücher !\n").fails(
        "stdin:2: duplicate key xn--bcher-kva, first on line 1")


def test_notes_of_a_list_name_its_lines(tool):
    done = tool("convert", "--from", "csv", "-", "-",
                text="a,!\nBÜCHER.example.,!\n")
    assert done.status == 0
    assert done.err == ("stdin:2: note: BÜCHER.example.: stored as "
                        "xn--bcher-kva.example\n")


# ---- --quiet ---------------------------------------------------------------


def test_quiet_leaves_out_all_but_errors(tool):
    text = "bücher !\n"
    assert tool("build", "--quiet", "-", "map", text=text).ok() == ""
    assert tool("check", "--quiet", "map").ok() == ""
    assert tool("convert", "--quiet", "map", "two").ok() == ""
    assert tool("convert", "--quiet", "-t", "text", "map", "text").ok() == ""
    assert tool("convert", "--quiet", "--from", "csv", "-", "three",
                text="ü,!\n").ok() == ""
    assert tool("convert", "--quiet", "two", "-").ok() \
        == "xn--bcher-kva !\n"
    done = tool("build", "--quiet", "-", "map", text="A !\n")
    done.fails("stdin:1: A: ", "map was not written")
    done = tool("check", "--quiet", "-", text="A !\n").fails("stdin:1: A: ")
    assert done.out == ""


@pytest.mark.parametrize("source", ["hosts.csv", "-"])
def test_a_list_of_any_size_takes_little_memory(tool, source):
    """Long columns that nobody wants: it is the list that is large."""
    rest = "x" * 4000
    with open(tool.path("hosts.csv"), "w", encoding="ascii") as file:
        file.write("notes,domain,backend\n")
        for i in range(40000):
            file.write('"%s\n%s",h%05d,10.0.0.1\n' % (rest[i % 7:], i, i))
    assert os.path.getsize(tool.path("hosts.csv")) > 150 << 20
    with open(tool.path("hosts.csv"), "rb") as given:
        done, said, kilobytes = peak(
            tool, "convert", "--from", "csv", "--key", "domain", "--value",
            "backend", "--value-format", "http://%s", source, "map",
            stdin=given)
    assert (done.status, done.err, said) == (0, "", "map: lmdb, 40000 entries")
    assert kilobytes < 100 << 10
    assert tool.files() == ["hosts.csv", "map"]
    assert tool("list", "map").ok() == "".join(
        "h%05d http://10.0.0.1\n" % i for i in range(40000))
