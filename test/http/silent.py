# SPDX-License-Identifier: Apache-2.0
"""Backends that do not answer until they are told to, and the clients that
wait for them."""

import threading

import client
from listener import Listener
from wait import wait_for

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Silent:
    """Accepts, reads a request's header, and keeps its connection.  mark: how
    a request's header ends; empty: its first bytes are enough."""

    def __init__(self, mark=b"\r\n\r\n"):
        self.mark = mark
        self.asked = []
        self.answering = False
        self.connections = []
        self.lock = threading.Lock()
        self.listener = Listener(self._read)
        self.port = self.listener.port
        self.url = "http://127.0.0.1:%d" % self.port

    def _read(self, connection):
        received = b""
        with self.lock:
            self.connections.append(connection)
        try:
            while True:
                while not received or self.mark not in received:
                    data = connection.recv(65536)
                    if not data:
                        return
                    received += data
                received = (received.partition(self.mark)[2] if self.mark
                            else b"")
                answer = threading.Event()
                with self.lock:
                    self.asked.append(answer)
                    if self.answering:
                        answer.set()
                answer.wait()
                connection.sendall(ANSWER)
        except OSError:
            return

    def count(self):
        """Requests that came."""
        with self.lock:
            return len(self.asked)

    def wait_for(self, count):
        wait_for(lambda: self.count() >= count, 30,
                 "%d requests came to the silent backend" % count)

    def answer(self, number):
        """Answer one request; the others wait on."""
        with self.lock:
            self.asked[number].set()

    def answer_all(self):
        """Answer what waits, and all that comes from now on."""
        with self.lock:
            self.answering = True
            for answer in self.asked:
                answer.set()

    def close(self):
        self.listener.close()
        self.answer_all()
        with self.lock:
            for connection in self.connections:
                connection.close()


class Waiting:
    """A client whose request waits for its answer."""

    def __init__(self, port, host, target="/"):
        self.connection = client.Connection(port, timeout=60)
        self.connection.send(client.request_bytes("GET", target, host))

    def read(self):
        response = self.connection.read_response()
        self.connection.close()
        return response
