# SPDX-License-Identifier: Apache-2.0
"""What /proc tells of a process: files, memory, mappings."""

import os
import re


def descriptors(pid):
    """How many files a process has open."""
    return len(os.listdir("/proc/%d/fd" % pid))


def resident(pid):
    """Kilobytes that a process has in memory."""
    with open("/proc/%d/status" % pid, encoding="ascii") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1])


def private_dirty(pid):
    """Kilobytes of memory that a process has written to and shares with
    none."""
    with open("/proc/%d/smaps_rollup" % pid, encoding="ascii") as file:
        return int(re.search(r"Private_Dirty:\s+(\d+)", file.read())[1])


def mappings(pid, path):
    """How often a process has a file of this name mapped, deleted ones
    included."""
    with open("/proc/%d/maps" % pid, encoding="utf-8") as file:
        return sum(path in line for line in file)


def thread_states(pid):
    """A letter for each thread: R runs, S sleeps, T is stopped, Z has ended."""
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/stat" % (pid, task),
                  encoding="utf-8") as file:
            yield file.read().rpartition(")")[2].split()[0]
