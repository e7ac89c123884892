# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks share: programs, maps, servers, load, and arithmetic.

All on loopback with free ports and in a folder of their own; everything that
was started is ended.
"""

import argparse
import contextlib
import grp
import json
import os
import platform
import pwd
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
HTTPD = os.environ.get("HTTPD", "/usr/sbin/apache2")
HTTPD_MODULES = os.environ.get("HTTPD_MODULES", "/usr/lib/apache2/modules")
STOCK_TOOL = os.environ.get("HTXT2DBM", "httxt2dbm")

BACKENDS = 4
CONNECTIONS = 16
SMALL = 1000
# The name of the marked map's wildcard, and how many hosts below it are asked
# for.
WILDCARD = "tenants.example"
NAMES = 100000
START_TIMEOUT = 60
STOP_TIMEOUT = 20
TOOL_TIMEOUT = 300
LOAD_TIMEOUT = 900

# For some sets of a million hosts the stock tool's sdbm file has a few entries
# that no look-up finds: apr_sdbm, when its .dir file grows, may take it for
# smaller than it is and put an entry where it is not looked for.  With this
# seed all of 1000000 are found, in both orders of build-times, which compares
# them.
SEED = 2


# ---- the command line ------------------------------------------------------

def options(doc, rounds, seconds=None):
    """The options that all benchmarks take, and those of load."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=rounds,
                        help="default: %d" % rounds)
    if seconds:     # it puts servers under load
        parser.add_argument("--seconds", type=float, default=seconds,
                            help="of load a server and round; default: %g"
                            % seconds)
        parser.add_argument("--lean", action="store_true",
                            help="requests and responses with the least there "
                            "can be, and no access log,\ninstead of a "
                            "browser's request for a page of 4 KB")
    parser.add_argument("--hosts", type=int, default=1000000,
                        help="entries of the large map; default: 1000000")
    parser.add_argument("--mpm", choices=("event", "worker"), default="event")
    parser.add_argument("--json", metavar="FILE",
                        help="write the figures there too")
    parser.add_argument("--build", metavar="FOLDER",
                        default=os.path.join(TOP, "_build", "bench"),
                        help="where programs are built; default: _build/bench")
    parser.add_argument("--work", metavar="FOLDER",
                        help="where maps and servers are put (a new folder in "
                        "it); default: $TMPDIR")
    return parser


def main(parser, measure):
    """Build, measure in a folder that is removed afterwards, report."""
    settings = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    build(settings.build)
    folder = tempfile.mkdtemp(prefix="switchboard-bench-", dir=settings.work)
    os.chmod(folder, 0o755)
    try:
        with contextlib.ExitStack() as stack:
            figures = measure(Bench(settings, folder, stack))
    finally:
        shutil.rmtree(folder)
    if settings.json:
        write_json(settings.json, dict(figures, machine=machine()))


def write_json(path, figures):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(figures, file, indent=2)
        file.write("\n")


def build(folder):
    subprocess.run(["make", "-s", "-C", HERE, "OUT=" + os.path.abspath(folder),
                    "-j%d" % os.cpu_count()], check=True,
                   stdout=subprocess.DEVNULL)


def say(text=""):
    print(text, flush=True)


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.split(":", 1)[1].strip() for line in file
                  if line.startswith("model name")]
    version = subprocess.run([HTTPD, "-v"], text=True, check=True,
                             stdout=subprocess.PIPE).stdout
    return {"cpu": models[0] if models else platform.machine(),
            "cpus": os.cpu_count(), "kernel": platform.release(),
            "httpd": version.splitlines()[0].split(": ")[1],
            "load_average": os.getloadavg()[0]}


# ---- arithmetic ------------------------------------------------------------

def summary(values):
    """Median and spread."""
    return {"median": statistics.median(values), "min": min(values),
            "max": max(values), "values": values}


def spread(figures, scale=1.0, form="%.1f"):
    return "%s (%s-%s)" % tuple(
        form % (figures[name] * scale) for name in ("median", "min", "max"))


def target(name, value, limit, met, unit):
    """A figure that has been promised, and whether it is kept."""
    say("%-58s %s %s, limit %s: %s" % (
        name, "%.3g" % value, unit, "%.3g" % limit,
        "met" if met else "MISSED"))
    return {"name": name, "value": value, "limit": limit, "unit": unit,
            "met": met}


def table(rows):
    """Rows of text; the first is the head.  The first column is aligned left,
    the others right."""
    widths = [max(len(row[at]) for row in rows)
              for at in range(len(rows[0]))]
    for row in rows:
        say("  ".join(cell.ljust(width) if at == 0 else cell.rjust(width)
                      for at, (cell, width) in enumerate(zip(row, widths))))


# ---- processors ------------------------------------------------------------

def halves():
    """Processors for the servers that are measured, and for all else."""
    cpus = sorted(os.sched_getaffinity(0))
    return ({cpus[0]}, set(cpus[1:])) if len(cpus) > 1 else (set(cpus),) * 2


def pin(cpus):
    return lambda: os.sched_setaffinity(0, cpus)


def cpu_ns(pid):
    """User and system time of all threads of a process, ever.  The same sum
    that /proc/PID/stat gives in hundredths of a second: the kernel's CPU
    clock of the process (clock_getcpuclockid)."""
    return time.clock_gettime_ns((~pid << 3) | 2)


def cpu_parts(pid):
    """User and system time in clock ticks, from /proc/PID/stat."""
    with open("/proc/%d/stat" % pid, encoding="ascii") as file:
        words = file.read().rsplit(")", 1)[1].split()
    return int(words[11]), int(words[12])


def memory(pid, what):
    """Kilobytes of a process, from smaps_rollup."""
    with open("/proc/%d/smaps_rollup" % pid, encoding="ascii") as file:
        for line in file:
            if line.startswith(what + ":"):
                return int(line.split()[1])
    raise RuntimeError("no %s in smaps_rollup" % what)


def private_dirty(pid):
    """Kilobytes of memory that a process has written to and shares with
    none."""
    return memory(pid, "Private_Dirty")


# ---- a server --------------------------------------------------------------

def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Started:
    """A server with a folder and a port of its own.  Who inherits says with
    what it is started: arguments, environment; single or children."""

    def __init__(self, bench, kind):
        self.root = tempfile.mkdtemp(prefix=kind + "-", dir=bench.folder)
        os.chmod(self.root, 0o755)
        self.port = free_port()
        self.user = None
        self.process = None
        self.start_seconds = None

    def path(self, name):
        return os.path.join(self.root, name)

    def log(self):
        """The beginning of the error log."""
        try:
            with open(self.path("error.log"), encoding="utf-8",
                      errors="replace") as file:
                return file.read(4000)
        except FileNotFoundError:
            return ""

    def exec(self):
        """Begin; returns at once."""
        with open(self.path("output"), "wb") as output:
            self.process = subprocess.Popen(
                self.arguments, env=self.environment, stdout=output,
                stderr=output, stdin=subprocess.DEVNULL,
                start_new_session=True, preexec_fn=self._before_exec)

    def _before_exec(self):
        pin(halves()[0])()
        if self.user:
            os.setgroups([])
            os.setgid(self.user.pw_gid)
            os.setuid(self.user.pw_uid)

    def start(self):
        start = time.monotonic()
        self.exec()
        deadline = start + START_TIMEOUT
        while not self.ask("ready.invalid"):
            if self.process.poll() is not None:
                with open(self.path("output"), encoding="utf-8") as output:
                    raise RuntimeError("%s ended:\n%s%s" % (
                        self.arguments[0], output.read(), self.log()))
            if time.monotonic() > deadline:
                raise RuntimeError("%s does not answer:\n%s" % (
                    self.arguments[0], self.log()))
            time.sleep(0.01)
        self.start_seconds = time.monotonic() - start
        while not self.single and len(self.pids()) < 1 + self.children:
            time.sleep(0.01)
        return self

    def ask(self, host):
        """Send a request; the answer's status, 0 if there is none."""
        try:
            with socket.create_connection(("127.0.0.1", self.port),
                                          timeout=30) as sock:
                sock.sendall(b"GET / HTTP/1.1\r\nHost: %s\r\n"
                             b"Connection: close\r\n\r\n" % host.encode())
                answer = sock.recv(4096)
        except OSError:
            return 0
        return int(answer.split()[1]) if answer.startswith(b"HTTP/") else 0

    def serving(self):
        """The processes that answer requests."""
        pid = self.process.pid
        if self.single:
            return [pid]
        path = "/proc/%d/task/%d/children" % (pid, pid)
        with open(path, encoding="ascii") as file:
            return [int(word) for word in file.read().split()]

    def pids(self):
        return [self.process.pid] + (
            [] if self.single else self.serving())

    def stop(self):
        if self.process is None:
            return
        try:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(STOP_TIMEOUT)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


class Front(Started):
    """An httpd with one of the configuration files beside."""

    def __init__(self, bench, conf, map_path="", children=2, threads=32,
                 clock=None, wrapper=()):
        super().__init__(bench, "httpd")
        self.single = bool(wrapper)
        self.arguments = [*wrapper, HTTPD, "-d", self.root,
                          "-f", os.path.join(HERE, conf + ".conf")]
        self.arguments += ["-X"] if self.single else ["-D", "FOREGROUND"]
        self.arguments += ["-D", "LEAN"] if bench.lean else []
        self.environment = {
            "PATH": os.environ["PATH"], "LANG": "C.UTF-8",
            "HTTPD_MODULES": HTTPD_MODULES,
            "SWITCHBOARD_MODULES": os.path.join(bench.build, "modules"),
            "BENCH_ROOT": self.root, "BENCH_CONF": HERE,
            "BENCH_PORT": str(self.port), "BENCH_MAP": map_path,
            "BENCH_BACKEND": str(bench.backends()[0]),
            **{"BENCH_BACKEND%d" % number: str(port) for number, port
               in enumerate(bench.backends(), 1)},
            "BENCH_MPM": bench.settings.mpm,
            "BENCH_CHILDREN": str(children), "BENCH_THREADS": str(threads),
            "BENCH_WORKERS": str(children * threads),
        }
        if clock:
            self.arguments += ["-D", "CLOCK"]
            self.environment["BENCH_CLOCK"] = clock
            self.environment["BENCH_CLOCK_MODULE"] = bench.program(
                "mod_bench_clock.so")
        if os.getuid() == 0:
            self._configure_user(pwd.getpwnam("www-data"))
        self.children = children

    def _configure_user(self, user):
        """httpd drops root's rights itself; a tool around it writes its
        files at the end, with the rights that it had at the start."""
        if self.single:
            os.chown(self.root, user.pw_uid, user.pw_gid)
            self.user = user
            return
        self.arguments += ["-D", "ROOT"]
        self.environment["BENCH_USER"] = user.pw_name
        self.environment["BENCH_GROUP"] = grp.getgrgid(user.pw_gid).gr_name


# ---- everything together ---------------------------------------------------

class Bench:
    def __init__(self, settings, folder, stack):
        self.settings = settings
        self.folder = folder
        self.stack = stack
        self.build = os.path.abspath(settings.build)
        self.lean = getattr(settings, "lean", True)
        self.ports = None
        self.answer_after = 0

    def path(self, name):
        return os.path.join(self.folder, name)

    def program(self, name):
        return os.path.join(self.build, "bench", name)

    # ---- maps --------------------------------------------------------------

    def backends(self):
        """Ports of the backends, which are started with the first call; they
        wait for answer_after microseconds before each answer."""
        if self.ports is None:
            process = subprocess.Popen(
                [self.program("backend"), str(BACKENDS),
                 str(self.answer_after)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                preexec_fn=pin(halves()[1]))
            self.stack.callback(self._end_backends, process)
            self.ports = [int(process.stdout.readline())
                          for _ in range(BACKENDS)]
        return self.ports

    @staticmethod
    def _end_backends(process):
        process.stdin.close()
        process.wait(STOP_TIMEOUT)
        process.stdout.close()

    def text(self, count):
        """The text of a map of so many hosts in random order: the same hosts
        each time, the backends in turn."""
        path = self.path("%d.txt" % count)
        if os.path.exists(path):
            return path
        dice = random.Random(count + SEED)
        ports = self.backends()
        seen = set()
        with open(path + ".new", "w", encoding="ascii") as file:
            while len(seen) < count:
                host = "%x.%s.example" % (
                    dice.getrandbits(44), dice.choice(("shop", "blog", "www")))
                if host not in seen:
                    file.write("%s http://127.0.0.1:%d\n" % (
                        host, ports[len(seen) % BACKENDS]))
                    seen.add(host)
        os.rename(path + ".new", path)
        return path

    def marked_text(self, count):
        """The same map with a wildcard and a default: what is looked for in
        it is no longer a host alone."""
        path = self.path("%d-marked.txt" % count)
        if not os.path.exists(path):
            ports = self.backends()
            shutil.copyfile(self.text(count), path)
            with open(path, "a", encoding="ascii") as file:
                file.write("*.%s http://127.0.0.1:%d\n"
                           "* http://127.0.0.1:%d\n"
                           % (WILDCARD, ports[0], ports[-1]))
        return path

    def names_below(self, suffix, port):
        """Random hosts below a name that are in no map, and the backend that
        they get from marked_text(): to be asked for, as the text of a map
        is."""
        path = self.path(suffix + ".txt")
        dice = random.Random(SEED)
        with open(path, "w", encoding="ascii") as file:
            for _ in range(NAMES):
                file.write("%x.%s http://127.0.0.1:%d\n" % (
                    dice.getrandbits(44), suffix, port))
        return path

    def run(self, *arguments):
        subprocess.run(arguments, check=True, timeout=TOOL_TIMEOUT,
                       stdout=subprocess.DEVNULL)

    def hostmap_path(self):
        return os.path.join(self.build, "bin", "hostmap")

    def hostmap(self, *arguments):
        self.run(self.hostmap_path(), *arguments)

    def map(self, kind, count):
        """A map: lmdb by our tool, `marked` likewise of marked_text(), the
        others by httpd's own.  It is old enough that answers from it are
        remembered, and in memory."""
        path = self.path("%d.%s" % (count, kind))
        if kind in ("lmdb", "marked"):
            files = [path]
        else:
            files = [path + ".dir", path + ".pag"] if kind == "sdbm" \
                else [path]
        if not os.path.exists(files[0]):
            if kind == "lmdb":
                self.hostmap("build", "-t", "lmdb", self.text(count), path)
            elif kind == "marked":
                self.hostmap("build", "-t", "lmdb", self.marked_text(count),
                             path)
            else:
                self.run(STOCK_TOOL, "-f", kind, "-i", self.text(count),
                         "-o", path)
        for file in files:
            os.chmod(file, 0o644)
            os.utime(file, (time.time() - 3600,) * 2)
            read_all(file)
        return path

    # ---- servers and load --------------------------------------------------

    def make_front(self, conf, map_path="", **more):
        """A server that is not started; it is stopped at the end."""
        front = Front(self, conf, map_path, **more)
        self.stack.callback(front.stop)
        return front

    def front(self, conf, map_path="", **more):
        return self.make_front(conf, map_path, **more).start()

    def start_load(self, front, text, *arguments, backend=None,
                   per_backend=False, connections=CONNECTIONS):
        """Start the load generator.  per_backend: hosts are those of
        static-hosts.conf."""
        command = [self.program("load"), "-c", str(connections), *arguments]
        command += ["-l"] if self.lean else []
        command += ["-b", str(backend)] if backend else []
        command += ["-v"] if per_backend else []
        return subprocess.Popen(
            command + [str(front.port), text], text=True,
            stdout=subprocess.PIPE, preexec_fn=pin(halves()[1]))

    @staticmethod
    def end_load(process, front):
        """What it says when it ends.  An answer that is wrong ends the
        benchmark."""
        with process:
            try:
                output, _ = process.communicate(timeout=LOAD_TIMEOUT)
            finally:
                process.kill()
        if process.returncode != 0:
            raise RuntimeError("%s: wrong answers: %s\n%s" % (
                " ".join(front.arguments), output, front.log()))
        return json.loads(output)

    def load(self, front, text, *arguments, **more):
        """Run the load generator; what it says."""
        return self.end_load(self.start_load(front, text, *arguments, **more),
                             front)

    def load_cpu(self, front, text, *arguments, **more):
        """The same; with what the server's processes used per request, in
        microseconds, and requests a second."""
        return self.load_cpus([(front, text, more)], *arguments)[0]

    def load_cpus(self, fronts, *arguments):
        """The same of some servers, each (server, text, more), which take
        turns of 100 ms."""
        before = [Used(front) for front, _, _ in fronts]
        turns = [["-w", "%d/%d" % (number, len(fronts))]
                 if len(fronts) > 1 else []
                 for number in range(1, len(fronts) + 1)]
        loads = [self.start_load(front, text, *arguments, *turn, **more)
                 for turn, (front, text, more) in zip(turns, fronts)]
        done = [self.end_load(process, front)
                for process, (front, _, _) in zip(loads, fronts)]
        return [used.until_now(said) for used, said in zip(before, done)]


class Used:
    """CPU time of a server's processes from now on."""

    def __init__(self, front):
        self.front = front
        self.pids = front.pids()
        self.ns = self.whole()
        self.parts = self.both()

    def whole(self):
        return sum(map(cpu_ns, self.pids))

    def both(self):
        return [sum(part) for part in zip(*map(cpu_parts, self.pids))]

    def until_now(self, done):
        """done: what the load generator said."""
        if self.front.pids() != self.pids:
            raise RuntimeError("processes changed:\n" + self.front.log())
        user, system = (now - then for now, then
                        in zip(self.both(), self.parts))
        return {"cpu_us": (self.whole() - self.ns) / 1e3 / done["requests"],
                "per_second": done["requests"] / done["seconds"],
                "user_share": user / max(1, user + system)}


def read_all(path):
    """Have a file in memory."""
    with open(path, "rb") as file:
        while file.read(1 << 20):
            pass
