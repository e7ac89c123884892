# SPDX-License-Identifier: Apache-2.0
"""A CA that speaks ACME, for the tests: pebble, with its own DNS."""

import json
import os
import subprocess

import tls
from httpd import free_port
from wait import wait_for


class Pebble:
    """A CA whose validations come to this machine whatever the name.  The
    ports are those that it validates at.  Its own certificate is the
    authority's (trust); root: what those that it issues lead to."""

    def __init__(self, folder, authority, http_port=None, tls_port=None):
        self.port, self.management, dns = (free_port() for _ in range(3))
        chain, key, _ = authority.issue("localhost")
        config = authority.write(folder + "/pebble.json", json.dumps({
            "pebble": {
                "listenAddress": "127.0.0.1:%d" % self.port,
                "managementListenAddress": "127.0.0.1:%d" % self.management,
                "certificate": chain, "privateKey": key,
                "httpPort": http_port or free_port(),
                "tlsPort": tls_port or free_port(),
                "ocspResponderURL": "",
                "externalAccountBindingRequired": False}}))
        env = dict(os.environ, PEBBLE_VA_NOSLEEP="1",
                   PEBBLE_WFE_NONCEREJECT="0")
        log = open(folder + "/pebble.log", "w", encoding="utf-8")
        self.log = log.name
        self.processes = [
            subprocess.Popen(
                ["pebble-challtestsrv", "-defaultIPv4", "127.0.0.1",
                 "-defaultIPv6", "", "-dns01", "127.0.0.1:%d" % dns, "-http01",
                 "", "-https01", "", "-tlsalpn01", "", "-management",
                 "127.0.0.1:%d" % free_port()], stdout=log, stderr=log),
            subprocess.Popen(
                ["pebble", "-config", config, "-dnsserver",
                 "127.0.0.1:%d" % dns], env=env, stdout=log, stderr=log)]
        self.directory = "https://localhost:%d/dir" % self.port
        self.trust = authority.root_file
        root = authority.write(folder + "/pebble-root.pem", "")
        wait_for(lambda: self.fetch("/roots/0", root), tls.TIMEOUT,
                 "pebble serves")
        self.root = root

    def fetch(self, path, to):
        done = subprocess.run(
            ["curl", "-sf", "--max-time", "5", "--cacert", self.trust, "-o",
             to, "https://localhost:%d%s" % (self.management, path)],
            timeout=10)
        return done.returncode == 0 and os.path.getsize(to) > 0

    def stop(self):
        for process in self.processes:
            process.kill()
            process.wait()
