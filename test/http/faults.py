# SPDX-License-Identifier: Apache-2.0
"""A backend with a fault of its own, for tests of failing over: it counts the
requests that it read whole."""

import threading

from listener import Listener

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"


class Faulty:
    """Accepts, and does what its fault says with each request:

    refuse   nothing listens
    close    reads the request, closes without an answer
    hang     reads the request, never answers
    within   closes after the request's header
    broken   answers a header and a part of the body, closes
    NNN      answers with this status
    """

    def __init__(self, fault):
        self.fault = fault
        self.lock = threading.Lock()
        self.requests = 0
        self.connections = []
        self.listener = Listener(self._serve)
        self.url = "http://127.0.0.1:%d" % self.listener.port
        if fault == "refuse":
            self.listener.close()

    @staticmethod
    def _length(header):
        for line in header.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                return int(value)
        return 0

    def _serve(self, connection):
        received = b""
        self.connections.append(connection)
        try:
            while True:
                while b"\r\n\r\n" not in received:
                    data = connection.recv(65536)
                    if not data:
                        return
                    received += data
                header, _, received = received.partition(b"\r\n\r\n")
                if self.fault == "within":
                    with self.lock:
                        self.requests += 1
                    connection.close()
                    return
                length = self._length(header)
                while len(received) < length:
                    received += connection.recv(65536)
                received = received[length:]
                with self.lock:
                    self.requests += 1
                if not self._answer(connection):
                    return
        except OSError:
            return

    def _answer(self, connection):
        if self.fault == "hang":
            return True
        if self.fault == "close":
            connection.close()
            return False
        if self.fault == "broken":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n"
                               b"\r\nhalf")
            connection.close()
            return False
        connection.sendall(b"HTTP/1.1 %s Fault\r\nSet-Cookie: of=failed\r\n"
                           b"Content-Length: 5\r\n\r\nfault"
                           % self.fault.encode())
        return True

    def close(self):
        if self.fault != "refuse":
            self.listener.close()
        for connection in self.connections:
            connection.close()
