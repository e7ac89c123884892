# SPDX-License-Identifier: Apache-2.0
"""Backends for the tests, in a process of their own.

`Backends` starts that process: one listener on loopback for each name.  Every
answer is JSON that says which backend it came from, what it received and on
which connection, so a test can tell what httpd did with a request.

A request tells its backend how to misbehave with an X-Backend header, JSON:

    status, reason   the status line (200 OK)
    headers          list of [name, value] to add to the answer
    body             text instead of the JSON
    size             so many bytes instead of the JSON
    delay            seconds to wait before answering
    close            "before": close without an answer; "half": close within
                     the body; "after": close behind the answer; "silent": as
                     "after", without a Connection: close
    every            n: close only with every n-th request of a connection
    reused           true: close only with a request that is not the first of
                     its connection
    reset            true: close with an RST
    count            true: count this method and target, for stats
    stats            true: answer with the backend's counters

A request for an upgrade to websocket is granted: from then on every byte is
sent back.  Backends for HTTP/2, FastCGI, SCGI, uwsgi and AJP take no orders:
they say name, connection and what they were asked for, the CGI-like ones their
environment besides.
"""

import asyncio
import collections
import json
import os
import socket
import ssl
import struct
import subprocess
import sys

import h2.config
import h2.connection
import h2.events

import gateways

READY_TIMEOUT = 15


class Counted(asyncio.Protocol):
    """A connection that its backend counts."""

    def __init__(self, backend):
        self.backend = backend
        backend["connections"] += 1
        self.number = backend["connections"]

    def connection_made(self, transport):
        self.transport = transport
        self.backend["open"] += 1

    def connection_lost(self, _):
        self.backend["open"] -= 1

    def brief(self, **more):
        """The answer of those who take no orders."""
        return json.dumps({"backend": self.backend["name"],
                           "connection": self.number,
                           **more}).encode("ascii")


class Connection(Counted):
    """One connection to one backend.  httpd does not pipeline, so there is
    one request at a time."""

    def __init__(self, backend):
        super().__init__(backend)
        self.buffer = b""
        self.served = 0
        self.continued = False
        self.echoes = False

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
        length = int(lower.get("content-length", 0))
        if len(rest) < length:
            if "expect" in lower and not self.continued:
                self.continued = True
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            return
        self.continued = False
        self.buffer = rest[length:]
        self.backend["requests"] += 1
        self.served += 1
        method, target, version = lines[0].split(" ")
        order = json.loads(lower.get("x-backend", "{}"))
        seen = {
            "backend": self.backend["name"],
            "port": self.backend["port"],
            "connection": self.number,
            "served": self.served,
            "method": method,
            "target": target,
            "version": version,
            "headers": headers,
            "body": rest[:length].decode("latin-1"),
            "name": self.tls_name(),
        }
        if order.get("count"):
            self.backend["counts"][method + " " + target] += 1
        last = lower.get("connection", "").lower() == "close"
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
        if order.get("stats"):
            seen = {key: self.backend[key]
                    for key in ("connections", "requests", "open", "counts")}
        body = order.get("body", json.dumps(seen)).encode("latin-1")
        if order.get("size"):
            body = b"x" * order["size"]
        status = order.get("status", 200)
        lines = ["HTTP/1.1 %d %s" % (status, order.get("reason", "Tested"))]
        lines += ["%s: %s" % (name, value)
                  for name, value in order.get("headers", [])]
        if status == 304:
            body = b""
        else:
            lines.append("Content-Length: %d" % len(body))
        if last or close in ("half", "after"):
            lines.append("Connection: close")
        if seen.get("method") == "HEAD":
            body = b""
        if close == "half":
            body = body[:len(body) // 2]
        head = "\r\n".join(lines) + "\r\n\r\n"
        self.transport.write(head.encode("latin-1") + body)
        if last or close:
            self.close(order.get("reset"))


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


class FastCgiConnection(Counted):
    """A FastCGI responder; httpd says whether it keeps the connection."""

    HEADER = struct.Struct(">BBHHBx")
    BEGIN, END, PARAMS, STDIN, STDOUT = 1, 3, 4, 5, 6

    def connection_made(self, transport):
        super().connection_made(transport)
        self.buffer = b""
        self.keep = False

    def record(self, kind, number, data):
        self.transport.write(
            self.HEADER.pack(1, kind, number, len(data), 0) + data)

    def data_received(self, data):
        self.buffer += data
        while len(self.buffer) >= self.HEADER.size:
            _, kind, number, length, padding = self.HEADER.unpack_from(
                self.buffer)
            end = self.HEADER.size + length + padding
            if len(self.buffer) < end:
                return
            if kind == self.BEGIN:
                self.keep = self.buffer[self.HEADER.size + 2] & 1
                self.params = b""
            elif kind == self.PARAMS:
                self.params += self.buffer[self.HEADER.size:end - padding]
            elif kind == self.STDIN and length == 0:
                self.answer(number)
            self.buffer = self.buffer[end:]

    def answer(self, number):
        body = self.brief(env=gateways.fcgi_pairs(self.params))
        self.record(self.STDOUT, number, b"Status: 200\r\n\r\n" + body)
        self.record(self.STDOUT, number, b"")
        self.record(self.END, number, bytes(8))
        if not self.keep:
            self.transport.close()


class GatewayConnection(Counted):
    """One request and its answer, by a gateway's protocol."""

    def __init__(self, backend, read, answer):
        super().__init__(backend)
        self.buffer = b""
        self.read = read
        self.answer = answer

    def data_received(self, data):
        self.buffer += data
        seen = self.read(self.buffer)
        if seen is not None:
            self.transport.write(self.answer(self.brief(**seen)))
            self.transport.close()


PROTOCOLS = {
    "h2": Http2Connection,
    "h2c": Http2Connection,
    "fcgi": FastCgiConnection,
    "scgi": lambda backend: GatewayConnection(
        backend, gateways.read_scgi, gateways.answer_cgi),
    "uwsgi": lambda backend: GatewayConnection(
        backend, gateways.read_uwsgi, gateways.answer_uwsgi),
    "ajp": lambda backend: GatewayConnection(
        backend, gateways.read_ajp, gateways.answer_ajp),
}


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


async def listen(name, kind, file):
    """Listen as one backend; its port."""
    loop = asyncio.get_running_loop()
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
    key), name:h2:FILE, name:wide (all loopback addresses), name:h2c, name:fcgi, name:scgi,
    name:uwsgi, name:ajp."""

    def __init__(self, *names):
        self.process = subprocess.Popen(
            [sys.executable, __file__, *names], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        self.port = json.loads(self.process.stdout.readline())

    def url(self, name, path=""):
        return "http://127.0.0.1:%d%s" % (self.port[name], path)

    def stop(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(READY_TIMEOUT)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1:]))
