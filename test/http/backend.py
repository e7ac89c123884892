# SPDX-License-Identifier: Apache-2.0
"""Backends for the tests, in a process of their own.

`Backends` starts that process: one listener on loopback for each name.  Every
answer is JSON that says which backend it came from, what it received and on
which connection, so a test can tell what httpd did with a request.

A request tells its backend how to misbehave with an X-Backend header, JSON:

    status, reason   the status line (200 OK)
    headers          list of [name, value] to add to the answer
    body             text instead of the JSON
    delay            seconds to wait before answering
    close            "before": close without an answer; "half": close within
                     the body; "after": close behind the answer
    stats            true: answer with the backend's counters
"""

import asyncio
import json
import subprocess
import sys

READY_TIMEOUT = 15


class Connection(asyncio.Protocol):
    """One connection to one backend.  httpd does not pipeline, so there is
    one request at a time."""

    def __init__(self, backend):
        self.backend = backend
        self.buffer = b""
        self.served = 0
        backend["connections"] += 1
        self.number = backend["connections"]

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.buffer += data
        head, gap, rest = self.buffer.partition(b"\r\n\r\n")
        if not gap:
            return
        lines = head.decode("latin-1").split("\r\n")
        headers = [line.split(":", 1) for line in lines[1:]]
        headers = [[name, value.strip()] for name, value in headers]
        lower = {name.lower(): value for name, value in headers}
        length = int(lower.get("content-length", 0))
        if len(rest) < length:
            return
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
        }
        last = lower.get("connection", "").lower() == "close"
        delay = order.get("delay", 0)
        if delay:
            loop = asyncio.get_running_loop()
            loop.call_later(delay, self.answer, order, seen, last)
        else:
            self.answer(order, seen, last)

    def answer(self, order, seen, last):
        close = order.get("close")
        if close == "before":
            self.transport.close()
            return
        if order.get("stats"):
            seen = {key: self.backend[key]
                    for key in ("connections", "requests")}
        body = order.get("body", json.dumps(seen)).encode("latin-1")
        status = order.get("status", 200)
        lines = ["HTTP/1.1 %d %s" % (status, order.get("reason", "Tested"))]
        lines += ["%s: %s" % (name, value)
                  for name, value in order.get("headers", [])]
        if status == 304:
            body = b""
        else:
            lines.append("Content-Length: %d" % len(body))
        if last or close:
            lines.append("Connection: close")
        if seen.get("method") == "HEAD":
            body = b""
        if close == "half":
            body = body[:len(body) // 2]
        head = "\r\n".join(lines) + "\r\n\r\n"
        self.transport.write(head.encode("latin-1") + body)
        if last or close:
            self.transport.close()


async def serve(names):
    """Listen for every name, say the ports, go on until stdin closes."""
    loop = asyncio.get_running_loop()
    ports = {}
    for name in names:
        backend = {"name": name, "connections": 0, "requests": 0}
        server = await loop.create_server(
            lambda backend=backend: Connection(backend),
            "127.0.0.1", 0, backlog=1024)
        backend["port"] = server.sockets[0].getsockname()[1]
        ports[name] = backend["port"]
    print(json.dumps(ports), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


class Backends:
    """The process that serves the backends.  It ends with the tests, however
    they end: its standard input closes."""

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
