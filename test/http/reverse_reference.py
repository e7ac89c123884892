# SPDX-License-Identifier: Apache-2.0
"""What becomes of a backend's headers, said a second time and plainly, from RFC
3986 (URLs) and RFC 6265bis (cookies) and the rules of docs/mod_proxy_express.md,
with nothing of the module's code: what a corpus of requests is judged by."""

import collections
import re

Entry = collections.namedtuple(
    "Entry", "scheme host port path prefix noreverse")
"""A backend's URL in its parts (port: a number; path: as written) and the path
of the entry's key, decoded; noreverse: the flag."""

DEFAULT_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}

URL = re.compile(r"^(?:([^:/?#]+):)?(?://([^/?#]*))?([^?#]*)(\?[^#]*)?(#.*)?$",
                 re.S)
"""RFC 3986, appendix B."""


def split_authority(authority):
    """Host in lower case without the root's dot, port (None: none written); None
    for an authority with userinfo or an odd port (RFC 3986, 3.2)."""
    found = re.fullmatch(r"(\[[^\]@]*\]|[^:@\[\]]*)(?::([0-9]*))?", authority)
    if not found:
        return None
    host, port = found.groups()
    number = int(port) if port else None
    if number is not None and not 1 <= number <= 65535:
        return None
    if host.endswith("."):
        host = host[:-1]
    return (host.lower(), number) if host else None


def decoded(path):
    """The path with escapes decoded that are no slashes (6.2.2.2), as bytes."""
    return re.sub(rb"%([0-9A-Fa-f]{2})",
                  lambda m: m.group(0).upper() if m.group(1).upper() == b"2F"
                  else bytes([int(m.group(1), 16)]), path.encode("latin-1"))


def is_below(path, base):
    """Is path base, or below it at the end of a segment?"""
    slash = b"/" if isinstance(path, bytes) else "/"
    return path == base or path.startswith(base + slash)


def climbs(path):
    """Has it a dot-dot segment, escaped or not (5.2.4, 6.2.2.3)?"""
    return any(re.fullmatch(r"(\.|%2[eE]){2}", one) for one in path.split("/"))


def escaped(prefix):
    """The path of a key as a URL and a cookie may hold it."""
    return "".join(
        chr(byte) if re.match(rb"[A-Za-z0-9._~!$&'()*+,=:@/-]", bytes([byte]))
        else "%%%02X" % byte for byte in prefix.encode("latin-1"))


def is_the_clients(entry, path):
    """At or below the key's path; but the longer of the two decides."""
    if not entry.prefix:
        return False
    prefix = entry.prefix.encode("latin-1")
    base = entry.path.rstrip("/")
    if is_below(path, base) and is_below(decoded(base), prefix) \
            and decoded(base) != prefix:
        return False
    return is_below(decoded(path), prefix)


def location(entry, front, value):
    """What the client gets for a Location of the backend's."""
    if entry.noreverse or re.search(r"[\x00-\x1f\x7f\\]", value):
        return value
    parts = URL.match(value)
    scheme, authority, path, query, fragment = parts.groups("")
    rest = query + fragment
    base = entry.path.rstrip("/")
    prefix = escaped(entry.prefix)
    absolute = parts.group(2) is not None
    if absolute:
        named = split_authority(authority)
        port = DEFAULT_PORTS.get((scheme or entry.scheme).lower())
        if (named is None or port != DEFAULT_PORTS[entry.scheme]
                or named[0] != entry.host.lower()
                or (named[1] or port) != entry.port):
            return value
    elif scheme or not path.startswith("/") or not (base or prefix):
        return value
    if is_the_clients(entry, path):
        return front + path + rest if absolute and not climbs(path) else value
    below = path[len(base):]
    if not is_below(path, base) or climbs(below):
        return value
    if not absolute and not prefix:
        # a path that began with two slashes would be a host (4.2)
        below = re.sub("^/+", "/", below)
    if not below and (not path or not prefix):
        below = "/"
    return (front if absolute else "") + prefix + below + rest


def cookie(entry, value):
    """What the client gets for a Set-Cookie of the backend's (RFC 6265bis,
    5.6): its attributes one by one."""
    if entry.noreverse:
        return value
    pair, *attributes = value.split(";")
    kept = [pair]
    for text in attributes:
        name, equal, content = text.partition("=")
        name, content = name.strip(" \t").lower(), content.strip(" \t")
        if equal and name == "domain":
            domain = content[1:] if content.startswith(".") else content
            if domain.endswith("."):
                domain = domain[:-1]
            if domain and domain.lower() == entry.host.lower():
                continue
        elif equal and name == "path" and content.startswith("/"):
            new = cookie_path(entry, content)
            # 4.1.3.2: a name with this prefix needs the path /
            host_only = pair.strip(" \t").lower().startswith("__host-")
            # 5.6: a longer attribute is ignored
            if len(new) <= 1024 and (not host_only or new == "/"):
                text = text[:text.index(content)] + new \
                    + text[text.index(content) + len(content):]
        kept.append(text)
    return ";".join(kept)


def cookie_path(entry, path):
    base = entry.path.rstrip("/")
    if not base or is_the_clients(entry, path) or not is_below(path, base):
        return path
    return escaped(entry.prefix) + path[len(base):] or "/"
