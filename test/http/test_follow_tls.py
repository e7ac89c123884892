# SPDX-License-Identifier: Apache-2.0
"""TLS to a store: never without, never to somebody else.  hiredis with TLS does
it, where the build has that; else stunnel, as docs/fleet.md shows it."""

import os
import re
import subprocess

import pytest

from fleet import PATIENCE, Client, Redis, entries
from httpd import free_port
from wait import wait_for

FLEET = os.path.join(os.path.dirname(__file__), "../../docs/fleet.md")


def certificate(folder, name):
    """A certificate for a name that is its own authority."""
    path = os.path.join(folder, name)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
                    "-days", "2", "-subj", "/CN=" + name, "-addext",
                    "subjectAltName=DNS:" + name, "-keyout", path + ".key",
                    "-out", path + ".crt"],
                   check=True, capture_output=True, timeout=PATIENCE)
    return path


@pytest.fixture
def redis(tmp_path):
    """Speaks TLS on tls_port, as store.example.com."""
    path = certificate(str(tmp_path), "store.example.com")
    server = Redis(str(tmp_path / "redis"))
    server.tls_port = free_port()
    server.options = ("--tls-port", str(server.tls_port), "--tls-cert-file",
                      path + ".crt", "--tls-key-file", path + ".key",
                      "--tls-ca-cert-file", path + ".crt",
                      "--tls-auth-clients", "no")
    server.certificate = path + ".crt"
    try:
        server.start()
        server.write({"a.example": "!"})
        yield server
    finally:
        server.kill()


@pytest.fixture
def stunnel(tmp_path, redis):
    """Starts the page's stunnel; its port."""
    running = []

    def start(**changed):
        with open(FLEET, encoding="utf-8") as page:
            shown = re.search(r"^    \[store\]\n(?:    .*\n)+", page.read(),
                              re.MULTILINE)[0]
        port = free_port()
        options = dict(re.findall(r"^    (\w+) = (.*)$", shown, re.MULTILINE),
                       accept="127.0.0.1:%d" % port,
                       connect="127.0.0.1:%d" % redis.tls_port,
                       CAfile=redis.certificate)
        options.update(changed)
        conf = str(tmp_path / ("stunnel%d.conf" % port))
        with open(conf, "w", encoding="ascii") as file:
            file.write("foreground = yes\npid =\n[store]\n" + "".join(
                "%s = %s\n" % one for one in options.items()))
        with open(conf + ".log", "wb") as log:
            running.append(subprocess.Popen(["stunnel4", conf], stdout=log,
                                            stderr=log))

        def listens():
            try:
                Client(port).close()
            except OSError:
                return False
            return True

        wait_for(listens, PATIENCE, "stunnel listens")
        return port

    yield start
    for process in running:
        process.kill()
        process.wait(PATIENCE)


def test_stunnel_does_tls(tool, stunnel):
    done = tool("follow", "--once", "redis://127.0.0.1:%d" % stunnel(), "map")
    assert done.status == 0, done
    assert entries(tool) == {"a.example": "!"}


@pytest.mark.parametrize("wrong", ["name", "authority"])
def test_stunnel_refuses_a_wrong_certificate(tool, stunnel, tmp_path, wrong):
    if wrong == "name":
        port = stunnel(checkHost="other.example.com")
    else:
        port = stunnel(CAfile=certificate(str(tmp_path), "other") + ".crt")
    done = tool("follow", "--once", "redis://127.0.0.1:%d" % port, "map")
    assert done.status == 2, done
    assert not os.path.exists(tool.path("map"))


def test_rediss_is_tls_or_refused(tool, redis):
    """Which of the two, this build says."""
    url = "rediss://127.0.0.1:%d" % redis.tls_port
    done = tool("follow", "--once", "--cafile", redis.certificate, url, "map")
    if "hiredis_ssl" in done.err:
        print("this build has no TLS of its own")
        done.fails("stunnel", "docs/fleet.md")
    else:
        # the name is another than the certificate's
        done.fails("IP address mismatch")
        tool("follow", "--once", url, "map").fails("TLS")
    assert not os.path.exists(tool.path("map"))
