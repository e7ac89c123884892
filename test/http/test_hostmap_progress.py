# SPDX-License-Identifier: Apache-2.0
"""What takes more than a second says so on a terminal, and only there.

The tool is too fast to be caught at it: it is stopped for a second in the
midst of its work, at one instant after another until it was one where it counts
rows."""

import os
import pty
import re
import select
import signal
import subprocess
import time

import pytest

from maps import TOOL_TIMEOUT

ROWS = 300000
LINE = re.compile(rb"\rhosts\.csv: (\d+) entries, \d+/s, \d+ %, \d+:\d\d left"
                  rb"\x1b\[K")
CONVERT = ["convert", "--from", "csv", "hosts.csv", "map"]
INSTANTS = [0.1, 0.15, 0.2, 0.05, 0.3, 0.25, 0.4, 0.02, 0.5, 0.08]


@pytest.fixture
def rows(tool):
    with open(tool.path("hosts.csv"), "w", encoding="ascii") as file:
        for i in range(ROWS):
            file.write("h%06d.example.com,http://10.0.0.1\n" % i)
    return tool


def drain(fd):
    said = b""
    while select.select([fd], [], [], 0)[0]:
        try:
            said += os.read(fd, 65536)
        except OSError:
            # the other side of a pty was closed
            break
    return said


def run_stopped(tool, arguments, instant, stderr):
    """Run it, stopped for a while at this instant; its exit status."""
    with subprocess.Popen([tool.program, *arguments],
                          stdout=subprocess.DEVNULL, stderr=stderr,
                          cwd=tool.folder) as child:
        time.sleep(instant)
        child.send_signal(signal.SIGSTOP)
        time.sleep(1.05)
        child.send_signal(signal.SIGCONT)
        return child.wait(timeout=TOOL_TIMEOUT)


def on_terminal(tool, arguments, instant):
    """What is said on a terminal."""
    ours, theirs = pty.openpty()
    try:
        assert run_stopped(tool, arguments, instant, theirs) == 0
        return drain(ours)
    finally:
        os.close(theirs)
        os.close(ours)


def test_progress_on_a_terminal(rows):
    for instant in INSTANTS:
        said = on_terminal(rows, CONVERT, instant)
        if LINE.search(said):
            break
    else:
        pytest.fail("never said how far it is: %r" % said)
    assert 0 < int(LINE.search(said)[1]) < ROWS
    # nothing of it is left
    assert said.endswith(b"\r\x1b[K")
    assert re.sub(rb"\r[^\r]*\x1b\[K", b"", said) == b""


@pytest.mark.parametrize("map_type", ["lmdb", "gdbm"])
def test_progress_of_a_listing_that_goes_to_a_file(rows, map_type):
    rows(*CONVERT, "-t", map_type).ok()
    for instant in INSTANTS:
        said = on_terminal(rows, ["list", "map"], instant)
        if re.search(rb"\rmap: \d+ entries, \d+/s", said):
            break
    else:
        pytest.fail("never said how far it is: %r" % said)
    assert said.endswith(b"\r\x1b[K")


def test_no_progress_for_quiet(rows):
    for instant in INSTANTS[:3]:
        assert on_terminal(rows, [*CONVERT, "--quiet"], instant) == b""


def test_no_progress_without_a_terminal(rows):
    for instant in INSTANTS[:3]:
        with open(rows.path("said"), "wb") as said:
            assert run_stopped(rows, CONVERT, instant, said) == 0
        assert rows.read("said") == b""


def test_no_progress_for_what_takes_less_than_a_second(tool):
    tool.write("hosts.csv", "a,http://10.0.0.1\n")
    ours, theirs = pty.openpty()
    done = subprocess.run([tool.program, "convert", "--from", "csv",
                           "hosts.csv", "map"], stderr=theirs,
                          stdout=subprocess.DEVNULL, cwd=tool.folder,
                          timeout=TOOL_TIMEOUT)
    said = drain(ours)
    os.close(theirs)
    os.close(ours)
    assert (done.returncode, said) == (0, b"")
