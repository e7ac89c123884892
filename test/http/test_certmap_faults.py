# SPDX-License-Identifier: Apache-2.0
"""mod_ssl_certmap: what cannot be served is refused with one line, and never
another's certificate; what changes is served at once."""

import itertools
import os
import re
import shutil

import pytest

import certs
import tls
from httpd import unprivileged_user
from wait import wait_for

NAME = "www.example.com"
REFUSED = "INTERNAL_ERROR"


@pytest.fixture(scope="module")
def authority(module_folder):
    return certs.Authority(module_folder + "/ca")


@pytest.fixture
def certmap(maps, folder, authority):
    return certs.CertMap(maps, folder, authority)


@pytest.fixture
def server(make_httpd, authority):
    """One child: its log has each line once."""
    return tls.Server(make_httpd, authority, children=1)


def refused(server, name=NAME):
    """The handshake fails; nobody's certificate is shown."""
    return REFUSED in tls.refusal(server.tls, name)


def one_line(server, pattern):
    lines = server.httpd.log_lines(pattern)
    assert len(lines) == 1, lines
    return lines[0]


def other_names(count):
    return ["host%d.example.com" % number for number in range(count)]


def three_letters():
    for label in itertools.product("abcdefghijklmnopqrstuvwxyz", repeat=3):
        yield "".join(label) + ".example.com"


# ---- changes ---------------------------------------------------------------

def test_renewal_and_removal_are_served_at_once(server, certmap):
    server.start(certmap.directives())
    assert tls.serial(server.tls, NAME) == server.default.serial_number
    for _ in range(2):
        cert = certmap.set(NAME)
        wait_for(lambda: tls.serial(server.tls, NAME)
                 == cert.serial_number, 30, "the new certificate is served")
    certmap.delete(NAME)
    wait_for(lambda: tls.serial(server.tls, NAME)
             == server.default.serial_number, 30, "the name is gone")


def test_cache_keeps_no_more_than_it_may(server, certmap):
    made = {name: certmap.set(name) for name in other_names(4)}
    server.start(certmap.directives("SSLCertMapCache 2"))
    for _ in range(3):
        for name, cert in made.items():
            assert tls.serial(server.tls, name) == cert.serial_number


def test_master_key_is_changed_without_a_gap(server, certmap, maps, folder):
    cert = certmap.set(NAME)
    new = folder + "/new.key"
    maps.run("cert", "init", "--master", new, folder + "/unused")
    server.start(certmap.directives().replace(
        certmap.master, new + " " + certmap.master))
    assert tls.serial(server.tls, NAME) == cert.serial_number
    maps.run("cert", "rekey", "--master", new, "--old", certmap.master,
             certmap.dir)
    for _ in range(20):
        assert tls.serial(server.tls, NAME) == cert.serial_number
    assert "1 names, all proved" in maps.run("cert", "check", "--master", new,
                                             certmap.dir)


# ---- what cannot be served -------------------------------------------------

def test_record_of_another_name_is_refused(server, certmap, maps):
    """Copied by hand, byte for byte, to a name that it was not made for."""
    certmap.set(NAME)
    victim = next(name for name in three_letters()
                  if name != NAME
                  and certmap.shard(name) == certmap.shard(NAME))
    with open(certmap.shard(NAME), "rb") as file:
        content = file.read()
    assert content.count(NAME.encode()) >= 1
    # the key of the entry; within the certificate the name stands again
    at = content.index(NAME.encode())
    moved = content[:at] + victim.encode() + content[at + len(NAME):]
    replace(certmap.shard(NAME), moved)
    server.start(certmap.directives())
    server.httpd.expect_log("SB0401: .*%s: changed, or made for another name"
                            % victim)
    assert refused(server, victim)
    assert refused(server, victim)
    one_line(server, "SB0401")
    assert tls.serial(server.tls, NAME) == server.default.serial_number


def replace(path, content):
    with open(path + ".new", "wb") as file:
        file.write(content)
    os.rename(path + ".new", path)


def test_garbage_record_is_refused(server, certmap):
    certmap.set(NAME)
    with open(certmap.shard(NAME), "rb") as file:
        content = bytearray(file.read())
    at = content.index(NAME.encode()) + len(NAME) + 300
    content[at:at + 8] = b"garbage!"
    replace(certmap.shard(NAME), content)
    server.start(certmap.directives())
    server.httpd.expect_log("SB0401")
    assert refused(server)
    one_line(server, "SB0401")


def test_wrong_master_key_is_refused(server, certmap, maps, folder):
    certmap.set(NAME)
    other = folder + "/other.key"
    maps.run("cert", "init", "--master", other, folder + "/unused")
    server.start(certmap.directives().replace(certmap.master, other))
    server.httpd.expect_log("SB0401: .*sealed with another master key")
    assert refused(server)
    one_line(server, "SB0401")


def test_missing_shard_is_refused_until_it_is_back(server, certmap):
    cert = certmap.set(NAME)
    shard = certmap.shard(NAME)
    os.rename(shard, shard + ".away")
    server.httpd.expect_log("SB0407: .*1 of 256 shards cannot be read")
    server.start(certmap.directives())
    server.httpd.expect_log("SB0411: .*No such file")
    assert refused(server)
    one_line(server, "SB0411")
    os.rename(shard + ".away", shard)
    wait_for(lambda: shown(server) == cert.serial_number, 30,
             "the shard is served")


def shown(server, name=NAME):
    """The serial number, or None for a refused handshake."""
    try:
        return tls.serial(server.tls, name)
    except OSError:
        return None


def test_cut_shard_leaves_the_last_good_one(server, certmap):
    cert = certmap.set(NAME)
    server.start(certmap.directives())
    assert tls.serial(server.tls, NAME) == cert.serial_number
    with open(certmap.shard(NAME), "rb") as file:
        content = file.read()
    replace(certmap.shard(NAME), content[:len(content) // 2])
    server.httpd.expect_log("SB0411: .*cut short.*is still served")
    wait_for(lambda: shown(server) and server.httpd.log_lines("cut short"),
             30, "the cut shard is noticed")
    assert tls.serial(server.tls, NAME) == cert.serial_number


def test_cut_shard_is_refused_by_a_child_that_knows_nothing(server, certmap):
    certmap.set(NAME)
    with open(certmap.shard(NAME), "rb") as file:
        content = file.read()
    replace(certmap.shard(NAME), content[:len(content) // 2])
    server.httpd.expect_log("SB0407")
    server.start(certmap.directives())
    server.httpd.expect_log("SB0411: .*cut short")
    assert refused(server)


@pytest.mark.skipif(os.getuid() != 0, reason="root alone is refused nothing "
                    "and has children of another user")
def test_folder_that_cannot_be_entered_is_refused(server, certmap):
    certmap.set(NAME)
    os.chmod(certmap.dir, 0o700)
    server.start(certmap.directives())
    server.httpd.expect_log("SB0411: .*Permission denied")
    assert refused(server)
    assert tls.serial(server.tls, None) == server.default.serial_number


def test_expired_certificate_is_served_and_logged_once(server, certmap):
    """The tool takes none, so it is one that expires while the test waits."""
    key = certs.new_key("ec")
    cert = certmap.authority.leaf([NAME], key, days=3 / 86400)
    write = certmap.authority.write
    certmap.store(write("short/fullchain.pem", certs.cert_pem(cert)
                        + certs.cert_pem(certmap.authority.intermediate)),
                  write("short/key.pem", certs.key_pem(key)), NAME)
    server.start(certmap.directives("SSLCertMapCache 0"))
    wait_for(lambda: tls.serial(server.tls, NAME) == cert.serial_number
             and server.httpd.log_lines("SB0402"), 30, "it has expired")
    for _ in range(5):
        assert tls.serial(server.tls, NAME) == cert.serial_number
    assert NAME + ": its certificate expired on" in one_line(server, "SB0402")


# ---- unknown names ---------------------------------------------------------

@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_unknown_name_is_refused_with_its_alert(server, certmap, version):
    cert = certmap.set(NAME)
    server.start(certmap.directives("SSLCertMapUnknown alert"), more="""
        <VirtualHost *:%d>
            ServerName named.example.com
            ServerAlias alias.example.com *.wild.example.com
            SSLEngine on
            %s
        </VirtualHost>
        """ % (server.tls, server.own))
    how = tls.context(version)
    for name in ("unknown.example.com", "a.b.c.example.com"):
        assert "UNRECOGNIZED_NAME" in tls.refusal(server.tls, name, how)
    assert tls.serial(server.tls, NAME, how) == cert.serial_number
    for name in ("named.example.com", "alias.example.com",
                 "a.wild.example.com", "default.example.net", None):
        assert tls.serial(server.tls, name, how) \
            == server.default.serial_number, name


# ---- start -----------------------------------------------------------------

def test_start_says_what_the_map_is(server, certmap):
    server.start(certmap.directives() + "LogLevel ssl_certmap:info\n")
    assert "256 shards, " in one_line(server, "SB0408")


def config_error(server, text):
    status, said = server.httpd.configure(text).check_config()
    assert status != 0
    return said


def test_mod_ssl_has_to_be_loaded(make_httpd, certmap):
    httpd = make_httpd(certmap=True)
    httpd.modules.remove("ssl")
    status, said = httpd.configure(certmap.directives()).check_config()
    assert status != 0 and "SB0404" in said and "a2enmod ssl" in said


def test_master_key_has_to_be_named(server, certmap):
    assert "SB0405" in config_error(server,
                                    "SSLCertMapFile %s\n" % certmap.dir)


@pytest.mark.parametrize("line", [
    "SSLCertMapUnknown maybe", "SSLCertMapCache many", "SSLCertMapCache -1",
    "SSLCertMapCache 1000001", "SSLCertMapCheckInterval 1ms"])
def test_wrong_directive_is_refused(server, line):
    said = config_error(server, line + "\n")
    assert line.split()[0] + ":" in said


@pytest.mark.parametrize("where", ["<Directory />\n%s\n</Directory>",
                                   "<Location />\n%s\n</Location>"])
def test_directive_is_refused_in_a_section(server, where):
    said = config_error(server, where % "SSLCertMapFile none" + "\n")
    assert "not allowed" in said


@pytest.mark.parametrize("mode, text", [
    (0o640, "0" * 64), (0o600, "short"), (0o600, None)])
def test_unusable_master_key_ends_the_start(server, certmap, mode, text):
    os.unlink(certmap.master)
    if text:
        with open(certmap.master, "w", encoding="ascii") as file:
            file.write(text)
        os.chmod(certmap.master, mode)
    server.httpd.expect_log("SB0409")
    server.httpd.allow_log("AH00020|AH00016")
    with pytest.raises(AssertionError, match="httpd ended"):
        server.start(certmap.directives())
    assert "0000" not in server.httpd.log()


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to own files")
def test_map_that_httpd_may_write_is_warned_about(server, certmap):
    user, group = unprivileged_user()
    os.chown(certmap.dir, user, group)
    server.start(certmap.directives())
    assert certmap.dir in one_line(server, "SB0406")


def test_map_without_tls_is_warned_about(make_httpd, certmap):
    httpd = make_httpd(certmap=True)
    httpd.start(certmap.directives())
    assert len(httpd.log_lines("SB0410")) == 1


# ---- the master key --------------------------------------------------------

def regions(pid):
    """(from, to, left out of cores) of each mapping that can be read."""
    found = None
    with open("/proc/%d/smaps" % pid, encoding="utf-8") as file:
        for line in file:
            head = re.match(r"([0-9a-f]+)-([0-9a-f]+) r", line)
            if head:
                found = int(head[1], 16), int(head[2], 16)
            elif re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
                found = None
            elif found and line.startswith("VmFlags:"):
                yield (*found, " dd" in line)


LARGEST_MAPPING = 1 << 30
"""Larger ones are the shadow memory of sanitizers."""


def places(pid, secret):
    """Of each place of the memory that holds it: is it left out of cores?"""
    with open("/proc/%d/mem" % pid, "rb", 0) as memory:
        for start, end, left_out in regions(pid):
            if end - start > LARGEST_MAPPING:
                continue
            try:
                memory.seek(start)
                content = memory.read(end - start)
            except (OSError, ValueError, OverflowError):
                continue
            yield from [left_out] * content.count(secret)


@pytest.mark.skipif(os.getuid() != 0, reason="root alone may read the memory "
                    "of httpd's children")
def test_master_key_is_in_one_page_that_no_core_has(server, certmap):
    cert = certmap.set(NAME)
    server.start(certmap.directives("SSLCertMapCache 0"))
    for _ in range(20):
        assert tls.serial(server.tls, NAME) == cert.serial_number
    with open(certmap.master, encoding="ascii") as file:
        text = file.read().strip()
    for pid in (server.httpd.process.pid, *server.httpd.child_pids()):
        assert list(places(pid, bytes.fromhex(text))) == [True], pid
        assert list(places(pid, text.encode())) == [], pid
        with open("/proc/%d/environ" % pid, "rb") as file:
            assert text.encode() not in file.read()
    assert text not in server.httpd.log()


def test_copied_map_is_useless_without_its_key(server, certmap, maps, folder):
    certmap.set(NAME)
    copy = folder + "/copy"
    shutil.copytree(certmap.dir, copy)
    assert maps.run("cert", "list", copy).startswith(NAME)
    maps.run("cert", "init", "--master", folder + "/mine.key",
             folder + "/unused")
    with pytest.raises(AssertionError, match="another master key"):
        maps.run("cert", "get", "--private", "--master",
                 folder + "/mine.key", copy, NAME)
