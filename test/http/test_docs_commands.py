# SPDX-License-Identifier: Apache-2.0
"""The commands of README.md and of the pages that lead through something run
as they are shown, from top to bottom, and print what is shown."""

import glob
import os
import re
import textwrap

import pytest

import doc_commands
from debian import DebianHttpd, Sandbox
from doc_commands import Command, FENCE, File, matches, steps, Wrong
from tree import TOP, name_of, text_of

PAGES = [TOP + "/README.md", TOP + "/docs/install.md",
         TOP + "/docs/first-hour.md"] + sorted(glob.glob(TOP + "/docs/from-*.md"))

COMMAND_LINE = re.compile(
    r"^ {4,}(?:[$] +\S|(?:# )?(?:sudo|hostmap|httxt2dbm|curl|a2(?:en|dis)\w+"
    r"|apt|apt-get|make|systemctl|apachectl|apache2ctl|python3|\.\.?/\w+) ).*",
    re.MULTILINE)
"""What only a console block may hold."""

ERRORS = r"\[[\w-]*:(error|crit)\]"
"""Pages show what goes wrong, too."""


@pytest.fixture
def sandbox(make_httpd):
    httpd = make_httpd(kind=DebianHttpd)
    httpd.allow_log(ERRORS)
    return Sandbox(httpd)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_of_the_page_do_what_it_shows(request, sandbox, page):
    count, left = doc_commands.run(text_of(page), sandbox)
    request.config.left_out.extend(
        "%s: %s" % (name_of(page), command) for command in left)
    assert count, "no command of it runs"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_stand_in_console_blocks(page):
    """Else nothing would run them."""
    other = FENCE.sub(
        lambda block: "" if block["language"] == "console" or block["file"]
        else textwrap.indent(block["body"], "    "), text_of(page))
    found = COMMAND_LINE.search(other)
    assert not found, found[0]


# ---- the runner itself ----------------------------------------------------

PAGE = """Text.

```console
$ first; echo $?
1
$ second \\
> goes on
# is output here
```
```text file=a/b.txt
content
```
```console needs=haproxy
# root
```
"""


def test_a_page_is_files_and_commands():
    assert list(steps(PAGE)) == [
        Command(4, "first; echo $?", ["1"], None),
        Command(6, "second \\\ngoes on", ["# is output here"], None),
        File(10, "a/b.txt", "content\n"),
        Command(14, "root", [], "haproxy")]
    with pytest.raises(Wrong, match="line 2: no prompt"):
        list(steps("```console\nls\n```\n"))


@pytest.mark.parametrize("expected, output, result", [
    (["a"], "a\n", True),
    (["a"], "a", True),
    (["a", ""], "a\n\n", True),
    (["a"], "a\nb\n", False),
    (["a", "b"], "b\na\n", False),
    (["a"], "", False),
    (["x...y"], "x and y\n", True),
    (["x...y"], "x\ny\n", False),
    (["...", "b"], "b\n", True),
    (["...", "b", "..."], "a\na\nb\nc\n", True),
    (["...", "b"], "a\nb\nc\n", False),
    (["a.c"], "abc\n", False),
])
def test_output_is_compared(expected, output, result):
    assert matches(expected, output) is result


@pytest.mark.parametrize("body, wrong", [
    ("$ false", "line 2: false: status 1"),
    ("$ true\n$ exit 3", "line 3: exit 3: status it ended the shell"),
    ("$ echo b\na", "line 2: echo b: shown is\na\nand it printed\nb\n"),
    ("$ true && systemctl reload apache2", "line 2: not alone on its line"),
])
def test_a_page_that_is_wrong_is_found(sandbox, body, wrong):
    with pytest.raises(Wrong, match="^" + re.escape(wrong)):
        doc_commands.run("```console\n%s\n```\n" % body, sandbox)


def test_what_needs_a_program_that_is_not_there_is_left(sandbox):
    page = "```console needs=%s\n$ true\n```\n"
    assert doc_commands.run(page % "no-such-program" + page % "sh",
                            sandbox) == (1, ["true"])


def test_a_page_is_one_script(sandbox):
    count, left = doc_commands.run("""
```text file=/srv/new/greeting.txt
said by 8081
```
```console
# apt install x
# cd /srv/new && name=greeting.txt
# python3 -m http.server --bind 127.0.0.1 8081 &
# curl -s http://127.0.0.1:8081/$name
said by 8081
# pwd
/srv/new
# curl -s http://localhost/ http://www.example.com/
It works!
It works!
```
```apache file=/etc/apache2/sites-available/new.conf
<VirtualHost *:80>
    Redirect /8081 http://www.example.com/
</VirtualHost>
```
```console
# a2ensite -q new && a2dissite -q 000-default
# apachectl -t
Syntax OK
# systemctl reload apache2
# curl -s -o here -w '%{http_code} %{redirect_url}' http://localhost/8081
302 http://www.example.com/
```
""", sandbox)
    assert (count, left) == (9, ["apt install x"])
    assert os.path.exists(sandbox.httpd.path("srv/new/here"))
