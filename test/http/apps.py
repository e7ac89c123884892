# SPDX-License-Identifier: Apache-2.0
"""A Flask app behind the servers that people run it with."""

import os
import subprocess
import tempfile

import client
import httpd
from wait import wait_for

START_TIMEOUT = 60

APP = '''
from flask import Flask, redirect, request, session, url_for
from werkzeug.middleware.proxy_fix import ProxyFix

app = Flask(__name__)
app.secret_key = "of a test"
app.config["SESSION_COOKIE_NAME"] = "sid"
app.wsgi_app = ProxyFix(app.wsgi_app, x_host=0, x_prefix=1)


@app.get("/")
def index():
    session["user"] = "somebody"
    return redirect(url_for("login", next="x"))


@app.get("/absolute")
def absolute():
    return redirect(url_for("login", _external=True))


@app.get("/login")
def login():
    return "login of %s, session of %s" % (request.script_root,
                                           session.get("user"))
'''


class App:
    """Runs a command that serves the app at a port of its own; PORT in the
    command is replaced.  In a folder of its own, too: a server listens before
    it imports the app, and would read it while that of the next is written."""

    def __init__(self, folder, *command, **variables):
        self.port = httpd.free_port()
        folder = tempfile.mkdtemp(prefix="app-", dir=folder)
        path = os.path.join(folder, "switchboard_app.py")
        with open(path, "w", encoding="ascii") as file:
            file.write(APP)
        self.log_path = os.path.join(folder, "log")
        with open(self.log_path, "w", encoding="ascii") as log:
            self.process = subprocess.Popen(
                [word.replace("PORT", str(self.port)) for word in command],
                cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1", **variables))
        wait_for(self._answers, START_TIMEOUT, command[0] + " serves")

    def _answers(self):
        """Whether the app has been imported: it answers, with whatever."""
        assert self.process.poll() is None, self.log()
        try:
            client.get(self.port, "127.0.0.1", "/")
        except (ConnectionError, client.Closed):
            return False
        return True

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def url(self, path=""):
        return "http://127.0.0.1:%d%s" % (self.port, path)

    def stop(self):
        self.process.terminate()
        self.process.wait(START_TIMEOUT)


def gunicorn(folder, script_name=""):
    """The app, told its prefix by SCRIPT_NAME; without one, by
    X-Forwarded-Prefix."""
    variables = {"SCRIPT_NAME": script_name} if script_name else {}
    return App(folder, "/usr/bin/gunicorn", "--bind", "127.0.0.1:PORT",
               "--workers", "1", "switchboard_app:app", **variables)


def uwsgi(folder, prefix):
    """The app, mounted below a prefix that requests have to have."""
    return App(folder, "/usr/bin/uwsgi", "--plugin", "python3",
               "--http-socket", "127.0.0.1:PORT", "--die-on-term",
               "--need-app", "--manage-script-name",
               "--mount", prefix + "=switchboard_app:app")
