# SPDX-License-Identifier: Apache-2.0
"""The directives: values, contexts, inheritance, and what is said at start."""

import os
import re

import pytest

import client
from maps import ALL_TYPES, express, files_of


@pytest.fixture
def small_map(maps, backends, folder):
    return maps.build(folder + "/map",
                      {"www.example.com": backends.url("a")})


# ---- values ---------------------------------------------------------------

@pytest.mark.parametrize("line", [
    "ProxyExpressEnable On",
    "ProxyExpressEnable off",
    "ProxyExpressDBMType default",
    "ProxyExpressDBMType sdbm",
    "ProxyExpressDBMType gdbm",
    "ProxyExpressDBMType db",
    "ProxyExpressDBMType lmdb",
    "ProxyExpressDBMType LMDB",
    "ProxyExpressUnknownHost decline",
    "ProxyExpressUnknownHost Decline",
    "ProxyExpressUnknownHost 400",
    "ProxyExpressUnknownHost 599",
    "ProxyExpressCheckInterval 10ms",
    "ProxyExpressCheckInterval 2",
    "ProxyExpressCheckInterval 1s",
    "ProxyExpressCheckInterval 1min",
    "ProxyExpressDBMFile no/such/map",
])
def test_good_value_is_accepted(make_httpd, line):
    status, said = make_httpd().configure(line + "\n").check_config()
    assert status == 0, said


@pytest.mark.parametrize("directive, value", [
    ("ProxyExpressDBMType", "cdb"),
    ("ProxyExpressDBMType", "sdbmx"),
    ("ProxyExpressUnknownHost", "200"),
    ("ProxyExpressUnknownHost", "399"),
    ("ProxyExpressUnknownHost", "600"),
    ("ProxyExpressUnknownHost", "404x"),
    ("ProxyExpressUnknownHost", "-404"),
    ("ProxyExpressUnknownHost", "refuse"),
    ("ProxyExpressCheckInterval", "9ms"),
    ("ProxyExpressCheckInterval", "0"),
    ("ProxyExpressCheckInterval", "-1s"),
    ("ProxyExpressCheckInterval", "1x"),
    ("ProxyExpressCheckInterval", "soon"),
])
def test_bad_value_is_refused_and_quoted(make_httpd, directive, value):
    httpd = make_httpd().configure("%s %s\n" % (directive, value))
    status, said = httpd.check_config()
    assert status != 0
    quoted = re.search(r"^%s\b.*['`\"]%s['`\"]"
                       % (directive, re.escape(value)), said, re.MULTILINE)
    assert quoted, said


def test_enable_takes_on_or_off_only(make_httpd):
    httpd = make_httpd().configure("ProxyExpressEnable Perhaps\n")
    status, said = httpd.check_config()
    assert status != 0
    assert "ProxyExpressEnable must be On or Off" in said


# ---- contexts -------------------------------------------------------------

LINES = ["ProxyExpressEnable On", "ProxyExpressDBMFile map",
         "ProxyExpressDBMType sdbm", "ProxyExpressUnknownHost 404",
         "ProxyExpressCheckInterval 1s"]


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("section", [
    "Directory /srv", "Location /x", "Files x", "Proxy *"])
def test_directive_is_refused_in_sections(make_httpd, line, section):
    name = section.split()[0]
    httpd = make_httpd().configure(
        "<%s>\n%s\n</%s>\n" % (section, line, name))
    status, said = httpd.check_config()
    assert status != 0
    assert line.split()[0] + " not allowed" in said


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("allow", ["AllowOverride All",
                                   "AllowOverrideList %s"])
def test_directive_is_refused_in_htaccess(make_httpd, line, allow):
    directive = line.split()[0]
    allow = allow.replace("%s", directive)
    httpd = make_httpd()
    httpd.write("htdocs/sub/page.html", "page\n")
    httpd.write("htdocs/sub/.htaccess", line + "\n")
    httpd.start("<Directory %s>\n%s\n</Directory>\n"
                % (httpd.path("htdocs"), allow))
    httpd.expect_log(re.escape(directive) + r" not allowed")
    assert httpd.get("www.example.com", "/sub/page.html").status == 500


# ---- inheritance ----------------------------------------------------------

def test_off_in_a_virtual_host_overrides_on_outside(make_httpd, small_map):
    httpd = make_httpd()
    off = httpd.listen()
    httpd.start(express(small_map) + f"""
<VirtualHost *:{off}>
    ProxyExpressEnable Off
</VirtualHost>
""")
    assert httpd.get("www.example.com").backend == "a"
    assert client.get(off, "www.example.com").backend is None


def test_on_in_a_virtual_host_overrides_off_outside(make_httpd, small_map):
    httpd = make_httpd()
    on = httpd.listen()
    httpd.start(f"""
ProxyExpressEnable Off
ProxyExpressDBMFile {small_map}
<VirtualHost *:{on}>
    ProxyExpressEnable On
</VirtualHost>
""")
    assert httpd.get("www.example.com").backend is None
    assert client.get(on, "www.example.com").backend == "a"


def test_each_directive_inherits_by_itself(make_httpd, backends, maps,
                                           folder):
    """Of each pair of ports, the virtual host says one thing and has the
    rest from outside."""
    host = "www.example.com"
    outer = maps.build(folder + "/outer", {host: backends.url("a")}, "sdbm")
    inner = maps.build(folder + "/inner", {host: backends.url("b")}, "sdbm")
    gdbm = maps.build(folder + "/gdbm", {host: backends.url("c")}, "gdbm")
    httpd = make_httpd()
    enable, file, both, unknown, interval = (httpd.listen()
                                             for _ in range(5))
    httpd.start(express(outer, "sdbm", "ProxyExpressUnknownHost 410") + f"""
<VirtualHost *:{enable}>
    ProxyExpressEnable On
</VirtualHost>
<VirtualHost *:{file}>
    ProxyExpressDBMFile {inner}
</VirtualHost>
<VirtualHost *:{both}>
    ProxyExpressDBMFile {gdbm}
    ProxyExpressDBMType gdbm
</VirtualHost>
<VirtualHost *:{unknown}>
    ProxyExpressUnknownHost 404
</VirtualHost>
<VirtualHost *:{interval}>
    ProxyExpressCheckInterval 1s
</VirtualHost>
""")
    served = {port: (client.get(port, host).backend,
                     client.get(port, "unknown.example.com").status)
              for port in httpd.ports}
    assert served == {httpd.port: ("a", 410), enable: ("a", 410),
                      file: ("b", 410), both: ("c", 410),
                      unknown: ("a", 404), interval: ("a", 410)}


def test_type_alone_is_inherited_over(make_httpd, backends, maps, folder):
    """A virtual host that names the type only, as stock cannot."""
    path = maps.build(folder + "/map",
                      {"www.example.com": backends.url("a")}, "gdbm")
    httpd = make_httpd()
    port = httpd.listen()
    httpd.expect_log("map %s" % re.escape(path))
    httpd.start(express(path, "sdbm") + f"""
<VirtualHost *:{port}>
    ProxyExpressDBMType gdbm
</VirtualHost>
""")
    assert client.get(port, "www.example.com").backend == "a"
    assert httpd.get("www.example.com").status == 503


def test_virtual_hosts_serve_from_maps_of_their_own(make_httpd, backends,
                                                    maps, folder):
    httpd = make_httpd()
    host = "www.example.com"
    text = ""
    for kind, name in zip(ALL_TYPES, "abcd"):
        path = maps.build(folder + "/" + kind, {host: backends.url(name)},
                          kind)
        text += "<VirtualHost *:%d>\n%s</VirtualHost>\n" % (
            httpd.listen(), express(path, kind))
    httpd.start(text)
    answers = [client.get(port, host).backend for port in httpd.ports]
    assert answers == [None, "a", "b", "c", "d"]


# ---- types ----------------------------------------------------------------

@pytest.mark.parametrize("kind", ALL_TYPES)
def test_default_type_looks_at_the_file(make_httpd, backends, maps, folder,
                                        kind):
    path = maps.build(folder + "/map",
                      {"www.example.com": backends.url("a")}, kind)
    httpd = make_httpd().start(f"""
ProxyExpressEnable On
ProxyExpressDBMFile {path}
""")
    assert httpd.get("www.example.com").backend == "a"


@pytest.mark.parametrize("kind", ["SDBM", "Gdbm", "DB"])
def test_type_is_read_in_any_case(make_httpd, backends, maps, folder, kind):
    path = maps.build(folder + "/map",
                      {"www.example.com": backends.url("a")}, kind.lower())
    httpd = make_httpd().start(express(path, kind))
    assert httpd.get("www.example.com").backend == "a"


@pytest.mark.parametrize("kind", [None, "sdbm", "gdbm", "db"])
def test_stock_configuration_works_unchanged(make_httpd, backends, maps,
                                             folder, kind):
    """What stock's manual says: a map of httxt2dbm and its directives, with
    the type left out as in its example, or named."""
    path = maps.stock(folder + "/emap",
                      {"www1.example.com": backends.url("a"),
                       "www2.example.com": backends.url("b", "/sub")},
                      kind or "default")
    named = "ProxyExpressDBMType %s\n" % kind if kind else ""
    httpd = make_httpd().start("ProxyExpressEnable on\n"
                               "ProxyExpressDBMFile %s\n%s" % (path, named))
    assert httpd.get("www1.example.com").backend == "a"
    response = httpd.get("www2.example.com", "/x?y")
    assert (response.backend, response.target) == ("b", "/sub/x?y")
    assert httpd.get("www3.example.com").body == b"local content\n"


def test_file_is_relative_to_the_server_root(make_httpd, backends, maps):
    httpd = make_httpd()
    maps.build(httpd.path("emap"), {"www.example.com": backends.url("a")})
    httpd.start(express("emap"))
    assert httpd.get("www.example.com").backend == "a"


# ---- what is said at start ------------------------------------------------

def test_enable_without_a_file_warns_once(make_httpd):
    httpd = make_httpd()
    port = httpd.listen()
    httpd.start("ProxyExpressEnable On\n"
                "<VirtualHost *:%d>\n</VirtualHost>\n" % port)
    warned = httpd.log_lines(r"proxy_express:warn\].*ProxyExpressDBMFile")
    assert len(warned) == 1, warned
    assert httpd.get("www.example.com").body == b"local content\n"
    assert client.get(port, "www.example.com").body == b"local content\n"


def notices(httpd, path):
    return httpd.log_lines(r"proxy_express:\w+\].*map %s:" % re.escape(path))


def test_start_says_what_an_lmdb_map_is(make_httpd, backends, maps, folder):
    path = maps.build(folder + "/map", {
        "host%d.example.com" % n: backends.url("a") for n in range(1234)})
    httpd = make_httpd().start(express(path))
    (line,) = notices(httpd, path)
    assert "proxy_express:notice]" in line
    assert line.endswith("map %s: lmdb, 1234 entries" % path), line


@pytest.mark.parametrize("kind", ["sdbm", "gdbm", "db"])
def test_start_says_what_a_dbm_map_is(make_httpd, backends, maps, folder,
                                      kind):
    path = maps.build(folder + "/map",
                      {"www.example.com": backends.url("a")}, kind)
    httpd = make_httpd().start(express(path, kind))
    (line,) = notices(httpd, path)
    assert "proxy_express:notice]" in line
    assert "map %s: %s" % (path, kind) in line


def test_start_says_each_map_once(make_httpd, small_map):
    httpd = make_httpd()
    ports = [httpd.listen() for _ in range(3)]
    httpd.start(express(small_map) + "".join(
        "<VirtualHost *:%d>\nProxyExpressUnknownHost 404\n</VirtualHost>\n"
        % port for port in ports))
    assert len(notices(httpd, small_map)) == 1
    httpd.graceful()
    assert len(notices(httpd, small_map)) == 2


@pytest.mark.parametrize("kind", ALL_TYPES + ("default",))
def test_missing_map_starts_and_answers_503(make_httpd, folder, kind):
    path = folder + "/map"
    httpd = make_httpd(children=1)
    httpd.expect_log("map %s:" % re.escape(path))
    httpd.start(express(path, kind))
    assert httpd.get("www.example.com").status == 503
    assert httpd.get("unknown.example.com").status == 503


def test_type_without_a_driver_answers_503(make_httpd, small_map):
    """Debian's APR-util has no ndbm; where one has it, the file is of another
    type."""
    httpd = make_httpd(children=1)
    httpd.expect_log(r"map %s: .*ndbm" % re.escape(small_map))
    httpd.start(express(small_map, "ndbm"))
    assert httpd.get("www.example.com").status == 503


@pytest.mark.parametrize("kind", ["lmdb", "sdbm"])
def test_map_that_the_world_may_write_is_warned_about(
        make_httpd, backends, maps, folder, kind):
    path = maps.build(folder + "/map",
                      {"www.example.com": backends.url("a")}, kind)
    for file in files_of(path, kind):
        os.chmod(file, 0o666)
    httpd = make_httpd().start(express(path, kind))
    warned = httpd.log_lines(r"proxy_express:warn\].*%s.*writ"
                             % re.escape(path))
    assert len(warned) == len(files_of(path, kind)), warned
    assert httpd.get("www.example.com").backend == "a"


def test_folder_that_the_world_may_write_is_warned_about(
        make_httpd, small_map, folder):
    os.chmod(folder, 0o777)
    httpd = make_httpd().start(express(small_map))
    warned = httpd.log_lines(r"proxy_express:warn\].*%s.*writ"
                             % re.escape(folder))
    assert len(warned) == 1, warned


def test_map_of_good_rights_is_not_warned_about(make_httpd, small_map):
    httpd = make_httpd().start(express(small_map))
    assert httpd.log_lines(r"proxy_express:warn\]") == []
