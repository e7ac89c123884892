# SPDX-License-Identifier: Apache-2.0
"""A real httpd, private to a test.

`Httpd` has a ServerRoot of its own and free ports, loads the least modules,
and reads its error log: `check_log` fails for every error, crash and sanitizer
report that the test did not declare with `expect_log` or `allow_log`.
"""

import collections
import contextlib
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile

import client
from process import thread_states
from wait import wait_for

PREFIX = os.environ.get("SWITCHBOARD_HTTPD")
"""Where another httpd than Debian's is installed; see test/other-httpd."""

HTTPD = PREFIX + "/bin/httpd" if PREFIX else "/usr/sbin/apache2"
STOCK_MODULES = (PREFIX + "/modules" if PREFIX
                 else "/usr/lib/apache2/modules")
OUR_MODULE = "mod_proxy_express.so"
OUR_POOL = "mod_proxy_pool.so"
OUR_REPROXY = "mod_reproxy.so"
OUR_STATUS = "mod_switchboard_status.so"
OUR_CERTMAP = "mod_ssl_certmap.so"
BUILT_INTO_DEBIANS = ["unixd", "log_config", "logio", "version",
                      "watchdog"] if PREFIX else []
START_TIMEOUT = 30
STOP_TIMEOUT = 20

Settings = collections.namedtuple("Settings", "modules bin mpm asan")
"""What test/run says: folder of the modules, folder of the tools, name of the
MPM, whether the modules are built with sanitizers."""

BAD_LINE = re.compile(
    r"\[[\w-]*:(?:error|crit|alert|emerg)\]|exit signal|AddressSanitizer"
    r"|LeakSanitizer|runtime error|SUMMARY: ")
"""Lines of an error log that no test may cause unannounced."""

HARMLESS_LINE = re.compile(r"AH00161: server reached MaxRequestWorkers")
"""Said at error level by an MPM whose few workers a test keeps busy."""

RESUMED = "resuming normal operations"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def unprivileged_user():
    """User and group of the children of an httpd that root starts."""
    for name in ("www-data", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return user.pw_uid, user.pw_gid
    raise AssertionError("no user www-data or nobody on this machine")


def user_lines():
    """The configuration that says so."""
    if os.getuid() != 0:
        return []
    return ["User #%d" % unprivileged_user()[0],
            "Group #%d" % unprivileged_user()[1]]


def private_folder():
    """A new folder that httpd's user may enter (pytest's own may be 0700)."""
    folder = tempfile.mkdtemp(prefix="switchboard-test-")
    os.chmod(folder, 0o755)
    return folder


def sanitizer_environment():
    """The sanitizers' runtimes, for a httpd that was built without them."""
    libraries = []
    for name in ("libasan.so", "libubsan.so"):
        path = subprocess.check_output(
            ["gcc", "-print-file-name=" + name], text=True).strip()
        assert os.path.isabs(path), "gcc has no " + name
        libraries.append(os.path.realpath(path))
    return {
        "LD_PRELOAD": ":".join(libraries),
        # A small quarantine, so that tests of memory mean something.
        "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1:quarantine_size_mb=4"
                        ":thread_local_quarantine_size_kb=16",
        "UBSAN_OPTIONS": "print_stacktrace=1",
    }


class Httpd:
    """One server.  Make it, give it ports and a configuration, start it."""

    def __init__(self, settings, modules=(), stock=False, children=2,
                 threads=25, pool=False, reproxy=False, status=False,
                 certmap=False):
        """modules: names (alias for mod_alias.so) beyond the least; stock:
        httpd's own mod_proxy_express instead of ours; children: how many
        processes serve (1: one, whose log and cache a test can count on);
        threads: of each child (with prefork, one each); pool: with
        mod_proxy_pool; reproxy: with mod_reproxy; status: with
        mod_switchboard_status; certmap: with mod_ssl and
        mod_ssl_certmap."""
        self.settings = settings
        self.root = private_folder()
        self.log_path = os.path.join(self.root, "error.log")
        self.modules = [*BUILT_INTO_DEBIANS, "authz_core", "dir", "proxy",
                        "proxy_http", *modules]
        self.express = os.path.join(
            STOCK_MODULES if stock else settings.modules, OUR_MODULE)
        self.pool = os.path.join(settings.modules, OUR_POOL) if pool else None
        self.reproxy = (os.path.join(settings.modules, OUR_REPROXY)
                        if reproxy else None)
        self.status = (os.path.join(settings.modules, OUR_STATUS)
                       if status else None)
        if certmap:
            self.modules += ["socache_shmcb", "ssl"]
        self.certmap = (os.path.join(settings.modules, OUR_CERTMAP)
                        if certmap else None)
        self.children = children
        self.threads = threads
        self.ports = []
        self.port = self.listen()
        self.text = ""
        self.libraries = []
        self.variables = {}
        self.runner = []
        self.process = None
        self.read_to = 0
        self.expected = []
        self.allowed = []
        self.write("error.log", "")
        self.write("htdocs/index.html", "local content\n")

    # ---- before the start ----------------------------------------------

    def listen(self):
        """Take another port."""
        port = free_port()
        while port in self.ports:
            port = free_port()
        self.ports.append(port)
        return port

    def path(self, name):
        return os.path.join(self.root, name)

    def write(self, name, text):
        """Write a file below the server's root; its path."""
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="latin-1") as file:
            file.write(text)
        return path

    def configure(self, text):
        self.text = text
        return self

    def preload(self, library, **variables):
        """Load this library before its others, with these variables."""
        self.libraries.append(library)
        self.variables.update(variables)

    def run_by(self, *command):
        """Let this command run it: valgrind."""
        self.runner = list(command)

    def _mpm_lines(self):
        count = self.children
        if self.settings.mpm == "prefork":
            most = 1 if count == 1 else max(count, 40)
            return ["StartServers %d" % min(count * 4, most),
                    "MinSpareServers 1", "MaxSpareServers %d" % most,
                    "ServerLimit %d" % (most + 40),
                    "MaxRequestWorkers %d" % most]
        # ServerLimit leaves room for children that finish gracefully.
        return ["StartServers %d" % count, "ServerLimit %d" % (count + 16),
                "ThreadLimit %d" % self.threads,
                "ThreadsPerChild %d" % self.threads,
                "MaxRequestWorkers %d" % (count * self.threads),
                "MinSpareThreads 1",
                "MaxSpareThreads %d" % (count * self.threads)]

    def _base(self):
        lines = ["ServerRoot %s" % self.root]
        lines += ["LoadModule mpm_%s_module %s/mod_mpm_%s.so"
                  % (self.settings.mpm, STOCK_MODULES, self.settings.mpm)]
        lines += ["LoadModule %s_module %s/mod_%s.so"
                  % (name, STOCK_MODULES, name) for name in self.modules]
        lines += ["LoadModule proxy_express_module %s" % self.express]
        if self.pool:
            lines += ["LoadModule proxy_pool_module %s" % self.pool]
        if self.reproxy:
            lines += ["LoadModule reproxy_module %s" % self.reproxy]
        if self.status:
            lines += ["LoadModule switchboard_status_module %s" % self.status]
        if self.certmap:
            lines += ["LoadModule ssl_certmap_module %s" % self.certmap]
        lines += user_lines()
        lines += ["Listen 127.0.0.1:%d" % port for port in self.ports]
        lines += self._mpm_lines()
        lines += [
            "ServerName main.example.net",
            "PidFile %s" % self.path("httpd.pid"),
            "DefaultRuntimeDir %s" % self.root,
            "Mutex file:%s default" % self.root,
            "ErrorLog %s" % self.log_path,
            "LogLevel warn",
            "DocumentRoot %s" % self.path("htdocs"),
            "<Directory />", "Require all granted", "</Directory>",
            "Timeout 20", "KeepAliveTimeout 30", "MaxKeepAliveRequests 0",
            "AcceptFilter http none", "GracefulShutdownTimeout 5",
        ]
        return "\n".join(lines) + "\n"

    def _arguments(self):
        conf = self.write("httpd.conf", self._base() + self.text)
        return [HTTPD, "-d", self.root, "-f", conf]

    def _environment(self):
        env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        if self.settings.asan:
            env.update(sanitizer_environment())
        # the sanitizers' own have to come first
        libraries = env.get("LD_PRELOAD", "").split() + self.libraries
        if libraries:
            env["LD_PRELOAD"] = ":".join(libraries)
        env.update(self.variables)
        return env

    def check_config(self):
        """Exit status and messages of `apache2 -t`."""
        done = subprocess.run(self._arguments() + ["-t"], text=True,
                              env=self._environment(), timeout=START_TIMEOUT,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        return done.returncode, done.stdout

    # ---- life ----------------------------------------------------------

    def start(self, text=None):
        if text is not None:
            self.configure(text)
        arguments = self._arguments() + ["-D", "FOREGROUND"]
        with open(self.log_path, "a", encoding="utf-8") as log:
            # Its own process group: what it leaves behind can be ended.
            self.process = subprocess.Popen(
                self.runner + arguments, env=self._environment(), start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._wait_until_up(1)
        return self

    def _wait_until_up(self, generations):
        def up():
            assert self.process.poll() is None, \
                "httpd ended:\n" + self.log()
            return self.log().count(RESUMED) >= generations and self._answers()
        wait_for(up, START_TIMEOUT, "httpd serves")

    def _answers(self):
        """Does a child answer?  OPTIONS * is mapped by nobody."""
        try:
            with client.Connection(self.port, timeout=2) as connection:
                connection.request("OPTIONS", "*", "ready.invalid",
                                   [("Connection", "close")])
        except (client.Closed, OSError):
            return False
        return True

    def graceful(self):
        """Restart gracefully; returns when the new children serve."""
        generations = self.log().count(RESUMED)
        self.process.send_signal(signal.SIGUSR1)
        self._wait_until_up(generations + 1)

    def stop(self):
        if self.process is None:
            return
        try:
            if self.process.poll() is None:
                # The children gracefully: on SIGTERM those of the event MPM
                # tear down what their threads still use, and some crash.
                # Then the parent, which would sleep a second between looks.
                self.process.send_signal(signal.SIGWINCH)
                wait_for(lambda: not self._live_children(), STOP_TIMEOUT,
                         "httpd's children end")
                self.process.send_signal(signal.SIGTERM)
            self.process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                "httpd did not stop:\n" + self.log()) from None
        finally:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait()
            self.process = None

    def remove(self):
        shutil.rmtree(self.root)

    def child_pids(self):
        """The processes that serve now."""
        pid = self.process.pid
        path = "/proc/%d/task/%d/children" % (pid, pid)
        with open(path, encoding="ascii") as file:
            return [int(word) for word in file.read().split()]

    @contextlib.contextmanager
    def paused(self, *pids):
        """These children do nothing, so that others take what comes: nobody
        waits for them as long as there is one port, which needs no lock."""
        assert len(self.ports) == 1 or len(self.child_pids()) == 1, \
            "a paused child may hold the lock of the ports"
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            # a signal takes its time
            wait_for(lambda: all(set(thread_states(pid)) == {"T"}
                                 for pid in pids),
                     START_TIMEOUT, "all threads of %s stand" % (pids,))
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    def scoreboard(self):
        """What each worker does, a letter each: mod_status is loaded, and
        /server-status is its own."""
        text = self.get("status.invalid", "/server-status?auto").body
        return re.search(r"^Scoreboard: (.*)$", text.decode("ascii"),
                         re.MULTILINE)[1]

    def _live_children(self):
        """Children that have not ended, whether or not they are reaped."""
        live = []
        for pid in self.child_pids():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                with open("/proc/%d/stat" % pid, encoding="utf-8") as file:
                    if file.read().rpartition(")")[2].split()[0] != "Z":
                        live.append(pid)
        return live

    # ---- requests ------------------------------------------------------

    def get(self, host, target="/", headers=(), **more):
        return client.get(self.port, host, target, headers, **more)

    # ---- the error log -------------------------------------------------

    def log(self):
        """All of the error log."""
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def new_lines(self):
        """All its lines since the test began."""
        with open(self.log_path, "rb") as file:
            file.seek(self.read_to)
            return file.read().decode("utf-8", "replace").splitlines()

    def log_lines(self, pattern):
        """Those of new_lines that the pattern is found in."""
        return [line for line in self.new_lines()
                if re.search(pattern, line)]

    def expect_log(self, pattern):
        """This test causes such lines; it fails when there are none."""
        self.expected.append(pattern)

    def allow_log(self, pattern):
        """This test may cause such lines: for what depends on timing."""
        self.allowed.append(pattern)

    def check_log(self):
        """Judge the lines since the last call; what was declared is then
        forgotten."""
        lines = self.new_lines()
        self.read_to = os.path.getsize(self.log_path)
        expected, self.expected = self.expected, []
        allowed, self.allowed = self.allowed, []
        fine = re.compile("|".join("(?:%s)" % one
                                   for one in expected + allowed) or "(?!)")
        bad = [line for line in lines
               if BAD_LINE.search(line) and not HARMLESS_LINE.search(line)
               and not fine.search(line)]
        missing = [one for one in expected
                   if not any(re.search(one, line) for line in lines)]
        assert not bad, "unexpected in the error log:\n" + "\n".join(bad)
        assert not missing, "not in the error log: %s; it has:\n%s" % (
            missing, "\n".join(lines))
