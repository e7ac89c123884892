# SPDX-License-Identifier: Apache-2.0
"""A backend that answers piece by piece, each when it is told to."""

import queue
import socket
import threading


class Withholding:
    """Answers each request with this header, and then with what send() gives
    it; end() ends the answer by closing the connection."""

    def __init__(self, *headers):
        self.head = b"".join(line + b"\r\n" for line in (
            b"HTTP/1.1 200 OK", *headers, b""))
        self.pieces = queue.Queue()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
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
