# SPDX-License-Identifier: Apache-2.0
"""Faults of the machine, of the network and of neighbours: what is answered
meanwhile, and that all is well after.  The table of docs/troubleshooting.md,
"Faults of the machine", names these tests."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import threading

import pytest

import client
import httpd as httpd_server
from backend import Backends, content
from listener import Listener
from maps import express, filler, text_of
from tree import TOP, text_of as page_text
from wait import wait_for
from world import compiled

HOST = "www.example.com"
PATIENCE = 30
SIZE = 300000


@pytest.fixture(scope="module")
def faults_library():
    path = httpd_server.private_folder()
    yield compiled(path, "faults", "-ldl")
    httpd_server.shutil.rmtree(path)


class Faults:
    """Files that are faults as long as they are there; see faults.c."""

    def __init__(self, folder, library):
        self.folder = folder
        self.library = library

    def preload(self, httpd):
        httpd.preload(self.library, **{
            "FAULT_" + name.upper(): os.path.join(self.folder, name)
            for name in ("memory", "stat", "dns")})

    @contextlib.contextmanager
    def of(self, name, text=""):
        path = os.path.join(self.folder, name)
        with open(path + ".new", "w", encoding="ascii") as file:
            file.write(text)
        os.rename(path + ".new", path)
        try:
            yield
        finally:
            os.unlink(path)


@pytest.fixture
def faults(folder, faults_library):
    return Faults(folder, faults_library)


@contextlib.contextmanager
def small_disk(path, size):
    """A file system of its own in memory."""
    if os.getuid() != 0:
        pytest.skip("only root can mount")
    os.mkdir(path)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755,size=%d"
                           % size, "tmpfs", path],
                          stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        pytest.skip("this system does not let mount: " + done.stderr.strip())
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)


def fill(path):
    """Leave no byte of that file system; the file that takes them."""
    name = os.path.join(path, "filler")
    with open(name, "ab", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
    return name


def serves(httpd, name="a", host=HOST):
    response = httpd.get(host)
    assert (response.status, response.backend) == (200, name), response


def answers(httpd):
    """The status, or None: the connection broke."""
    try:
        return httpd.get(HOST).status
    except (client.Closed, OSError):
        return None


# ---- disks ------------------------------------------------------------------

@pytest.mark.parametrize("verb", ["build", "set"])
def test_disk_full_under_a_writer(make_httpd, backends, maps, folder, verb):
    """The map of before stays and serves, and nothing is left over."""
    with small_disk(folder + "/disk", 4 << 20) as disk:
        known = filler(8000, backends.url("b"))
        path = maps.build(disk + "/map", {HOST: backends.url("a"), **known})
        httpd = make_httpd().start(express(path))
        before = os.stat(path)
        taken = fill(disk)
        words = ["set", path, HOST, backends.url("c")] if verb == "set" \
            else ["build", "-", path]
        done = subprocess.run(
            [maps.hostmap, *words], text=True, capture_output=True,
            input=text_of({HOST: backends.url("c"), **known}),
            timeout=PATIENCE)
        assert done.returncode == 1
        assert "No space left on device" in done.stderr
        after = os.stat(path)
        assert (before.st_ino, before.st_mtime_ns) == (after.st_ino,
                                                       after.st_mtime_ns)
        serves(httpd)
        httpd.graceful()
        serves(httpd)
        os.unlink(taken)
        maps.run("set", path, HOST, backends.url("c"))
        wait_for(lambda: httpd.get(HOST).backend == "c", PATIENCE,
                 "the entry is served")
        assert set(os.listdir(disk)) <= {"map", "map.hostmap-lock"}
        httpd.stop()


def test_disk_full_under_the_logs(make_httpd, backends, maps, folder):
    """Lines are lost, requests are not."""
    path = maps.build(folder + "/map", {
        HOST: backends.url("a"), "bad.example.com": backends.url("a", "/x")})
    with small_disk(folder + "/disk", 1 << 16) as disk:
        httpd = make_httpd()
        other = httpd.listen()
        httpd.start(express(path) + """
<VirtualHost *:%d>
ErrorLog %s/error.log
LogLevel proxy_express:debug
CustomLog %s/access.log "%%U"
</VirtualHost>
""" % (other, disk, disk))
        taken = fill(disk)
        for number in range(50):
            assert client.get(other, HOST, "/%d" % number).backend == "a"
        with open(disk + "/access.log", encoding="ascii") as file:
            assert "/49\n" not in file.read()
        os.unlink(taken)
        assert client.get(other, HOST, "/again").backend == "a"

        def logged():
            with open(disk + "/access.log", encoding="ascii") as file:
                return "/again\n" in file.read()
        wait_for(logged, PATIENCE, "lines are written again")
        httpd.stop()


@pytest.mark.parametrize("how", ["renamed", "unmounted"])
def test_folder_of_the_map_goes(make_httpd, backends, maps, folder, how):
    """The last map that could be read serves; the next one is seen when the
    folder is back."""
    place = folder + "/place"
    with contextlib.ExitStack() as stack:
        if how == "unmounted":
            mount = stack.enter_context(contextlib.ExitStack())
            mount.enter_context(small_disk(place, 4 << 20))
        else:
            os.mkdir(place)
        path = maps.build(place + "/map", {HOST: backends.url("a")})
        httpd = make_httpd(children=1).start(express(path))
        serves(httpd)
        if how == "unmounted":
            mount.close()
        else:
            os.rename(place, place + "-gone")
        httpd.expect_log("SB0013.*No such file")
        wait_for(lambda: httpd.get(HOST).backend == "a"
                 and httpd.log_lines("SB0013"), PATIENCE,
                 "the fault is logged")
        for _ in range(20):
            serves(httpd)
        os.makedirs(place, exist_ok=True)
        maps.build(path, {HOST: backends.url("b")})
        wait_for(lambda: httpd.get(HOST).backend == "b", PATIENCE,
                 "the new map serves")


def test_slow_file_system(make_httpd, backends, maps, folder, faults):
    """One request of an interval looks, the others do not wait for it."""
    path = maps.build(folder + "/map", {HOST: backends.url("a")})
    httpd = make_httpd(children=1)
    faults.preload(httpd)
    httpd.start(express(path))
    with faults.of("stat", "100"):
        for _ in range(10):
            serves(httpd)
        maps.build(path, {HOST: backends.url("b")})
        wait_for(lambda: httpd.get(HOST).backend == "b", PATIENCE,
                 "the new map serves")
    serves(httpd, "b")


# ---- limits of processes ----------------------------------------------------

def crowd(port, count):
    """So many clients at once; their connections, and the statuses that they
    got: None where there was none."""
    connections, statuses = [], []
    for _ in range(count):
        with contextlib.suppress(OSError):
            connections.append(client.Connection(port, timeout=1))
            connections[-1].send(client.request_bytes("GET", "/", HOST))
    for connection in connections:
        try:
            statuses.append(connection.read_response().status)
        except (client.Closed, OSError):
            statuses.append(None)
    return connections, statuses


def test_no_descriptors_left(make_httpd, backends, maps, folder, settings):
    """Clients that come then wait, perhaps for the next child, or are answered
    503; those that have gone make room for them."""
    path = maps.build(folder + "/map", {HOST: backends.url("a")})
    httpd = make_httpd(children=1, pool=True)
    few = 30 if settings.mpm == "prefork" else 60
    httpd.run_by("prlimit", "--nofile=%d" % few)
    httpd.start(express(path))
    httpd.allow_log("Too many open files|AH00052|AH00957|AH01114|AH00286")
    connections, statuses = crowd(httpd.port, 100)
    try:
        assert set(statuses) <= {200, 503, None}
        if settings.mpm == "prefork":
            # a child has one client at a time, and enough for it
            assert None in statuses
        else:
            assert httpd.log_lines("Too many open files")
    finally:
        for connection in connections:
            connection.close()
    wait_for(lambda: answers(httpd) == 200, PATIENCE, "all is well")


def test_no_memory_in_children(make_httpd, backends, maps, folder, faults):
    """A child ends when it gets none, as httpd has it (it aborts, or uses the
    memory that it did not get); no answer is wrong, and the parent starts
    others."""
    path = maps.build(folder + "/map", {HOST: backends.url("a")})
    httpd = make_httpd(pool=True)
    faults.preload(httpd)
    httpd.start(express(path))
    httpd.allow_log(r"Aborted|AH\d+|Cannot allocate|memory")
    with faults.of("memory"):
        def some_ended():
            connections, statuses = crowd(httpd.port, 6)
            for connection in connections:
                connection.close()
            assert set(statuses) <= {200, 500, 502, 503, None}
            return httpd.log_lines("exit signal")
        wait_for(some_ended, 2 * PATIENCE, "a child ended")
    for _ in range(10):
        wait_for(lambda: answers(httpd) == 200, PATIENCE, "all is well")


@pytest.mark.parametrize("seconds", [86400, -86400])
def test_clock_jumps(make_httpd, backends, maps, folder, world, seconds):
    """Changes are seen as before, and kept connections serve."""
    path = maps.build(folder + "/map", {HOST: backends.url("a")})
    httpd = make_httpd(children=1, pool=True)
    world.preload(httpd)
    httpd.start(express(path))
    serves(httpd)
    world.set_clock(seconds)
    serves(httpd)
    maps.build(path, {HOST: backends.url("b")})
    wait_for(lambda: httpd.get(HOST).backend == "b", PATIENCE,
             "the new map serves")
    world.set_clock(0)
    maps.build(path, {HOST: backends.url("c")})
    wait_for(lambda: httpd.get(HOST).backend == "c", PATIENCE,
             "the new map serves")


# ---- killed -----------------------------------------------------------------

def test_killed_children_are_replaced(make_httpd, backends, maps, folder):
    path = maps.build(folder + "/map", {HOST: backends.url("a")})
    httpd = make_httpd(pool=True, status=True).start(express(path))
    httpd.allow_log("AH00052")
    for _ in range(2):
        old = set(httpd.child_pids())
        for pid in old:
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: set(httpd.child_pids()) - old
                 and not old & set(httpd.child_pids()), PATIENCE,
                 "others are started")
        wait_for(lambda: answers(httpd) == 200, PATIENCE, "they serve")
        serves(httpd)


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen()
        except OSError:
            return False
    return True


def test_killed_parent(make_httpd, backends, maps, folder):
    """Its children serve on, and new maps too; when they are ended, httpd
    starts again with what was left."""
    path = maps.build(folder + "/map", {HOST: backends.url("a")})
    httpd = make_httpd(pool=True, status=True).start(express(path))
    children = httpd.child_pids()
    httpd.process.kill()
    httpd.process.wait()
    serves(httpd)
    maps.build(path, {HOST: backends.url("b")})
    wait_for(lambda: httpd.get(HOST).backend == "b", PATIENCE,
             "the new map serves")
    for pid in children:
        os.kill(pid, signal.SIGKILL)
    # they are nobody's children here: what tells is that their port is free
    wait_for(lambda: is_free(httpd.port), PATIENCE, "the children end")
    httpd.log_before = httpd.log().count(httpd_server.RESUMED)
    httpd.start()
    wait_for(lambda: httpd.log().count(httpd_server.RESUMED)
             > httpd.log_before, PATIENCE, "it starts again")
    serves(httpd, "b")


# ---- backends and their network ---------------------------------------------

def test_stopped_backend(make_httpd, backends, maps, folder):
    """Its requests end with its timeout, the others are served."""
    one = Backends("one")
    try:
        path = maps.build(folder + "/map", {
            HOST: backends.url("a"),
            "one.example.com": one.url("one") + " timeout=1"})
        httpd = make_httpd(pool=True).start(express(path))
        httpd.allow_log("AH01102|AH00898")
        serves(httpd, "one", "one.example.com")
        one.process.send_signal(signal.SIGSTOP)
        assert httpd.get("one.example.com").status == 502
        serves(httpd)
        one.process.send_signal(signal.SIGCONT)
        wait_for(lambda: httpd.get("one.example.com").status == 200, PATIENCE,
                 "it serves again")
    finally:
        one.process.send_signal(signal.SIGCONT)
        one.stop()


class Lossy:
    """Passes bytes to a port and back, as a network that loses packets does:
    late; or, once `after` bytes have come back, never again."""

    def __init__(self, port, late=0, after=None):
        self.to = port
        self.late = late
        self.after = after
        self.over = threading.Event()
        self.sockets = []
        self.listener = Listener(self.serve)
        self.port = self.listener.port

    def serve(self, here):
        with contextlib.suppress(OSError):
            there = socket.create_connection(("127.0.0.1", self.to))
            self.sockets += [here, there]
            for one in ((here, there, None), (there, here, self.after)):
                threading.Thread(target=self.pass_on, args=one,
                                 daemon=True).start()

    def pass_on(self, source, target, left):
        with contextlib.suppress(OSError):
            while data := source.recv(16384):
                self.over.wait(self.late)
                if left is not None:
                    data, left = data[:left], left - len(data[:left])
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over.set()
        self.listener.close()
        for one in self.sockets:
            one.close()


def test_packets_are_late(make_httpd, backends, maps, folder):
    """As with TCP's own repetition: slow, and whole."""
    with Lossy(backends.port["a"], late=0.02) as network:
        path = maps.build(folder + "/map", {
            HOST: "http://127.0.0.1:%d" % network.port})
        httpd = make_httpd(pool=True).start(express(path))
        for _ in range(3):
            response = httpd.get(HOST, "/", [client.order(content=SIZE)])
            assert response.body == content("a", SIZE)


@pytest.mark.parametrize("after, status", [(0, 502), (20000, 200)])
def test_packets_are_lost(make_httpd, backends, maps, folder, after, status):
    """Before the answer: 502.  Within: the client's connection ends, and the
    part is not taken for the whole."""
    with Lossy(backends.port["a"], after=after) as network:
        path = maps.build(folder + "/map", {
            HOST: "http://127.0.0.1:%d timeout=1" % network.port})
        httpd = make_httpd(pool=True).start(express(path))
        httpd.allow_log("AH01102|AH00898|AH01110|AH01114")
        with client.Connection(httpd.port) as connection:
            connection.send(client.request_bytes(
                "GET", "/", HOST, [client.order(content=SIZE)]))
            if status == 502:
                assert connection.read_response().status == 502
                return
            with pytest.raises(client.Closed) as broken:
                connection.read_response()
        assert 0 < broken.value.received < SIZE


@pytest.fixture
def named(make_httpd, backends, maps, folder, faults):
    """A server with a backend that has a name."""
    path = maps.build(folder + "/map", {
        HOST: backends.url("a"),
        "named": "http://localhost:%d" % backends.port["b"]})
    httpd = make_httpd(children=1, pool=True)
    faults.preload(httpd)
    return httpd.start(express(path))


def test_dns_is_slow(named, faults):
    """The first request waits for the name, others do not."""
    with faults.of("dns", "1500"):
        slow = threading.Thread(target=named.get, args=("named",))
        slow.start()
        for _ in range(10):
            serves(named)
        slow.join()
        serves(named, "b", "named")


def test_dns_answers_not_at_all(named, faults):
    """502 or 500 for that name alone; it is well as soon as DNS is."""
    named.allow_log("AH00898|AH01084|AH00957|AH02611")
    with faults.of("dns", "none"):
        assert named.get("named").status == 500
        serves(named)
    wait_for(lambda: named.get("named").status == 200, PATIENCE,
             "the name has an address")


def test_dns_answers_wrongly(make_httpd, pool_backends, maps, folder, world):
    """An address where nobody listens: 503, until the name's is looked up
    again."""
    world.set_address("127.9.9.9")
    httpd = make_httpd(children=1, pool=True)
    world.preload(httpd)
    path = maps.build(folder + "/map", {
        "named": "http://backend.test:%d" % pool_backends.port["a"]})
    httpd.start(express(path))
    httpd.allow_log("AH00957|AH01114|AH00959")
    assert httpd.get("named").status == 503
    world.set_address("127.0.0.1")
    world.set_clock(61)
    wait_for(lambda: httpd.get("named").status == 200, PATIENCE,
             "the right address is used")


# ---- the page ---------------------------------------------------------------

def test_every_fault_of_the_page_has_its_test():
    page = page_text(TOP + "/docs/troubleshooting.md")
    part = page.partition("## Faults of the machine\n")[2].partition("\n## ")[0]
    named_tests = re.findall(r"`(test_[a-z_]+)`", part)
    assert sorted(set(named_tests)) == sorted(
        name for name in globals()
        if name.startswith("test_") and "page" not in name)
