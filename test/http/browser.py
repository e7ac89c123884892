# SPDX-License-Identifier: Apache-2.0
"""Debian's Chromium without a window, driven by its ChromeDriver over the
WebDriver protocol (W3C), with nothing but the standard library."""

import base64
import json
import os
import shutil
import socket
import subprocess
import tempfile
import urllib.error
import urllib.request

import pytest

from wait import wait_for

DRIVER = "/usr/bin/chromedriver"
CHROMIUM = "/usr/bin/chromium"
TIMEOUT = 60

FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic",
         "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync",
         "--disable-dev-shm-usage", "--hide-scrollbars"]


class Browser:
    """One window.  Its messages and its requests are recorded."""

    def __init__(self, size=(1280, 1000), dark=False):
        for program in (DRIVER, CHROMIUM):
            if not os.path.exists(program):
                pytest.skip("no %s here (Debian: apt-get install chromium "
                            "chromium-driver)" % program)
        self.folder = tempfile.mkdtemp(prefix="switchboard-browser-")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.base = "http://127.0.0.1:%d" % port
        self.driver = subprocess.Popen(
            [DRIVER, "--port=%d" % port], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.session = None
        flags = [*FLAGS, "--user-data-dir=" + self.folder,
                 "--window-size=%d,%d" % size]
        if dark:
            flags.append("--force-dark-mode")
        try:
            wait_for(self.is_ready, TIMEOUT, "chromedriver is ready")
            self.session = self.call("POST", "/session", {"capabilities": {
                "alwaysMatch": {
                    "goog:chromeOptions": {"binary": CHROMIUM, "args": flags},
                    "goog:loggingPrefs": {"browser": "ALL",
                                          "performance": "ALL"},
                }}})["sessionId"]
        except BaseException:
            self.close()
            raise

    def call(self, method, path, body=None):
        if self.session:
            path = "/session/" + self.session + path
        request = urllib.request.Request(
            self.base + path, method=method,
            data=None if body is None else json.dumps(body).encode("utf-8"),
            headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError("WebDriver: %s %s: %s" % (
                method, path, error.read().decode("utf-8")[:600])) from None

    def is_ready(self):
        try:
            return self.call("GET", "/status")["ready"]
        except (OSError, ValueError):
            return False

    def close(self):
        try:
            if self.session:
                self.call("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait(TIMEOUT)
            shutil.rmtree(self.folder, ignore_errors=True)

    # ---- what a person does ---------------------------------------------

    def go(self, url):
        self.call("POST", "/url", {"url": url})

    def run(self, script, *arguments):
        """The value of a JavaScript function's body."""
        return self.call("POST", "/execute/sync",
                         {"script": script, "args": list(arguments)})

    def find(self, css):
        element = self.call("POST", "/element",
                            {"using": "css selector", "value": css})
        return next(iter(element.values()))

    def text(self, css):
        """What a person reads there; nothing where there is no such element
        yet."""
        # in one step: the page may put another element in its place
        return self.run("let found = document.querySelector(arguments[0]);"
                        "return found ? found.innerText : ''", css)

    def type(self, css, text):
        element = self.find(css)
        self.call("POST", "/element/%s/clear" % element, {})
        self.call("POST", "/element/%s/value" % element, {"text": text})

    def press(self, css):
        self.call("POST", "/element/%s/click" % self.find(css), {})

    def keys(self, *keys):
        """Keys of the keyboard, one after the other."""
        actions = [{"type": kind, "value": key} for key in keys
                   for kind in ("keyDown", "keyUp")]
        self.call("POST", "/actions", {"actions": [
            {"type": "key", "id": "keyboard", "actions": actions}]})

    def screenshot(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.call("GET", "/screenshot")))

    # ---- what the page did ----------------------------------------------

    def messages(self):
        """Of the console, since the last call: errors of scripts, refused
        loads."""
        return [entry["message"] for entry in
                self.call("POST", "/se/log", {"type": "browser"})]

    def requests(self):
        """URLs that were asked for since the last call."""
        urls = []
        for entry in self.call("POST", "/se/log", {"type": "performance"}):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                urls.append(message["params"]["request"]["url"])
        # the browser's own pages, and images within the page
        return [url for url in urls
                if not url.startswith(("chrome:", "data:"))]
