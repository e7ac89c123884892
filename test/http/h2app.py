# SPDX-License-Identifier: Apache-2.0
"""An app that speaks HTTP/2 without TLS: it answers with the headers that
X-Ask-URL and X-Ask-Length name, then with the body that X-Ask-Body does, and
leaves the stream open unless that is "end"."""

import socket

import h2.config
import h2.connection
import h2.events

from listener import Listener


class H2App:
    """Serves each connection in a thread until stop()."""

    def __init__(self):
        self.open = []
        self.listener = Listener(self._serve)
        self.port = self.listener.port

    def _serve(self, accepted):
        self.open.append(accepted)
        state = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False,
                                      header_encoding="ascii"))
        state.initiate_connection()
        try:
            accepted.sendall(state.data_to_send())
            while True:
                data = accepted.recv(65536)
                if not data:
                    return
                for event in state.receive_data(data):
                    if isinstance(event, h2.events.RequestReceived):
                        self._answer(state, event.stream_id,
                                     dict(event.headers))
                accepted.sendall(state.data_to_send())
        except OSError:
            return

    @staticmethod
    def _answer(state, stream, asked):
        headers = [(":status", "200"),
                   ("x-reproxy-url", asked["x-ask-url"])]
        if asked.get("x-ask-length"):
            headers.append(("content-length", asked["x-ask-length"]))
        body = asked.get("x-ask-body", "")
        ends = body == "end"
        state.send_headers(stream, headers, end_stream=ends)
        if body and not ends:
            state.send_data(stream, body.encode("ascii"))

    def stop(self):
        self.listener.close()
        for one in self.open:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            one.close()
