# SPDX-License-Identifier: Apache-2.0
"""A large answer through a pool is read and written in large pieces, and no
byte of an answer waits for the next."""

import hashlib

import pytest

import client
from pools import start
from withholding import Withholding

HOST = "large.example.com"
LENGTH = 1024 * 1024
PIECE = 10000
"""More than mod_proxy's buffer of 8192 bytes, less than the pool's."""


@pytest.fixture
def answering(make_httpd, maps, folder):
    """Makes a server with one host, whose backend has these headers."""
    made = []

    def make(*headers, options="", more=()):
        backend = Withholding(*headers)
        made.append(backend)
        httpd = make_httpd(children=1, pool=True)
        start(httpd, maps, folder, {HOST: backend.url + options}, *more)
        return httpd, backend
    yield make
    for backend in made:
        backend.close()


class Reader:
    """A client that reads an answer as it comes."""

    def __init__(self, httpd):
        self.connection = client.Connection(httpd.port, timeout=60)
        self.connection.send(client.request_bytes("GET", "/", HOST))
        self.received = b""

    def until(self, bytes_):
        """Read on until these have come."""
        while bytes_ not in self.received:
            data = self.connection.socket.recv(65536)
            assert data, "the answer ended before %r" % bytes_
            self.received += data
        return self.received

    def count(self, length):
        """Read until this much of the body has come."""
        head, _, _ = self.until(b"\r\n\r\n").partition(b"\r\n\r\n")
        while len(self.received) < len(head) + 4 + length:
            data = self.connection.socket.recv(65536)
            assert data, "the answer ended"
            self.received += data


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


@pytest.mark.parametrize("options", ("", " flushpackets=on",
                                     " flushpackets=auto"))
def test_event_of_a_stream_does_not_wait_for_the_next(answering, options):
    httpd, backend = answering(b"Content-Type: text/event-stream",
                               b"Transfer-Encoding: chunked", options=options)
    reader = Reader(httpd)
    for number in range(20):
        event = b"data: %d\n\n" % number
        backend.send(chunk(event))
        # the backend sends no more before the client has it
        reader.until(event)
    backend.send(b"0\r\n\r\n")
    reader.until(b"0\r\n\r\n")


def test_piece_of_a_large_answer_does_not_wait_for_the_next(answering):
    """Each is a piece and a bit, or less than one, by turns."""
    lengths = [PIECE, 100, 70000, 1, 65536, 8192] * 4
    httpd, backend = answering(b"Content-Length: %d" % sum(lengths))
    reader = Reader(httpd)
    sent = 0
    for length in lengths:
        backend.send(b"x" * length)
        sent += length
        reader.count(sent)


def test_header_does_not_wait_for_the_body(answering):
    httpd, backend = answering(b"Content-Length: %d" % LENGTH,
                               b"X-Early: yes")
    reader = Reader(httpd)
    reader.until(b"X-Early: yes")
    backend.send(b"x" * LENGTH)
    reader.count(LENGTH)


def test_large_answer_arrives_whole(answering):
    body = b"".join(hashlib.sha256(b"%d" % number).digest()
                    for number in range(LENGTH // 32))
    httpd, backend = answering(b"Content-Length: %d" % LENGTH)
    reader = Reader(httpd)
    backend.send(body)
    reader.count(LENGTH)
    assert reader.received.partition(b"\r\n\r\n")[2] == body


def test_answer_that_breaks_off_is_passed_on_as_far_as_it_came(answering):
    httpd, backend = answering(b"Content-Length: %d" % LENGTH)
    httpd.allow_log("AH01110")
    reader = Reader(httpd)
    backend.send(b"x" * PIECE)
    reader.count(PIECE)
    backend.end()
    with pytest.raises(AssertionError, match="the answer ended"):
        reader.count(PIECE + 1)
