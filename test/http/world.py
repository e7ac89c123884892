# SPDX-License-Identifier: Apache-2.0
"""The addresses of names and the clock, as a httpd sees them (preload.c), and
other C that tests load into it."""

import os
import subprocess
import time

COMPILE_TIMEOUT = 60

NAME = "backend.test"
OLD = "127.2.0.1"


def compiled(folder, name, *arguments):
    """Compile NAME.c, which stands beside, into a library; its path."""
    library = os.path.join(folder, name + ".so")
    source = os.path.join(os.path.dirname(__file__), name + ".c")
    subprocess.run(["gcc", "-g", "-Wall", "-Werror", "-shared",
                    "-fPIC", "-o", library, source, *arguments],
                   check=True, timeout=COMPILE_TIMEOUT)
    os.chmod(library, 0o755)
    return library


def ask_apxs(name):
    """What httpd was built with."""
    return subprocess.check_output(
        [os.environ.get("APXS", "apxs"), "-q", name], text=True,
        stderr=subprocess.DEVNULL, timeout=COMPILE_TIMEOUT).strip()


def compiled_module(folder, name):
    """As compiled, for a module of httpd's that may use our headers."""
    include = os.path.join(os.path.dirname(__file__), "../../include")
    apr = subprocess.check_output(
        [ask_apxs("APR_CONFIG"), "--cppflags", "--includes"], text=True,
        timeout=COMPILE_TIMEOUT)
    return compiled(folder, name, "-I" + include,
                    "-I" + ask_apxs("INCLUDEDIR"), *apr.split(),
                    *ask_apxs("EXTRA_CPPFLAGS").split())


class World:
    """What a httpd takes for the addresses of names and for the time; its files
    lie in a folder, the library is preload.c's."""

    def __init__(self, folder, library):
        self.library = library
        self.hosts = os.path.join(folder, "hosts")
        self.clock = os.path.join(folder, "clock")
        self.write(self.hosts + ".asked", "")
        # httpd's children write there
        os.chmod(self.hosts + ".asked", 0o666)
        self.set_clock(0)
        self.set_address(OLD)

    def preload(self, httpd):
        httpd.preload(self.library, PRELOAD_HOSTS=self.hosts,
                      PRELOAD_CLOCK=self.clock)

    @staticmethod
    def write(path, text):
        """At once: httpd may read it at any time."""
        with open(path + ".new", "w", encoding="ascii") as file:
            file.write(text)
        os.replace(path + ".new", path)

    def set_address(self, address):
        self.write(self.hosts, "%s %s\n" % (NAME, address))

    def set_clock(self, seconds):
        """So many seconds later than it is."""
        self.write(self.clock, str(seconds))

    def stop_clock(self):
        """It stands still from now on, and goes on with advance() alone."""
        self.stopped = time.time_ns() // 1000
        self.advance(0)

    def advance(self, seconds):
        self.stopped += round(seconds * 1000000)
        self.write(self.clock, "=%d %d" % divmod(self.stopped, 1000000))

    def asked(self):
        """How often the name's address was asked for."""
        with open(self.hosts + ".asked", encoding="ascii") as file:
            return file.read().count(NAME)
