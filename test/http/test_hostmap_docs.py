# SPDX-License-Identifier: Apache-2.0
"""The tool's help, its man pages, docs/hostmap.md and the completion of bash
name the same verbs, operands and options, and the tool takes these options and
no others."""

import os
import re
import subprocess

from maps import TOOL_TIMEOUT
from tree import TOP, text_of

COMPLETION = TOP + "/support/hostmap/hostmap.bash-completion"
MANUAL = TOP + "/support/hostmap/hostmap.1"
OWN_PAGE = {"cert": TOP + "/support/hostmap/hostmap-cert.1",
            "httxt2dbm": TOP + "/support/hostmap/hostmap-httxt2dbm.1"}
"""Verbs whose options stand in a page of their own."""

OPTION = re.compile(r"(?<![\w-])--?[a-z][a-z-]*")
TAKES_WORD = {"-t", "--type", "--from", "--key", "--value", "--value-format",
              "--max-removed", "--interval", "--behind", "--keep",
              "--keep-interval", "--snapshots", "--password-file", "--cafile",
              "--push", "--push-password-file",
              "--cert", "--status", "--diff",
              "--separator", "--variable", "--print-sql", "--where", "--name"}


def one_line(text):
    return " ".join(text.split())


def synopses(tool):
    """{verb: the words behind it}, from the list of verbs."""
    lines = re.findall(r"^  hostmap ([a-z]\w*) (.*?)\n      [a-z]",
                       tool("help").ok(), re.MULTILINE | re.DOTALL)
    assert lines
    return {verb: one_line(rest) for verb, rest in lines if verb != "help"}


def options_of(text):
    """The options that a text names; -t is --type too."""
    found = set(OPTION.findall(text)) - {"--help", "--type", "--"}
    return found


def plain(roff):
    """The words of a man page, a line of source a line."""
    text = re.sub(r"^\.(?:[BI]|[BIR][BIR]|TP|PP|SS|SH)\b ?", "", roff,
                  flags=re.MULTILINE)
    return re.sub(r"\\f[BIR]", "", text).replace("\\-", "-")


def sections(roff, macro):
    """{title: source} of a man page."""
    parts = re.split(r"^\.%s (.*)$" % macro, roff, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2]))


def listed_options(roff):
    """The options that a list of a man page explains."""
    tags = re.findall(r"^\.TP\n(.*)$", roff, re.MULTILINE)
    return options_of(" ".join(plain(tag) for tag in tags))


def test_help_explains_the_options_of_the_synopsis(tool):
    for verb, synopsis in synopses(tool).items():
        head, text = tool("help", verb).ok().split("\n\n", 1)
        assert one_line(head).startswith("Usage: hostmap %s %s "
                                         % (verb, synopsis))
        explained = re.findall(r"^  ((?:--?[a-z][^ ]*(?: [A-Z]+)?,? ?)+)",
                               text, re.MULTILINE)
        assert options_of(" ".join(explained)) == options_of(synopsis), verb


def test_the_tool_takes_the_options_of_its_help(tool):
    verbs = synopses(tool)
    known = set().union(*map(options_of, verbs.values()))
    known = {option for option in known if option.startswith("--")}
    assert "--quiet" in known
    for verb, synopsis in verbs.items():
        if verb in OWN_PAGE:
            continue
        for option in known:
            words = [option] + (["x"] if option in TAKES_WORD else [])
            done = tool(verb, *words, "--help")
            assert (done.status == 0) == (option in options_of(synopsis)), \
                (verb, option)


def test_the_manual_agrees_with_the_help(tool):
    verbs = synopses(tool)
    in_page = sections(sections(text_of(MANUAL), "SH")["VERBS"], "SS")
    assert list(in_page) == list(verbs)
    for verb, synopsis in verbs.items():
        text = in_page[verb]
        assert plain(text).strip().splitlines()[0] \
            == "hostmap %s %s" % (verb, synopsis)
        if verb in OWN_PAGE:
            page = sections(text_of(OWN_PAGE[verb]), "SH")
            assert plain(page["SYNOPSIS"]).strip() \
                == "hostmap %s %s" % (verb, synopsis)
            # a verb of verbs has no options of its own
            text = page.get("OPTIONS", "")
        assert listed_options(text) == options_of(synopsis), verb


def test_the_page_agrees_with_the_help(tool):
    page = text_of(TOP + "/docs/hostmap.md")
    heads = re.findall(r"^### hostmap ([a-z]\w*) (.*)$", page, re.MULTILINE)
    shown = {verb: rest for verb, rest in heads if verb != "help"}
    assert shown == synopses(tool)
    for verb, synopsis in shown.items():
        section = page.split("### hostmap %s " % verb, 1)[1].split("\n## ")[0]
        section = section.split("\n### ")[0]
        for option in options_of(synopsis) - {"-t"}:
            body = section.split("\n", 1)[1]
            assert option in body or option in ("-v", "-f", "-i", "-o"), \
                (verb, option)


def complete(tool, *words):
    """What bash offers for the last word."""
    script = ('. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
              '_hostmap "$1" "${@: -1}" "${@: -2:1}"; '
              'printf "%s\\n" "${COMPREPLY[@]}"')
    done = subprocess.run(["bash", "-c", script, "bash", COMPLETION,
                           tool.program, *words], capture_output=True,
                          timeout=TOOL_TIMEOUT, check=True, text=True)
    assert done.stderr == ""
    return set(done.stdout.split())


def test_bash_completes_what_the_help_says(tool):
    verbs = synopses(tool)
    assert complete(tool, "") == set(verbs) | {"help", "--version"}
    assert complete(tool, "help", "") == set(verbs)
    assert complete(tool, "ch") == {"check"}
    for verb, synopsis in verbs.items():
        more = set() if verb in OWN_PAGE else {"--help"}
        assert complete(tool, verb, "-") == options_of(synopsis) | more, verb
        # operands are files: bash's own business
        assert complete(tool, verb, "x") == set()


def test_bash_completes_words_of_options(tool):
    types = {"lmdb", "sdbm", "gdbm", "ndbm", "db", "default"}
    assert complete(tool, "build", "-t", "") == types
    assert complete(tool, "convert", "-t", "") == types | {"text"}
    assert complete(tool, "convert", "--from", "") \
        == {"csv", "tsv", "haproxy", "nginx"}
    assert complete(tool, "convert", "--from", "=") \
        == {"csv", "tsv", "haproxy", "nginx"}
    assert complete(tool, "convert", "--from", "=", "n") == {"nginx"}


def test_the_manual_is_well_formed():
    done = subprocess.run(
        ["groff", "-man", "-ww", "-z", "-Tutf8", MANUAL, *OWN_PAGE.values()],
        capture_output=True, timeout=TOOL_TIMEOUT, text=True,
        env=dict(os.environ, LC_ALL="C"))
    assert (done.returncode, done.stderr) == (0, "")
