# SPDX-License-Identifier: Apache-2.0
"""The verbs that write a map, run as root or as somebody else."""

import os
import shutil

from hostmap_tool import Tool

NOBODY = 65534

WRITERS = [["build", "-", "map"], ["set", "map", "-"], ["apply", "map", "-"],
           ["delete", "map", "-"], ["httxt2dbm", "-i", "-", "-o", "map"]]
"""Each with an input that changes a map of SORTED."""

INPUTS = {"build": "new !\n", "set": "new !\n", "apply": "+new !\n",
          "delete": "gone.example.com\n", "httxt2dbm": "new !\n"}


def run(tool, arguments, **more):
    return tool(*arguments, text=INPUTS[arguments[0]], **more)


def names(arguments):
    return arguments[0]


def shared_tool(maps, folder):
    """A tool that other users can run, in a folder that is theirs."""
    shutil.copy(maps.hostmap, folder + "/hostmap")
    os.chmod(folder + "/hostmap", 0o755)
    os.mkdir(folder + "/work")
    if os.getuid() == 0:
        os.chown(folder + "/work", NOBODY, NOBODY)
    return Tool(folder + "/hostmap", folder + "/work")


def as_nobody():
    """For preexec_fn; who is not root is that already."""
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
