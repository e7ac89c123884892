# SPDX-License-Identifier: Apache-2.0
"""Waiting for something to become true."""

import time


def wait_for(true, seconds, what):
    """Wait until true() is; its value.  Fails after that many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        value = true()
        if value:
            return value
        assert time.monotonic() < deadline, \
            "not within %s s: %s" % (seconds, what)
        time.sleep(0.01)
