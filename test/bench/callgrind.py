# SPDX-License-Identifier: Apache-2.0
"""Instructions that an httpd runs in user space, as callgrind counts them."""

import re
import shutil

from common import say

VALGRIND = ("valgrind", "--quiet", "--tool=callgrind",
            "--callgrind-out-file=%q{BENCH_ROOT}/callgrind.out")


FEW = 500
MANY = 2500


def is_there(part):
    """Whether callgrind is; says so if it is not."""
    if shutil.which("valgrind"):
        return True
    say("%s: instructions are NOT counted: no valgrind here "
        "(Debian: apt-get install valgrind)" % part)
    return False


class Profile:
    """A callgrind.out file: instructions of each function itself, and of each
    function's calls."""

    # a function that calls itself has an apostrophe and a number for each
    # level
    NAME = re.compile(r"^(c?fn)=\((\d+)\)(?: (.*?)(?:'\d+)?)?$")

    def __init__(self, path):
        self.own = {}
        self.calls = {}
        names = {}
        function = callee = None
        is_call = False
        with open(path, encoding="utf-8") as file:
            for line in file:
                match = self.NAME.match(line)
                if match:
                    what, number, name = match.groups()
                    name = names.setdefault(number, name)
                    if what == "fn":
                        function = name
                    else:
                        callee = name
                elif line.startswith("calls="):
                    is_call = True
                elif line[0] in "0123456789+-*":
                    cost = int(line.split()[1]) if " " in line else 0
                    if is_call:
                        where = (function, callee)
                        self.calls[where] = self.calls.get(where, 0) + cost
                    else:
                        self.own[function] = self.own.get(function, 0) + cost
                    is_call = False

    def whole(self):
        return sum(self.own.values())

    def function(self, name, without=()):
        """Of a function with all that it calls, but for some."""
        return self.part((name,), without)

    def part(self, names, without=()):
        """Of functions that make up a part, with all that they call, but for
        those whose names begin so: 0x is all that have none."""
        return sum(self.own.get(name, 0) for name in names) + sum(
            cost for (caller, callee), cost in self.calls.items()
            if caller in names and callee not in names
            and not callee.startswith(tuple(without)))


def profile(bench, conf, map_path, text, requests, load):
    """Of a server with one child that serves so many requests."""
    front = bench.front(conf, map_path, children=1, threads=4,
                        wrapper=VALGRIND)
    bench.load(front, text, "-n", str(requests), connections=1, **load)
    front.stop()
    return Profile(front.path("callgrind.out"))


def per_request(bench, conf, map_path="", text=None, **load):
    """A Profile with instructions per request: two runs of different length
    are subtracted, so that start and end of the server do not count.  text:
    what is asked for, else the hosts of the large map."""
    text = text or bench.text(bench.settings.hosts)
    first, second = (profile(bench, conf, map_path, text, count, load)
                     for count in (FEW, MANY))
    for mine, other in ((second.own, first.own), (second.calls, first.calls)):
        for key in mine:
            mine[key] = (mine[key] - other.get(key, 0)) / (MANY - FEW)
    return second
