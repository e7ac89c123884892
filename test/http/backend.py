# SPDX-License-Identifier: Apache-2.0
"""Backends for the tests, in a process of their own.

`Backends` starts that process: one listener on loopback for each name.  Every
answer is JSON that says which backend it came from, what it received and on
which connection, so a test can tell what httpd did with a request.

A request tells its backend how to misbehave with an X-Backend header, JSON,
or, where it brings no such header, with `order=` and the JSON, percent-encoded,
in the query of its target:

    status, reason   the status line (200 OK)
    headers          list of [name, value] to add to the answer
    body             text instead of the JSON
    size             so many bytes instead of the JSON
    content          so many bytes of content() instead of the JSON
    file             true: as a static file: ranges and conditions are
                     answered, with etag and modified as validators
    chunked          true: in chunks
    pieces           write the body in so many pieces
    pause            seconds to wait behind each piece
    drip, lines      so many lines of a header, with so many seconds between
                     them, then the end of the answer
    long             a header line of so many bytes besides
    length           the Content-Length that is said; null: none, the answer
                     ends with the connection
    cut              close behind so many bytes of the body
    raw              text instead of a whole answer; then close
    times            repeat raw or body so often
    methods          {METHOD: more of an order for requests of this method}
    delay            seconds to wait before answering
    hold             a word: do not answer before another request says so with
    release          the same word
    hold_body        a word: the same, after the first piece of the body
    close            "before": close without an answer; "half": close within
                     the body; "after": close behind the answer; "silent": as
                     "after", without a Connection: close
    every            n: close only with every n-th request of a connection
    reused           true: close only with a request that is not the first of
                     its connection
    reset            true: close with an RST
    count            true: count this method and target, for stats
    stats            true: answer with the backend's counters, and how many
                     requests wait for each word

A request for an upgrade to websocket is granted: from then on every byte is
sent back.  Backends for HTTP/2 take no orders: they say name, connection and
what they were asked for; see gateways.py for FastCGI and its like.
"""

import asyncio
import collections
import contextlib
import email.utils
import functools
import itertools
import json
import os
import re
import socket
import ssl
import struct
import subprocess
import sys
import threading
import urllib.parse

import h2.config
import h2.connection
import h2.events

import client
from gateways import (AjpConnection, Counted, FastCgiConnection,
                      ScgiConnection, UwsgiConnection)
from wait import wait_for

READY_TIMEOUT = 30
PIECE = 65536

HELD = collections.defaultdict(list)
"""Answers that wait, by the word that releases them; of all backends of a
process."""


@functools.lru_cache(maxsize=32)
def content(name, size):
    """So many bytes that tell whose they are and where they belong."""
    lines = b"".join(b"%-6.6s%09d\n" % (name.encode("ascii"), number)
                     for number in range(4096))
    return (lines * (size // len(lines) + 1))[:size]


class Connection(Counted):
    """One connection to one backend.  httpd does not pipeline, so there is
    one request at a time."""

    def __init__(self, backend):
        super().__init__(backend)
        self.buffer = b""
        self.served = 0
        self.continued = False
        self.echoes = False
        self.paused = False
        self.pause = 0
        self.hold = None
        self.pieces = iter(())
        self.ends = None

    @staticmethod
    def order_of(target, headers):
        """What the request orders."""
        query = urllib.parse.urlsplit(target).query
        text = headers.get("x-backend") \
            or urllib.parse.parse_qs(query).get("order", ["{}"])[0]
        return json.loads(text)

    def close(self, reset):
        if reset:
            raw = self.transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                           struct.pack("ii", 1, 0))
            self.transport.abort()
        else:
            self.transport.close()

    def upgrade(self):
        self.echoes = True
        self.backend["requests"] += 1
        self.transport.write(b"HTTP/1.1 101 Switching Protocols\r\n"
                             b"Upgrade: websocket\r\n"
                             b"Connection: Upgrade\r\n\r\n")

    def data_received(self, data):
        if self.echoes:
            self.transport.write(data)
            return
        self.buffer += data
        head, gap, rest = self.buffer.partition(b"\r\n\r\n")
        if not gap:
            return
        lines = head.decode("latin-1").split("\r\n")
        headers = [line.split(":", 1) for line in lines[1:]]
        headers = [[name, value.strip()] for name, value in headers]
        lower = {name.lower(): value for name, value in headers}
        if lower.get("upgrade", "").lower() == "websocket":
            self.upgrade()
            return
        if lower.get("transfer-encoding", "").lower() == "chunked":
            length, body = dechunked(rest)
        else:
            length = int(lower.get("content-length", 0))
            body = rest[:length]
        if length is None or len(rest) < length:
            if "expect" in lower and not self.continued:
                self.continued = True
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            return
        self.continued = False
        self.buffer = rest[length:]
        self.backend["requests"] += 1
        self.served += 1
        method, target, version = lines[0].split(" ")
        order = self.order_of(target, lower)
        order.update(order.get("methods", {}).get(method, {}))
        seen = {
            "backend": self.backend["name"],
            "port": self.backend["port"],
            "address": self.transport.get_extra_info("sockname"),
            "peer": self.transport.get_extra_info("peername"),
            "connection": self.number,
            "served": self.served,
            "method": method,
            "target": target,
            "version": version,
            "headers": headers,
            "body": body.decode("latin-1"),
            "name": self.tls_name(),
        }
        if order.get("count"):
            self.backend["counts"][method + " " + target] += 1
        last = lower.get("connection", "").lower() == "close"
        for answer in HELD.pop(order.get("release"), []):
            answer()
        if "hold" in order:
            HELD[order["hold"]].append(functools.partial(
                self.answer, order, seen, last))
            return
        delay = order.get("delay", 0)
        if delay:
            loop = asyncio.get_running_loop()
            loop.call_later(delay, self.answer, order, seen, last)
        else:
            self.answer(order, seen, last)

    def tls_name(self):
        tls = self.transport.get_extra_info("ssl_object")
        return tls and getattr(tls, "asked_for", "")

    def how_to_close(self, order):
        if self.served % order.get("every", 1) != 0:
            return None
        if order.get("reused") and self.served == 1:
            return None
        return order.get("close")

    def answer(self, order, seen, last):
        close = self.how_to_close(order)
        if close == "before":
            self.close(order.get("reset"))
            return
        if "drip" in order:
            self.drip(order["drip"], order["lines"], b"HTTP/1.1 200 OK\r\n")
            return
        if "raw" in order:
            self.transport.write(order["raw"].encode("latin-1")
                                 * order.get("times", 1))
            self.close(order.get("reset"))
            return
        status, headers, body = self.whole(order, seen)
        if close == "half":
            order["cut"] = len(body) // 2
        lines = ["HTTP/1.1 %d %s" % (status, order.get("reason", "Tested"))]
        lines += ["%s: %s" % (name, value) for name, value in headers]
        length = order.get("length", len(body))
        if order.get("chunked"):
            lines.append("Transfer-Encoding: chunked")
        elif length is not None and status != 304:
            lines.append("Content-Length: %d" % length)
        last = last or length is None
        if last or close in ("half", "after"):
            lines.append("Connection: close")
        self.transport.write(("\r\n".join(lines) + "\r\n\r\n")
                             .encode("latin-1"))
        if seen["method"] == "HEAD" or status == 304:
            body = b""
        self.pieces = self.split(body, order)
        self.pause = order.get("pause", 0)
        self.hold = order.get("hold_body")
        self.ends = functools.partial(self.close, order.get("reset")) \
            if last or close or "cut" in order else None
        self.write_on()

    def drip(self, pause, lines, line):
        self.transport.write(line)
        if self.transport.is_closing():
            return
        later = asyncio.get_running_loop().call_later
        if lines > 0:
            later(pause, self.drip, pause, lines - 1,
                  b"X-Line: %d\r\n" % lines)
        else:
            self.transport.write(b"Content-Length: 0\r\n\r\n")

    def whole(self, order, seen):
        """Status, headers and body of the answer."""
        if order.get("stats"):
            counts = {key: self.backend[key] for key in
                      ("connections", "requests", "open", "counts")}
            counts["held"] = {word: len(held) for word, held in HELD.items()}
            return 200, [], json.dumps(counts).encode("ascii")
        body = order.get("body", json.dumps(seen)).encode("latin-1") \
            * order.get("times", 1)
        if "size" in order:
            body = b"x" * order["size"]
        if "content" in order:
            body = content(self.backend["name"], order["content"])
        headers = order.get("headers", [])
        if "long" in order:
            headers = headers + [["X-Long", "x" * order["long"]]]
        if order.get("file"):
            asked = {name.lower(): value for name, value in seen["headers"]}
            return as_file(order, headers, body, asked)
        return order.get("status", 200), headers, body

    @staticmethod
    def split(body, order):
        """The body as it is written, piece by piece."""
        body = memoryview(body)[:order.get("cut", len(body))]
        size = PIECE
        if "pieces" in order:
            size = max(1, len(body) // order["pieces"])
        for start in range(0, len(body), size):
            piece = body[start:start + size]
            if order.get("chunked"):
                yield b"%x\r\n%s\r\n" % (len(piece), bytes(piece))
            else:
                yield piece
        if order.get("chunked") and "cut" not in order:
            yield b"0\r\n\r\n"

    def write_on(self):
        """Write until the client reads no faster, or all is written."""
        for piece in self.pieces:
            if self.transport.is_closing():
                return
            self.transport.write(piece)
            word, self.hold = self.hold, None
            if word:
                HELD[word].append(self.write_on)
                return
            if self.pause:
                asyncio.get_running_loop().call_later(self.pause,
                                                      self.write_on)
            if self.pause or self.paused:
                return
        ends, self.ends = self.ends, None
        if ends:
            ends()

    def pause_writing(self):
        self.paused = True

    def resume_writing(self):
        self.paused = False
        if not self.pause:
            # Not from within the transport: it may not be closed there.
            asyncio.get_running_loop().call_soon(self.write_on)


def dechunked(data):
    """Length on the wire and text of a chunked body; None, None: there is
    more to come."""
    body, at = b"", 0
    while True:
        end = data.find(b"\r\n", at)
        if end < 0:
            return None, None
        size = int(data[at:end], 16)
        at = end + 2 + size + 2
        if at > len(data):
            return None, None
        if size == 0:
            return at, body
        body += data[end + 2:end + 2 + size]


def as_file(order, headers, body, asked):
    """Status, headers and body as a server of static files answers."""
    etag, modified = order.get("etag"), order.get("modified")
    headers = headers + [["Accept-Ranges", "bytes"]]
    headers += [["ETag", etag]] if etag else []
    headers += [["Last-Modified", modified]] if modified else []

    def time(text):
        return email.utils.parsedate_to_datetime(text)

    if "if-match" in asked and asked["if-match"] not in ("*", etag):
        return 412, headers, b"precondition"
    if "if-none-match" in asked:
        if asked["if-none-match"] in ("*", etag):
            return 304, headers, b""
    elif modified and "if-modified-since" in asked:
        if time(modified) <= time(asked["if-modified-since"]):
            return 304, headers, b""
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", asked.get("range", ""))
    if not found or asked.get("if-range", etag) not in (etag, modified):
        return 200, headers, body
    first, last = found.groups()
    if first == "":
        first, last = max(0, len(body) - int(last)), len(body) - 1
    else:
        first, last = int(first), int(last or len(body) - 1)
    last = min(last, len(body) - 1)
    if first > last:
        headers += [["Content-Range", "bytes */%d" % len(body)]]
        return 416, headers, b"no such range"
    headers += [["Content-Range", "bytes %d-%d/%d" % (first, last,
                                                      len(body))]]
    return 206, headers, body[first:last + 1]


class Http2Connection(Counted):
    """HTTP/2 with prior knowledge."""

    def connection_made(self, transport):
        super().connection_made(transport)
        self.state = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False))
        self.state.initiate_connection()
        transport.write(self.state.data_to_send())

    def data_received(self, data):
        for event in self.state.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                self.target = dict(event.headers)[b":path"].decode("ascii")
            if isinstance(event, h2.events.StreamEnded):
                body = self.brief(target=self.target)
                self.state.send_headers(event.stream_id, [
                    (":status", "200"), ("content-length", str(len(body)))])
                self.state.send_data(event.stream_id, body, True)
        self.transport.write(self.state.data_to_send())


PROTOCOLS = {"h2": Http2Connection, "h2c": Http2Connection,
             "fcgi": FastCgiConnection, "scgi": ScgiConnection,
             "uwsgi": UwsgiConnection, "ajp": AjpConnection}


def tls_context(kind, file):
    """From a file with certificate and key; None for what speaks no TLS."""
    if kind not in ("tls", "h2"):
        return None

    def note_name(tls, name, _):
        tls.asked_for = name or ""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    context.sni_callback = note_name
    if kind == "h2":
        context.set_alpn_protocols(["h2"])
    return context


def self_signed(path):
    """Make a certificate and its key in one file; its path."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048",
                    "-nodes", "-days", "2", "-subj", "/CN=backend.example",
                    "-keyout", path, "-out", path + ".crt"],
                   check=True, capture_output=True, timeout=READY_TIMEOUT)
    with open(path, "a", encoding="ascii") as file, \
            open(path + ".crt", encoding="ascii") as certificate:
        file.write(certificate.read())
    return path


def any_loopback():
    """A socket that listens on every loopback address, and no other."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")
    listener.bind(("0.0.0.0", 0))
    return listener


SOCKETS = []
"""They live as long as this process."""


def refused():
    """A port that nobody else can have, and that refuses connections."""
    holder = socket.socket()
    holder.bind(("127.0.0.1", 0))
    SOCKETS.append(holder)
    return holder.getsockname()[1]


def silent():
    """A port that answers no connection, as one behind a firewall: its queue
    is full."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    SOCKETS.append(listener)
    for _ in range(4):
        queued = socket.socket()
        queued.setblocking(False)
        queued.connect_ex(listener.getsockname())
        SOCKETS.append(queued)
    return listener.getsockname()[1]


async def listen(name, kind, file):
    """Listen as one backend; its port."""
    loop = asyncio.get_running_loop()
    if kind in ("refused", "silent"):
        return refused() if kind == "refused" else silent()
    backend = {"name": name, "connections": 0, "requests": 0, "open": 0,
               "counts": collections.Counter(), "port": 0}

    def protocol():
        return PROTOCOLS.get(kind, Connection)(backend)

    if kind == "unix":
        await loop.create_unix_server(protocol, file)
        os.chmod(file, 0o777)
        return 0
    if kind == "wide":
        server = await loop.create_server(protocol, sock=any_loopback(),
                                          backlog=1024)
    else:
        server = await loop.create_server(
            protocol, "127.0.0.1", 0, backlog=1024,
            ssl=tls_context(kind, file))
    backend["port"] = server.sockets[0].getsockname()[1]
    return backend["port"]


async def serve(names):
    """Listen for every name, say the ports, go on until stdin closes."""
    loop = asyncio.get_running_loop()
    ports = {}
    for spec in names:
        name, kind, file = (spec.split(":") + ["", ""])[:3]
        ports[name] = await listen(name, kind, file)
    print(json.dumps(ports), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


class Backends:
    """The process that serves the backends.  It ends with the tests, however
    they end: its standard input closes.

    A name may say more: name:unix:SOCKET, name:tls:FILE (certificate and
    key), name:h2:FILE, name:wide (all loopback addresses), name:h2c, name:fcgi,
    name:scgi, name:uwsgi, name:ajp, name:refused, name:silent (no connection
    comes to be)."""

    def __init__(self, *names):
        self.process = subprocess.Popen(
            [sys.executable, __file__, *names], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        self.port = json.loads(self.process.stdout.readline())
        self.words = itertools.count(1)

    def url(self, name, path=""):
        return "http://127.0.0.1:%d%s" % (self.port[name], path)

    def tell(self, **order):
        """Order something of the backends; the answer."""
        port = next(port for port in self.port.values() if port)
        return client.get(port, "test", "/order", [client.order(**order)])

    @contextlib.contextmanager
    def holding(self, port, *hosts, target="/", **order):
        """Clients that ask for these hosts, all of which have a backend here,
        and are not answered before the block ends.  The list that it gives has
        their answers then."""
        word = "word-%d" % next(self.words)
        answers = [None] * len(hosts)
        headers = [client.order(hold=word, **order)]

        def ask(number, host):
            answers[number] = client.get(port, host, target, headers)

        clients = [threading.Thread(target=ask, args=one)
                   for one in enumerate(hosts)]
        for one in clients:
            one.start()
        try:
            wait_for(lambda: self.tell(stats=True).json()["held"].get(word, 0)
                     == len(hosts), READY_TIMEOUT,
                     "%d requests are with their backends" % len(hosts))
            yield answers
        finally:
            self.tell(release=word)
            for one in clients:
                one.join()

    def stop(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(READY_TIMEOUT)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1:]))
