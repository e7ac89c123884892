# SPDX-License-Identifier: Apache-2.0
"""The point of no return: what was renamed is in place and is never reported as
a failure, what was not renamed leaves the map as it was.  preload.c has the
file system fail."""

import os
import subprocess

import pytest

from hostmap_tool import SORTED, preloaded
from hostmap_writers import (INPUTS, NOBODY, WRITERS, as_nobody, names,
                             run)
from maps import ALL_TYPES, TOOL_TIMEOUT, files_of

WRITES = 40
"""Of each of the writers that are at work together."""


def is_changed(tool, arguments):
    listed = tool("list", "map").ok()
    if arguments[0] == "delete":
        return "gone.example.com" not in listed
    return "new !\n" in listed


# ---- a folder that may be written and entered, but not read -----------------


@pytest.mark.parametrize("arguments", WRITERS, ids=names)
@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_a_folder_that_cannot_be_read(shared, map_type, arguments):
    shared.map("map", map_type)
    for name in files_of("map", map_type):
        os.chown(shared.path(name), *((NOBODY, NOBODY) if os.getuid() == 0
                                      else (-1, -1)))
    os.chmod(shared.folder, 0o300)
    try:
        run(shared, arguments, preexec_fn=as_nobody).ok()
    finally:
        os.chmod(shared.folder, 0o755)
    assert is_changed(shared, arguments)
    assert shared.files() == sorted(files_of("map", map_type))


def test_writers_together_in_a_folder_that_cannot_be_read(shared):
    shared.map()
    if os.getuid() == 0:
        os.chown(shared.path("map"), NOBODY, NOBODY)
    os.chmod(shared.folder, 0o300)
    script = "for i in $(seq %d); do %s set map $0-$i ! || exit 1; done"
    try:
        writers = [subprocess.Popen(
            ["sh", "-c", script % (WRITES, shared.program), name],
            cwd=shared.folder, preexec_fn=as_nobody,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            for name in ("a", "b", "c")]
        errors = [writer.communicate(timeout=TOOL_TIMEOUT)[1]
                  for writer in writers]
    finally:
        os.chmod(shared.folder, 0o755)
    assert errors == [b"", b"", b""]
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    listed = shared("list", "map").ok().splitlines()
    for name in ("a", "b", "c"):
        for number in range(1, WRITES + 1):
            assert "%s-%d !" % (name, number) in listed
    assert shared.files() == ["map"]


# ---- after the rename --------------------------------------------------------


@pytest.mark.parametrize("arguments", WRITERS, ids=names)
@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_a_folder_that_cannot_be_flushed_is_a_warning(tool, preload, map_type,
                                                      arguments):
    tool.map("map", map_type)
    done = run(tool, arguments, env=preloaded(preload, PRELOAD_FSYNC="1"))
    assert done.status == 0, done
    assert done.err.count("\n") == 1, done
    assert "arning: " in done.err and "cannot flush the folder" in done.err
    assert is_changed(tool, arguments)
    assert tool.files() == sorted(files_of("map", map_type))


# ---- before the rename, and between two -------------------------------------


@pytest.mark.parametrize("arguments", WRITERS, ids=names)
@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_a_refused_rename_leaves_the_map_as_it_was(tool, preload, map_type,
                                                   arguments):
    tool.map("map", map_type)
    files = files_of("map", map_type)
    before = [tool.read(name) for name in files]
    # the .dir is renamed first
    first = "map.dir" if len(files) > 1 else "map"
    run(tool, arguments, env=preloaded(preload, PRELOAD_RENAME="/" + first)) \
        .fails("cannot replace ", first, "Operation not permitted")
    assert [tool.read(name) for name in files] == before
    assert tool.files() == sorted(files)


@pytest.mark.parametrize("arguments", WRITERS, ids=names)
def test_half_of_an_sdbm_is_reported_as_half(tool, preload, arguments):
    """The .dir is in its place then, and the next writer does the rest."""
    tool.map("map", "sdbm")
    run(tool, arguments, env=preloaded(preload, PRELOAD_RENAME="/map.pag")) \
        .fails("map.pag after its .dir, which is the new one now",
               "Operation not permitted")
    assert tool.files() == ["map.dir", "map.hostmap-new.pag", "map.pag"]
    tool("set", "map", "more", "!").ok()
    assert is_changed(tool, arguments)
    listed = tool("list", "map").ok()
    assert "more !\n" in listed
    if arguments[0] == "set":
        assert sorted(listed.splitlines()) == sorted(
            (SORTED + INPUTS["set"] + "more !\n").splitlines())
    assert tool.files() == ["map.dir", "map.pag"]


# ---- texts -------------------------------------------------------------------

TO_TEXT = ["convert", "-t", "text", "map", "text"]


def test_a_text_in_a_folder_that_cannot_be_read(shared):
    shared.map()
    if os.getuid() == 0:
        os.chown(shared.path("map"), NOBODY, NOBODY)
    for _ in range(2):
        os.chmod(shared.folder, 0o300)
        try:
            shared(*TO_TEXT, preexec_fn=as_nobody).ok()
        finally:
            os.chmod(shared.folder, 0o755)
        assert shared.read("text").decode() == SORTED
    assert shared.files() == ["map", "text"]


def test_a_text_whose_folder_cannot_be_flushed_is_a_warning(tool, preload):
    tool.map()
    done = tool(*TO_TEXT, env=preloaded(preload, PRELOAD_FSYNC="1"))
    assert (done.status, done.out) == (0, "text: text, 10 entries\n")
    assert done.err.startswith("hostmap: text: warning: it is in place, but ")
    assert tool.read("text").decode() == SORTED
    assert tool.files() == ["map", "text"]


def test_a_refused_rename_leaves_the_text_as_it_was(tool, preload):
    tool.map()
    tool.write("text", "old\n")
    tool(*TO_TEXT, env=preloaded(preload, PRELOAD_RENAME="/text")).fails(
        "hostmap: text: Operation not permitted")
    assert tool.read("text") == b"old\n"
    assert tool.files() == ["map", "text"]


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to give files to "
                    "others")
def test_rights_that_cannot_be_copied_leave_the_text_as_it_was(shared):
    """Only root could give the new text to the owner of the old one, who alone
    may read it."""
    shared.map()
    shared.write("text", "old\n")
    os.chown(shared.path("text"), 12345, 12345)
    os.chmod(shared.path("text"), 0o600)
    os.chown(shared.path("map"), NOBODY, NOBODY)
    shared(*TO_TEXT, preexec_fn=as_nobody).fails(
        "hostmap: text: only its owner or root can keep the owner 12345")
    assert shared.read("text") == b"old\n"
    assert shared.files() == ["map", "text"]


@pytest.mark.parametrize("old", [None, "old\n"])
def test_the_new_file_of_another_writer_is_left_alone(tool, preload, old):
    """Its name was taken while the text was written."""
    tool.map()
    if old:
        tool.write("text", old)
    before = tool.files()
    tool(*TO_TEXT, env=preloaded(preload, PRELOAD_TAKE="text.hostmap-new")) \
        .fails("text.hostmap-new was removed or replaced while it was "
               "written: nothing was changed")
    assert tool.read("text.hostmap-new") == b"another's"
    os.unlink(tool.path("text.hostmap-new"))
    assert tool.files() == before
    if old:
        assert tool.read("text").decode() == old


@pytest.mark.parametrize("map_type", ["lmdb", "gdbm"])
def test_the_new_map_of_another_writer_is_left_alone(tool, preload, map_type):
    tool.map("map", map_type)
    before = tool.read("map")
    tool("set", "map", "new", "!", env=preloaded(
        preload, PRELOAD_TAKE="map.hostmap-new")).fails(
        "map.hostmap-new was removed or replaced while it was written: "
        "nothing was changed")
    assert tool.read("map") == before
    assert tool.read("map.hostmap-new") == b"another's"
