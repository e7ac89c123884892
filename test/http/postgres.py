# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL of a test's own, run by an ordinary user in a folder of its own,
from Debian's package; nothing is started as a service."""

import glob
import os
import pwd
import shutil
import signal
import subprocess

from httpd import free_port
from wait import wait_for

PATIENCE = 120

TABLE = "domains(hostname, 'http://' || backend)"
CREATE = """DROP SCHEMA IF EXISTS switchboard CASCADE;
DROP TABLE IF EXISTS domains CASCADE;
CREATE TABLE domains (id serial PRIMARY KEY, hostname text, backend text,
    active boolean NOT NULL DEFAULT true);"""


def insert(host, backend="10.0.0.1"):
    return ("INSERT INTO domains (hostname, backend) VALUES ('%s', '%s');"
            % (host, backend))


def fill(database, count):
    database("INSERT INTO domains (hostname, backend) SELECT 'host' || n || "
             "'.example', '10.0.0.1:' || (n - 1) %% 65535 + 1 FROM "
             "generate_series(1, %d) n" % count)


def table(database):
    """The hosts, as a map has them."""
    lines = database("SELECT host || ' ' || entry "
                     "FROM switchboard.hosts_entries").splitlines()
    return dict(line.split(" ", 1) for line in lines)


def ordinary_user():
    """initdb refuses root."""
    if os.getuid() != 0:
        return {}
    user = pwd.getpwnam("nobody")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


class Postgres:
    def __init__(self, folder, name="data"):
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"))
        assert found, "PostgreSQL is missing: apt-get install postgresql"
        self.bin = os.path.dirname(found[-1])
        self.folder = folder
        self.data = os.path.join(folder, name)
        self.log = os.path.join(folder, name + ".log")
        self.port = free_port()
        self.process = None
        self.copies = 0
        if os.getuid() == 0:
            os.chown(folder, ordinary_user()["user"], ordinary_user()["group"])

    @property
    def url(self):
        return ("postgresql://postgres@127.0.0.1:%d/postgres" % self.port)

    def run(self, program, *arguments, **more):
        done = subprocess.run(
            [os.path.join(self.bin, program), *arguments], check=False,
            capture_output=True, timeout=PATIENCE, cwd=self.folder,
            **ordinary_user(), **more)
        assert done.returncode == 0, done.stderr

    def make(self):
        self.run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust",
                 "-E", "UTF8", "--no-locale", "-N")
        return self

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [os.path.join(self.bin, "postgres"), "-D", self.data, "-p",
                 str(self.port), "-c", "listen_addresses=127.0.0.1", "-c",
                 "unix_socket_directories=", "-c", "fsync=off", "-c",
                 "max_wal_senders=10", "-c", "wal_level=replica", "-c",
                 "max_connections=150"],
                stdout=log, stderr=log, cwd=self.folder, **ordinary_user())
        wait_for(lambda: self.answers() or self.process.poll() is not None,
                 PATIENCE, "PostgreSQL answers")
        assert self.process.poll() is None, open(self.log, "rb").read()
        return self

    def answers(self):
        return subprocess.run(
            [os.path.join(self.bin, "pg_isready"), "-q", "-h", "127.0.0.1",
             "-p", str(self.port)], timeout=PATIENCE,
            check=False).returncode == 0

    def psql(self, *arguments):
        """The words of a psql that stops at errors."""
        return [os.path.join(self.bin, "psql"), "-X", "-q", "-A", "-t", "-v",
                "ON_ERROR_STOP=1", "-d", self.url, *arguments]

    def __call__(self, statements):
        done = subprocess.run(self.psql(), input=statements, text=True,
                              capture_output=True, timeout=PATIENCE,
                              check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def standby(self):
        """A copy that follows this one; started.  Each has a folder of its
        own, and none before it is still connected."""
        self.copies += 1
        copy = Postgres(self.folder, "standby%d" % self.copies)
        wait_for(lambda: self("SELECT count(*) FROM pg_stat_replication")
                 == "0", PATIENCE, "the standby before this one is gone")
        self.run("pg_basebackup", "-h", "127.0.0.1", "-p", str(self.port),
                 "-U", "postgres", "-D", copy.data, "-R", "-c", "fast", "-N")
        return copy.start()

    def promote(self):
        self("SELECT pg_promote()")

    def kill(self):
        """As a crash.  A child that is left would keep the next start from
        its folder."""
        if self.process:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(PATIENCE)
            self.process = None
            wait_for(lambda: not self.processes(), PATIENCE,
                     "the processes of %s end" % self.data)

    def processes(self):
        """Those that work in the folder of the data."""
        found = []
        for link in glob.glob("/proc/[0-9]*/cwd"):
            try:
                if os.readlink(link) == os.path.realpath(self.data):
                    found.append(link)
            except OSError:
                # it has ended, or is another user's
                pass
        return found

    def remove(self):
        self.kill()
        shutil.rmtree(self.data)
