# SPDX-License-Identifier: Apache-2.0
"""Reverse mapping as a whole: pairs of an entry and a header of its backend, by
hand and at random, go through httpd, and what the client gets is what a plain
reference says (reverse_reference.py).  Every fourth one is sent in an interim
response, too."""

import itertools
import json
import random

import pytest

import client
from maps import express
from pools import STALE
from reverse_reference import Entry, cookie, location

HOSTS = [("b.test", 80), ("B.Example", 3000), ("10.0.0.5", 8080)]
PATHS = ["", "/", "/app", "/app/", "/app/v2", "/a~b/c"]
PREFIXES = ["", "/app", "/blog", "/blog/v2", "/caf\xc3\xa9", "/a;b"]
RANDOM = 400

FIXED = ["/", "/login", "/app", "/app/login", "/app/v2/login", "/application",
         "/blog", "/blog/v2/x", "/blogger", "/caf%C3%A9/x", "/caf%c3%a9/x",
         "/a~b/c/d", "/a%7Eb/c/d", "/a;b/x", "/a%3Bb/x", "/a%3bb", "//x",
         "/app//x", "/app/../x", "/app/%2e%2E/x", "/app/...", "", "x", "?x",
         "#x", "/app?x#y", "/app%2Fx", "/app/a%2fb", "/blog/../x", "/App/x"]


def entries(socket):
    """{host: (entry, key, value)} of all combinations."""
    made = {}
    flags = itertools.cycle(["", "", "", " noreverse", " nocanon"])
    for (host, port), path, prefix in itertools.product(HOSTS, PATHS,
                                                        PREFIXES):
        name = "m%d.test" % len(made)
        flag = next(flags)
        url = "http://%s%s%s" % (host, "" if port == 80 else ":%d" % port,
                                 path)
        made[name] = (Entry("http", host, port, path, prefix,
                            flag == " noreverse"),
                      name + prefix, "unix:%s|%s%s" % (socket, url, flag))
    return made


@pytest.fixture(scope="module")
def server(make_module_httpd, pool_backends, maps, module_folder):
    made = entries(pool_backends.socket)
    lines = {name: "!" for name in made}
    lines.update({key: value for _, key, value in made.values()})
    path = module_folder + "/map.txt"
    with open(path, "w", encoding="latin-1") as file:
        file.writelines("%s %s\n" % line for line in lines.items())
    maps.run("build", path, module_folder + "/map")
    httpd = make_module_httpd(pool=True)
    httpd.start(express(module_folder + "/map"))
    httpd.entries = made
    return httpd


def origins(dice, entry):
    """What may stand before the path of a URL."""
    own = entry.host if dice.random() < 0.7 else entry.host.swapcase()
    port = ":%d" % entry.port if entry.port != 80 or dice.random() < 0.3 else ""
    return dice.choice([
        "", "", "http://%s%s" % (own, port), "HTTP://%s%s" % (own, port),
        "//%s%s" % (own, port), "ws://%s%s" % (own, port),
        "http://%s.%s" % (own, port), "http://%s" % own,
        "http://%s:" % own, "https://%s%s" % (own, port),
        "http://u@%s%s" % (own, port), "http://%s.evil.test" % own,
        "http://%s0" % (own + port), "http://m0.test", "mailto:", "http:"])


def paths(dice, entry):
    """A path around those of the entry."""
    escaped = entry.prefix.encode("latin-1")
    starts = [entry.path, entry.path.rstrip("/"), entry.prefix,
              "".join("%%%02x" % byte if byte > 127 or byte == 59
                      else chr(byte) for byte in escaped),
              entry.prefix + entry.path, "/other", "", "/"]
    segments = ["", "/", "/x", "/x.y", "//x", "/..", "/.", "/%2e%2e/y", "z",
                "/a%2Fb", "/%7Ex", "?q=/app", "#/blog", "/x?y#z", "\\x", "/é"
                .encode("utf-8").decode("latin-1")]
    return dice.choice(starts) + "".join(dice.choices(segments,
                                                      k=dice.randint(0, 2)))


def a_cookie(dice, entry):
    attributes = dice.choices(
        ["Path=" + paths(dice, entry), "path = " + paths(dice, entry),
         "PATH=" + (entry.path or "/"), "Path=/", "Path", "Path=x",
         "Domain=" + entry.host, "domain=." + entry.host.upper(),
         "Domain=x" + entry.host, "Domain=test", "Secure", "HttpOnly",
         "SameSite=Lax", "Max-Age=5", "Path=/app/" + 1020 * "x",
         "XPath=/app"], k=dice.randint(1, 4))
    name = dice.choice(["sid", "__Host-sid", "__host-sid", "__Secure-sid",
                        "Path", "x__Host-"])
    attributes = [one.replace(";", "%3B") for one in attributes]
    return "; ".join(["%s=v" % name, *attributes])


def corpus(made):
    """(name of the host, header, value), the same each time."""
    dice = random.Random(6265)
    names = sorted(made)
    for number, path in enumerate(FIXED):
        # each with some of the entries, so that all of these meet some
        for name in names[number % 7::7]:
            yield name, "Location", path
    for _ in range(RANDOM):
        name = dice.choice(names)
        entry = made[name][0]
        if dice.random() < 0.5:
            header = dice.choice(["Location", "Content-Location", "URI",
                                  "Destination"])
            yield name, header, origins(dice, entry) + paths(dice, entry)
        else:
            yield name, "Set-Cookie", a_cookie(dice, entry)


def test_corpus_is_what_the_reference_says(server):
    # a backend that sends an interim response here closes its connection
    server.allow_log(STALE)
    problems, count, changed = [], 0, 0
    with client.Connection(server.port) as connection:
        for number, (name, header, value) in enumerate(corpus(server.entries)):
            value = value.strip()
            entry = server.entries[name][0]
            host = "%s:%d" % (name, server.port)
            target = "".join("%%%02X" % byte if byte > 127 else chr(byte)
                             for byte in entry.prefix.encode("latin-1")) + "/x"
            wanted = (cookie(entry, value) if header == "Set-Cookie" else
                      location(entry, "http://" + host, value))
            order = ("X-Backend", json.dumps({"headers": [[header, value]]}))
            answer = connection.request("GET", target, host, [order])
            got = [(answer.status, answer.header(header))]
            if number % 4 == 0:
                got += interim(server, host, target, header, value)
            count += 1
            changed += wanted != value
            if any(one[1] != wanted for one in got):
                problems.append("%s %s: %s\n  %s\n  %s" % (
                    server.entries[name][1:], header, value, wanted, got))
    assert not problems, "%d of %d differ\n%s" % (len(problems), count,
                                                  "\n".join(problems[:40]))
    assert count >= 500
    # neither is left out
    assert changed > count / 5 and count - changed > count / 5


def interim(server, host, target, header, value):
    """Of an interim and a final response with this header."""
    lines = "%s: %s\r\n" % (header, value)
    raw = "HTTP/1.1 103 Early Hints\r\n%s\r\nHTTP/1.1 200 OK\r\n%s" \
        "Content-Length: 0\r\n\r\n" % (lines, lines)
    with client.Connection(server.port) as connection:
        connection.send(client.request_bytes(
            "GET", target, host, [client.order(raw=raw)]))
        responses = [connection.read_response() for _ in range(2)]
    return [(one.status, one.header(header)) for one in responses]
