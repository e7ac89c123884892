# SPDX-License-Identifier: Apache-2.0
"""`hostmap top`: the figures of mod_switchboard_status, printed and in a
terminal."""

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest

from status import Status

ROWS, COLUMNS = 30, 100


@pytest.fixture
def status(make_httpd, maps, folder, backends):
    """A server that has served some hosts."""
    path = maps.build(folder + "/map", {
        "a.example.com": backends.url("a"),
        "*.wild.example.com": backends.url("b")})
    started = Status(make_httpd, pool=True).start(path)
    for _ in range(5):
        started.httpd.get("a.example.com")
    for number in range(3):
        started.httpd.get("n%d.wild.example.com" % number)
    started.wait_for_outcome("mapped", 8)
    return started


def url(status):
    return "http://127.0.0.1:%d/" % status.port


def rows(text, head):
    """{last word: the words} of the lines below the one that begins so."""
    lines = text.split("\n")
    begin = next(number for number, line in enumerate(lines)
                 if line.split()[:1] == [head])
    table = {}
    for line in lines[begin + 1:]:
        if not line.split():
            break
        table[line.split()[-1]] = line.split()
    return table


def test_one_table(tool, status, backends):
    text = tool("top", "--once", url(status)).ok()
    a = rows(text, "STATE")[backends.url("a")]
    assert a[:4] == ["up", "5", "0", "0"]
    entries = rows(text, "CURRENT")
    assert entries["a.example.com"][1:3] == ["5", "0.0%"]
    assert entries["*.wild.example.com"][1] == "3"
    assert re.search(r"^map .*/map: ok, 2 entries, written .* ago$", text,
                     re.MULTILINE)
    assert "\033" not in text
    # standard output is no terminal: as --once
    assert rows(tool("top", url(status)).ok(), "STATE").keys() \
        == rows(text, "STATE").keys()


@pytest.mark.parametrize("end", ["", "?format=json", "?x=1"])
def test_the_url_may_name_more(tool, status, end):
    assert "a.example.com" in tool("top", "--once", url(status) + end).ok()


def test_a_saved_answer(tool, status):
    saved = status.ask("?format=json").body
    tool.write("saved", saved)
    text = tool("top", "saved").ok()
    assert "a.example.com" in text
    assert tool("top", "-", text=saved).ok() == text


def test_names_of_strangers_harm_no_terminal(tool):
    tool.write("saved", json.dumps({
        "server": "s\033[2J", "time": 10, "since": 5, "requests": {"total": 1},
        "entries": {"by_recent": [{"key": "k\033]0;x\07\x9b", "cut": True}]},
        "backends": [{"backend": "b\x7f\r\n", "state": "up"}, {}, 7],
        "maps": [{"path": "/m\t"}]}))
    text = tool("top", "saved").ok()
    assert "s?[2J" in text and "k?]0;x?" in text and "b???" in text
    assert set(text) <= {chr(byte) for byte in range(32, 127)} | {"\n"}


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "1", '{"requests":{}}',
                                  "<html>", '{"requests":1,"entries":[}'])
def test_another_file_is_refused(tool, text):
    tool.write("saved", text)
    tool("top", "saved").fails("saved: this is not the JSON of "
                               "mod_switchboard_status")


@pytest.mark.parametrize("where, complaint", [
    ("missing", "missing: cannot open: No such file"),
    ("https://127.0.0.1/", "expected http://host[:port][/path]"),
    ("http://", "expected http://host[:port][/path]"),
    ("http://user@127.0.0.1/", "expected http://host[:port][/path]"),
    ("http://127.0.0.1:%d/\r\nx", "no URL has such a byte"),
    ("http://127.0.0.1:1/", "/: cannot connect: Connection refused\n"),
    ("http://127.0.0.1:%d/?format=xml", "answered with status 400"),
    ("http://127.0.0.1:%d/?format=html", "this is not the JSON")])
def test_what_cannot_be_shown(tool, status, where, complaint):
    where = where.replace("%d", str(status.port))
    tool("top", "--once", where).fails(complaint)


@pytest.mark.parametrize("text", ["0", "x", "50ms", "2h"])
def test_an_interval_that_makes_no_sense(tool, text):
    tool("top", "--interval", text, "x").fails("--interval " + text)


class Terminal:
    """The tool in a terminal of its own."""

    def __init__(self, tool, *words):
        self.side, other = pty.openpty()
        fcntl.ioctl(other, termios.TIOCSWINSZ,
                    struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.before = termios.tcgetattr(other)
        self.other = other
        self.process = subprocess.Popen(
            [tool.program, "top", *words], stdin=other, stdout=other,
            stderr=subprocess.STDOUT, cwd=tool.folder)
        self.seen = ""

    def wait(self, pattern, seconds=30):
        """Read until the terminal was sent what matches, and forget it."""
        end = time.monotonic() + seconds
        while True:
            found = re.search(pattern, self.seen, re.DOTALL)
            if found:
                self.seen = self.seen[found.end():]
                return found
            left = end - time.monotonic()
            assert left > 0, "no %s in %r" % (pattern, self.seen)
            if select.select([self.side], [], [], left)[0]:
                self.seen += os.read(self.side, 65536).decode("latin-1")

    def press(self, key):
        os.write(self.side, key.encode("ascii"))

    def ended(self):
        """Its status; the terminal is as it was before."""
        self.wait(r"\033\[\?25h\033\[\?1049l")
        status = self.process.wait(30)
        assert termios.tcgetattr(self.other) == self.before
        return status

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.side)
        os.close(self.other)


@pytest.fixture
def terminal(tool):
    with contextlib.ExitStack() as stack:
        def made(*words):
            one = Terminal(tool, *words)
            stack.callback(one.close)
            return one
        yield made


SCREEN = r"\033\[H((?:(?!\033\[H).)*?)\033\[J"
"""All of one screen."""


def test_the_screen_follows_the_server(terminal, status):
    shown = terminal("--interval", "100ms", url(status))
    shown.wait(r"\033\[\?1049h.*a\.example\.com")
    for _ in range(9):
        status.httpd.get("n1.wild.example.com")
    shown.wait(r" 12 [^\n]*\*\.wild\.example\.com")
    shown.press("n")
    shown.wait("by_requests")
    shown.press("e")
    screen = shown.wait("by_errors.*?" + SCREEN).group(1)
    lines = re.sub(r"\033\[K", "", screen).split("\r\n")
    assert len(lines) <= ROWS
    assert max(map(len, lines)) <= COLUMNS
    shown.press("x")
    shown.press("q")
    assert shown.ended() == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it(terminal, status, number):
    shown = terminal(url(status))
    shown.wait("by_recent")
    shown.process.send_signal(number)
    assert shown.ended() == 0


def test_a_server_that_is_down_is_asked_again(terminal, status):
    shown = terminal("--interval", "100ms", url(status))
    shown.wait("by_recent")
    status.httpd.stop()
    shown.wait("cannot connect|no whole answer|no HTTP server")
    shown.press("q")
    assert shown.ended() == 0
