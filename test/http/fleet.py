# SPDX-License-Identifier: Apache-2.0
"""A Redis of a test's own, writers, and followers of it.

The server is the one of redis-tools: redis-check-rdb run under the name
redis-server.  Nothing is started as a service.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading

from httpd import free_port
from listener import Listener
from wait import wait_for

NAME = "switchboard:{hosts}"
LOG = NAME + ":log"
PATIENCE = 30
"""Seconds for what takes less than one."""


def bound(what, seconds, limit):
    """Print a time; test/fleet, which has the machine to itself, also holds
    it to its limit."""
    print("%s: %.3f s, limit %g s" % (what, seconds, limit))
    if os.environ.get("FLEET_BOUNDS"):
        assert seconds <= limit, what


def entry(number):
    return "http://10.%d.%d.%d:8080" % (number >> 16 & 255, number >> 8 & 255,
                                        number & 255)


class Failed(Exception):
    """An error that the server answered."""


class Client:
    """One connection; commands as tuples of words, answers as Python has
    them: bytes, int, list, None."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.file = self.socket.makefile("rb")

    def close(self):
        self.file.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, *words):
        words = [word if isinstance(word, bytes) else str(word).encode()
                 for word in words]
        self.socket.sendall(b"*%d\r\n" % len(words) + b"".join(
            b"$%d\r\n%s\r\n" % (len(word), word) for word in words))

    def read(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("closed")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise Failed(rest.decode())
        if kind == b"+":
            return rest
        if kind == b":":
            return int(rest)
        if rest == b"-1":
            return None
        if kind == b"$":
            return self.file.read(int(rest) + 2)[:-2]
        assert kind == b"*", line
        return [self.read() for _ in range(int(rest))]

    def __call__(self, *words):
        self.send(*words)
        return self.read()

    def write(self, changes):
        """One transaction; None: the host goes."""
        pairs = [word for host, value in changes.items()
                 for word in (host, "" if value is None else value)]
        self("MULTI")
        for host, value in changes.items():
            if value is None:
                self("HDEL", NAME, host)
            else:
                self("HSET", NAME, host, value)
        self("XADD", LOG, "MAXLEN", "~", 1000000, "*", *pairs)
        return self("EXEC")[-1]


class Redis:
    def __init__(self, folder, *options):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        self.program = os.path.join(folder, "redis-server")
        if not os.path.lexists(self.program):
            os.symlink(shutil.which("redis-check-rdb"), self.program)
        self.options = options
        self.port = free_port()
        self.process = None

    @property
    def url(self):
        return "redis://127.0.0.1:%d" % self.port

    def start(self):
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.process = subprocess.Popen(
                [self.program, "--port", str(self.port), "--bind",
                 "127.0.0.1", "--save", "", "--dir", self.folder,
                 "--repl-diskless-sync-delay", "0", *self.options],
                stdout=log, stderr=log)
        wait_for(self.answers, PATIENCE, "Redis answers")
        return self

    def answers(self):
        try:
            with Client(self.port) as client:
                return client("PING") == b"PONG"
        except Failed as error:
            return "NOAUTH" in str(error)
        except OSError:
            return False

    def client(self):
        return Client(self.port)

    def __call__(self, *words):
        with self.client() as client:
            return client(*words)

    def write(self, changes):
        with self.client() as client:
            return client.write(changes)

    def fill(self, hosts):
        with self.client() as client:
            names = list(hosts)
            for at in range(0, len(names), 1000):
                client.write({host: hosts[host]
                              for host in names[at:at + 1000]})

    def calls(self, command):
        """How often a command was called; refused calls count."""
        with self.client() as client:
            found = re.search(rb"cmdstat_%s:calls=(\d+)"
                              % command.encode(), client("INFO",
                                                         "commandstats"))
        return int(found[1]) if found else 0

    def wait_calls(self, command, count):
        """Until a command was called as often again."""
        wanted = self.calls(command) + count
        wait_for(lambda: self.calls(command) >= wanted, PATIENCE,
                 "%d more %s" % (count, command))

    def hosts(self):
        with self.client() as client:
            pairs = client("HGETALL", NAME)
            return dict(zip(pairs[::2], pairs[1::2]))

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait(PATIENCE)
            self.process = None

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)


class Follower:
    """hostmap follow, and what it logs; number: of the test's."""

    def __init__(self, tool, number, *arguments, env=None):
        self.tool = tool
        self.arguments = arguments
        self.env = dict(os.environ, **(env or {}))
        self.log_path = tool.path("follow%d.log" % number)
        self.process = None

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [self.tool.program, "follow", *self.arguments], stderr=log,
                cwd=self.tool.folder, env=self.env)
        return self

    def log(self):
        with open(self.log_path, "rb") as log:
            return log.read().decode("utf-8", "replace")

    def wait_log(self, text, count=1):
        wait_for(lambda: self.log().count(text) >= count
                 or not self.is_running(), PATIENCE,
                 "%r in %s" % (text, self.log()))
        assert self.log().count(text) >= count, self.log()

    def status(self, name):
        """What the follower tells in its --status."""
        path = self.tool.path(name)
        wait_for(lambda: os.path.exists(path), PATIENCE, path)
        with open(path, encoding="utf-8") as file:
            return json.load(file)

    def is_running(self):
        return self.process and self.process.poll() is None

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait(PATIENCE)
            self.process = None

    def stop(self):
        self.process.terminate()
        status = self.process.wait(PATIENCE)
        self.process = None
        return status

    def signal(self, number):
        self.process.send_signal(number)


def entries(tool, name="map"):
    """What a map holds."""
    if not os.path.exists(tool.path(name)):
        return None
    lines = tool("list", name).ok().splitlines()
    return dict(line.split(" ", 1) for line in lines)


def state(tool, name="map"):
    return json.loads(tool("stat", "--json", name).ok())


def wait_entries(tool, wanted, name="map"):
    wait_for(lambda: entries(tool, name) == wanted, PATIENCE,
             "the map is like the store")


class Door:
    """Listens on a port and closes what it accepts."""

    def __init__(self, port):
        self.accepted = 0
        self.listener = Listener(self._close, port)

    def _close(self, one):
        one.close()
        self.accepted += 1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()


class SilentProxy:
    """Passes bytes on until it is told to swallow them, or until the word
    passes that it swallows first."""

    def __init__(self, to, first=None):
        self.to = to
        self.first = first
        self.silent = threading.Event()
        self.sockets = []
        self.accepted = 0
        self.listener = Listener(self._serve)
        self.port = self.listener.port

    def _serve(self, one):
        try:
            other = socket.create_connection(("127.0.0.1", self.to))
        except OSError:
            one.close()
            return
        self.accepted += 1
        self.sockets += [one, other]
        for pair in ((one, other), (other, one)):
            threading.Thread(target=self._pass, args=pair,
                             daemon=True).start()

    def _pass(self, source, target):
        try:
            while True:
                data = source.recv(65536)
                if not data:
                    break
                if self.first and self.first in data:
                    self.first = None
                    self.silent.set()
                if not self.silent.is_set():
                    target.sendall(data)
        except OSError:
            pass
        if not self.silent.is_set():
            for one in (source, target):
                one.close()

    def close(self):
        self.listener.close()
        for one in self.sockets:
            one.close()
