# SPDX-License-Identifier: Apache-2.0
"""File systems that share the blocks of a copy: they share no page in memory, so
a changed map is read ahead before it is renamed over the old one."""

import ctypes
import os
import shutil
import subprocess

import pytest

from hostmap_tool import Tool

ENTRIES = 100000
PAGE = 4096

LIBC = ctypes.CDLL(None)
LIBC.mmap.restype = ctypes.c_void_p
LIBC.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int,
                      ctypes.c_int, ctypes.c_int, ctypes.c_long]
LIBC.mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]
LIBC.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]

MAKERS = {"xfs": ["mkfs.xfs", "-q"], "btrfs": ["mkfs.btrfs", "-q"]}


def attempt(arguments):
    done = subprocess.run(arguments, stderr=subprocess.PIPE,
                          stdin=subprocess.DEVNULL, text=True)
    if done.returncode != 0:
        pytest.skip("%s: %s" % (" ".join(arguments), done.stderr.strip()))


@pytest.fixture(name="shared_blocks", params=sorted(MAKERS))
def _shared_blocks(request, maps, folder):
    """A tool in a folder on a file system of this kind, in a file."""
    maker = MAKERS[request.param]
    if os.getuid() != 0:
        pytest.skip("only root can mount")
    if not shutil.which(maker[0]):
        pytest.skip("%s is not installed" % maker[0])
    image, mounted = folder + "/image", folder + "/mounted"
    with open(image, "wb") as file:
        file.truncate(400 << 20)
    attempt(maker + [image])
    os.mkdir(mounted)
    attempt(["mount", "-o", "loop", image, mounted])
    try:
        yield Tool(maps.hostmap, mounted)
    finally:
        subprocess.run(["umount", mounted], check=True)


def in_memory(path):
    """Pages of a file that are in memory, and all of them."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        mapped = LIBC.mmap(None, size, 1, 1, file.fileno(), 0)   # read, shared
        assert mapped != ctypes.c_void_p(-1).value
        pages = (ctypes.c_ubyte * -(-size // PAGE))()
        assert LIBC.mincore(mapped, size, pages) == 0
        LIBC.munmap(mapped, size)
    return sum(page & 1 for page in pages), len(pages)


def test_a_changed_map_is_in_memory_before_it_is_in_place(shared_blocks):
    tool = shared_blocks
    tool.map("map", "lmdb", "".join("h%06d.example http://10.0.0.1\n" % i
                                    for i in range(ENTRIES)))
    pages, every = in_memory(tool.path("map"))
    assert pages == every
    # what a shared copy is like that nobody has read
    copy = tool.path("copy")
    subprocess.run(["cp", "--reflink=always", tool.path("map"), copy],
                   check=True)
    assert in_memory(copy)[0] < every / 2
    tool("set", "map", "h000001.example", "!").ok()
    # what the change has added may have left the memory with its fsync
    assert in_memory(tool.path("map"))[0] >= every
