# SPDX-License-Identifier: Apache-2.0
"""A backend that answers piece by piece, each when it is told to."""

import queue
import threading

from listener import Listener


class Withholding:
    """Answers each request, one at a time, with this header, and then with what send() gives
    it; end() ends the answer by closing the connection."""

    def __init__(self, *headers):
        self.head = b"".join(line + b"\r\n" for line in (
            b"HTTP/1.1 200 OK", *headers, b""))
        self.pieces = queue.Queue()
        self.one = threading.Lock()
        self.listener = Listener(self._serve)
        self.url = "http://127.0.0.1:%d" % self.listener.port

    def _serve(self, connection):
        with self.one, connection:
            self._answer(connection)

    def _answer(self, connection):
        received = b""
        try:
            while b"\r\n\r\n" not in received:
                data = connection.recv(65536)
                if not data:
                    return
                received += data
            connection.sendall(self.head)
            while True:
                piece = self.pieces.get()
                if piece is None:
                    return
                connection.sendall(piece)
        except OSError:
            return

    def send(self, piece):
        self.pieces.put(piece)

    def end(self):
        self.pieces.put(None)

    def close(self):
        self.listener.close()
        self.end()
