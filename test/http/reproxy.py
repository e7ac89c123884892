# SPDX-License-Identifier: Apache-2.0
"""What the tests of mod_reproxy share: apps, storages, and what a client may
see of them.

The app is backend `app`, asked below /app/; what it answers is ordered by the
client (`asks`).  Storages are the other backends; what they answer is ordered
by their URL (`url`).
"""

import itertools
import json
import urllib.parse

import pytest

import client
from backend import content
from httpd import wait_for

HOST = "www.example.com"

BACKENDS = ("app", "s", "t", "u", "refused:refused", "silent:silent")
"""`app` and the storages; refused and silent take no connection."""

APP_BODY = "the app's own body"
ERROR_BODY = "storage's error body"

ATTEMPT_LOG = r"\[(?:proxy|proxy_http|reproxy):error\]|AH01382"
"""What is said of attempts that fail.  (AH01382: a body of the client that
nobody reads.)"""

_numbers = itertools.count(1)


def new_name():
    """A word that no other request has."""
    return "name-%d" % next(_numbers)


def url(backends, name, path="/", **order):
    """The URL of a storage that answers so."""
    text = backends.url(name, path)
    if order:
        packed = json.dumps(order, separators=(",", ":"))
        text += ("&" if "?" in path else "?") + "order=" \
            + urllib.parse.quote(packed, safe="")
    return text


def asks(urls=None, headers=(), **order):
    """The client's header that has the app answer with these URLs (a list, or
    the text of the header)."""
    said = [list(header) for header in headers]
    if urls is not None:
        text = urls if isinstance(urls, str) else " ".join(urls)
        said.append(["X-Reproxy-URL", text])
    order.setdefault("body", APP_BODY)
    return client.order(headers=said, **order)


MIME = ["TypesConfig /dev/null"]
"""mod_mime without a file of its own."""


def configuration(backends, *lines, outside=()):
    """A server with the app below /app/ in scope; lines go into the section
    that says so, outside behind it."""
    text = [
        "ProxyPass /app/ %s" % backends.url("app", "/"),
        "ProxyPass /plain/ %s" % backends.url("app", "/"),
        "<Location /app/>", "AllowReproxy On",
        *lines,
        "</Location>",
        *outside,
        'LogFormat "%{reproxy-url}n %{reproxy-attempts}n %{reproxy-result}n '
        '%>s %U" reproxy',
        "CustomLog access.log reproxy",
    ]
    if not any(line.startswith("ReproxyAllow") for line in lines):
        text.insert(0, allow_all(backends))
    return "\n".join(text) + "\n"


def allow_all(backends):
    """ReproxyAllow for every storage."""
    return "ReproxyAllow " + " ".join(
        backends.url(name) for name in backends.port)


BRIEF = 2
"""Seconds that an attempt has below /brief/, for what never answers; all else
has the ten of the default."""


def brief(backends):
    """The app once more, with so short a ReproxyTimeout."""
    return "\n".join(["<Location /brief/>",
                      "ProxyPass %s" % backends.url("app", "/"),
                      "AllowReproxy On", "ReproxyTimeout %d" % BRIEF,
                      "</Location>"])


def start(httpd, backends, *lines, outside=()):
    return httpd.start(configuration(backends, *lines, outside=outside))


def logged(httpd, path):
    """Notes and status of the request for path: reproxy-url,
    reproxy-attempts, reproxy-result, status."""
    def found():
        with open(httpd.path("access.log"), encoding="latin-1") as file:
            for line in file:
                words = line.split()
                if words[-1] == path:
                    return words[:-1]
        return None
    return wait_for(found, 30, "the access log has " + path)


def counted(backends, name, path, method="GET"):
    """How often a storage was asked for a path that orders to be counted."""
    answer = client.get(backends.port[name], "stats",
                        headers=[client.order(stats=True)])
    return sum(number for key, number in answer.json()["counts"].items()
               if key.split("?")[0] == method + " " + path)


class Fresh:
    """Each request on a connection of its own."""

    def __init__(self, port):
        self.port = port

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def get(self, target, headers=()):
        return client.get(self.port, HOST, target, headers)


class Kept:
    """All requests on one connection, which has served before."""

    def __init__(self, port):
        self.connection = client.Connection(port)

    def __enter__(self):
        assert self.get("/index.html").status == 200
        return self

    def __exit__(self, *_):
        self.connection.close()

    def get(self, target, headers=()):
        return self.connection.request("GET", target, HOST, headers)


class OverHttp2(Kept):
    """All requests on one connection of HTTP/2."""

    def __init__(self, port):
        self.connection = client.H2Connection(port)

    def __exit__(self, *_):
        self.connection.__exit__()

    def get(self, target, headers=()):
        return self.connection.get(HOST, target, headers)


WAYS = {"new": Fresh, "kept": Kept, "http2": OverHttp2}


def way_of(name, settings):
    """How a client comes; skips what the MPM cannot do."""
    if name == "http2" and settings.mpm == "prefork":
        pytest.skip("mod_http2 does not serve under prefork")
    return WAYS[name]


def http2(settings):
    """Modules and lines of a server that speaks HTTP/2, if it can."""
    if settings.mpm == "prefork":
        return [], []
    return ["http2"], ["Protocols h2c http/1.1"]


def assert_hidden(response):
    """No header of ours came to the client."""
    ours = [name for name, _ in response.headers
            if name.lower().startswith(("x-reproxy-", "x-proxy-cap"))]
    assert ours == [], response


def assert_serves(response, name, size):
    """The response is that content of a storage, and nothing else."""
    assert response.status == 200, response
    assert response.body == content(name, size)
    assert response.header("Content-Length") == str(size)
    assert_hidden(response)


def assert_failed(response, status=502):
    """The response is httpd's own error."""
    assert response.status == status, response
    assert ERROR_BODY.encode() not in response.body
    assert APP_BODY.encode() not in response.body
    assert_hidden(response)
