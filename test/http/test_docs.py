# SPDX-License-Identifier: Apache-2.0
"""What the documentation shows is true: its configurations pass `httpd -t`,
its links and paths lead somewhere, the tests that it names are there."""

import glob
import os
import re

import pytest

from backend import self_signed
from doc_commands import FENCE
from httpd import STOCK_MODULES
from tree import DOCS, PAGES, TOP, name_of, text_of

CONFIGURATION = re.compile(
    r"^\s*(<(VirtualHost|Proxy|Location|Directory)\b|LoadModule\s|ProxyPass\w*"
    r"\s+/|ProxyExpress\w+\s+(On|Off|/)|ProxyPool\w+\s+[^\W_]+(=|$)"
    r"|SSLCertMap\w+\s+(/|[a-z]+$)|AllowReproxy\s+(On|Off)$|PreserveHeaders\s+[A-Z]|Reproxy[A-Z]\w+\s+\S)",
    re.MULTILINE)
"""Lines of httpd's configuration, whatever block they stand in."""


def snippets(page):
    """(name, text) of each block of configuration of a page."""
    text = text_of(page)
    for block in FENCE.finditer(text):
        if block["language"] == "apache":
            line = text.count("\n", 0, block.start()) + 1
            yield "%s:%d" % (name_of(page), line), block["body"]


SNIPPETS = [snippet for page in PAGES for snippet in snippets(page)]


def installed(settings, line):
    """A LoadModule line with the file that this run tests, or stock's."""
    folder = STOCK_MODULES
    if "/switchboard/" in line[2]:
        folder = settings.modules
    path = os.path.join(folder, os.path.basename(line[2]))
    assert os.path.exists(path), "%s: there is no %s" % (line[0], path)
    return line[1] + path


@pytest.mark.parametrize("page", ["README.md", "docs/mod_proxy_express.md",
                                  "docs/mod_proxy_pool.md",
                                  "docs/mod_reproxy.md",
                                  "docs/mod_switchboard_status.md",
                                  "docs/mod_ssl_certmap.md",
                                  "docs/https.md"])
def test_page_shows_a_configuration(page):
    assert list(snippets(os.path.join(TOP, page)))


@pytest.mark.parametrize("text", [text for _, text in SNIPPETS],
                         ids=[name for name, _ in SNIPPETS])
def test_configuration_of_the_docs_is_accepted(make_httpd, settings, text):
    httpd = make_httpd(modules=[
        "alias", "authz_host", "env", "rewrite", "setenvif", "headers",
        "xml2enc", "proxy_html", "proxy_balancer", "slotmem_shm",
        "lbmethod_byrequests", "lbmethod_bybusyness", "proxy_hcheck"],
        pool=True, reproxy=True, status=True,
        certmap="LoadModule ssl_" not in text)
    # mod_rewrite wants to see the file
    httpd.write("hosts.txt", "")
    text = text.replace("/etc/apache2/hosts.txt", httpd.path("hosts.txt"))
    # mod_ssl a certificate
    if "/etc/ssl/default." in text:
        self_signed(httpd.path("default.pem"))
        text = re.sub(r"/etc/ssl/default\.(pem|key)",
                      httpd.path("default.pem"), text)
    # and httpd the folder of a log
    text = text.replace("/var/log/apache2", httpd.root)
    text = re.sub(r"^(LoadModule\s+\w+\s+)(\S+)$",
                  lambda line: installed(settings, line), text,
                  flags=re.MULTILINE)
    status, said = httpd.configure(text).check_config()
    assert status == 0, said


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_configuration_is_marked_as_such(page):
    """Else no test would read it."""
    unmarked = FENCE.sub(
        lambda block: "" if block["language"] == "apache" else block[0],
        text_of(page))
    found = CONFIGURATION.search(unmarked)
    assert not found, "not between ```apache and ```: " + found[0]


def anchors(page):
    """What a link can name: the headings, as web pages spell them."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
            for heading in re.findall(r"^#+ +(.*)$",
                                      FENCE.sub("", text_of(page)),
                                      re.MULTILINE)}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    for link in re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", text_of(page)):
        if re.match(r"\w+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = os.path.join(os.path.dirname(page), path) if path else page
        assert os.path.exists(target), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_is_linked_from_the_index():
    index = text_of(TOP + "/docs/index.md")
    assert "(docs/index.md)" in text_of(TOP + "/README.md")
    for page in PAGES:
        path = os.path.relpath(page, TOP + "/docs")
        assert path == "index.md" or "(%s)" % path in index, name_of(page)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_paths_of_the_tree_exist(page):
    for path in re.findall(
            r"`((?:include|modules|support|test|docs|\.ci)/[^\s`]*)",
            text_of(page)):
        assert glob.glob(os.path.join(TOP, path)), path


def names_in(pattern, definition):
    """{file name: names of the tests in it}"""
    return {os.path.basename(path): set(re.findall(definition, text_of(path),
                                                   re.MULTILINE))
            for path in glob.glob(os.path.join(TOP, "test", pattern))}


def test_named_tests_exist():
    """`test_name`, `test_file.py`, `test_file.c::name`"""
    files = names_in("http/test_*.py", r"^def (test_\w+)\(")
    files.update(names_in("unit/test_*.c", r"^START_TEST\((\w+)\)"))
    names = set().union(*files.values())
    count = 0
    for page in DOCS:
        for word in re.finditer(r"\b(test_\w+)(\.py|\.c)?(?:::(\w+))?",
                                text_of(page)):
            count += 1
            if not word[2]:
                assert word[1] in names, (name_of(page), word[0])
                continue
            file = word[1] + word[2]
            assert file in files, (name_of(page), word[0])
            assert not word[3] or word[3] in files[file], \
                (name_of(page), word[0])
    assert count
