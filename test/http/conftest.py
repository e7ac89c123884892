# SPDX-License-Identifier: Apache-2.0
"""Fixtures: servers, backends, maps, and the watch over the error logs.

test/run says what is tested:

    SWITCHBOARD_MODULES  folder that holds mod_proxy_express.so
    SWITCHBOARD_BIN      folder that holds hostmap
    SWITCHBOARD_MPM      event (default), worker or prefork
    SWITCHBOARD_ASAN     1: the modules are built with sanitizers
    SWITCHBOARD_HTTPD    folder of another httpd than Debian's
"""

import os
import sys

import pytest

# The source tree may be read-only.
sys.dont_write_bytecode = True

from backend import Backends, self_signed  # noqa: E402
import fleet  # noqa: E402
import hostmap_tool  # noqa: E402
import hostmap_writers  # noqa: E402
import httpd as httpd_server  # noqa: E402
import maps as map_tools  # noqa: E402
import postgres as postgres_server  # noqa: E402
import reproxy  # noqa: E402
import world as world_tools  # noqa: E402

BACKENDS = ("a", "b", "c", "d")


def _folder_of(variable, name):
    folder = os.environ.get(variable)
    if not folder:
        raise pytest.UsageError(
            "%s is not set: name the folder that holds %s, or run test/run"
            % (variable, name))
    folder = os.path.abspath(folder)
    if not os.path.exists(os.path.join(folder, name)):
        raise pytest.UsageError("%s: no %s in %s" % (variable, name, folder))
    return folder


def _settings():
    mpm = os.environ.get("SWITCHBOARD_MPM", "event")
    if mpm not in ("event", "worker", "prefork"):
        raise pytest.UsageError("SWITCHBOARD_MPM: no such MPM: %s" % mpm)
    return httpd_server.Settings(
        _folder_of("SWITCHBOARD_MODULES", httpd_server.OUR_MODULE),
        _folder_of("SWITCHBOARD_BIN", "hostmap"), mpm,
        os.environ.get("SWITCHBOARD_ASAN", "") == "1")


def pytest_sessionstart(session):
    session.config.switchboard = _settings()
    session.config.left_out = []


def pytest_report_header():
    return "switchboard: " + str(_settings())


def pytest_terminal_summary(terminalreporter, config):
    """Commands of the documentation that did not run."""
    for command in config.left_out:
        terminalreporter.write_line("left to test/packages: " + command)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """What failed is shown with the end of each server's error log."""
    report = (yield).get_result()
    if call.when == "call" and report.failed:
        for server in Servers.running:
            report.sections.append(
                (server.log_path, "\n".join(server.new_lines()[-40:])))


class Servers:
    """Makes servers and stops them; watches those that outlive a test."""

    running = []

    def __init__(self, settings):
        self.settings = settings
        self.made = []

    def __call__(self, kind=httpd_server.Httpd, **what):
        server = kind(self.settings, **what)
        self.made.append(server)
        Servers.running.append(server)
        return server

    def finish(self):
        """Stop all, then judge their logs; each one, whatever fails."""
        problems = []
        for server in self.made:
            Servers.running.remove(server)
            for step in (server.stop, server.check_log, server.remove):
                try:
                    step()
                except (AssertionError, OSError) as error:
                    problems.append(str(error))
        assert not problems, "\n".join(problems)


@pytest.fixture(scope="session")
def settings(request):
    return request.config.switchboard


@pytest.fixture(autouse=True)
def log_watch():
    """Servers of a module: each test answers for its own log lines."""
    yield
    problems = []
    for server in Servers.running:
        try:
            server.check_log()
        except AssertionError as error:
            problems.append(str(error))
    assert not problems, "\n".join(problems)


@pytest.fixture
def make_httpd(settings):
    """Makes servers that live as long as the test."""
    servers = Servers(settings)
    yield servers
    servers.finish()


@pytest.fixture(scope="module")
def make_module_httpd(settings):
    """Makes servers that the tests of a file share."""
    servers = Servers(settings)
    yield servers
    servers.finish()


@pytest.fixture(scope="session")
def backends():
    started = Backends(*BACKENDS)
    yield started
    started.stop()


@pytest.fixture(scope="module")
def pool_backends():
    """Backends that count the connections of one test file; `tls`, `unix`,
    `h2`, `h2c`, `fcgi`, `scgi`, `uwsgi` and `ajp` are what they are called, `wide`
    listens on every loopback address."""
    path = httpd_server.private_folder()
    pem = self_signed(path + "/pem")
    started = Backends(*BACKENDS, "tls:tls:" + pem, "h2:h2:" + pem,
                       "unix:unix:" + path + "/socket", "wide:wide",
                       "h2c:h2c", "fcgi:fcgi", "scgi:scgi", "uwsgi:uwsgi",
                       "ajp:ajp")
    started.socket = path + "/socket"
    yield started
    started.stop()
    httpd_server.shutil.rmtree(path)


@pytest.fixture(scope="module")
def storages():
    """The app and the storages of the tests of mod_reproxy."""
    started = Backends(*reproxy.BACKENDS)
    yield started
    started.stop()


@pytest.fixture(scope="session")
def maps(settings):
    return map_tools.MapTools(settings.bin)


@pytest.fixture(scope="session")
def preload():
    """The library of the addresses and the clock of tests."""
    path = httpd_server.private_folder()
    yield world_tools.compiled(path, "preload", "-ldl")
    httpd_server.shutil.rmtree(path)


@pytest.fixture
def world(folder, preload):
    """Addresses and a clock of the test's own."""
    return world_tools.World(folder, preload)


@pytest.fixture
def tool(maps, tmp_path):
    """Runs hostmap in a folder of the test's own."""
    return hostmap_tool.Tool(maps.hostmap, tmp_path)


@pytest.fixture
def shared(maps, folder):
    return hostmap_writers.shared_tool(maps, folder)


@pytest.fixture
def folder():
    """A folder that httpd's user may read."""
    path = httpd_server.private_folder()
    yield path
    httpd_server.shutil.rmtree(path)


@pytest.fixture(scope="module")
def module_folder():
    """As folder, shared by the tests of a file."""
    path = httpd_server.private_folder()
    yield path
    httpd_server.shutil.rmtree(path)


# ---- stores that are followed ----------------------------------------------

@pytest.fixture
def make_redis(tmp_path):
    made = []

    def make(name="redis", *options):
        made.append(fleet.Redis(str(tmp_path / name), *options))
        return made[-1].start()

    yield make
    for redis in made:
        redis.kill()


@pytest.fixture
def redis(make_redis):
    return make_redis()


@pytest.fixture
def follow(tool, folder):
    """Starts followers; they are ended with the test, before the folder goes
    that they may write in."""
    assert os.path.isdir(folder)
    made = []

    def start(*arguments, **more):
        made.append(fleet.Follower(tool, len(made), *arguments,
                                   **more).start())
        return made[-1]

    yield start
    for follower in made:
        follower.kill()


@pytest.fixture(scope="module")
def postgres(module_folder):
    """Shared by the tests of a file.  Not in pytest's own folder: whatever
    pytest starts on the machine closes that to other users again."""
    made = postgres_server.Postgres(module_folder).make()
    try:
        yield made.start()
    finally:
        made.remove()


@pytest.fixture
def database(postgres, tool):
    """With a table that is followed."""
    postgres(postgres_server.CREATE)
    postgres(tool("follow", "--print-sql", postgres_server.TABLE, "--where",
                  "active").ok())
    return postgres
