# SPDX-License-Identifier: Apache-2.0
"""A soak: clients of all kinds at a steady rate, every answer compared with
what the host's backend is at that time.

`KINDS` has what clients do; each does it again and again, in a thread, against
one of the servers.  What goes wrong is an error with its time, unless the
backend that was asked is the cause.
"""

import collections
import itertools
import random
import socket
import struct
import threading
import time

import client
from backend import content
from reproxy import url

LARGE = 1 << 20
SMALL = 3000


class Wrong(Exception):
    """An answer that is not what it should be."""


class Excused(Exception):
    """No answer, of a backend that was down."""


def expect(true, response):
    if not true:
        raise Wrong(repr(response))


class Soak:
    """What the clients share.  servers: {name: port}; truth: see
    soak_truth.py; backends, storages: see backend.py."""

    def __init__(self, servers, truth, backends, storages):
        self.servers = servers
        self.truth = truth
        self.backends = backends
        self.storages = storages
        self.over = threading.Event()
        self.next_wide = itertools.count()
        self.wrong = []

    def wide_host(self):
        """The next host that has a backend of its own."""
        return next(self.next_wide) % self.truth.wide


# ---- what clients do --------------------------------------------------------

def check_seen(response, host, target):
    """A backend's own words about what it was asked for."""
    expect(response.status == 200, response)
    expect(response.target == target, response)
    expect(response.received("X-Forwarded-Host") == [host], response)


def wide(soak, keep, word):
    """A host whose backend nobody else has."""
    number = soak.wide_host()
    host, target = "w%d.example.com" % number, "/wide/%s?n=%d" % (word, number)
    begin = time.monotonic()
    response = keep.get(host, target)
    check_seen(response, host, target)
    expect(response.json()["address"][0]
           in soak.truth.addresses(number, begin), response)


def single(soak, keep, word):
    """A host that `hostmap set` moves."""
    number = random.randrange(len(soak.truth.single))
    host, target = "s%d.example.com" % number, "/single/%s/%%7Ex" % word
    begin = time.monotonic()
    response = keep.get(host, target)
    check_seen(response, host, target.replace("%7E", "~"))
    expect(response.backend in soak.truth.single[number].met(begin), response)


def mixed(soak, keep, word):
    (wide if random.random() < 0.7 else single)(soak, keep, word)


def large(soak, keep, word):
    """A large answer, with a length or in chunks."""
    response = keep.get("a.example.com", "/" + word, [client.order(
        content=LARGE, chunked=random.random() < 0.5)])
    expect(response.status == 200 and response.body == content("a", LARGE),
           response)


def stale(soak, keep, word):
    """The backend closes its connections unannounced: nobody is to notice."""
    response = keep.get("b.example.com", "/" + word, [client.order(
        close="silent", every=random.randint(1, 3), content=SMALL)])
    expect(response.status == 200 and response.body == content("b", SMALL),
           response)


def slow_backend(soak, keep, word):
    """First nothing, then piece by piece."""
    response = keep.get("c.example.com", "/" + word, [client.order(
        delay=random.random(), content=SMALL * 10, pieces=5, pause=0.1)])
    expect(response.status == 200
           and response.body == content("c", SMALL * 10), response)


def slow_client(soak, port, word):
    """Reads a large answer as if the network were slow."""
    with client.Connection(port) as connection:
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        connection.send(client.request_bytes(
            "GET", "/" + word, "d.example.com",
            [client.order(content=LARGE), ("Connection", "close")]))
        for _ in range(20):
            connection._more(0)
            if soak.over.wait(0.05):
                break
        response = connection.read_response()
    expect(response.status == 200 and response.body == content("d", LARGE),
           response)


def aborting(soak, port, word):
    """Goes away within an answer, or before it; mostly with a reset."""
    with client.Connection(port) as connection:
        connection.send(client.request_bytes(
            "GET", "/" + word, "d.example.com",
            [client.order(content=LARGE, pieces=20, pause=0.02)]))
        if random.random() < 0.7:
            expect(connection._until(b"\r\n", 0).split()[1] == b"200", word)
            expect(connection._until(b"\r\n\r\n", 0) is not None, word)
            got = connection._exactly(SMALL, 0)
            expect(got == content("d", SMALL), got)
        if random.random() < 0.7:
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                         struct.pack("ii", 1, 0))


def body(soak, port, word):
    """A request with a body, in one piece or in chunks."""
    text = (word + " ") * 2000
    with client.Connection(port) as connection:
        head = [("Connection", "close")]
        if random.random() < 0.5:
            sent = client.request_bytes("POST", "/" + word, "a.example.com",
                                        head, text.encode())
        else:
            sent = client.request_bytes(
                "POST", "/" + word, "a.example.com",
                [*head, ("Transfer-Encoding", "chunked")])
            sent += b"%x\r\n%s\r\n0\r\n\r\n" % (len(text), text.encode())
        connection.send(sent)
        response = connection.read_response()
    check_seen(response, "a.example.com", "/" + word)
    expect(response.json()["body"] == text, response)


def websocket(soak, port, word):
    """Messages both ways, for a second or two."""
    with client.Connection(port) as connection:
        answer = connection.request(
            "GET", "/" + word, "ws.example.com",
            [("Connection", "Upgrade"), ("Upgrade", "websocket")])
        expect(answer.status == 101, answer)
        for _ in range(random.randint(3, 15)):
            message = word.encode() * random.randint(1, 400)
            connection.send(message)
            expect(connection._exactly(len(message), 0) == message, word)
            if soak.over.wait(0.1):
                break


def reproxying(soak, keep, word):
    """The first URL may fail; the second's bytes have to come."""
    urls = [url(soak.storages, "s", "/" + word, content=SMALL * 20)]
    if random.random() < 0.3:
        urls.insert(0, url(soak.storages, random.choice(["t", "refused"]),
                           "/" + word, status=503))
    response = keep.get("app.example.com", "/" + word, [client.order(
        headers=[["X-Reproxy-URL", " ".join(urls)]], body="the app's own")])
    expect(response.status == 200
           and response.body == content("s", SMALL * 20), response)


def unknown(soak, keep, word):
    response = keep.get("%s.unknown.example" % word, "/" + word)
    expect(response.status == 404 and response.backend is None, response)


def failing(soak, keep, word):
    """The backend closes without an answer, on a new connection too."""
    response = keep.get("b.example.com", "/" + word,
                        [client.order(close="before")])
    expect(response.status == 502, response)


def restarted(soak, keep, word):
    """A backend that is killed now and then, and comes back."""
    begin, target = time.monotonic(), "/restarted/" + word
    try:
        response = keep.get("r.example.com", target)
        expect(response.status == 200, response)
    except (client.Closed, Wrong):
        if True in soak.truth.down.met(begin):
            keep.close()
            raise Excused from None
        raise
    check_seen(response, "r.example.com", target)
    expect(response.json()["port"] in soak.truth.restarted.met(begin), response)


Kind = collections.namedtuple("Kind", "ask way clients pause")
"""ask: what a client does; way: KeepAlive, H2KeepAlive, or None, it connects
by itself; clients: how many; pause: seconds between the beginnings."""

KINDS = {
    "HTTP/1.1": Kind(mixed, client.KeepAlive, 4, 0.06),
    "HTTP/2": Kind(mixed, client.H2KeepAlive, 2, 0.08),
    "large": Kind(large, client.KeepAlive, 1, 0.4),
    "large over HTTP/2": Kind(large, client.H2KeepAlive, 1, 2),
    "stale connections": Kind(stale, client.KeepAlive, 1, 0.1),
    "slow backend": Kind(slow_backend, client.KeepAlive, 2, 1),
    "slow client": Kind(slow_client, None, 1, 2),
    "aborting": Kind(aborting, None, 1, 0.5),
    "request bodies": Kind(body, None, 1, 0.3),
    "WebSocket": Kind(websocket, None, 2, 2),
    "reproxying": Kind(reproxying, client.KeepAlive, 1, 0.15),
    "unknown hosts": Kind(unknown, client.KeepAlive, 1, 0.2),
    "failing backend": Kind(failing, client.KeepAlive, 1, 1),
    "restarted backend": Kind(restarted, client.KeepAlive, 1, 0.1),
}


class Client(threading.Thread):
    """One client; it asks at least once."""

    def __init__(self, soak, name, server, number):
        super().__init__()
        self.soak = soak
        self.name_of_kind = name
        self.kind = KINDS[name]
        self.server = server
        self.port = soak.servers[server]
        self.word = "%s-%d" % (self.kind.ask.__name__, number)
        self.keep = self.kind.way(self.port) if self.kind.way else None
        self.done = 0
        self.excused = 0

    def run(self):
        for count in itertools.count():
            begin = time.monotonic()
            self.ask("%s-%d" % (self.word, count))
            spent = time.monotonic() - begin
            if self.soak.over.wait(max(0, self.kind.pause - spent)):
                break
        if self.keep:
            self.keep.close()

    def ask(self, word):
        try:
            self.kind.ask(self.soak, self.keep or self.port, word)
            self.done += 1
        except Excused:
            self.excused += 1
        except Exception as error:  # whatever it is, it is no answer
            self.soak.wrong.append("%s, %s server, %s, %s: %r" % (
                time.strftime("%T"), self.server, self.name_of_kind, word,
                error))
            if self.keep:
                self.keep.close()


def clients(soak, kinds):
    """Those of these kinds, half of them for each server at least."""
    numbers = itertools.count(1)
    return [Client(soak, name, server, next(numbers))
            for name in kinds for server in soak.servers
            for _ in range(max(1, KINDS[name].clients // len(soak.servers)))]
