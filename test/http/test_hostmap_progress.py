# SPDX-License-Identifier: Apache-2.0
"""What takes more than a second says so on a terminal, and only there.

Its clock is one that goes on a second with each look at it: the tool is too fast
to be caught at it otherwise."""

import functools
import os
import pty
import re
import subprocess
import threading

import pytest

from hostmap_tool import preloaded
from maps import TOOL_TIMEOUT

ROWS = 300000
LINE = re.compile(rb"\rhosts\.csv: (\d+) entries, \d+/s, \d+ %, \d+:\d\d left"
                  rb"\x1b\[K")
CONVERT = ["convert", "--from", "csv", "hosts.csv", "map"]


@pytest.fixture
def rows(tool):
    with open(tool.path("hosts.csv"), "w", encoding="ascii") as file:
        for i in range(ROWS):
            file.write("h%06d.example.com,http://10.0.0.1\n" % i)
    return tool


def run_slowly(tool, preload, arguments, stderr):
    """Run it by the fast clock; its exit status."""
    return subprocess.run(
        [tool.program, *arguments], stdout=subprocess.DEVNULL, stderr=stderr,
        cwd=tool.folder, timeout=TOOL_TIMEOUT,
        env=preloaded(preload, PRELOAD_TICK="1")).returncode


def drain(fd, pieces):
    """Read from a pty until nobody has its other side open."""
    try:
        while True:
            pieces.append(os.read(fd, 65536))
    except OSError:
        pass


def on_terminal(run):
    """What is printed on a terminal by run(), which takes it and gives an exit
    status."""
    ours, theirs = pty.openpty()
    pieces = []
    reader = threading.Thread(target=drain, args=(ours, pieces))
    reader.start()
    try:
        assert run(theirs) == 0
    finally:
        os.close(theirs)
        reader.join()
        os.close(ours)
    return b"".join(pieces)


@pytest.fixture
def slowly(rows, preload):
    """Makes what on_terminal() runs."""
    return lambda *arguments: functools.partial(run_slowly, rows, preload,
                                                arguments)


def test_progress_on_a_terminal(slowly):
    said = on_terminal(slowly(*CONVERT))
    assert 0 < int(LINE.search(said)[1]) < ROWS, said
    # nothing of it is left
    assert said.endswith(b"\r\x1b[K")
    assert re.sub(rb"\r[^\r]*\x1b\[K", b"", said) == b""


@pytest.mark.parametrize("map_type", ["lmdb", "gdbm"])
def test_progress_of_a_listing_that_goes_to_a_file(rows, slowly, map_type):
    rows(*CONVERT, "-t", map_type).ok()
    said = on_terminal(slowly("list", "map"))
    assert re.search(rb"\rmap: \d+ entries, \d+/s", said), said
    assert said.endswith(b"\r\x1b[K")


def test_no_progress_for_quiet(slowly):
    assert on_terminal(slowly(*CONVERT, "--quiet")) == b""


def test_no_progress_without_a_terminal(rows, slowly):
    with open(rows.path("said"), "wb") as said:
        assert slowly(*CONVERT)(said) == 0
    assert rows.read("said") == b""


def test_no_progress_for_what_takes_less_than_a_second(tool):
    tool.write("hosts.csv", "a,http://10.0.0.1\n")
    assert on_terminal(lambda stderr: subprocess.run(
        [tool.program, "convert", "--from", "csv", "hosts.csv", "map"],
        stdout=subprocess.DEVNULL, stderr=stderr, cwd=tool.folder,
        timeout=TOOL_TIMEOUT).returncode) == b""
