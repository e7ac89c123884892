# SPDX-License-Identifier: Apache-2.0
"""The pages on mod_switchboard_status name each field and each metric that
there is; alert rules and dashboard are right and use metrics that exist."""

import json
import os
import re
import subprocess
import time

import pytest

from status import Status, promtool
from tree import TOP, text_of

DOCS = os.path.join(TOP, "docs")
PAGE = os.path.join(DOCS, "mod_switchboard_status.md")
METRIC = re.compile(r"\bswitchboard_[a-z_]+\b")


@pytest.fixture(scope="module")
def status(make_module_httpd, maps, module_folder, backends):
    """A server of which all parts have something to say."""
    path = maps.build(module_folder + "/map",
                      {"a.example.com": backends.url("a")})
    started = Status(make_module_httpd, pool=True, reproxy=True)
    log = started.httpd.path("access.log")
    follower = started.httpd.write("follower", json.dumps(
        {"lag_seconds": 1.5, "time": int(time.time()), "connected": True}))
    started.start(path, "SwitchboardStatusFollower " + follower, "LogFormat \"%{outcome}^SB %{backend}^SB "
                  "%{attempts}^SB %{failure}^SB %{first-byte}^SB "
                  "%{nonsense}^SB\" fields", "CustomLog %s fields" % log)
    started.httpd.get("a.example.com")
    started.httpd.get("nobody.example.com")
    started.wait_for_outcome("mapped", 1)
    return started


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    return promtool(str(tmp_path_factory.mktemp("prometheus")))


def names_of(value):
    """All names of members."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield name
            yield from names_of(member)
    elif isinstance(value, list):
        for member in value:
            yield from names_of(member)


def metrics_of(status):
    """Samples' names, by both forms."""
    text = status.text("?format=prometheus&hosts=5")
    return {line.split("{")[0].split(" ")[0] for line in text.splitlines()
            if not line.startswith("#")}


def test_each_field_of_the_json_is_documented(status):
    page = text_of(PAGE)
    section = page[page.index("### JSON"):page.index("### Security")]
    words = set(re.findall(r"`([a-z0-9_ ]+)`", section))
    words |= {"2xx", "3xx", "4xx"}
    names = set(names_of(status.read("&host=a.example.com&path=/")))
    names -= set(status.read()["reproxy"]["attempts"])
    assert len(names) > 60
    assert names <= words


def test_each_metric_is_documented_and_is_there(status):
    page = text_of(PAGE)
    section = page[page.index("### Metrics"):page.index("### JSON")]
    documented = {name for name in METRIC.findall(section)}
    there = {re.sub(r"(_seconds)_(bucket|sum|count)$", r"\1", name)
             for name in metrics_of(status)}
    assert documented == there


def test_the_fields_of_the_access_log(status, backends):
    def lines():
        with open(status.httpd.path("access.log"), encoding="ascii") as file:
            return file.read().splitlines()
    seen = lines()
    name = re.escape(backends.url("a"))
    assert any(re.fullmatch(r"mapped %s 1 - \d+ -" % name, line)
               for line in seen)
    assert "unknown - - - - -" in seen
    page = text_of(PAGE)
    for field in ("outcome", "backend", "attempts", "failure", "first-byte"):
        assert "| `%%{%s}^SB` |" % field in page


def test_promtool_accepts_the_alert_rules(program):
    rules = os.path.join(DOCS, "switchboard-alerts.yml")
    done = subprocess.run([program, "check", "rules", rules], text=True,
                          capture_output=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 rules found" in done.stdout
    with open(rules, encoding="ascii") as file:
        names = re.findall(r"alert: (\w+)", file.read())
    page = text_of(os.path.join(DOCS, "monitoring.md"))
    assert all("| %s |" % name in page for name in names)


def test_promtool_accepts_the_scrape_configuration(program, tmp_path):
    page = text_of(os.path.join(DOCS, "monitoring.md"))
    block = re.search(r"```yaml\n(scrape_configs.*?)```", page, re.DOTALL)[1]
    more = re.search(r"```yaml\n(    params.*?)```", page, re.DOTALL)[1]
    conf = tmp_path / "prometheus.yml"
    conf.write_text(block + more, encoding="ascii")
    done = subprocess.run([program, "check", "config", conf], text=True,
                          capture_output=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_rules_and_dashboard_use_metrics_that_exist(status):
    there = metrics_of(status)
    used = set()
    with open(os.path.join(DOCS, "switchboard-alerts.yml"),
              encoding="ascii") as file:
        for expression in re.findall(r"expr:(.*?)(?:for|labels):",
                                     file.read(), re.DOTALL):
            used |= set(METRIC.findall(expression))
    with open(os.path.join(DOCS, "switchboard-dashboard.json"),
              encoding="ascii") as file:
        dashboard = json.load(file)
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            used |= set(METRIC.findall(target["expr"]))
    assert len(used) > 10
    assert used <= there


def test_the_screenshot_is_there_and_small():
    path = os.path.join(DOCS, "switchboard-status.png")
    with open(path, "rb") as file:
        assert file.read(8) == b"\x89PNG\r\n\x1a\n"
    assert os.path.getsize(path) < 200000
    assert os.path.exists(os.path.join(TOP, "test", "screenshot"))
