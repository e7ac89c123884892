# SPDX-License-Identifier: Apache-2.0
"""HTTP clients that send exactly the bytes a test names.

`Connection` is HTTP/1 on one socket, `H2Connection` HTTP/2 over cleartext with
prior knowledge; `KeepAlive` and `H2KeepAlive` reuse one as a browser does;
`Hammer` is many of those for as long as a test wants.
"""

import json
import selectors
import socket
import threading
import time

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

TIMEOUT = 20
H2_GOAWAY = 7
H2_TRIES = 4


class Response:
    def __init__(self, status, reason, headers, body):
        self.status = status
        self.reason = reason
        self.headers = headers
        self.body = body

    def all(self, name):
        """Values of a header, in order."""
        return [value for key, value in self.headers
                if key.lower() == name.lower()]

    def header(self, name):
        """The value of a header that may occur once; None: it is not there."""
        values = self.all(name)
        assert len(values) <= 1, "%s is there %d times" % (name, len(values))
        return values[0] if values else None

    def json(self):
        try:
            return json.loads(self.body)
        except ValueError:
            raise AssertionError("not a backend's answer: %r" % self) from None

    @property
    def backend(self):
        """Name of the backend that answered; None: httpd itself did."""
        try:
            return json.loads(self.body)["backend"]
        except (ValueError, KeyError, TypeError):
            return None

    @property
    def target(self):
        """What the backend was asked for."""
        return self.json()["target"]

    def received(self, name):
        """Values of a header that the backend received."""
        return [value for key, value in self.json()["headers"]
                if key.lower() == name.lower()]

    def __repr__(self):
        return "<%d %s %r %r>" % (self.status, self.reason, self.headers,
                                  self.body[:400])


class Closed(Exception):
    """The server closed the connection within a response; `received` says
    how many bytes of it had come."""

    def __init__(self, received, why):
        super().__init__("%s after %d bytes" % (why, received))
        self.received = received


def order(**what):
    """The header that tells a backend how to answer; see backend.py."""
    return ("X-Backend", json.dumps(what))


def request_bytes(method, target, host=None, headers=(), body=None,
                  version="HTTP/1.1"):
    lines = ["%s %s %s" % (method, target, version)]
    if host is not None:
        lines.append("Host: %s" % host)
    lines += ["%s: %s" % header for header in headers]
    if body is not None:
        lines.append("Content-Length: %d" % len(body))
    head = "\r\n".join(lines) + "\r\n\r\n"
    return head.encode("latin-1") + (body or b"")


def connect(port, address, timeout):
    """To a port of an address, or to a unix socket: the port is its path."""
    if isinstance(port, str):
        connected = socket.socket(socket.AF_UNIX)
        connected.settimeout(timeout)
        connected.connect(port)
    else:
        connected = socket.create_connection((address, port), timeout)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connected


class Connection:
    def __init__(self, port, address="127.0.0.1", timeout=None):
        self.socket = connect(port, address,
                              TIMEOUT if timeout is None else timeout)
        self.buffer = b""
        self.served = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def _more(self, received):
        try:
            data = self.socket.recv(65536)
        except ConnectionError as error:
            raise Closed(received + len(self.buffer), str(error)) from None
        if not data:
            raise Closed(received + len(self.buffer), "closed")
        self.buffer += data

    def _until(self, mark, received):
        while mark not in self.buffer:
            self._more(received)
        piece, _, self.buffer = self.buffer.partition(mark)
        return piece

    def _exactly(self, length, received):
        while len(self.buffer) < length:
            self._more(received)
        piece, self.buffer = self.buffer[:length], self.buffer[length:]
        return piece

    def _chunks(self, received):
        body = b""
        while True:
            size = int(self._until(b"\r\n", received).split(b";")[0], 16)
            if size == 0:
                while self._until(b"\r\n", received):
                    pass
                return body
            body += self._exactly(size, received)
            self._exactly(2, received)

    def _to_the_end(self, received):
        while True:
            try:
                self._more(received)
            except Closed:
                body, self.buffer = self.buffer, b""
                return body

    def read_response(self, head=False):
        """Read one response; head: it answers a HEAD request."""
        text = self._until(b"\r\n\r\n", 0)
        lines = text.decode("latin-1").split("\r\n")
        _, status, reason = (lines[0] + "  ").split(" ", 2)
        headers = []
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers.append((name, value.strip()))
        lower = {name.lower(): value for name, value in headers}
        status = int(status)
        if head or status in (204, 304) or status < 200:
            body = b""
        elif lower.get("transfer-encoding", "").lower() == "chunked":
            body = self._chunks(len(text))
        elif "content-length" in lower:
            body = self._exactly(int(lower["content-length"]), len(text))
        else:
            body = self._to_the_end(len(text))
        self.served += 1
        return Response(status, reason.strip(), headers, body)

    def request(self, method, target, host=None, headers=(), body=None,
                version="HTTP/1.1"):
        """Send a request and read its response; host None sends none."""
        try:
            self.send(request_bytes(method, target, host, headers, body,
                                    version))
        except ConnectionError as error:
            raise Closed(0, str(error)) from None
        return self.read_response(method == "HEAD")

    def pipeline(self, hosts, target="/"):
        """Ask all these hosts at once; the responses in order."""
        self.send(b"".join(request_bytes("GET", target, host)
                           for host in hosts))
        return [self.read_response() for _ in hosts]


class KeepAlive:
    """Requests on a kept connection.

    HTTP/1.1 allows a server to close an idle connection just as the client
    writes: a request on a *reused* connection that saw no byte of a response
    is sent again once on a new one, and counted.  On a new connection every
    failure is the server's.
    """

    def __init__(self, port):
        self.port = port
        self.connection = None
        self.resent = 0

    def close(self):
        if self.connection:
            self.connection.close()
            self.connection = None

    def request(self, method, target, host, headers=()):
        if self.connection is None:
            self.connection = Connection(self.port)
        try:
            response = self.connection.request(method, target, host, headers)
        except Closed as closed:
            reused = self.connection.served > 0
            self.close()
            if not reused or closed.received:
                raise
            self.resent += 1
            self.connection = Connection(self.port)
            response = self.connection.request(method, target, host, headers)
        if "close" in response.all("Connection"):
            self.close()
        return response

    def get(self, host, target="/", headers=()):
        return self.request("GET", target, host, headers)


def request(port, method, target, host=None, **more):
    """One request on a connection of its own."""
    with Connection(port) as connection:
        return connection.request(method, target, host, **more)


def get(port, host, target="/", headers=(), **more):
    return request(port, "GET", target, host, headers=headers, **more)


def read_all(connections):
    """One response of each, in their order.  They are read and their
    connections closed as they come: until then each has a worker of httpd, and
    one that is waited for may wait for a worker itself."""
    responses = [None] * len(connections)
    with selectors.DefaultSelector() as waiting:
        for number, connection in enumerate(connections):
            waiting.register(connection.socket, selectors.EVENT_READ, number)
        while waiting.get_map():
            ready = waiting.select(TIMEOUT)
            assert ready, "%d of %d requests are not answered within %d s" % (
                len(waiting.get_map()), len(connections), TIMEOUT)
            for key, _ in ready:
                waiting.unregister(key.fileobj)
                connection = connections[key.data]
                responses[key.data] = connection.read_response()
                connection.close()
    return responses


def burst(port, hosts, headers=(), target="/", sent=None):
    """One connection for each host, all requests under way together: their
    last bytes are sent when all else is there.  The responses in order.
    None is kept alive: a process of prefork serves the next one then.
    sent: called when all is sent and nothing read yet."""
    connections = []
    try:
        for host in hosts:
            connections.append(Connection(port))
            whole = request_bytes("GET", target, host,
                                  [*headers, ("Connection", "close")])
            connections[-1].send(whole[:-2])
        for connection in connections:
            connection.send(b"\r\n")
        if sent:
            sent()
        return read_all(connections)
    finally:
        for connection in connections:
            connection.close()


class Refused(Closed):
    """An HTTP/2 stream that the server says it has not looked at."""

    def __init__(self, why):
        super().__init__(0, why)


class H2Connection:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), TIMEOUT)
        config = h2.config.H2Configuration(header_encoding="latin-1")
        self.state = h2.connection.H2Connection(config)
        self.buffer = b""
        self.last_stream = None
        self.served = 0
        self.state.initiate_connection()
        try:
            self._flush()
            # Its limit of streams comes with the server's settings.
            known = False
            while not known:
                known = any(isinstance(event, h2.events.RemoteSettingsChanged)
                            for event in self._events())
            self._flush()
        except Exception:
            self.socket.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    @property
    def going(self):
        """The server wants no more streams (GOAWAY)."""
        return self.last_stream is not None

    def _flush(self):
        try:
            self.socket.sendall(self.state.data_to_send())
        except ConnectionError as error:
            raise Closed(0, str(error)) from None

    def _frames(self):
        """What the socket has, as whole frames; GOAWAY is kept back, as
        python-h2 reads nothing behind it, not even begun answers."""
        try:
            data = self.socket.recv(65536)
        except ConnectionError as error:
            raise Closed(0, str(error)) from None
        if not data:
            raise Closed(0, "closed")
        self.buffer += data
        frames = b""
        while len(self.buffer) >= 9:
            end = 9 + int.from_bytes(self.buffer[:3], "big")
            if len(self.buffer) < end:
                break
            if self.buffer[3] == H2_GOAWAY:
                self.last_stream = int.from_bytes(self.buffer[9:13], "big")
            else:
                frames += self.buffer[:end]
            self.buffer = self.buffer[end:]
        return frames

    def _events(self):
        return self.state.receive_data(self._frames())

    def _open(self, host, target, headers, method="GET", body=None):
        stream = self.state.get_next_available_stream_id()
        fields = [(":method", method), (":scheme", "http"),
                  (":authority", host), (":path", target)]
        fields += [(name.lower(), value) for name, value in headers]
        self.state.send_headers(stream, fields, end_stream=body is None)
        if body is not None:
            self.state.send_data(stream, body, end_stream=True)
        return stream

    def _take(self, event, streams):
        if isinstance(event, h2.events.ResponseReceived):
            status = int(dict(event.headers)[":status"])
            fields = [(name, value) for name, value in event.headers
                      if not name.startswith(":")]
            streams[event.stream_id] = Response(status, "", fields, b"")
        elif isinstance(event, h2.events.DataReceived):
            streams[event.stream_id].body += event.data
            self.state.acknowledge_received_data(
                event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            self.served += 1
            return 1
        elif isinstance(event, h2.events.StreamReset):
            if event.error_code == h2.errors.ErrorCodes.REFUSED_STREAM:
                raise Refused(repr(event))
            raise Closed(1, repr(event))
        return 0

    def requests(self, wanted):
        """Send (host, target, headers), or more: a method and a body that is
        not longer than a frame, as concurrent streams, as many at a time as
        the server allows.  Responses come in the order of wanted.
        Closed: with how many there was a part of an answer."""
        streams = {}
        ids = []
        waiting = list(wanted)
        ended = 0
        while ended < len(wanted):
            limit = self.state.remote_settings.max_concurrent_streams
            while waiting and not self.going \
                    and self.state.open_outbound_streams < limit:
                ids.append(self._open(*waiting.pop(0)))
            self._flush()
            if self.going and (waiting or ids[-1] > self.last_stream):
                raise Refused("GOAWAY after stream %d" % self.last_stream)
            try:
                for event in self._events():
                    ended += self._take(event, streams)
            except Refused:
                raise
            except Closed as closed:
                raise Closed(closed.received + len(streams),
                             str(closed)) from None
        self._flush()
        return [streams[stream] for stream in ids]

    def get(self, host, target="/", headers=()):
        return self.requests([(host, target, headers)])[0]


class H2KeepAlive:
    """As KeepAlive, over HTTP/2, one stream at a time.

    A server may also send GOAWAY.  mod_http2 does so on a new connection too,
    when its child is about to end, and the reset behind it may come first:
    what saw no byte of a response is sent again on any connection, and counted.
    """

    def __init__(self, port):
        self.port = port
        self.connection = None
        self.resent = 0

    def close(self):
        if self.connection:
            self.connection.close()
            self.connection = None

    def get(self, host, target="/", headers=()):
        for left in reversed(range(H2_TRIES)):
            try:
                if self.connection is None:
                    self.connection = H2Connection(self.port)
                response = self.connection.get(host, target, headers)
                break
            except Closed as closed:
                self.close()
                if closed.received or left == 0:
                    raise
                self.resent += 1
        if self.connection.going:
            self.close()
        return response


class Hammer:
    """Keep-alive clients that ask for known hosts until the block ends:

        with Hammer(port, {host: backend}) as hammer:
            ...
        assert hammer.wrong == []

    kind: the clients' class, KeepAlive or H2KeepAlive.
    """

    def __init__(self, port, expected, clients=4, kind=KeepAlive):
        self.port = port
        self.kind = kind
        self.expected = expected
        self.wrong = []
        self.served = 0
        self.resent = 0
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(number,))
                        for number in range(clients)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()

    def wait_for(self, count):
        """Until so many more requests are answered; False: not within the
        timeout."""
        end = time.monotonic() + TIMEOUT
        goal = self.served + count
        while self.served < goal and time.monotonic() < end:
            time.sleep(0.001)
        return self.served >= goal

    def _run(self, number):
        keep = self.kind(self.port)
        hosts = list(self.expected)
        count = number
        while not self.over.is_set():
            host = hosts[count % len(hosts)]
            target = "/%d/%d" % (number, count)
            count += 1
            try:
                response = keep.get(host, target)
            except (Closed, OSError, h2.exceptions.H2Error) as error:
                self.wrong.append("%s: %r" % (host, error))
                keep.close()
                continue
            if response.backend != self.expected[host] \
                    or response.target != target:
                self.wrong.append("%s: %r" % (host, response))
            self.served += 1
        self.resent += keep.resent
        keep.close()
