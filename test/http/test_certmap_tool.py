# SPDX-License-Identifier: Apache-2.0
"""hostmap cert: what it takes, what it refuses, what it prints."""

import json
import os
import re
import shutil
import subprocess

from cryptography.hazmat.primitives import hashes
import pytest

import certs
from maps import TOOL_TIMEOUT
from tree import TOP, text_of

NAME = "www.example.com"


@pytest.fixture(scope="module")
def authority(module_folder):
    return certs.Authority(module_folder + "/ca")


@pytest.fixture
def certmap(maps, folder, authority):
    return certs.CertMap(maps, folder, authority)


@pytest.fixture
def cert(maps):
    """Runs `hostmap cert`: (status, output, errors)."""
    def run(*words, text=None):
        done = subprocess.run([maps.hostmap, "cert", *words], input=text,
                              text=True, capture_output=True,
                              timeout=TOOL_TIMEOUT)
        return done.returncode, done.stdout, done.stderr
    return run


def set_words(certmap, files, *more):
    return ["set", "--master", certmap.master, "--ca",
            certmap.authority.root_file, "--cert", files[0], "--key",
            files[1], certmap.dir, *more]


def names(certmap):
    return [line.split()[0] for line in
            certmap.maps.run("cert", "list", certmap.dir).splitlines()]


@pytest.mark.parametrize("what, reason", [
    ({"kind": "rsa1024"}, "a weak key of 1024 bits"),
    ({"kind": "ec224"}, "a key of another kind"),
    ({"days": -0.5}, "it has expired"),
    ({"begin": 3}, "it is not valid yet"),
    ({"chain": False}, "its chain is incomplete"),
    ({"algorithm": hashes.SHA1()}, "it is signed with a weak algorithm"),
])
def test_certificate_is_refused(cert, certmap, what, reason):
    files = certmap.authority.issue(NAME, **what)
    status, _, errors = cert(*set_words(certmap, files, NAME))
    assert status == 1 and reason in errors and "nothing was changed" in errors
    assert names(certmap) == []


def test_name_that_the_certificate_is_not_for_is_refused(cert, certmap):
    files = certmap.authority.issue(NAME, "*.a.example.com")
    for name in ("example.com", "b.a.example.com.", "x.y.a.example.com"):
        status, _, errors = cert(*set_words(certmap, files, name))
        assert (status == 0) == (name == "b.a.example.com."), errors
    assert names(certmap) == ["b.a.example.com"]


def test_other_key_is_refused(cert, certmap):
    files = (certmap.authority.issue(NAME)[0],
             certmap.authority.issue(NAME)[1])
    assert "the key is not that of the certificate" \
        in cert(*set_words(certmap, files, NAME))[2]


def test_key_with_a_passphrase_is_refused(cert, certmap):
    chain, _, _ = certmap.authority.issue(NAME)
    key = certmap.authority.write("locked.key", certs.key_pem(
        certs.new_key("ec"), b"secret"))
    assert "needs a passphrase" in cert(*set_words(certmap, (chain, key),
                                                   NAME))[2]


def test_chain_in_the_wrong_order_is_refused(cert, certmap):
    authority = certmap.authority
    chain, key, leaf = authority.issue(NAME)
    wrong = authority.write("wrong.pem", certs.cert_pem(leaf)
                            + certs.cert_pem(authority.root)
                            + certs.cert_pem(authority.intermediate))
    status, _, errors = cert(*set_words(certmap, (wrong, key), NAME))
    assert status == 1 and "wrong order" in errors
    whole = authority.write("whole.pem", text_of(chain)
                            + certs.cert_pem(authority.root))
    assert cert(*set_words(certmap, (whole, key), NAME))[0] == 0


def test_root_that_nobody_trusts_is_refused(cert, certmap):
    chain, key, _ = certmap.authority.issue(NAME)
    words = ["set", "--master", certmap.master, "--cert", chain, "--key", key,
             certmap.dir, NAME]
    if os.path.exists("/etc/ssl/certs/ca-certificates.crt"):
        assert "see --ca" in cert(*words)[2]
    assert cert(*words, "--ca", "none")[0] == 0


def test_all_names_are_set_without_a_name(cert, certmap):
    files = certmap.authority.issue(NAME, "*.example.com")
    assert cert(*set_words(certmap, files))[1].endswith(
        "2 names added, 0 replaced\n")
    assert names(certmap) == ["*.example.com", NAME]


def test_kinds_live_side_by_side(certmap, cert):
    certmap.set(NAME)
    certmap.set(NAME, kind="rsa")
    assert cert("list", certmap.dir)[1].endswith(" ec,rsa\n")
    certmap.set(NAME, only=True)
    assert cert("list", certmap.dir)[1].endswith(" ec\n")


def test_many_are_all_or_nothing(cert, certmap):
    good, bad = (certmap.authority.issue(NAME),
                 certmap.authority.issue("b.example.com", days=-0.5))
    lines = ["%s %s %s\n" % (name, files[0], files[1]) for name, files in
             ((NAME, good), ("b.example.com", bad))]
    words = ["set", "--master", certmap.master, "--ca",
             certmap.authority.root_file, certmap.dir, "-"]
    status, _, errors = cert(*words, text="".join(lines))
    assert status == 1 and "standard input:2:" in errors
    assert names(certmap) == []
    assert cert(*words, text=lines[0])[0] == 0
    assert names(certmap) == [NAME]


def test_answer_is_exact_then_the_wildcard(cert, certmap):
    certmap.set("*.example.com")
    certmap.set(NAME)
    for name, key in ((NAME, NAME), ("x.example.com", "*.example.com")):
        status, text, _ = cert("get", "--json", certmap.dir, name)
        assert status == 0 and json.loads(text)["key"] == key
    assert cert("get", certmap.dir, "example.com")[0] == 2


def test_what_was_put_in_comes_out(cert, certmap):
    chain, key, _ = certmap.authority.issue(NAME)
    certmap.store(chain, key, NAME)
    status, text, _ = cert("get", "--pem", "--private", "--master",
                           certmap.master, certmap.dir, NAME)
    assert (status, text) == (0, text_of(chain) + text_of(key))
    assert "PRIVATE" not in cert("get", "--pem", certmap.dir, NAME)[1]


def test_delete_is_all_or_nothing(cert, certmap):
    certmap.set(NAME, "b.example.com")
    assert cert("delete", certmap.dir, NAME, "c.example.com")[0] == 2
    assert names(certmap) == ["b.example.com", NAME]
    assert cert("delete", certmap.dir, "-", text=NAME + "\n")[0] == 0
    assert names(certmap) == ["b.example.com"]


def test_chains_go_with_their_last_name(cert, certmap):
    certmap.set(NAME)
    assert json.loads(cert("stat", "--json", certmap.dir)[1])["chains"] == 1
    certmap.delete(NAME)
    assert json.loads(cert("stat", "--json", certmap.dir)[1])["chains"] == 0


def test_stat_counts_by_days(cert, certmap):
    for name, days in (("a.example.com", 0.5), ("b.example.com", 20),
                       ("c.example.com", 20), ("d.example.com", 400)):
        certmap.set(name, days=days)
    facts = json.loads(cert("stat", "--json", certmap.dir)[1])
    assert (facts["names"], facts["under_1_day"], facts["under_30_days"],
            facts["later"], facts["first_name"]) \
        == (4, 1, 2, 1, "a.example.com")


def test_due_names_hosts_without_one_first(cert, certmap, maps, folder):
    certmap.set("soon.example.com", days=10)
    certmap.set("late.example.com", days=80)
    certmap.set("*.wild.example.com", days=80)
    certmap.set("gone.example.com", days=9)
    hosts = maps.build(folder + "/hosts.map", {
        name: "http://127.0.0.1:9" for name in
        ("soon.example.com", "late.example.com", "new.example.com",
         "new.example.com/path", "x.wild.example.com",
         "*.tenants.example.com")})
    assert cert("due", "--hosts", hosts, certmap.dir) \
        == (0, "new.example.com\nsoon.example.com\n", "")
    assert cert("due", "--hosts", hosts, "--limit", "1", certmap.dir)[1] \
        == "new.example.com\n"
    assert cert("due", "--days", "5", certmap.dir) == (2, "", "")
    assert cert("due", certmap.dir)[1] \
        == "gone.example.com\nsoon.example.com\n"


def layout(authority, folder):
    """The folders of six clients and servers, a name each."""
    places = {
        "certbot/live/certbot.example.com":
            ("fullchain.pem", "privkey.pem"),
        "dehydrated/certs/dehydrated.example.com":
            ("fullchain.pem", "privkey.pem"),
        "acme.sh/acmesh.example.com_ecc":
            ("fullchain.cer", "acmesh.example.com.key"),
        "lego/certificates": ("lego.example.com.crt", "lego.example.com.key"),
        "caddy/certificates/acme-v02/caddy.example.com":
            ("caddy.example.com.crt", "caddy.example.com.key"),
        "haproxy": ("haproxy.example.com.pem", "haproxy.example.com.pem.key"),
    }
    found = []
    for place, (cert_name, key_name) in places.items():
        name = re.sub(r"^.*/|_ecc$", "", place)
        if "." not in name:
            name = cert_name.rsplit(".", 1)[0]
        chain, key, _ = authority.issue(name)
        path = os.path.join(folder, place)
        os.makedirs(path)
        shutil.copy(chain, os.path.join(path, cert_name))
        shutil.copy(key, os.path.join(path, key_name))
        found.append(name)
    # all in one
    chain, key, _ = authority.issue("one.example.com")
    with open(folder + "/haproxy/one.pem", "w", encoding="ascii") as file:
        file.write(text_of(chain) + text_of(key))
    return sorted([*found, "one.example.com"])


def test_import_reads_the_folders_of_others(cert, certmap, folder):
    expected = layout(certmap.authority, folder + "/others")
    words = ["import", "--master", certmap.master, "--ca",
             certmap.authority.root_file, certmap.dir, folder + "/others"]
    assert "nothing was written" in cert(*words, "--dry-run")[1]
    assert names(certmap) == []
    assert cert(*words)[0] == 0
    assert names(certmap) == expected


def test_check_finds_what_is_wrong(cert, certmap):
    certmap.set(NAME)
    words = ["check", "--master", certmap.master, certmap.dir]
    assert cert(*words)[:2] == (0, certmap.dir
                                + ": 1 names, all proved, 0 expired\n")
    with open(certmap.shard(NAME), "rb") as file:
        content = bytearray(file.read())
    content[content.index(NAME.encode()) + len(NAME) + 200] ^= 1
    with open(certmap.shard(NAME), "wb") as file:
        file.write(content)
    status, _, errors = cert(*words)
    assert status == 1 and NAME + ": changed, or made" in errors


def test_init_leaves_what_is_there(cert, certmap):
    certmap.set(NAME)
    assert cert("init", "--master", certmap.master, certmap.dir)[0] == 0
    assert names(certmap) == [NAME]
    os.unlink(certmap.dir + "/00.certs")
    status, _, errors = cert("init", "--master", certmap.master, certmap.dir)
    assert status == 1 and "1 of 256 shards are missing" in errors


def test_no_map_is_no_map(cert, certmap, folder):
    assert "no certificate map" in cert("list", folder + "/none")[2]
    files = certmap.authority.issue(NAME)
    words = set_words(certmap, files, NAME)
    words[words.index(certmap.dir)] = folder
    assert cert(*words)[0] == 1
    assert not [name for name in os.listdir(folder) if ".certs" in name]


def test_two_writers_lose_nothing(maps, certmap):
    """At the same time, to one shard or two."""
    files = {name: certmap.authority.issue(name)
             for name in ("w%d.example.com" % i for i in range(12))}
    writers = [subprocess.Popen(
        [maps.hostmap, "cert", *set_words(certmap, pair, name)],
        stdout=subprocess.DEVNULL) for name, pair in files.items()]
    assert [writer.wait(TOOL_TIMEOUT) for writer in writers] == [0] * 12
    assert sorted(names(certmap)) == sorted(files)


def test_manual_names_verbs_and_options_of_the_help(cert):
    manual = text_of(TOP + "/support/hostmap/hostmap-cert.1")
    page = text_of(TOP + "/docs/hostmap.md")
    verbs = re.findall(r"^  hostmap cert ([a-z]+) .*\n", cert("help")[1],
                       re.MULTILINE)
    verbs.remove("help")
    sections = dict(re.findall(r"^\.SS (\w+)\n(.*?)(?=^\.S)", manual,
                               re.MULTILINE | re.DOTALL))
    assert list(sections) == verbs
    for verb in verbs:
        help_text = cert("help", verb)[1]
        wanted = set(re.findall(r"--[a-z][a-z-]*", help_text))
        shown = sections[verb].replace("\\-", "-")
        assert set(re.findall(r"--[a-z][a-z-]*", shown)) == wanted, verb
        assert "hostmap cert %s" % verb in page
