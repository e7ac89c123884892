# SPDX-License-Identifier: Apache-2.0
"""Maps that cannot be read and entries that cannot be served: 503 or 500, one
line in the log that says why, no crash, no hang, and service resumes when the
map does."""

import os
import random
import re
import struct
import subprocess
import time

import pytest

import client
from httpd import unprivileged_user, wait_for
from maps import ALL_TYPES, express, files_of, filler, text_of

HOST = "www.example.com"


def put(path, data):
    """Have these bytes under that name, by rename as a careful writer."""
    with open(path + ".new", "wb") as file:
        file.write(data)
    os.rename(path + ".new", path)


def contents(path):
    with open(path, "rb") as file:
        return file.read()


def clear(path, kind):
    """Remove whatever is there: hostmap overwrites maps only."""
    for file in files_of(path, kind):
        if os.path.isdir(file):
            os.rmdir(file)
        elif os.path.lexists(file):
            os.unlink(file)


# ---- ways to break a map --------------------------------------------------
# Each takes the path and type of a good map.

def random_bytes(path, kind):
    for number, file in enumerate(files_of(path, kind)):
        put(file, random.Random(number).randbytes(20000))


def empty_file(path, kind):
    for file in files_of(path, kind):
        put(file, b"")


def cut_to_half(path, kind):
    file = files_of(path, kind)[-1]
    data = contents(file)
    put(file, data[:len(data) // 2 + 100])


def text_file(path, kind):
    for file in files_of(path, kind):
        put(file, text_of({HOST: "http://127.0.0.1"}).encode())


def folder_instead(path, kind):
    for file in files_of(path, kind):
        os.unlink(file)
        os.mkdir(file)


def fifo_instead(path, kind):
    for file in files_of(path, kind):
        os.unlink(file)
        os.mkfifo(file)


def unreadable(path, kind):
    for file in files_of(path, kind):
        os.chmod(file, 0o600 if os.getuid() == 0 else 0)


def missing(path, kind):
    clear(path, kind)


def without_pages(path, kind):
    os.unlink(path + ".pag")


def without_directory(path, kind):
    os.unlink(path + ".dir")


BREAKS = [(way, kind)
          for way in (random_bytes, text_file, folder_instead, fifo_instead,
                      unreadable, missing)
          for kind in ALL_TYPES]
# An empty sdbm is a map without entries: httxt2dbm makes one of an empty text.
BREAKS += [(empty_file, kind) for kind in ("lmdb", "gdbm", "db")]
# A cut gdbm or Berkeley DB file reads without an error unless the cut is
# within a page.
BREAKS += [(cut_to_half, kind) for kind in ALL_TYPES]
BREAKS += [(without_pages, "sdbm"), (without_directory, "sdbm")]
BREAK_NAMES = ["%s-%s" % (way.__name__, kind) for way, kind in BREAKS]


def good_map(maps, backends, path, kind, name="a"):
    """A map of more than one page."""
    entries = filler(500, backends.url("d"))
    entries[HOST] = backends.url(name)
    return maps.build(path, entries, kind)


def entry_line(key):
    return r":error\].*entry %s: " % re.escape(key)


def map_line(path):
    return r"map %s(\.dir|\.pag)?: " % re.escape(path)


@pytest.mark.parametrize("way, kind", BREAKS, ids=BREAK_NAMES)
def test_broken_map_answers_503_until_it_is_mended(
        make_httpd, backends, maps, folder, way, kind):
    path = good_map(maps, backends, folder + "/map", kind)
    way(path, kind)
    httpd = make_httpd(children=1)
    httpd.expect_log(map_line(path))
    httpd.start(express(path, kind))
    began = time.monotonic()
    answers = {httpd.get(host).status
               for host in 20 * [HOST, "unknown.example.com"]}
    assert answers == {503}
    # A young file that its library refuses is taken for half written, and
    # looked at again for two seconds; a second for each request would be 40.
    assert time.monotonic() - began < 20
    said = httpd.log_lines(r":error\].*" + map_line(path))
    assert 1 <= len(said) <= 2, said
    clear(path, kind)
    good_map(maps, backends, path, kind)
    wait_for(lambda: httpd.get(HOST).backend == "a", 30, "the map serves")
    response = httpd.get("unknown.example.com")
    assert response.body == b"local content\n"


def test_lmdb_map_under_another_type_answers_503(make_httpd, backends, maps,
                                                 folder):
    path = good_map(maps, backends, folder + "/map", "lmdb")
    for kind in ("sdbm", "gdbm", "db"):
        httpd = make_httpd(children=1)
        httpd.expect_log(map_line(path))
        httpd.start(express(path, kind))
        assert httpd.get(HOST).status == 503


@pytest.mark.parametrize("kind", ["gdbm", "db"])
def test_dbm_map_under_lmdb_answers_503(make_httpd, backends, maps, folder,
                                        kind):
    path = good_map(maps, backends, folder + "/map", kind)
    httpd = make_httpd(children=1)
    httpd.expect_log(map_line(path))
    httpd.start(express(path, "lmdb"))
    assert httpd.get(HOST).status == 503


def test_folder_that_cannot_be_entered_answers_503(make_httpd, backends,
                                                   maps, folder):
    os.mkdir(folder + "/private")
    path = good_map(maps, backends, folder + "/private/map", "lmdb")
    httpd = make_httpd(children=1)
    os.chmod(folder + "/private", 0o700 if os.getuid() == 0 else 0)
    try:
        httpd.expect_log(map_line(path))
        httpd.start(express(path, "lmdb"))
        assert httpd.get(HOST).status == 503
    finally:
        os.chmod(folder + "/private", 0o755)
    wait_for(lambda: httpd.get(HOST).backend == "a", 30, "the map serves")


def test_503_of_a_broken_map_goes_through_the_error_document(
        make_httpd, folder):
    httpd = make_httpd(children=1)
    httpd.expect_log(map_line(folder + "/map"))
    httpd.write("htdocs/sorry.html", "sorry from a file\n")
    port = httpd.listen()
    httpd.start(express(folder + "/map") + f"""
ErrorDocument 503 "sorry from a text"
<VirtualHost *:{port}>
    ErrorDocument 503 /sorry.html
    ProxyPass /sorry.html !
</VirtualHost>
""")
    response = httpd.get(HOST)
    assert (response.status, response.body) == (503, b"sorry from a text")
    response = client.get(port, HOST)
    assert (response.status, response.body) == (503, b"sorry from a file\n")


def test_broken_map_spares_what_it_does_not_serve(make_httpd, backends,
                                                  folder):
    httpd = make_httpd(children=1)
    httpd.expect_log(map_line(folder + "/map"))
    httpd.start(express(folder + "/map")
                + "ProxyPass /excluded.html !\n"
                + "ProxyPass /static %s\n" % backends.url("c"))
    httpd.write("htdocs/excluded.html", "excluded\n")
    assert httpd.get(HOST, "/excluded.html").body == b"excluded\n"
    assert httpd.get(HOST, "/static").backend == "c"
    assert client.request(httpd.port, "OPTIONS", "*", HOST).status == 200
    assert httpd.get(HOST).status == 503


@pytest.mark.parametrize("way", [random_bytes, empty_file, cut_to_half,
                                 folder_instead, missing])
def test_last_good_lmdb_map_keeps_serving(make_httpd, backends, maps, folder,
                                          way):
    path = good_map(maps, backends, folder + "/map", "lmdb")
    httpd = make_httpd(children=1).start(
        express(path, "lmdb", "ProxyExpressCheckInterval 10ms"))
    assert httpd.get(HOST).backend == "a"
    httpd.expect_log(map_line(path))
    way(path, "lmdb")
    end = time.monotonic() + 1.5
    with client.Connection(httpd.port) as connection:
        while time.monotonic() < end:
            assert connection.request("GET", "/", HOST).backend == "a"
            time.sleep(0.01)
    said = httpd.log_lines(r":error\].*" + map_line(path))
    assert len(said) == 1, said
    clear(path, "lmdb")
    good_map(maps, backends, path, "lmdb", "b")
    wait_for(lambda: httpd.get(HOST).backend == "b", 30,
             "the new map serves")


def test_map_that_became_unreadable_after_a_restart_is_503(
        make_httpd, backends, maps, folder):
    """The last good one lives in the children; new children have none."""
    path = good_map(maps, backends, folder + "/map", "lmdb")
    httpd = make_httpd(children=1).start(express(path, "lmdb"))
    assert httpd.get(HOST).backend == "a"
    httpd.expect_log(map_line(path))
    random_bytes(path, "lmdb")
    httpd.graceful()
    wait_for(lambda: httpd.get(HOST).status == 503, 30, "the old child ends")


def test_corrupt_berkeley_db_does_not_flood_the_log(make_httpd, backends,
                                                    maps, folder, world):
    """The library prints lines of its own for each look-up in such a file, of
    which there is one a second: the clock stands still."""
    path = maps.stock(folder + "/map", filler(2000, backends.url("a")), "db")
    data = bytearray(contents(path))
    dice = random.Random(1)
    for start in range(4096, len(data), 4096):
        size = len(data[start:start + 4096])
        data[start:start + 4096] = dice.randbytes(size)
    put(path, bytes(data))
    os.utime(path, (time.time() - 10, time.time() - 10))
    hosts = list(filler(100, ""))
    httpd = make_httpd(children=1)
    world.preload(httpd)
    world.stop_clock()
    httpd.expect_log(map_line(path))
    httpd.start(express(path, "db"))
    for count in range(1, 4):
        for host in hosts:
            assert httpd.get(host).status == 503
        lines = httpd.new_lines()
        assert len(lines) <= 8 * count, "\n".join(lines)
        world.advance(1.1)


# ---- entries --------------------------------------------------------------

BAD_VALUES = ["nonsense", "http://", "http:///path", "gopher://127.0.0.1",
              "http://user@127.0.0.1", "http://127.0.0.1?query",
              "http://127.0.0.1:99999", "http://127.0.0.1:0x50",
              "http://127.0.0.1/a#b", "200", "301", "999", "!!",
              "http://127.0.0.1\\evil"]


@pytest.mark.parametrize("kind", ["lmdb", "sdbm"])
def test_bad_entry_is_500_and_said_with_key_and_reason(
        make_httpd, backends, maps, folder, kind):
    entries = {"bad%d.example.com" % number: value
               for number, value in enumerate(BAD_VALUES)}
    entries[HOST] = backends.url("a")
    if kind == "lmdb":
        path = maps.add_raw(folder + "/map", entries, "lmdb")
    else:
        path = maps.stock(folder + "/map", entries, kind)
    for number, value in enumerate(BAD_VALUES):
        # A server each: what repeats is said once a minute and child.
        key = "bad%d.example.com" % number
        httpd = make_httpd(children=1)
        httpd.expect_log(entry_line(key))
        httpd.start(express(path, kind))
        answers = [httpd.get(host).status for host in (key, key, HOST, key)]
        assert answers == [500, 500, 200, 500], value
        assert len(httpd.log_lines(re.escape(key))) == 1
        httpd.stop()


def test_many_bad_entries_do_not_flood_the_log(make_httpd, backends, maps,
                                               folder):
    entries = {"bad%d.example.com" % number: "nonsense"
               for number in range(1000)}
    path = maps.stock(folder + "/map", entries, "sdbm")
    httpd = make_httpd(children=1)
    httpd.expect_log(entry_line("bad0.example.com"))
    httpd.allow_log(r":error\].*entry bad\d+\.")
    httpd.start(express(path, "sdbm"))
    for host in entries:
        assert httpd.get(host).status == 500
    assert len(httpd.log_lines(r":error\]")) <= 64


def test_backend_that_is_down_is_503(make_httpd, backends, maps, folder):
    """As through ProxyPass; the map is not at fault."""
    httpd = make_httpd(children=1)
    closed = httpd.listen()
    httpd.ports.remove(closed)
    path = maps.build(folder + "/map",
                      {HOST: "http://127.0.0.1:%d" % closed})
    httpd.expect_log(r"proxy:error\].*127.0.0.1:%d" % closed)
    httpd.allow_log(r"proxy_http:error\]")
    httpd.start(express(path))
    assert httpd.get(HOST).status == 503
    assert httpd.log_lines(map_line(path) + ".*broken|SB\\d+.*:error") == []


def test_unreadable_is_about_the_user_of_the_children(make_httpd, backends,
                                                      maps, folder):
    """A map that httpd's user may read, whoever owns it, serves."""
    path = good_map(maps, backends, folder + "/map", "lmdb")
    if os.getuid() == 0:
        os.chown(path, *unprivileged_user())
    os.chmod(path, 0o400)
    httpd = make_httpd().start(express(path))
    assert httpd.get(HOST).backend == "a"


# ---- damaged pages ---------------------------------------------------------

PAGE = 4096


def pages_of(data):
    """Numbers of the leaves and branches of an LMDB file."""
    for at in range(2 * PAGE, len(data), PAGE):
        number, _, flags = struct.unpack_from("<QHH", data, at)
        if number * PAGE == at and flags in (1, 2):
            yield at


def damaged(data):
    """The same file with the first node of each page leading beyond it."""
    data = bytearray(data)
    pages = list(pages_of(data))
    assert pages
    for at in pages:
        struct.pack_into("<H", data, at + 16, PAGE - 2)
    return bytes(data)


@pytest.fixture
def damaged_map(maps, folder):
    """A sound map of many pages, and the bytes of it after damage."""
    path = maps.build(folder + "/map", {
        HOST: "404", **filler(2000, "http://127.0.0.1:9")})
    return path, damaged(contents(path))


def test_damaged_map_is_refused_and_the_last_good_one_serves(
        make_httpd, damaged_map):
    path, bad = damaged_map
    httpd = make_httpd(children=1).start(express(path, "lmdb"))
    assert httpd.get(HOST).status == 404
    httpd.expect_log("SB0013: map .* is damaged: page")
    children = httpd.child_pids()
    put(path, bad)
    wait_for(lambda: (httpd.get(HOST).status == 404
                      and httpd.log_lines("is damaged: page")), 30,
             "the damage is seen")
    assert httpd.get(HOST).status == 404
    assert httpd.child_pids() == children


def test_server_that_starts_with_a_damaged_map_answers_503(
        make_httpd, damaged_map):
    path, bad = damaged_map
    put(path, bad)
    httpd = make_httpd(children=1).start(express(path, "lmdb"))
    httpd.expect_log("SB0013: map .* is damaged: page")
    assert httpd.get(HOST).status == 503


def test_check_names_the_damaged_page(maps, damaged_map):
    path, bad = damaged_map
    put(path, bad)
    done = subprocess.run([maps.hostmap, "check", path], text=True,
                          capture_output=True, timeout=60)
    assert done.returncode == 1
    assert "is damaged: page" in done.stderr


def test_verify_off_does_not_look(make_httpd, maps, folder):
    """Only what a look-up meets is read: a page that none needs is not seen."""
    path = maps.build(folder + "/map", {
        HOST: "404", **filler(2000, "http://127.0.0.1:9")})
    data = bytearray(contents(path))
    meta = max((0, PAGE), key=lambda at: struct.unpack_from(
        "<Q", data, at + 16 + 24 + 48 + 56)[0])
    # the count of entries is believed by nobody who looks up
    entries = meta + 16 + 24 + 48 + 32
    struct.pack_into("<Q", data, entries,
                     struct.unpack_from("<Q", data, entries)[0] + 1)
    put(path, bytes(data))
    httpd = make_httpd(children=1).start(
        express(path, "lmdb", "ProxyExpressVerify Off"))
    assert httpd.get(HOST).status == 404
