# SPDX-License-Identifier: Apache-2.0
"""docs/troubleshooting.md quotes what httpd says: the error log's lines behind
a status, and the messages at start.  Here each of them is caused."""

import collections
import os
import re
import socket

import pytest

import client
from backend import Backends, self_signed
from httpd import Httpd, STOCK_MODULES, private_folder, shutil
from maps import express
from tree import TOP, text_of

PAGE = text_of(TOP + "/docs/troubleshooting.md")

# ---- what is said of a backend ----------------------------------------------

Case = collections.namedtuple("Case", "status line host order place",
                              defaults=({}, ""))
"""A row of the page's table (status, number and reason); a host of the map that
causes it, with this order for the backend, in this virtual host."""

CASES = [
    Case(503, "AH00957 `Connection refused`", "refused"),
    Case(503, "AH00957 `The timeout specified has expired`", "silent"),
    Case(503, "AH02454 `No such file or directory`", "no-socket"),
    Case(503, "AH02454 `Permission denied`", "closed-socket"),
    Case(500, "AH00898 `DNS lookup failure`", "no-name"),
    Case(502, "AH01102 `The timeout specified has expired`", "slow",
         {"delay": 3}),
    Case(502, "AH01102", "plain", {"close": "before"}),
    Case(500, "AH01144", "no-module"),
    Case(500, "AH01961", "tls"),
    Case(500, "AH00898 `Error during SSL Handshake`", "tls", {}, "name"),
    Case(500, "AH02411", "tls", {}, "name"),
    Case(500, "AH02039", "tls", {}, "signer"),
    Case(403, "AH01630", "plain", {}, "denied"),
    Case(403, "AH00917", "named", {}, "blocked"),
]

NOT_HERE = {"AH00957 `Permission denied`"}
"""Takes SELinux."""

PLACES = {
    "name": "SSLProxyEngine On\nLogLevel ssl:info",
    "signer": "SSLProxyEngine On\nSSLProxyVerify require\n"
              "SSLProxyCheckPeerName Off\nSSLProxyCheckPeerCN Off",
    "denied": "<Proxy *>\nRequire all denied\n</Proxy>",
    "blocked": "ProxyBlock 127.0.0.1",
}


@pytest.fixture(scope="module")
def ways_to_fail():
    """Backends, and a socket that nobody may write to."""
    path = private_folder()
    started = Backends("plain", "refused:refused", "silent:silent",
                       "tls:tls:" + self_signed(path + "/pem"))
    started.closed = path + "/socket"
    with socket.socket(socket.AF_UNIX) as closed:
        closed.bind(started.closed)
        closed.listen()
        os.chmod(started.closed, 0)
        yield started
    started.stop()
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def failing(make_module_httpd, maps, module_folder, ways_to_fail):
    """A server with these hosts; `places` are the ports of its virtual
    hosts."""
    url = ways_to_fail.url
    path = maps.build(module_folder + "/map", {
        "plain": url("plain"),
        "refused": url("refused"),
        "silent": url("silent") + " connectiontimeout=1",
        "slow": url("plain") + " timeout=1",
        "tls": url("tls").replace("http:", "https:"),
        "named": url("plain").replace("127.0.0.1", "localhost"),
        # a label that is too long for DNS: no server is asked
        "no-name": "http://%s.invalid" % ("x" * 70),
        "no-socket": "unix:%s/none|http://localhost" % module_folder,
        "closed-socket": "unix:%s|http://localhost" % ways_to_fail.closed,
        "no-module": "fcgi://127.0.0.1:9"})
    httpd = make_module_httpd(modules=["ssl"], pool=True)
    httpd.places = {"": httpd.port}
    text = express(path)
    for name, lines in PLACES.items():
        httpd.places[name] = httpd.listen()
        text += "<VirtualHost *:%d>\n%s\n</VirtualHost>\n" % (
            httpd.places[name], lines)
    return httpd.start(text)


@pytest.mark.parametrize("case", CASES,
                         ids=lambda case: "%d %s" % case[:2])
def test_line_is_said_for_its_status(failing, case):
    failing.allow_log(r":error\]")
    response = client.get(failing.places[case.place], case.host,
                          headers=[client.order(**case.order)])
    assert response.status == case.status
    number, _, reason = case.line.partition(" ")
    assert failing.log_lines("%s: " % number)
    assert failing.log_lines(re.escape(reason.strip("`")))


def test_every_row_has_a_case():
    rows = re.findall(r"^\| (\d{3}) \| (AH\d+(?: `[^`]+`)?)", PAGE,
                      re.MULTILINE)
    assert rows
    cases = {(str(case.status), case.line) for case in CASES}
    assert {row for row in rows if row[1] not in NOT_HERE} <= cases


def test_every_number_has_a_case():
    caused = re.findall(r"AH\d+", str(CASES) + str(STARTED) + SYNTAX)
    assert set(re.findall(r"AH\d+", PAGE)) == set(caused)


# ---- what is said at start --------------------------------------------------

class BareHttpd(Httpd):
    """Without the modules that others have."""

    def _base(self):
        lines = ["ServerRoot %s" % self.root, "ServerName localhost",
                 "DefaultRuntimeDir %s" % self.root,
                 "Listen 127.0.0.1:%d" % self.port]
        for name in ("mpm_" + self.settings.mpm, "authz_core"):
            lines.append(stock(name))
        return "\n".join(lines) + "\n"


def stock(name):
    return "LoadModule %s_module %s/mod_%s.so" % (name, STOCK_MODULES, name)


SYNTAX = "AH00526: Syntax error on line "
"""What precedes those below; without its number where a module is at fault."""

REFUSED = {
    "Invalid command 'ProxyExpressEnable', perhaps misspelled or defined by a "
    "module not included in the server configuration":
        ["ProxyExpressEnable On"],
    "Invalid command 'ProxyExpressUnknownHost', perhaps misspelled or defined "
    "by a module not included in the server configuration":
        [stock("proxy"), stock("proxy_express"), "ProxyExpressEnable On",
         "ProxyExpressUnknownHost 404"],
    "Cannot load ... into server: ...: undefined symbol: proxy_module":
        ["OURS", stock("proxy")],
    "Cannot load ... into server: ...: cannot open shared object file: No such "
    "file or directory":
        ["LoadModule proxy_express_module /no/such/mod_proxy_express.so"],
    "ProxyExpressEnable not allowed in <Location> context":
        [stock("proxy"), "OURS", "<Location />", "ProxyExpressEnable On",
         "</Location>"],
    "ProxyExpressDBMType: ... is not one of default, lmdb, sdbm, gdbm, ndbm, "
    "db":
        [stock("proxy"), "OURS", "ProxyExpressDBMType cdb"],
    "ProxyPoolSet: ...: not an option of ProxyPass":
        [stock("proxy"), "OURS", "ProxyPoolSet timout=3"],
    "BalancerMember unknown Worker parameter":
        [stock("proxy"), stock("proxy_balancer"), "<Proxy balancer://x>",
         "BalancerMember http://127.0.0.1:1 hcmethod=GET", "</Proxy>"],
    "Invalid command 'SSLProxyEngine', perhaps misspelled or defined by a "
    "module not included in the server configuration":
        ["SSLProxyEngine On"],
}

STARTED = (
    "AH01574: module proxy_express_module is already loaded, skipping",
    "SB0007: ... can be written by ...",
    "SB0008: map ...",
    "SB0009: map ...: lmdb, 3 entries",
    "SB0010: map ...: sdbm, ... bytes",
    "SB0012: ProxyExpressEnable is On without ProxyExpressDBMFile",
    "SB0208: AllowReproxy is On without a ReproxyAllow",
)


def quoted():
    """The messages of the page's two tables."""
    part = PAGE.partition("## What httpd says at start\n")[2]
    return re.findall(r"^\| `([^`]+)` \|", part, re.MULTILINE)


def pattern(message):
    return ".*".join(map(re.escape, message.split("...")))


def test_every_message_at_start_has_a_case():
    assert quoted() == [*REFUSED, *STARTED]


@pytest.mark.parametrize("message", REFUSED)
def test_httpd_does_not_start_and_says_why(make_httpd, settings, message):
    ours = "\n".join("LoadModule %s_module %s/mod_%s.so"
                     % (name, settings.modules, name)
                     for name in ("proxy_express", "proxy_pool"))
    httpd = make_httpd(kind=BareHttpd).configure(
        "\n".join(REFUSED[message]).replace("OURS", ours) + "\n")
    status, said = httpd.check_config()
    assert status != 0
    assert re.search(pattern(message), said), said
    assert (SYNTAX if "Cannot load" not in message
            else SYNTAX.partition(": ")[2]) in said


def test_httpd_starts_and_says_what_is_not_right(make_httpd, maps, folder):
    entries = {"a": "!", "b": "!", "c": "!"}
    good = maps.build(folder + "/good", entries)
    open_to_all = maps.build(folder + "/open", {"a": "!"})
    os.chmod(open_to_all, 0o666)
    httpd = make_httpd(reproxy=True)
    virtual = "<VirtualHost *:1>\n%s\n</VirtualHost>\n"
    httpd.start("\n".join([
        stock("proxy_express"), "AllowReproxy On",
        virtual % "ProxyExpressEnable On", virtual % express(good),
        virtual % express(maps.build(folder + "/dbm", entries, "sdbm")),
        virtual % express(open_to_all),
        virtual % express(folder + "/missing"), ""]))
    httpd.expect_log("SB0008: ")
    for message in STARTED:
        assert httpd.log_lines(pattern(message)), message
