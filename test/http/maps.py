# SPDX-License-Identifier: Apache-2.0
"""Maps for the tests, built by our tool or by httpd's own httxt2dbm."""

import contextlib
import fcntl
import os
import random
import subprocess
import time

STOCK_TOOL = (os.environ["SWITCHBOARD_HTTPD"] + "/bin/httxt2dbm"
              if "SWITCHBOARD_HTTPD" in os.environ
              else "/usr/sbin/httxt2dbm")
TOOL_TIMEOUT = 60

DBM_TYPES = ("sdbm", "gdbm", "db")
"""The types that httpd's own tool makes."""

ALL_TYPES = ("lmdb",) + DBM_TYPES


def text_of(entries):
    """The text form of {host: value}."""
    return "".join("%s %s\n" % entry for entry in entries.items())


def files_of(path, dbm_type):
    """The files that a map of this name and type consists of."""
    if dbm_type == "sdbm":
        return [path + ".dir", path + ".pag"]
    return [path]


def random_host(dice, suffix="example.com"):
    label = "".join(dice.choices("abcdefghijklmnopqrstuvwxyz0123456789",
                                 k=dice.randint(1, 20)))
    return "%s.%s" % (label, suffix)


def filler(count, value, seed=1):
    """So many other hosts, the same ones each time."""
    dice = random.Random(seed)
    entries = {}
    while len(entries) < count:
        entries[random_host(dice, "filler.example.net")] = value
    return entries


def age(path, kind, seconds=10):
    """Make a map look that old: answers from a fresh DBM file are not kept,
    as its writer might not be done."""
    then = time.time() - seconds
    for file in files_of(path, kind):
        os.utime(file, (then, then))


@contextlib.contextmanager
def writer_lock(path):
    """Hold a file as a writer of sdbm does.  APR locks with flock or with
    fcntl, as it was built."""
    with open(path, "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        fcntl.lockf(file, fcntl.LOCK_EX)
        yield


class MapTools:
    def __init__(self, folder):
        self.hostmap = os.path.join(folder, "hostmap")
        assert os.access(self.hostmap, os.X_OK), \
            "SWITCHBOARD_BIN: no hostmap in " + folder

    def run(self, *arguments, text=None):
        """Run hostmap; its standard output.  A failure fails the test."""
        done = subprocess.run([self.hostmap, *arguments], input=text,
                              text=True, capture_output=True,
                              timeout=TOOL_TIMEOUT)
        assert done.returncode == 0, "hostmap %s: %d\n%s" % (
            " ".join(arguments), done.returncode, done.stderr)
        return done.stdout

    def build(self, path, entries, dbm_type="lmdb"):
        """Build or replace a map with `hostmap build`; its path."""
        self.run("build", "-t", dbm_type, "--max-removed", "100", "-", path,
                 text=text_of(entries))
        return path

    def add_raw(self, path, entries, dbm_type="lmdb"):
        """Write entries unchecked, by our tool's httxt2dbm face."""
        self.run("httxt2dbm", "-f", dbm_type, "-i", "-", "-o", path,
                 text=text_of(entries))
        return path

    @staticmethod
    def stock(path, entries, dbm_type="default", check=True):
        """Make or add to a map with httpd's own tool; its path, or None
        when it failed and check is off."""
        done = subprocess.run(
            [STOCK_TOOL, "-f", dbm_type, "-i", "-", "-o", path],
            input=text_of(entries), text=True, capture_output=True,
            timeout=TOOL_TIMEOUT)
        if done.returncode != 0 and not check:
            return None
        assert done.returncode == 0, "httxt2dbm: %s" % done.stderr
        return path


def express(path, dbm_type="default", *more):
    """Directives that serve from this map."""
    return "\n".join(["ProxyExpressEnable On",
                      "ProxyExpressDBMFile %s" % path,
                      "ProxyExpressDBMType %s" % dbm_type, *more, ""])
