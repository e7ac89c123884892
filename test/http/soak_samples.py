# SPDX-License-Identifier: Apache-2.0
"""What servers take over time, whether that is flat, and a drawing of it."""

import contextlib
import html
import re
import statistics

import process

WARM_UP = 0.25
"""The part of a soak that is not judged: pools fill, memory is taken that is
kept from then on."""

PART = 0.25
"""The first and the last part of the rest are compared, by their medians."""

ALLOWED = {
    "requests a second": None,
    "memory of the children": (0.06, 3000),
    "memory of the parent": (0.06, 1000),
    "descriptors": (0.10, 30),
    "threads": (0.10, 6),
    "shared memory": (0, 0),
}
"""How much more the last part may have: a share, and so much besides (kB where
it is memory).  None: it is drawn, not judged."""


def shared(pid):
    """Kilobytes that a process shares with those that it starts: the mappings
    that it may write to and that are shared."""
    total = 0
    with open("/proc/%d/maps" % pid, encoding="utf-8") as file:
        for line in file:
            span, flags = line.split()[:2]
            if flags.startswith("rw-s"):
                first, last = (int(end, 16) for end in span.split("-"))
                total += last - first
    return total // 1024


def sample(httpd):
    """Of a server now."""
    parent = httpd.process.pid
    seen = {"memory of the parent": process.private_dirty(parent),
            "shared memory": shared(parent),
            "descriptors": process.descriptors(parent), "threads": 0,
            "memory of the children": 0}
    for pid in httpd.child_pids():
        # one may end as it is looked at
        with contextlib.suppress(OSError, TypeError):
            memory = process.private_dirty(pid)
            descriptors = process.descriptors(pid)
            seen["threads"] += len(list(process.thread_states(pid)))
            seen["memory of the children"] += memory
            seen["descriptors"] += descriptors
    return seen


class Series:
    """Samples of one thing over time."""

    def __init__(self, server, name):
        self.server = server
        self.name = name
        self.times = []
        self.values = []

    @property
    def title(self):
        return "%s, %s" % (self.name, self.server)

    def add(self, when, value):
        self.times.append(when)
        self.values.append(value)

    def parts(self):
        """Medians of the first and of the last part that count."""
        judged = self.values[int(len(self.values) * WARM_UP):]
        size = max(1, int(len(judged) * PART))
        return (statistics.median(judged[:size]),
                statistics.median(judged[-size:]))

    def limit(self):
        """What the last part may have; None: it is not judged."""
        if ALLOWED[self.name] is None:
            return None
        share, more = ALLOWED[self.name]
        return self.parts()[0] * (1 + share) + more

    def is_flat(self):
        limit = self.limit()
        return limit is None or self.parts()[1] <= limit


def table(series):
    """The judgement as a table of a page."""
    lines = ["| what | first | last | at most | |", "|---|---|---|---|---|"]
    for one in series:
        first, last = one.parts()
        limit = one.limit()
        lines.append("| %s | %.0f | %.0f | %s | %s |" % (
            one.title, first, last,
            "-" if limit is None else "%.0f" % limit,
            "-" if limit is None else
            "flat" if one.is_flat() else "**not flat**"))
    return "\n".join(lines) + "\n"


WIDTH, HEIGHT, LEFT, TOP, GAP = 760, 70, 20, 24, 30
POINTS = 250


def drawn(one):
    """Of so many neighbours the largest, with its time."""
    size = -(-len(one.values) // POINTS)
    pairs = list(zip(one.times, one.values))
    for start in range(0, len(pairs), size):
        yield max(pairs[start:start + size], key=lambda pair: pair[1])


def panel(one, top):
    """One series as SVG, its values from zero on."""
    most = max(one.values) or 1
    last = one.times[-1] or 1
    points = " ".join("%.0f,%.1f" % (
        LEFT + WIDTH * when / last, top + HEIGHT * (1 - value / most))
        for when, value in drawn(one))
    judged = LEFT + WIDTH * WARM_UP
    return "\n".join([
        '<text x="%d" y="%d">%s: %.0f at most%s</text>' % (
            LEFT, top - 7, html.escape(one.title), most,
            " (kB)" if re.search("memory", one.name) else ""),
        '<rect x="%d" y="%d" width="%d" height="%d" fill="none" '
        'stroke="#bbb"/>' % (LEFT, top, WIDTH, HEIGHT),
        '<line x1="%d" x2="%d" y1="%d" y2="%d" stroke="#bbb"/>' % (
            judged, judged, top, top + HEIGHT),
        '<polyline points="%s" fill="none" stroke="#036" '
        'stroke-width="1.2"/>' % points])


def plot(series):
    """All of them below each other, as one SVG; the line tells where the
    warm-up ends."""
    height = TOP + len(series) * (HEIGHT + GAP) + 10
    text = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" '
            'font-family="sans-serif" font-size="12">' % (
                WIDTH + 2 * LEFT, height),
            '<rect width="100%" height="100%" fill="#fff"/>']
    text += [panel(one, TOP + number * (HEIGHT + GAP))
             for number, one in enumerate(series)]
    text.append('<text x="%d" y="%d">0 to %.1f minutes</text>' % (
        LEFT, height - 14, series[0].times[-1] / 60))
    return "\n".join(text) + "\n</svg>\n"
