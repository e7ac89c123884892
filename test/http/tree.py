# SPDX-License-Identifier: Apache-2.0
"""The source tree that is tested, and the pages of its documentation."""

import glob
import os

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
DOCS = sorted(glob.glob(TOP + "/docs/*.md"))
PAGES = sorted(glob.glob(TOP + "/*.md")) + DOCS


def name_of(page):
    """A page as the tree calls it."""
    return os.path.relpath(page, TOP)


def text_of(page):
    with open(page, encoding="utf-8") as file:
        return file.read()
