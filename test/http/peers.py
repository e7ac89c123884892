# SPDX-License-Identifier: Apache-2.0
"""Real apps behind httpd, each an ordinary process in a folder of its own: PHP
by php-fpm and php-cgi, gunicorn with Flask, Node.

Each takes the orders of a request from its header X-Ask, JSON:

    status    the status (200)
    headers   list of [name, value]
    body      the body (empty)
    times     repeat it so often
"""

import glob
import os
import shutil
import signal
import socket
import subprocess

from httpd import free_port, private_folder, unprivileged_user
from wait import wait_for

START_TIMEOUT = 30

PHP_APP = r"""<?php
$ask = json_decode($_SERVER['HTTP_X_ASK'], true);
http_response_code($ask['status'] ?? 200);
foreach ($ask['headers'] ?? [] as [$name, $value]) {
    header("$name: $value", false);
}
echo str_repeat($ask['body'] ?? '', $ask['times'] ?? 1);
"""

FLASK_APP = """
import json
from flask import Flask, Response, request
application = Flask(__name__)

@application.route("/<path:path>")
def answer(path):
    ask = json.loads(request.headers["X-Ask"])
    response = Response(ask.get("body", "") * ask.get("times", 1),
                        ask.get("status", 200))
    for name, value in ask.get("headers", []):
        response.headers.add(name, value)
    return response
"""

NODE_APP = """
const http = require('http');
http.createServer((request, response) => {
    const ask = JSON.parse(request.headers['x-ask']);
    const headers = [];
    for (const [name, value] of ask.headers || []) {
        headers.push(name, value);
    }
    response.writeHead(ask.status || 200, headers);
    response.end((ask.body || '').repeat(ask.times || 1));
}).listen(Number(process.argv[2]), '127.0.0.1');
"""

PROGRAMS = {
    "php-fpm": ("php-fpm", "php-fpm[0-9]*"),
    "php-cgi": ("php-cgi", "php-cgi[0-9]*"),
    "gunicorn": ("gunicorn", "gunicorn3"),
    "node": ("node", "nodejs"),
}

FOLDERS = ("/usr/sbin", "/usr/bin", "/usr/local/bin",
           "/usr/local/lib/switchboard-test/usr/sbin")
"""Where programs are; the last one: where support/install-packages unpacks
packages that would start a service if they were installed."""


def program(name):
    """The path of a program; None: it is not on this machine."""
    for pattern in PROGRAMS[name]:
        for folder in FOLDERS:
            found = sorted(glob.glob(os.path.join(folder, pattern)))
            if found:
                return found[-1]
    return None


class Peer:
    """One app: a process, and what it listens on."""

    def __init__(self, name, over):
        """over: tcp, or unix where the program can."""
        self.name = name
        self.folder = private_folder()
        self.port = free_port() if over == "tcp" else None
        self.socket = None if over == "tcp" else self.folder + "/socket"
        self.listens = "127.0.0.1:%d" % self.port if self.port \
            else self.socket
        self.process = None

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        return path

    def php_fpm(self):
        self.write("app.php", PHP_APP)
        lines = ["[global]", "daemonize = no",
                 "error_log = %s/php.log" % self.folder,
                 "[app]", "listen = " + self.listens, "listen.mode = 0666",
                 "pm = static", "pm.max_children = 4"]
        if os.getuid() == 0:
            lines += ["user = %d" % unprivileged_user()[0],
                      "group = %d" % unprivileged_user()[1]]
        return [program("php-fpm"), "-n", "-F", "-y",
                self.write("fpm.conf", "\n".join(lines) + "\n")]

    def php_cgi(self):
        self.write("app.php", PHP_APP)
        return [program("php-cgi"), "-n", "-b", self.listens]

    def gunicorn(self):
        self.write("app.py", FLASK_APP)
        bind = self.listens if self.port else "unix:" + self.socket
        return [program("gunicorn"), "--workers", "2", "--bind", bind,
                "--worker-tmp-dir", self.folder, "--chdir", self.folder,
                "app"]

    def node(self):
        return [program("node"), self.write("app.js", NODE_APP),
                str(self.port)]

    def start(self):
        command = getattr(self, self.name.replace("-", "_"))()
        with open(self.folder + "/log", "wb") as log:
            self.process = subprocess.Popen(
                command, cwd=self.folder, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
                env={"PATH": os.environ["PATH"], "PHP_FCGI_CHILDREN": "2",
                     "PYTHONDONTWRITEBYTECODE": "1", "HOME": self.folder})
        wait_for(self.answers, START_TIMEOUT, self.name + " listens")
        if self.socket:
            os.chmod(self.socket, 0o666)
        return self

    def answers(self):
        with open(self.folder + "/log", encoding="latin-1") as log:
            assert self.process.poll() is None, \
                self.name + " ended:\n" + log.read()
        family = socket.AF_INET if self.port else socket.AF_UNIX
        with socket.socket(family) as probe:
            address = ("127.0.0.1", self.port) if self.port else self.socket
            return probe.connect_ex(address) == 0

    def stop(self):
        if self.process and self.process.poll() is None:
            # its own process group: workers too
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)


def php_lines(peer, path):
    """What leads requests below path to PHP, whatever their names."""
    target = "fcgi://%s" % peer.listens if peer.port \
        else "unix:%s|fcgi://localhost" % peer.socket
    return ["AliasMatch ^%s %s/app.php" % (path, peer.folder),
            "<Location %s>" % path,
            "SetHandler \"proxy:%s\"" % target,
            "ProxyFCGIBackendType " + ("FPM" if peer.name == "php-fpm"
                                       else "GENERIC"),
            "</Location>"]
