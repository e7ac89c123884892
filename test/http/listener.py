# SPDX-License-Identifier: Apache-2.0
"""A port that tests answer on themselves."""

import socket
import threading


class Listener:
    """Calls serve(connection) for each connection, in a thread of its own."""

    def __init__(self, serve, port=0):
        self.serve = serve
        self.socket = socket.create_server(("127.0.0.1", port), backlog=128)
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,),
                             daemon=True).start()

    def close(self):
        """No connection is accepted any more.  The thread ends first: one
        that accepts by the number of a closed socket may take connections
        from the next socket that gets the number."""
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.socket.close()
