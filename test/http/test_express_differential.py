# SPDX-License-Identifier: Apache-2.0
"""Stock module and ours, side by side: the same map file made by httpd's own
tool, the same backends, the same requests.

Where ours differs it is one of stock's known faults, and listed here:

- DOUBLE_SLASH: stock joins a backend URL that ends with a slash and the path
  with two slashes.
- NO_LOOP_MARK: stock sends no CDN-Loop.
- BAD_ENTRY: stock asks a value that is no URL of a backend of whatever the
  rest of httpd makes of it; ours answers 500 and says so in the log.

What the two send back (Location, cookies) is the matter of
test_express_reverse.py: stock never rewrites it.
"""

import random
import threading

import pytest

import client
from maps import age, DBM_TYPES, express, random_host

HOSTS = 10000
CLIENTS = 4

TARGETS = ["/", "/x", "/a/b.html?c=d", "/%7Ea%20b?c=%20", "/a;b=c/d,e",
           "/%C3%BC", "/a//b/./c/../d"]

ODD_HOSTS = [
    "", " ", ".", "..", "a..b", ".example.com", "example.com..", "-", "_",
    "under_score.example.com", "-dash.example.com", "a" * 64 + ".example.com",
    ".".join(["a" * 63] * 4), "x" * 255, "x" * 512, "x" * 600, "*", "*.com",
    "www.example.com:", "www.example.com:0", "www.example.com:80:80",
    "www.example.com:99999", "www.example.com:x", "www.example.com/",
    "www.example.com?x", "www.example.com#x", "user@www.example.com",
    "www example.com", "www,example.com", "www%2eexample.com",
    "w\xfcrfel.example.com", "xn--wrfel-kva.example.com", "[::1]", "[::1",
    "::1", "[::1]:80", "[::ffff:192.0.2.1]", "[v1.x]", "[]", "192.0.2.1",
    "192.0.2.1.", "1", "0x7f.1", "localhost", "main.example.net", "!",
    "#comment.example.com", "\\", "'", '"', "a\tb", "www.example.com.:80",
]


def make_entries(backends, dice):
    """Random hosts, half of them of the kinds that a map has.  Returns the
    map's entries and all hosts to ask for."""
    hosts = set()
    while len(hosts) < HOSTS - len(ODD_HOSTS):
        hosts.add(random_host(dice, dice.choice(
            ["example.com", "a.example.org", "x--y.example.net", "test"])))
    hosts = sorted(hosts)
    dice.shuffle(hosts)
    paths = ["", "", "", "/app", "/app/sub", "/app/", "/"]
    entries = {host: backends.url(dice.choice("abcd"), dice.choice(paths))
               for host in hosts[:len(hosts) // 2]}
    entries["192.0.2.1"] = backends.url("a")
    entries["::1"] = backends.url("b")
    entries["www.example.com"] = backends.url("c")
    entries["xn--wrfel-kva.example.com"] = backends.url("d")
    entries["under_score.example.com"] = backends.url("a")
    # Keys that no request can have: they answer nobody in either.
    entries["Upper.Example.COM"] = backends.url("a")
    entries["trailing.example.com."] = backends.url("a")
    entries["port.example.com:80"] = backends.url("a")
    return entries, hosts + ODD_HOSTS


def spelling(dice, host):
    """A host as some client may write it."""
    way = dice.randrange(12)
    if way == 0:
        return host.upper()
    if way == 1:
        return host + ":8080"
    if way == 2:
        return host + "."
    return host


def outcome(response):
    """What a client and a backend see of it."""
    if response.backend is None:
        return (response.status, None, None)
    return (response.status, response.backend, response.target)


def without_fault(stock, ours):
    """Stock's outcome, as it would be without the faults that ours has
    not."""
    status, backend, target = stock
    if target and target.startswith(("/app//", "//")) and target != ours[2]:
        target = target.replace("//", "/", 1)       # DOUBLE_SLASH
    return status, backend, target


def compare(ports, requests, differences, reached):
    """Send each request to both servers."""
    keep = [client.KeepAlive(port) for port in ports]
    for host, target in requests:
        answers = [outcome(one.get(host, target)) for one in keep]
        stock, ours = answers
        if without_fault(stock, ours) != ours:
            differences.append((host, target, stock, ours))
        if ours[1]:
            reached.append(host)
    for one in keep:
        one.close()


@pytest.mark.parametrize("kind", DBM_TYPES)
def test_same_answers_as_stock_for_10000_hosts(make_httpd, backends, maps,
                                               folder, kind):
    dice = random.Random(kind)
    entries, hosts = make_entries(backends, dice)
    path = maps.stock(folder + "/map", entries, kind)
    age(path, kind)
    servers = [make_httpd(stock=stock).start(express(path, kind))
               for stock in (True, False)]
    requests = [(spelling(dice, host) if host not in ODD_HOSTS else host,
                 dice.choice(TARGETS)) for host in hosts]
    dice.shuffle(requests)
    differences, reached = [], []
    threads = [threading.Thread(target=compare, args=(
        [server.port for server in servers], requests[start::CLIENTS],
        differences, reached)) for start in range(CLIENTS)]
    for server in servers:
        server.allow_log(r"core:error\]")
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert differences == []
    assert len(reached) > HOSTS * 0.45


def test_same_answers_as_stock_over_http10(make_httpd, backends, maps,
                                           folder):
    entries = {"www.example.com": backends.url("a"),
               "main.example.net": backends.url("b")}
    path = maps.stock(folder + "/map", entries, "sdbm")
    servers = [make_httpd(stock=stock).start(express(path, "sdbm"))
               for stock in (True, False)]
    for host in (None, "", "www.example.com", "unknown.example.com"):
        stock, ours = (outcome(server.get(host, "/x", version="HTTP/1.0"))
                       for server in servers)
        assert stock == ours, host


def test_faults_of_stock_are_what_is_listed(make_httpd, backends, maps,
                                            folder):
    """When stock is mended, the list above is out of date."""
    path = maps.stock(folder + "/map", {
        "slash.example.com": backends.url("a", "/app/"),
        "bad.example.com": "nonsense"}, "sdbm")
    stock, ours = (make_httpd(stock=stock).start(express(path, "sdbm"))
                   for stock in (True, False))
    assert stock.get("slash.example.com", "/x").target == "/app//x"
    assert ours.get("slash.example.com", "/x").target == "/app/x"
    assert stock.get("slash.example.com").received("CDN-Loop") == []
    assert len(ours.get("slash.example.com").received("CDN-Loop")) == 1
    stock.expect_log(r"proxy:|core:")
    assert stock.get("bad.example.com").status != 200
    ours.expect_log("bad.example.com")
    assert ours.get("bad.example.com").status == 500
