# SPDX-License-Identifier: Apache-2.0
"""Apps behind the gateway protocols: FastCGI, SCGI, uwsgi and AJP.

They take the orders `status`, `headers` and `body` of an X-Backend header, see
backend.py; without a body they say name, connection and what they were asked
for: the CGI-like ones their variables.
"""

import asyncio
import json
import struct


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


class Gateway(Counted):
    """What the protocols have in common: requests are variables."""

    def connection_made(self, transport):
        super().connection_made(transport)
        self.buffer = b""

    def ordered(self, variables):
        """Status, headers and body of the answer."""
        order = json.loads(variables.get("HTTP_X_BACKEND", "{}"))
        body = order["body"].encode("latin-1") if "body" in order \
            else self.brief(**self.seen(variables))
        return order.get("status", 200), order.get("headers", []), body

    def seen(self, variables):
        return {"env": variables}

    def cgi(self, variables):
        """The answer as a CGI script writes it."""
        status, headers, body = self.ordered(variables)
        lines = ["Status: %d" % status]
        lines += ["%s: %s" % (name, value) for name, value in headers]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


class FastCgiConnection(Gateway):
    """A FastCGI responder; httpd says whether it keeps the connection."""

    HEADER = struct.Struct(">BBHHBx")
    BEGIN, END, PARAMS, STDIN, STDOUT = 1, 3, 4, 5, 6

    def connection_made(self, transport):
        super().connection_made(transport)
        self.params = b""
        self.keep = False

    def record(self, kind, number, data):
        self.transport.write(
            self.HEADER.pack(1, kind, number, len(data), 0) + data)

    def data_received(self, data):
        self.buffer += data
        while len(self.buffer) >= self.HEADER.size:
            _, kind, number, length, padding = self.HEADER.unpack_from(
                self.buffer)
            end = self.HEADER.size + length
            if len(self.buffer) < end + padding:
                return
            content = self.buffer[self.HEADER.size:end]
            if kind == self.BEGIN:
                self.keep = content[2] & 1
                self.params = b""
            elif kind == self.PARAMS:
                self.params += content
            elif kind == self.STDIN and length == 0:
                self.answer(number)
            self.buffer = self.buffer[end + padding:]

    def variables(self):
        at = 0
        variables = {}

        def size():
            nonlocal at
            long = self.params[at] & 0x80
            value = struct.unpack_from(">I" if long else ">B", self.params,
                                       at)[0] & 0x7fffffff
            at += 4 if long else 1
            return value

        while at < len(self.params):
            name, value = size(), size()
            middle = at + name
            variables[self.params[at:middle].decode("latin-1")] = \
                self.params[middle:middle + value].decode("latin-1")
            at = middle + value
        return variables

    def answer(self, number):
        said = self.cgi(self.variables())
        for start in range(0, len(said), 0xff00):
            self.record(self.STDOUT, number, said[start:start + 0xff00])
        self.record(self.STDOUT, number, b"")
        self.record(self.END, number, bytes(8))
        if not self.keep:
            self.transport.close()


class ScgiConnection(Gateway):
    """A netstring of names and values, each with its NUL."""

    def data_received(self, data):
        self.buffer += data
        size, colon, rest = self.buffer.partition(b":")
        if not colon or len(rest) < int(size) + 1:
            return
        words = rest[:int(size)].decode("latin-1").split("\0")
        self.transport.write(self.cgi(dict(zip(words[::2], words[1::2]))))
        self.transport.close()


class UwsgiConnection(Gateway):
    """Names and values, each behind its length."""

    def data_received(self, data):
        self.buffer += data
        if len(self.buffer) < 4:
            return
        end = 4 + struct.unpack_from("<H", self.buffer, 1)[0]
        if len(self.buffer) < end:
            return
        words = []
        at = 4
        while at < end:
            size = struct.unpack_from("<H", self.buffer, at)[0]
            words.append(self.buffer[at + 2:at + 2 + size].decode("latin-1"))
            at += 2 + size
        said = self.cgi(dict(zip(words[::2], words[1::2])))
        self.transport.write(said.replace(b"Status:", b"HTTP/1.0", 1))
        self.transport.close()


class AjpConnection(Gateway):
    """AJP/1.3, as far as a request without a body goes.  Without orders the
    answer also says what the request was, as it came (raw) and taken apart
    (target, and env: the attributes), and how often there was a ping."""

    FORWARD, CHUNK, HEAD, END, PONG, PING = 2, 3, 4, 5, 9, 10
    QUERY, NAMED, KEY_SIZE, NO_MORE = 5, 10, 11, 255

    def connection_made(self, transport):
        super().connection_made(transport)
        self.pings = 0
        self.raw = b""

    def seen(self, variables):
        query = self.attributes.pop(str(self.QUERY), None)
        return {"pings": self.pings, "raw": self.raw.decode("latin-1"),
                "target": self.target + ("?" + query if query else ""),
                "env": self.attributes}

    def data_received(self, data):
        self.buffer += data
        while len(self.buffer) >= 4:
            end = 4 + struct.unpack_from(">H", self.buffer, 2)[0]
            if len(self.buffer) < end:
                return
            packet, self.buffer = self.buffer[4:end], self.buffer[end:]
            if packet[0] == self.PING:
                self.pings += 1
                self.packet(bytes([self.PONG]))
            elif packet[0] == self.FORWARD:
                self.raw = packet
                self.answer(self.variables(packet))

    def variables(self, packet):
        """The headers whose names are spelled out.  Keeps target and
        attributes."""
        at = 2
        variables = {}

        def number():
            nonlocal at
            at += 2
            return struct.unpack_from(">H", packet, at - 2)[0]

        def string():
            nonlocal at
            size = number()
            if size == 0xffff:
                return ""
            at += size + 1
            return packet[at - size - 1:at - 1].decode("latin-1")

        string()
        self.target = string()
        for _ in range(3):
            string()
        at += 3
        for _ in range(number()):
            coded = packet[at] == 0xa0
            name = "%x" % number() if coded else string()
            variables["HTTP_" + name.upper().replace("-", "_")] = string()
        self.attributes = {}
        while packet[at] != self.NO_MORE:
            at += 1
            code = packet[at - 1]
            if code == self.KEY_SIZE:
                number()
            else:
                name = string() if code == self.NAMED else str(code)
                self.attributes[name] = string()
        return variables

    @staticmethod
    def string(text):
        return struct.pack(">H", len(text)) + text.encode("latin-1") + b"\0"

    def packet(self, data):
        self.transport.write(b"AB" + struct.pack(">H", len(data)) + data)

    def answer(self, variables):
        status, headers, body = self.ordered(variables)
        head = struct.pack(">BH", self.HEAD, status) + self.string("Tested")
        head += struct.pack(">H", len(headers))
        for name, value in headers:
            head += self.string(name) + self.string(value)
        self.packet(head)
        for start in range(0, len(body), 8000):
            piece = body[start:start + 8000]
            self.packet(struct.pack(">BH", self.CHUNK, len(piece)) + piece
                        + b"\0")
        self.packet(struct.pack(">BB", self.END, 1))
