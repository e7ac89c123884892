# SPDX-License-Identifier: Apache-2.0
"""What a soak's answers may say, while what they come from changes."""

import contextlib
import threading
import time

SETTLED = 2
"""Seconds after a map was replaced in which the one before may still answer:
ProxyExpressCheckInterval is 0.1, and a busy machine takes its time."""


class Versions:
    """The values that something has had, each with the span of time in which a
    request may have met it.  Any thread reads, one changes."""

    def __init__(self, value):
        self.lock = threading.Lock()
        self.spans = [[value, 0, float("inf")]]

    @property
    def newest(self):
        return self.spans[-1][0]

    @contextlib.contextmanager
    def changing(self, value):
        """The value is from the beginning of the block on what some may meet,
        and from its end on, and a little, the only one."""
        before = self.spans[-1]
        with self.lock:
            self.spans.append([value, time.monotonic(), float("inf")])
        yield
        with self.lock:
            before[2] = time.monotonic() + SETTLED
            self.spans = [span for span in self.spans
                          if span[2] > time.monotonic() - 120]

    def met(self, begin):
        """What a request may have met that was sent at this time and is
        answered now."""
        end = time.monotonic()
        with self.lock:
            return {value for value, first, last in self.spans
                    if first <= end and begin <= last}


class Truth:
    """Which backend each host of the soak has.

    Hosts `wN` have each a backend of their own, at one of as many loopback
    addresses: with each new generation of the map all of them move.  Hosts
    `sN` are moved one by one between the backends of `names`.  The backend of
    `restarted` ends and comes back on another port."""

    def __init__(self, wide, single, names):
        self.wide = wide
        self.generation = Versions(0)
        self.names = names
        self.single = [Versions(names[0]) for _ in range(single)]
        self.restarted = Versions(0)
        self.down = Versions(False)

    def address(self, number, generation):
        """Of the backend of host w(number)."""
        place = (number + generation * 7919) % self.wide
        return "127.%d.%d.%d" % (16 + (place >> 16), place >> 8 & 255,
                                 place & 255)

    def addresses(self, number, begin):
        return {self.address(number, generation)
                for generation in self.generation.met(begin)}
