# SPDX-License-Identifier: Apache-2.0
"""Other servers, with a map of hosts or with an application that says where the
bytes are: what their configuration files need, and whether they are installed
(Debian: support/install-packages bench)."""

import os
import re
import shutil

from common import BACKENDS, HERE, Started

# name: program (in PATH or where Debian puts it), its configuration file,
# arguments around that file, processes that serve (0: the only one)
PEERS = {
    "nginx": ("nginx", "nginx.conf", ["-c"], 2),
    "nginx-keepalive": ("nginx", "nginx-keepalive.conf", ["-c"], 2),
    "haproxy": ("haproxy", "haproxy.cfg", ["-db", "-f"], 0),
    "nginx-accel": ("nginx", "nginx-accel.conf", ["-c"], 2),
    "perlbal": ("perlbal", "perlbal.conf", ["--config"], 0),
}
# of those with a map: whether it has names of backends, or their addresses;
# the end of a line of it
MAPS = {
    "nginx": (False, ";"),
    "nginx-keepalive": (True, ";"),
    "haproxy": (True, ""),
}


def program(name):
    """Where its program is; None if it is not installed."""
    found = PEERS[name][0]
    return shutil.which(found) or shutil.which(found, path="/usr/sbin")


def peer_map(bench, text, by_name, end):
    """The text of a map with other values."""
    path = "%s.%s%s" % (text, "name" if by_name else "address",
                        "-nginx" if end else "")
    if os.path.exists(path):
        return path
    values = {"http://127.0.0.1:%d\n" % port:
              "%s%s\n" % ("b%d" % number if by_name else "127.0.0.1:%d" % port,
                          end)
              for number, port in enumerate(bench.backends(), 1)}
    with open(text, encoding="ascii") as lines, \
            open(path, "w", encoding="ascii") as file:
        if end:
            file.write('default "";\n')
        for line in lines:
            host, value = line.split(" ", 1)
            file.write("%s %s" % (host, values[value]))
    os.chmod(path, 0o644)
    return path


class Peer(Started):
    """One of PEERS; text: of the map, for those that have one."""

    def __init__(self, bench, name, text=None):
        _, conf, arguments, children = PEERS[name]
        super().__init__(bench, name)
        self.children = children
        self.single = children == 0
        path = self.path(conf)
        words = {
            "ROOT": self.root, "PORT": str(self.port),
            "MAP": peer_map(bench, text, *MAPS[name]) if text else "",
            "HASH_SIZE": str(bench.settings.hosts + 1000),
            "APP": str(bench.backends()[0]),
            "STORAGE": str(bench.backends()[-1]),
            "USER": "" if os.getuid() == 0 else "# ",
            "USER_NAME": "www-data",
        }
        for number in range(BACKENDS):
            words["BACKEND%d" % (number + 1)] = str(bench.backends()[number])
        with open(os.path.join(HERE, conf), encoding="utf-8") as file:
            lines = re.sub("@([A-Z0-9_]+)@", lambda match: words[match[1]],
                           re.sub("(?m)^#.*\n", "", file.read()))
        with open(path, "w", encoding="utf-8") as file:
            file.write(lines)
        self.arguments = [program(name), *arguments, path]
        self.environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
