# SPDX-License-Identifier: Apache-2.0
"""The page of mod_switchboard_status in a real browser."""

import threading
import time

import pytest

import client
from browser import Browser
from status import Status
from wait import wait_for

HOT = "hot.example.com"


class Load:
    """Requests for hosts, one of which is hot, until the end of the block."""

    def __init__(self, port, hosts):
        self.port = port
        self.hosts = hosts
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        connection = client.KeepAlive(self.port)
        while not self.done.is_set():
            for host in self.hosts:
                connection.get(host)
            time.sleep(0.01)
        connection.close()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()


@pytest.fixture
def browser():
    opened = Browser()
    yield opened
    opened.close()


@pytest.fixture
def status(make_httpd, maps, folder, backends):
    path = maps.build(folder + "/map", {
        HOT: backends.url("a"), "cool.example.com": backends.url("b"),
        "*.wild.example.com/<script>alert(1)</script>": backends.url("b"),
        "*.wild.example.com": "!"})
    started = Status(make_httpd, pool=True)
    return started.start(path)


def test_the_page_in_a_browser(status, browser):
    """Loads under load, shows the hot host, refreshes in place, finds a host;
    no message of the console, no request to elsewhere, names are text."""
    url = "http://127.0.0.1:%d/" % status.port
    status.httpd.get("w.wild.example.com",
                     "/%3Cscript%3Ealert(1)%3C/script%3E")
    with Load(status.httpd.port, [HOT, HOT, HOT, "cool.example.com"]):
        browser.go(url)
        browser.messages()
        browser.requests()
        wait_for(lambda: browser.text("#p-hot tr:first-child td")
                 == HOT, 30, "the hot host is the first")
        first = browser.run("return performance.timeOrigin")
        before = browser.text("#p-hot tr:first-child td:nth-child(3)")
        wait_for(lambda: browser.text("#p-hot tr:first-child td:nth-child(3)")
                 != before, 30, "the figures are refreshed")
        wait_for(lambda: browser.run(
            "var l = document.querySelector('#spark-requests polyline');"
            "return l ? l.getAttribute('points').split(' ').length : 0") >= 2,
            30, "there is a sparkline")
        assert browser.run("return performance.timeOrigin") == first, \
            "the page was loaded anew"
        assert browser.text("#n-requests").endswith("/s")
        assert "<script>alert(1)</script>" in browser.text("#p-hot")
        assert browser.run("return document.scripts.length") == 1
    browser.type("input[name=host]", "w.wild.example.com")
    browser.type("input[name=path]", "/<script>alert(1)</script>/x")
    browser.press("form button")
    answer = wait_for(lambda: browser.text("#answer"), 30, "an answer")
    assert "*.wild.example.com/<script>alert(1)</script>" in answer
    assert "path" in answer
    # a refresh leaves the question and its answer alone
    browser.type("input[name=host]", "being typed")
    stamp = browser.text("#updated")
    wait_for(lambda: browser.text("#updated") != stamp, 30, "a refresh")
    assert browser.run("return document.querySelector('input').value") \
        == "being typed"
    assert browser.messages() == []
    assert {request.partition("?")[0] for request in browser.requests()} \
        == {url}


def test_the_page_by_keyboard_and_without_colour(status, browser):
    browser.go("http://127.0.0.1:%d/" % status.port)
    browser.run("document.querySelector('input[name=host]').focus()")
    browser.keys("w", ".", "w", "i", "l", "d", ".", "e", "x", "a", "m", "p",
                 "l", "e", ".", "c", "o", "m", "\ue007")
    wait_for(lambda: browser.run(
        "return document.getElementById('answer') !== null"), 30,
        "enter asks")
    assert "*.wild.example.com" in browser.text("#answer")
    # each table has a name, each column a head, each field a label
    assert browser.run(
        "return [...document.querySelectorAll('table')].every(t =>"
        " document.getElementById(t.getAttribute('aria-labelledby')))")
    assert browser.run(
        "return [...document.querySelectorAll('th')].every(t =>"
        " t.getAttribute('scope') === 'col')")
    assert browser.run(
        "return [...document.querySelectorAll('input')].every(i =>"
        " i.labels.length === 1)")
    # a press of the button holds the refresh
    browser.press("#refresh")
    assert browser.run("return document.getElementById('refresh')"
                       ".getAttribute('aria-pressed')") == "true"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark(status, browser, scheme):
    browser.go("http://127.0.0.1:%d/" % status.port)
    browser.call("POST", "/goog/cdp/execute", {
        "cmd": "Emulation.setEmulatedMedia", "params": {"features": [
            {"name": "prefers-color-scheme", "value": scheme}]}})

    def brightness(name):
        """Of a colour of the body, 0 to 1 (WCAG's relative luminance)."""
        colour = browser.run(
            "return getComputedStyle(document.body)[arguments[0]]", name)
        parts = [int(part) / 255 for part in
                 colour.partition("(")[2].rstrip(")").split(",")[:3]]
        linear = [part / 12.92 if part <= 0.04045
                  else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    ink, paper = brightness("color"), brightness("backgroundColor")
    assert (paper > ink) == (scheme == "light")
    contrast = (max(ink, paper) + 0.05) / (min(ink, paper) + 0.05)
    assert contrast > 7


def test_the_page_without_javascript(status):
    """Every figure is in the text that the server sends."""
    status.httpd.get(HOT)
    status.wait_for_outcome("mapped", 1)
    text = status.text()
    assert HOT in text
    assert "/s</p>" in text
    assert "<button type=button id=refresh aria-pressed=false hidden>" in text
