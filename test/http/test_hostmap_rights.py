# SPDX-License-Identifier: Apache-2.0
"""Who may do what with a map after it was replaced; folders, disks and owners
that do not let it be replaced."""

import contextlib
import errno
import os
import stat
import struct
import subprocess

import pytest

from hostmap_tool import SORTED
from hostmap_writers import NOBODY, WRITERS, as_nobody, names, run
from maps import ALL_TYPES, files_of

def acl(*entries):
    """The value of system.posix_acl_access (linux/posix_acl_xattr.h)."""
    return struct.pack("<I", 2) + b"".join(
        struct.pack("<HHI", *entry) for entry in entries)


NO_ID = 0xffffffff
ACL = acl((1, 6, NO_ID), (2, 4, 12345), (4, 0, NO_ID), (16, 4, NO_ID),
          (32, 0, NO_ID))
"""user::rw user:12345:r group::- mask::r other::-"""


def set_attribute(path, name, value):
    try:
        os.setxattr(path, name, value)
    except OSError as error:
        pytest.skip("%s cannot be set here: %s" % (name, error.strerror))


needs_root = pytest.mark.skipif(os.getuid() != 0, reason="needs root, to give "
                                "files to others")


# ---- kept ------------------------------------------------------------------


@pytest.mark.parametrize("arguments", WRITERS, ids=names)
@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_every_writer_keeps_owner_and_mode(tool, map_type, arguments):
    tool.map("map", map_type)
    paths = [tool.path(name) for name in files_of("map", map_type)]
    owner = (12345, 23456) if os.getuid() == 0 else (os.getuid(), os.getgid())
    for path in paths:
        os.chmod(path, 0o640)
        os.chown(path, *owner)
    inodes = [os.stat(path).st_ino for path in paths]
    run(tool, arguments).ok()
    for path, inode in zip(paths, inodes):
        info = os.stat(path)
        assert info.st_ino != inode
        assert stat.S_IMODE(info.st_mode) == 0o640
        assert (info.st_uid, info.st_gid) == owner


@pytest.mark.parametrize("arguments", WRITERS, ids=names)
@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_acl_and_context_are_kept(tool, map_type, arguments):
    tool.map("map", map_type)
    paths = [tool.path(name) for name in files_of("map", map_type)]
    attributes = {"system.posix_acl_access": ACL}
    if os.getuid() == 0:
        attributes["security.selinux"] = b"system_u:object_r:httpd_t:s0\0"
    for path in paths:
        for name, value in attributes.items():
            set_attribute(path, name, value)
    modes = [os.stat(path).st_mode for path in paths]
    run(tool, arguments).ok()
    for path, mode in zip(paths, modes):
        for name, value in attributes.items():
            assert os.getxattr(path, name) == value
        assert os.stat(path).st_mode == mode


def test_acl_of_the_folder_does_not_replace_that_of_the_map(tool):
    tool.map()
    set_attribute(tool.folder, "system.posix_acl_default", ACL)
    run(tool, WRITERS[1]).ok()
    with pytest.raises(OSError) as raised:
        os.getxattr(tool.path("map"), "system.posix_acl_access")
    assert raised.value.errno == errno.ENODATA
    assert stat.S_IMODE(os.stat(tool.path("map")).st_mode) == 0o644


@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_a_new_map_is_readable_by_all_and_writable_by_its_owner(tool,
                                                                map_type):
    for mask in (0o000, 0o022, 0o077):
        tool("build", "-t", map_type, "-", "map%03o" % mask, text=SORTED,
             preexec_fn=lambda mask=mask: os.umask(mask)).ok()
        for name in files_of("map%03o" % mask, map_type):
            assert stat.S_IMODE(os.stat(tool.path(name)).st_mode) == 0o644


# ---- not kept --------------------------------------------------------------


@needs_root
@pytest.mark.parametrize("arguments", WRITERS, ids=names)
def test_a_map_is_not_taken_away_from_its_readers(shared, arguments):
    """nobody may replace root's map in his folder, but not give the new one to
    the group that reads the old one."""
    shared.map()
    os.chmod(shared.path("map"), 0o640)
    os.chown(shared.path("map"), NOBODY, 23456)
    before = shared.read("map")
    done = run(shared, arguments, preexec_fn=as_nobody)
    done.fails("only its owner or root can keep the owner %d and the group "
               "23456 of " % NOBODY)
    assert shared.read("map") == before
    assert shared.files() == ["map"]
    assert run(shared, arguments).status == 0


@needs_root
def test_a_group_that_cannot_be_kept_is_none_when_all_may_read(shared):
    shared.map()
    os.chmod(shared.path("map"), 0o664)
    os.chown(shared.path("map"), 0, 23456)
    run(shared, WRITERS[1], preexec_fn=as_nobody).ok()
    info = os.stat(shared.path("map"))
    assert (info.st_uid, info.st_gid) == (NOBODY, NOBODY)
    assert stat.S_IMODE(info.st_mode) == 0o644


# ---- nothing lost ----------------------------------------------------------


@needs_root
@pytest.mark.parametrize("map_type", ["lmdb", "sdbm"])
def test_what_another_user_left_is_said(shared, map_type):
    shared.map("map", map_type)
    left = files_of("map.hostmap-new", map_type)[-1]
    shared.write(left, "")
    os.chmod(shared.path(left), 0o600)
    run(shared, WRITERS[1], preexec_fn=as_nobody).fails(
        left + " belongs to another user's writer", "Permission denied")


@pytest.mark.parametrize("arguments", WRITERS, ids=names)
@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_a_folder_that_is_read_only(shared, map_type, arguments):
    shared.map("map", map_type)
    before = [shared.read(name) for name in files_of("map", map_type)]
    if os.getuid() == 0:
        os.chown(shared.folder, 0, 0)
    os.chmod(shared.folder, 0o555)
    try:
        run(shared, arguments, preexec_fn=as_nobody).fails(
            "cannot create %s/map.hostmap-new" % shared.folder,
            "Permission denied")
        assert [shared.read(name)
                for name in files_of("map", map_type)] == before
    finally:
        os.chmod(shared.folder, 0o755)
    assert shared.files() == sorted(files_of("map", map_type))


@needs_root
@pytest.mark.parametrize("arguments", WRITERS, ids=names)
@pytest.mark.parametrize("map_type", ["lmdb", "sdbm"])
def test_a_map_that_cannot_be_read(shared, map_type, arguments):
    """It may be whole: not even `build` puts another in its place."""
    shared.map("map", map_type)
    files = files_of("map", map_type)
    for name in files:
        os.chmod(shared.path(name), 0o600)
    before = [shared.read(name) for name in files]
    run(shared, arguments, preexec_fn=as_nobody).fails(
        "map", "Permission denied")
    assert [shared.read(name) for name in files] == before
    assert shared.files() == sorted(files)


@contextlib.contextmanager
def small_disk(path):
    os.mkdir(path)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs",
                           path], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip("no tmpfs can be mounted here: " + done.stderr.strip())
    try:
        yield path
    finally:
        subprocess.run(["umount", path], check=True)


@needs_root
@pytest.mark.parametrize("verb", ["build", "set", "apply", "httxt2dbm"])
@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_a_disk_that_is_full(tool, map_type, verb):
    with small_disk(tool.path("disk")):
        tool.map("disk/map", map_type)
        tool.write("text", "".join(
            "%sh%05d http://10.0.0.1/%s\n" % ("+" if verb == "apply" else "",
                                              i, "x" * 90)
            for i in range(12000)))
        files = ["disk/" + name for name in files_of("map", map_type)]
        before = [tool.read(name) for name in files]
        arguments = {"build": ["build", "text", "disk/map"],
                     "set": ["set", "disk/map", "-"],
                     "apply": ["apply", "disk/map", "text"],
                     "httxt2dbm": ["httxt2dbm", "-f", map_type, "-i", "text",
                                   "-o", "disk/map"]}[verb]
        done = tool(*arguments, text=tool.read("text")).fails(
            "disk/map", "No space left on device")
        # not one for each page that a library could not write
        assert done.err.count("\n") == 1
        assert [tool.read(name) for name in files] == before
        assert sorted(os.listdir(tool.path("disk"))) \
            == sorted(files_of("map", map_type))
        assert tool("list", "disk/map").ok() == SORTED
        # The disk has room for what fits.
        tool("set", "disk/map", "new", "!").ok()


@pytest.mark.parametrize("arguments", WRITERS, ids=names)
@pytest.mark.parametrize("map_type", ALL_TYPES)
def test_every_writer_follows_a_link_and_takes_blanks(tool, map_type,
                                                      arguments):
    os.mkdir(tool.path("a folder"))
    tool.map("a folder/the map", map_type)
    for end, target in zip(files_of("", map_type),
                           files_of("a folder/the map", map_type)):
        os.symlink(target, tool.path("map" + end))
    run(tool, arguments).ok()
    listed = tool("list", "a folder/the map").ok()
    assert listed != SORTED
    assert tool("list", "map").ok() == listed
    for name in files_of("map", map_type):
        assert os.path.islink(tool.path(name))
    assert sorted(os.listdir(tool.path("a folder"))) \
        == sorted(files_of("the map", map_type))


@pytest.mark.parametrize("arguments", WRITERS[:4], ids=names)
def test_writers_warn_who_else_can_write(tool, arguments):
    tool.map()
    os.chmod(tool.path("map"), 0o666)
    os.chmod(tool.folder, 0o777)
    try:
        done = run(tool, arguments)
    finally:
        os.chmod(tool.folder, 0o700)
    assert done.status == 0
    assert done.err == (
        "hostmap: map: warning: the file map can be written by everybody\n"
        "hostmap: map: warning: the folder . can be written by everybody\n")
