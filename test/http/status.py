# SPDX-License-Identifier: Apache-2.0
"""What the tests of mod_switchboard_status share: a server with an endpoint on
a port of its own, and what that says."""

import os
import shutil
import subprocess

import pytest

import client
from maps import express
from wait import wait_for

ENDPOINT = """
<VirtualHost 127.0.0.1:%d>
ServerName status.example.net
ProxyExpressEnable Off
<Location "/">
SetHandler switchboard-status
Require local
</Location>
</VirtualHost>
"""


class Status:
    """A httpd that serves a map, with its endpoint."""

    def __init__(self, make_httpd, **what):
        modules = ["authz_host", *what.pop("modules", ())]
        self.httpd = make_httpd(status=True, modules=modules, **what)
        self.port = self.httpd.listen()

    def start(self, path, *more, dbm_type="lmdb"):
        self.httpd.start(express(path, dbm_type) + "\n".join(more)
                         + ENDPOINT % self.port)
        return self

    def ask(self, query="", headers=()):
        return client.get(self.port, "status.example.net", "/" + query,
                          list(headers))

    def read(self, query=""):
        """The JSON."""
        response = self.ask("?format=json" + query)
        assert response.status == 200, response
        return response.json()

    def text(self, query="", headers=()):
        response = self.ask(query, headers)
        assert response.status == 200, response
        return response.body.decode("utf-8")

    def entry(self, key, order="by_requests"):
        """What is counted for an entry, or None."""
        for entry in self.read()["entries"][order]:
            if entry["key"] == key:
                return entry
        return None

    def backend(self, name):
        """What is counted for a backend, or None."""
        for backend in self.read()["backends"]:
            if backend["backend"] == name:
                return backend
        return None

    def outcome(self, name):
        return self.read()["requests"]["outcomes"][name]

    def wait_for_outcome(self, name, count):
        """A request is counted after its answer has gone."""
        wait_for(lambda: self.outcome(name) == count, 30,
                 "%d requests are counted as %s" % (count, name))


def promtool(folder):
    """Prometheus' own checker, and the server.  Debian's package starts a
    service when it is installed: it is unpacked into this folder and no more,
    unless the programs are on the machine."""
    program = shutil.which("promtool")
    if program:
        return program
    unpacked = os.path.join(folder, "prometheus", "usr", "bin", "promtool")
    if not os.path.exists(unpacked):
        fetched = subprocess.run(["apt-get", "download", "prometheus"],
                                 cwd=folder, capture_output=True, text=True,
                                 timeout=300)
        packages = [name for name in os.listdir(folder)
                    if name.endswith(".deb")]
        if not packages:
            pytest.skip("no promtool here, and apt cannot fetch the package "
                        "prometheus: " + fetched.stderr.strip()[-200:])
        subprocess.run(["dpkg-deb", "-x", packages[0], "prometheus"],
                       cwd=folder, check=True, timeout=120)
    return unpacked
