# SPDX-License-Identifier: Apache-2.0
"""What the tests of the tool share: a folder to run it in, what a run left, and
a map's entries."""

import os
import random
import resource
import subprocess

from maps import TOOL_TIMEOUT

ENTRIES = {
    "www.example.com": "http://10.0.0.5:8080",
    "shop.example.com": "https://10.0.0.6/app timeout=5 ping=1",
    "a-b.example.com": "http://10.0.0.1",
    "a.example.com": "http://10.0.0.2",
    "local.example.com": "!",
    "old.example.com": "301 https://new.example.com",
    "gone.example.com": "410",
    "sock.example.com": "unix:/run/app.sock|http://localhost",
    "2001:db8::1": "http://[2001:db8::2]:8080",
    "under_score": "balancer://cluster",
}
SORTED = "".join("%s %s\n" % (key, ENTRIES[key])
                 for key in sorted(ENTRIES, key=str.encode))


def preloaded(library, **variables):
    """The environment of a run before whose libraries this one is loaded, with
    these variables.  A sanitizer wants to be the first, and need not be."""
    return dict(os.environ, LD_PRELOAD=library,
                ASAN_OPTIONS="verify_asan_link_order=0", **variables)


class Done:
    """Exit status, standard output and standard error of a run."""

    def __init__(self, done):
        self.status = done.returncode
        self.out = done.stdout.decode("utf-8", "surrogateescape")
        self.err = done.stderr.decode("utf-8", "surrogateescape")

    def __repr__(self):
        return "status %d\nout: %r\nerr: %r" % (self.status, self.out,
                                                self.err)

    def ok(self):
        assert self.status == 0, self
        assert self.err == "", self
        return self.out

    def fails(self, *parts, status=1):
        assert self.status == status, self
        for part in parts:
            assert part in self.err, self
        return self


def as_bytes(text):
    return text if isinstance(text, bytes) else text.encode()


class Tool:
    def __init__(self, program, folder):
        self.program = program
        self.folder = str(folder)

    def __call__(self, *arguments, text=b"", **more):
        return Done(subprocess.run(
            [self.program, *arguments], input=as_bytes(text),
            capture_output=True, timeout=TOOL_TIMEOUT, cwd=self.folder,
            **more))

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "wb") as file:
            file.write(as_bytes(text))
        return name

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def files(self):
        return sorted(os.listdir(self.folder))

    def map(self, name="map", map_type="lmdb", text=SORTED):
        self("build", "-t", map_type, "-", name, text=text).ok()
        return name


def shuffled(text):
    lines = text.splitlines(keepends=True)
    random.Random(7).shuffle(lines)
    return "".join(lines)


def limited_file_size(size):
    """For preexec_fn: writing more than size bytes to a file fails, as it
    does on a full disk (EFBIG instead of ENOSPC)."""
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    return limit


BIG = 2300000
"""More entries than are sorted in memory at once (1048576), twice."""


def peak(tool, *arguments, **more):
    """Run the tool; what it said, and kilobytes of memory at its peak."""
    program = ("import os, subprocess, sys; "
               "done = subprocess.run(sys.argv[1:], timeout=%d); "
               "print(__import__('resource').getrusage("
               "__import__('resource').RUSAGE_CHILDREN).ru_maxrss); "
               "sys.exit(done.returncode)" % TOOL_TIMEOUT)
    done = Done(subprocess.run(
        ["/usr/bin/python3", "-c", program, tool.program, *arguments],
        capture_output=True, timeout=TOOL_TIMEOUT, cwd=tool.folder, **more))
    said, _, kilobytes = done.out.rstrip("\n").rpartition("\n")
    return done, said, int(kilobytes)
