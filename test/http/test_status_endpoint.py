# SPDX-License-Identifier: Apache-2.0
"""mod_switchboard_status: what the endpoint answers, in each of its forms."""

import html.parser
import json
import os
import re
import subprocess
import time

import pytest

import client
from httpd import free_port
from status import Status, promtool
from wait import wait_for

HOSTILE = {
    "x.example.com/<script>alert(1)</script>": 7,
    "x.example.com/a\"b'c": 3,
    "x.example.com/caf\xe9": 2,
}


@pytest.fixture(scope="module")
def status(make_module_httpd, maps, module_folder, backends):
    """A server that has served some hosts."""
    path = maps.build(module_folder + "/map", {
        "a.example.com": backends.url("a") + " timeout=7 secret=xyzzy123",
        "*.wild.example.com": backends.url("b"),
        "old.example.com": "301 https://new.example.com/x",
        "gone.example.com": "410",
        "local.example.com": "!",
        "@web": "%s %s secret=xyzzy123" % (backends.url("a"),
                                           backends.url("b")),
        "g.example.com": "@web/sub timeout=7",
        "two.example.com": "%s %s backup" % (backends.url("a"),
                                             backends.url("b")),
    })
    started = Status(make_module_httpd, pool=True, modules=["status"])
    started.start(path, "<Location /server-status>\n"
                  "SetHandler server-status\n</Location>")
    for _ in range(5):
        started.httpd.get("a.example.com")
    for number in range(4):
        started.httpd.get("n%d.wild.example.com" % number)
    started.wait_for_outcome("mapped", 9)
    return started


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """Prometheus' own programs."""
    return os.path.dirname(promtool(str(
        tmp_path_factory.mktemp("prometheus"))))


@pytest.mark.parametrize("query, accept, kind", [
    ("", None, "text/html; charset=utf-8"),
    ("", "text/html,application/xhtml+xml,*/*;q=0.8",
     "text/html; charset=utf-8"),
    ("?format=json", "text/html", "application/json"),
    ("", "application/json", "application/json"),
    ("?format=openmetrics", None,
     "application/openmetrics-text; version=1.0.0; charset=utf-8"),
    ("", "application/openmetrics-text;version=1.0.0;q=0.75,"
     "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
     "application/openmetrics-text; version=1.0.0; charset=utf-8"),
    ("", "text/plain;version=0.0.4;q=1,*/*;q=0.1",
     "text/plain; version=0.0.4; charset=utf-8"),
    ("?format=prometheus", None, "text/plain; version=0.0.4; charset=utf-8"),
])
def test_formats(status, query, accept, kind):
    headers = [("Accept", accept)] if accept else []
    response = status.ask(query, headers)
    assert response.status == 200
    assert response.header("Content-Type") == kind
    assert response.header("Cache-Control") == "no-store"
    assert response.header("X-Content-Type-Options") == "nosniff"


@pytest.mark.parametrize("query", ["?format=xml", "?format=", "?format"])
def test_an_unknown_format(status, query):
    assert status.ask(query).status == 400


def test_other_methods(status):
    response = client.request(status.port, "POST", "/", "s")
    assert response.status == 405
    head = client.request(status.port, "HEAD", "/", "s")
    assert head.status == 200
    assert head.body == b""


def test_promtool_accepts_the_metrics(status, programs):
    text = status.text("?format=prometheus&hosts=10")
    done = subprocess.run([programs + "/promtool", "check", "metrics"],
                          input=text, text=True, capture_output=True,
                          timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout + done.stderr == ""


def test_openmetrics_is_right(status):
    """By the strict parser of Prometheus' Python client."""
    parser = pytest.importorskip(
        "prometheus_client.openmetrics.parser",
        reason="no prometheus_client here (Debian: apt-get install "
        "python3-prometheus-client)")
    text = status.text("?format=openmetrics&hosts=10")
    families = {family.name: family
                for family in parser.text_string_to_metric_families(text)}
    assert all(family.documentation for family in families.values())
    assert families["switchboard_request_seconds"].unit == "seconds"
    requests = families["switchboard_requests"]
    assert requests.type == "counter"
    mapped, = [sample.value
               for sample in families["switchboard_outcomes"].samples
               if sample.labels["outcome"] == "mapped"]
    assert mapped == 9
    keys = {sample.labels["key"] for sample in
            families["switchboard_entry_requests"].samples}
    assert keys == {"a.example.com", "*.wild.example.com"}


def test_a_real_prometheus_scrapes(status, programs, tmp_path):
    port = free_port()
    conf = tmp_path / "prometheus.yml"
    conf.write_text("scrape_configs:\n- job_name: switchboard\n"
                    "  scrape_interval: 1s\n  metrics_path: /\n"
                    "  static_configs:\n  - targets: ['127.0.0.1:%d']\n"
                    % status.port, encoding="ascii")
    with open(tmp_path / "log", "w", encoding="utf-8") as log:
        server = subprocess.Popen(
            [programs + "/prometheus", "--config.file=%s" % conf,
             "--storage.tsdb.path=%s" % (tmp_path / "data"),
             "--web.listen-address=127.0.0.1:%d" % port],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def ask(query):
        try:
            answer = client.get(port, "p", "/api/v1/query?query=" + query)
            return json.loads(answer.body)["data"]["result"]
        except (OSError, client.Closed, ValueError, KeyError):
            return []

    try:
        wait_for(lambda: [found for found in
                          ask("switchboard_outcomes_total")
                          if found["metric"]["outcome"] == "mapped"
                          and found["value"][1] == "9"], 60,
                 "Prometheus has the nine requests")
        assert ask("up")[0]["value"][1] == "1"
    finally:
        server.terminate()
        server.wait(60)


def test_no_series_for_hosts_unless_asked_for(status):
    for form in ("openmetrics", "prometheus"):
        text = status.text("?format=" + form)
        assert "example.com" not in text
        assert "switchboard_entry" not in text
        text = status.text("?format=%s&hosts=1" % form)
        assert text.count('key="a.example.com"') >= 4
        assert "wild" not in text


def test_the_question_is_answered_as_the_tool_does(status, maps,
                                                   module_folder):
    for host, path in (("a.example.com", "/"), ("A.Example.com.", "/x"),
                       ("deep.n.wild.example.com", "/"),
                       ("old.example.com", "/"), ("gone.example.com", "/"),
                       ("local.example.com", "/%61")):
        told = json.loads(maps.run("get", "--json", module_folder + "/map",
                                   host, path))
        answer, = status.read("&host=%s&path=%s" % (
            host, path.replace("%", "%25")))["question"]["answers"]
        assert answer["key"] == told["key"]
        assert answer["match"] == told["match"]
        assert answer["map"] == module_folder + "/map"
        if answer["target"]:
            assert answer["target"] in told["value"]


def test_what_the_question_says(status, backends):
    answer, = status.read("&host=a.example.com")["question"]["answers"]
    assert answer["action"] == "proxy"
    assert answer["target"] == backends.url("a")
    assert answer["backend_state"] == "up"
    assert answer["options"] == "timeout=7 secret=(hidden)"
    answer, = status.read("&host=g.example.com")["question"]["answers"]
    assert (answer["action"], answer["target"]) == ("proxy", "@web/sub")
    assert answer["options"] == "%s %s secret=(hidden), timeout=7" % (
        backends.url("a"), backends.url("b"))
    answer, = status.read("&host=two.example.com")["question"]["answers"]
    assert (answer["action"], answer["target"]) == ("proxy", None)
    assert answer["options"].endswith("backup")
    answer, = status.read("&host=gone.example.com")["question"]["answers"]
    assert (answer["action"], answer["status"]) == ("status", 410)
    answer, = status.read("&host=nobody.example.com")["question"]["answers"]
    assert answer["key"] is None
    assert answer["reason"] == "no entry for this host"
    answer, = status.read("&host=%3Cscript%3E")["question"]["answers"]
    assert answer["reason"].startswith("not a host")


@pytest.mark.parametrize("query", [
    "?host=a.example.com", "?format=json&host=a.example.com",
    "?format=openmetrics&hosts=50", "?format=prometheus&hosts=50"])
def test_secrets_are_not_shown(status, query):
    assert "xyzzy123" not in status.text(query)


class Tags(html.parser.HTMLParser):
    """The elements and texts of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.texts = []
        self.attributes = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.texts.append(data)


def test_the_page_stands_alone(status):
    page = Tags(status.text())
    assert page.tags.count("script") == 1
    for name, value in page.attributes:
        if name in ("src", "href", "action"):
            assert value in ("data:,", "?format=json"), (name, value)
    response = status.ask()
    policy = response.header("Content-Security-Policy")
    nonce, = re.findall(r"script-src 'nonce-([0-9a-f]{32})'", policy)
    assert 'script nonce="%s"' % nonce in response.body.decode("utf-8")
    assert status.ask().header("Content-Security-Policy") != policy


def test_hostile_names_are_text(make_httpd, backends, maps, folder, programs):
    path = folder + "/map"
    with open(folder + "/text", "w", encoding="latin-1") as file:
        file.write("x.example.com !\n")
        for key in HOSTILE:
            file.write("%s %s\n" % (key, backends.url("a")))
    subprocess.run([maps.hostmap, "build", "--skip-bad", folder + "/text",
                    path], check=True, capture_output=True,
                   timeout=60)
    other = Status(make_httpd, pool=True)
    other.httpd.allow_log("SB0013")
    other.start(path)
    asked = 0
    for key, count in HOSTILE.items():
        target = key.partition("/")[2].encode("latin-1")
        target = "/" + "".join("%%%02X" % byte for byte in target
                               ).replace("%2F", "/")
        for _ in range(count):
            asked += other.httpd.get("x.example.com", target).status == 200
    assert asked >= 7, "no hostile key could be asked for"
    other.wait_for_outcome("mapped", asked)
    keys = [entry["key"] for entry in
            other.read()["entries"]["by_requests"]]
    assert "x.example.com/<script>alert(1)</script>" in keys
    page = Tags(other.text("?host=%3Cscript%3Ealert(2)%3C/script%3E"
                           "&path=%22%3E%3Cb%3E"))
    assert page.tags.count("script") == 1
    assert "b" not in page.tags
    assert "x.example.com/<script>alert(1)</script>" in page.texts
    done = subprocess.run([programs + "/promtool", "check", "metrics"],
                          input=other.text("?format=prometheus&hosts=9"),
                          text=True, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_mod_status_has_it(status):
    text = status.httpd.get("s", "/server-status?auto").body.decode("ascii")
    assert re.search(r"^SwitchboardMapped: 9$", text, re.MULTILINE)
    assert re.search(r"^SwitchboardBackends: 2$", text, re.MULTILINE)
    page = status.httpd.get("s", "/server-status").body.decode("ascii")
    assert "<h2>Switchboard</h2>" in page
    assert "<dt>Mapped: 9</dt>" in page


@pytest.mark.parametrize("line, complaint", [
    ("SwitchboardStatusMemory 1K", "not a size of 256K to 1G"),
    ("SwitchboardStatusMemory 4X", "not a size of 256K to 1G"),
    ("SwitchboardStatusMemory 2G", "not a size of 256K to 1G"),
    ("SwitchboardStatusMemory -1M", "not a size of 256K to 1G"),
    ("SwitchboardStatusHosts 0", "not a number of 1 to 1000"),
    ("SwitchboardStatusHosts many", "not a number of 1 to 1000"),
    ("<VirtualHost *>\nSwitchboardStatusMemory 1M\n</VirtualHost>",
     "cannot occur within <VirtualHost> section"),
])
def test_bad_directives(make_httpd, line, complaint):
    code, said = make_httpd(status=True).configure(line).check_config()
    assert code != 0
    assert complaint in said


def test_memory_is_logged_and_changes_with_a_new_start(make_httpd):
    httpd = make_httpd(status=True)
    httpd.start("SwitchboardStatusMemory 1M\n")
    (size, backends), = re.findall(r"SB0303: counters: (\d+) KB.* for (\d+) "
                                   "backends", httpd.log())
    # on top come 8 bytes for each backend and child process
    children = int(re.search(r"ServerLimit (\d+)", httpd._base()).group(1))
    assert 600 < int(size) - 8 * int(backends) * children / 1024 <= 1100
    httpd.write("httpd.conf", httpd._base() + "SwitchboardStatusMemory 8M\n")
    httpd.graceful()
    assert "SB0304" in httpd.log()
    assert re.findall(r"SB0303: counters: (\d+) KB", httpd.log())[-1] == size


# ---- followers --------------------------------------------------------------

FOLLOWS = {"node": "n", "map": "/run/<map>", "store": "redis:hosts",
           "connected": True, "entries": 7, "lag_seconds": 0.25,
           "last_error": None}


@pytest.mark.parametrize("change, state", [
    ({}, "connected"), ({"connected": False, "last_error": "x"},
                        "disconnected"), ({"time": 1000}, "silent")])
def test_a_follower(make_httpd, maps, folder, change, state):
    started = Status(make_httpd)
    facts = dict({**FOLLOWS, "time": int(time.time()) + 60}, **change)
    path = started.httpd.write("follower", json.dumps(facts))
    started.start(maps.build(folder + "/map", {"a.example.com": "!"}),
                  "SwitchboardStatusFollower follower")
    follower, = started.read()["followers"]
    assert follower["file"] == path
    assert follower["state"] == state
    assert follower["map"] == "/run/<map>"
    assert (follower["entries"], follower["lag_seconds"]) == (7, 0.25)
    assert follower["last_error"] == change.get("last_error")
    assert follower["written"] == facts["time"]
    page = started.text()
    assert "/run/&lt;map&gt;" in page and state in page
    text = started.text("?format=openmetrics")
    assert "switchboard_follower_up{file=\"%s\"} %d\n" \
        % (path, state == "connected") in text
    assert "switchboard_follower_lag_seconds{file=\"%s\"} 0.25" % path in text


@pytest.mark.parametrize("text", [
    None, "", "{", "{}", "[]", "x" * 20000],
    ids=["pipe", "empty", "cut", "object", "array", "long"])
def test_a_follower_that_cannot_be_read(make_httpd, maps, folder, text):
    started = Status(make_httpd)
    if text is None:
        os.mkfifo(started.httpd.path("follower"))
    else:
        started.httpd.write("follower", text)
    started.start(maps.build(folder + "/map", {"a.example.com": "!"}),
                  "SwitchboardStatusFollower follower missing")
    assert [(one["state"], one["lag_seconds"], one["entries"], one["written"])
            for one in started.read()["followers"]] \
        == [("unreadable", -1, -1, None)] * 2
    assert "unreadable" in started.text()
