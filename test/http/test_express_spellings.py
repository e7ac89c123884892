# SPDX-License-Identifier: Apache-2.0
"""A thousand spellings of a backend, served by the stock module and by ours
from one map: what both serve comes to the same backend, with the same request.
What stock serves and ours refuses is listed here, by the reason that
`hostmap check` gives, and in docs/mod_proxy_express.md; nothing else is
refused."""

import itertools
import os
import re
import subprocess

import pytest

from maps import express

PAGE = os.path.join(os.path.dirname(__file__),
                    "../../docs/mod_proxy_express.md")

REFUSED = {
    "a user name in a URL is refused": "http://user:pw@10.0.0.5",
    "`?`, `#` and `\\` are refused in a backend URL": "http://10.0.0.5/p?q",
    "`?`, `#` and `\\` are refused in the path of a socket":
        "unix:/run/x.sock?y|http://localhost",
    "the port is not a number of 1 to 65535": "http://10.0.0.5:/p",
    "expected the absolute path of a socket": "unix:x.sock|http://localhost",
    "expected scheme://host after the socket": "unix:/run/x.sock|http:",
    "expected a host": "unix:/run/x.sock|http://",
}
"""Reasons for which ours refuses what stock serves, and the example of each
in the page's table."""


def spellings(port, socket):
    """Values for which stock may find the backend at this port or socket.
    The words: stock's tool writes the first one of a value."""
    schemes = ["http", "HTTP", "Http", "h2c", "ws", "https", "", "x"]
    users = ["", "u@", "u:p@", ":p@", "@", "u%40x:p@"]
    hosts = ["127.0.0.1", "127.1", "localhost", "LocalHost", "localhost.",
             "LOCALHOST", "0x7f.0.0.1", "[::1]", "[127.0.0.1]", "%31", "",
             "127.0.0.1%20", "*", "a*b"]
    ports = [":%d" % port, ":0%d" % port, ":", "", ":x", ":+%d" % port,
             ":%d0" % port]
    paths = ["", "/", "/p", "/p/", "//p", "/p//", "/p/..", "/./p", "/p?q",
             "/p?", "/p#f", "/%70", "/p%20x", "/p%zz", "/p;x=y", "/p&x",
             "/p\\x", "/p'x", "/~p", "/p|x", "/p%2fx", "?q", "#f"]
    values = []
    # each part varied beside the usual others, and pairs of neighbours
    usual = ("http", "", "127.0.0.1", ports[0])
    for scheme, user, host in itertools.product(schemes, users, hosts):
        if len([one for one, wanted in zip((scheme, user, host), usual)
                if one != wanted]) <= 2:
            values.append("%s://%s%s%s" % (scheme, user, host, ports[0]))
    for host, number in itertools.product(hosts, ports):
        values.append("http://%s%s/p" % (host, number))
    for user, path in itertools.product(users, paths):
        values.append("http://%s127.0.0.1:%d%s" % (user, port, path))
    for number, path in itertools.product(ports[1:], paths):
        values.append("http://127.0.0.1%s%s" % (number, path))
    for scheme, path in itertools.product(schemes, paths):
        values.append("%s://127.0.0.1:%d%s" % (scheme, port, path))
    folder, name = os.path.split(socket)
    sockets = ["unix:" + socket, "unix://" + socket, "unix:///" + socket,
               "unix:/" + socket, "UNIX:" + socket, "Unix://" + socket,
               "unix://localhost" + socket, "unix:" + name, "unix:./" + name,
               "unix://./" + name, "unix:" + folder + "/./" + name,
               "unix:" + folder + "//" + name,
               "unix:" + folder + "/../" + os.path.basename(folder) + "/"
               + name, "unix:" + socket + "?x", "unix:" + socket + "#x",
               "unix:", "unix://"]
    urls = ["http:", "http:/", "http://", "http:///", "http://localhost",
            "http://localhost/", "http://localhost/p", "http://localhost/p/",
            "http://127.0.0.1", "http://127.0.0.1:80/p", "http://[::1]/p",
            "http://u:p@localhost/p", "http://localhost/p?q", "HTTP://x/p",
            "http://a_b/p", "h2c://localhost", "x://localhost",
            "http://localhost:/p", "http://localhost/p/q", ""]
    values += ["|".join(pair) for pair in itertools.product(sockets, urls)]
    values += [one.split("|")[0] for one in values[-len(urls)::-1][:20]]
    return [one for one in dict.fromkeys(values) if " " not in one and one]


@pytest.fixture(scope="module")
def world(make_module_httpd, pool_backends, maps, module_folder, settings):
    """The values, a server with each module, and a socket in the folder where
    httpd looks for relative ones."""
    servers = {}
    values = spellings(pool_backends.port["a"], pool_backends.socket)
    entries = {"v%d.test" % number: value
               for number, value in enumerate(values)}
    path = maps.stock(module_folder + "/values", entries, "sdbm")
    for name in ("ours", "stock"):
        server = make_module_httpd(stock=name == "stock",
                                   pool=name == "ours")
        server.start(express(path, "sdbm") + "LogLevel crit\nProxyTimeout 2\n")
        os.symlink(pool_backends.socket,
                   server.path(os.path.basename(pool_backends.socket)))
        servers[name] = server
    return servers, entries


def asked(server, host):
    """Status, and what the backend was asked for; None: it was not."""
    answer = server.get(host, "/x?y")
    if answer.status != 200 or answer.backend is None:
        return answer.status, None
    seen = answer.json()
    return 200, (seen["backend"], seen["target"], answer.received("Host"))


@pytest.fixture(scope="module")
def reasons(world, maps):
    """Why our tool refuses a value, by its key."""
    _, entries = world
    lines = ["%s %s\n" % entry for entry in entries.items()]
    found = {}
    # the tool prints the first errors of a text only
    for start in range(0, len(lines), 20):
        done = subprocess.run([maps.hostmap, "check", "-"], text=True,
                              input="".join(lines[start:start + 20]),
                              capture_output=True, timeout=60)
        found.update(re.findall(
            r"^[^:]+:\d+: (v\d+\.test): (.*), at column \d+$",
            done.stderr, re.M))
    return found


def test_a_thousand_spellings(world):
    assert len(world[1]) >= 1000


def test_what_stock_serves_is_served_the_same_or_listed(world, reasons):
    servers, entries = world
    served, used, problems = 0, set(), []
    for host, value in entries.items():
        _, stock = asked(servers["stock"], host)
        status, ours = asked(servers["ours"], host)
        if ours and stock:
            served += 1
            # stock joins a slash at the end of the URL and the path to two
            backend, target, name = stock
            slashes = len(value) - len(value.rstrip("/"))
            wanted = (backend, target.replace("/" * (slashes + 1) + "x",
                                              "/" * max(slashes, 1) + "x"),
                      name)
            if ours != wanted:
                problems.append((value, "stock", stock, "ours", ours))
        elif stock:
            used.add(reasons.get(host))
            if reasons.get(host) not in REFUSED:
                problems.append((value, "stock alone", stock,
                                 reasons.get(host)))
        elif ours:
            problems.append((value, "ours alone", ours))
        if host in reasons and status != 500:
            problems.append((value, "a bad entry for the tool alone", status))
    assert not problems, "\n".join(map(str, problems))
    assert served > 100
    # no reason stays listed that nothing is refused for
    assert used == set(REFUSED)


def test_page_lists_each_reason():
    with open(PAGE, encoding="utf-8") as file:
        section = file.read().split("### Spellings of a backend\n")[1]
    rows = [line for line in section.split("\n## ")[0].splitlines()
            if line.startswith("| `")]
    examples = [row.split("`")[1].replace("\\|", "|") for row in rows]
    assert sorted(examples) == sorted(REFUSED.values())
