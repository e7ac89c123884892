# SPDX-License-Identifier: Apache-2.0
"""What the backends of FastCGI, SCGI, uwsgi and AJP read and write, as far as
requests without a body go.  A reader returns what it was asked for, or None
while bytes are missing."""

import struct


def text(data):
    return data.decode("latin-1")


# ---- FastCGI --------------------------------------------------------------

def fcgi_pairs(data):
    """The parameters of a request."""
    pairs, at = {}, 0
    while at < len(data):
        lengths = []
        for _ in range(2):
            length = data[at]
            at += 1
            if length & 0x80:
                length = int.from_bytes(data[at - 1:at + 3],
                                        "big") & 0x7fffffff
                at += 3
            lengths.append(length)
        name, value = data[at:at + lengths[0]], \
            data[at + lengths[0]:at + sum(lengths)]
        pairs[text(name)] = text(value)
        at += sum(lengths)
    return pairs


# ---- SCGI and uwsgi -------------------------------------------------------

def read_scgi(data):
    """A netstring of names and values, each with its NUL."""
    length, colon, rest = data.partition(b":")
    if not colon or len(rest) < int(length) + 1:
        return None
    words = [text(word) for word in rest[:int(length)].split(b"\0")]
    return {"env": dict(zip(words[0::2], words[1::2]))}


def read_uwsgi(data):
    if len(data) < 4:
        return None
    size = struct.unpack_from("<BHB", data)[1]
    if len(data) < 4 + size:
        return None
    words, at = [], 4
    while at < 4 + size:
        length = struct.unpack_from("<H", data, at)[0]
        words.append(text(data[at + 2:at + 2 + length]))
        at += 2 + length
    return {"env": dict(zip(words[0::2], words[1::2]))}


def answer_cgi(body):
    return b"Status: 200 Tested\r\nContent-Type: application/json\r\n\r\n" \
        + body


def answer_uwsgi(body):
    return b"HTTP/1.1 200 Tested\r\nContent-Type: application/json\r\n\r\n" \
        + body


# ---- AJP 1.3 --------------------------------------------------------------

class AjpReader:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def number(self, size):
        self.at += size
        return int.from_bytes(self.data[self.at - size:self.at], "big")

    def string(self):
        length = self.number(2)
        if length == 0xffff:
            return None
        self.at += length + 1
        return text(self.data[self.at - length - 1:self.at - 1])


AJP_ATTRIBUTE, AJP_KEY_SIZE, AJP_END, AJP_QUERY = 10, 11, 255, 5


def ajp_attributes(reader):
    attributes = {}
    while True:
        code = reader.number(1)
        if code == AJP_END:
            return attributes
        if code == AJP_KEY_SIZE:
            reader.number(2)
        elif code == AJP_ATTRIBUTE:
            name = reader.string()
            attributes[name] = reader.string()
        else:
            attributes[code] = reader.string()


def read_ajp(data):
    """A forward request."""
    if len(data) < 4 or len(data) < 4 + int.from_bytes(data[2:4], "big"):
        return None
    reader = AjpReader(data[4:])
    assert (data[:2], reader.number(1)) == (b"\x12\x34", 2)
    reader.number(1)
    reader.string()
    target = reader.string()
    for _ in range(3):
        reader.string()
    reader.number(2)
    reader.number(1)
    for _ in range(reader.number(2)):
        if reader.data[reader.at] == 0xa0:
            reader.number(2)
        else:
            reader.string()
        reader.string()
    attributes = ajp_attributes(reader)
    query = attributes.pop(AJP_QUERY, None)
    return {"target": target + ("?" + query if query else ""),
            "env": {str(name): value for name, value in attributes.items()}}


def answer_ajp(body):
    def packet(*parts):
        payload = b"".join(parts)
        return b"AB" + struct.pack(">H", len(payload)) + payload

    def string(data):
        return struct.pack(">H", len(data)) + data + b"\0"
    return packet(b"\x04", struct.pack(">H", 200), string(b"Tested"),
                  b"\0\0") \
        + packet(b"\x03", string(body)) + packet(b"\x05\x00")
