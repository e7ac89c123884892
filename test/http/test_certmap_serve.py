# SPDX-License-Identifier: Apache-2.0
"""mod_ssl_certmap: which certificate a client is shown."""

import base64
import hashlib
import subprocess

from cryptography.hazmat.primitives import serialization
import pytest

import certs
import tls
from wait import wait_for

VERSIONS = pytest.mark.parametrize("version", ["1.2", "1.3"])


@pytest.fixture(scope="module")
def authority(module_folder):
    return certs.Authority(module_folder + "/ca")


@pytest.fixture(scope="module")
def certmap(maps, module_folder, authority):
    made = certs.CertMap(maps, module_folder, authority)
    made.www = made.set("www.example.com")
    made.shop = made.set("shop.example.com", kind="rsa")
    made.both_ec = made.set("both.example.com")
    made.both_rsa = made.set("both.example.com", kind="rsa")
    made.wild = made.set("*.tenants.example.com")
    made.big = made.set("big.example.com", kind="ec384")
    made.named = made.set("named.example.com")
    made.off = made.set("off.example.com")
    return made


@pytest.fixture(scope="module")
def server(make_module_httpd, authority, certmap):
    """With named virtual hosts: one that has settings of its own, one that is
    without the map."""
    made = tls.Server(make_module_httpd, authority, modules=["http2"])
    chain, key, made.own_cert = authority.issue("off.example.com")
    more = """
        <VirtualHost *:{port}>
            ServerName named.example.com
            SSLEngine on
            {own}
            SSLProtocol TLSv1.2
            SSLVerifyClient require
            SSLCACertificateFile {root}
        </VirtualHost>
        <VirtualHost *:{port}>
            ServerName off.example.com
            SSLEngine on
            SSLCertMapFile none
            SSLCertificateFile {chain}
            SSLCertificateKeyFile {key}
        </VirtualHost>
        """.format(port=made.tls, own=made.own, root=authority.root_file,
                   chain=chain, key=key)
    return made.start("Protocols h2 http/1.1\nSSLVerifyDepth 3\n"
                      + certmap.directives(), more=more)


@VERSIONS
def test_each_name_has_its_certificate(server, certmap, version):
    how = tls.context(version)
    for name, cert in (("www.example.com", certmap.www),
                       ("shop.example.com", certmap.shop),
                       ("big.example.com", certmap.big),
                       ("WWW.Example.COM", certmap.www)):
        assert tls.serial(server.tls, name, how) == cert.serial_number, name


@VERSIONS
def test_chain_is_sent_and_verifies(server, authority, version):
    how = tls.context(version, verify=authority.root_file)
    with tls.connect(server.tls, "www.example.com", how) as connection:
        assert connection.getpeercert()["subjectAltName"] \
            == (("DNS", "www.example.com"),)


@VERSIONS
def test_wildcard_is_one_label(server, certmap, version):
    how = tls.context(version)
    shown = {name: tls.serial(server.tls, name, how) for name in
             ("a.tenants.example.com", "a.b.tenants.example.com",
              "tenants.example.com")}
    default = server.default.serial_number
    assert shown == {"a.tenants.example.com": certmap.wild.serial_number,
                     "a.b.tenants.example.com": default,
                     "tenants.example.com": default}


@VERSIONS
def test_unknown_name_and_no_name_get_the_configured_one(server, version):
    how = tls.context(version)
    for name in ("unknown.example.com", "localhost", None):
        assert tls.serial(server.tls, name, how) \
            == server.default.serial_number, name


def test_kind_is_chosen_by_the_client(server, certmap):
    ec = tls.context("1.2", ciphers="ECDHE-ECDSA-AES128-GCM-SHA256")
    rsa = tls.context("1.2", ciphers="ECDHE-RSA-AES128-GCM-SHA256")
    assert tls.serial(server.tls, "both.example.com", ec) \
        == certmap.both_ec.serial_number
    assert tls.serial(server.tls, "both.example.com", rsa) \
        == certmap.both_rsa.serial_number


def test_default_is_never_beside_an_entry(server):
    """The default has an EC key as the entries that a client cannot use."""
    rsa = tls.context("1.2", ciphers="ECDHE-RSA-AES128-GCM-SHA256")
    ec = tls.context("1.2", ciphers="ECDHE-ECDSA-AES128-GCM-SHA256")
    assert "HANDSHAKE_FAILURE" in tls.refusal(server.tls, "www.example.com",
                                              rsa)
    assert "HANDSHAKE_FAILURE" in tls.refusal(server.tls, "shop.example.com",
                                              ec)


def test_named_virtual_host_keeps_its_settings(server, certmap, authority):
    assert tls.refusal(server.tls, "named.example.com", tls.context("1.3"))
    how = tls.context("1.2")
    assert "HANDSHAKE_FAILURE" in tls.refusal(server.tls, "named.example.com",
                                              how)
    key = certs.new_key("ec")
    client = (authority.write("client.pem", certs.cert_pem(
        authority.client("somebody", key)) + certs.cert_pem(
            authority.intermediate)),
        authority.write("client.key", certs.key_pem(key)))
    how = tls.context("1.2", client=client)
    assert tls.serial(server.tls, "named.example.com", how) \
        == certmap.named.serial_number
    server.httpd.allow_log("AH02039|AH02261|AH02008|SSL Library Error")


def test_virtual_host_without_the_map_has_its_own(server):
    assert tls.serial(server.tls, "off.example.com") \
        == server.own_cert.serial_number


def test_http2_is_spoken(settings, server, certmap):
    if settings.mpm == "prefork":
        pytest.skip("mod_http2 does not serve with prefork")
    how = tls.context(h2=True)
    with tls.connect(server.tls, "www.example.com", how) as connection:
        assert connection.selected_alpn_protocol() == "h2"
    assert tls.serial(server.tls, "www.example.com", how) \
        == certmap.www.serial_number


def test_request_is_served_under_the_name(server):
    assert tls.get(server.tls, "www.example.com")[0] == 200


def test_host_that_the_certificate_is_not_for_is_421(server):
    """Another virtual host with other settings: misdirected (RFC 9110
    15.5.20), so that a client opens a connection of its own."""
    assert tls.get(server.tls, "www.example.com", "named.example.com")[0] \
        == 421
    assert tls.get(server.tls, "www.example.com", "shop.example.com")[0] \
        == 200
    server.httpd.allow_log("AH02032")


def openssl(server, name, *more):
    done = subprocess.run(
        ["openssl", "s_client", "-connect", "127.0.0.1:%d" % server.tls,
         "-servername", name, *more], stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=tls.TIMEOUT)
    return done.stdout + done.stderr


NAMES = ("www.example.com", "shop.example.com", "x.tenants.example.com")


def test_openssl_sees_each_its_certificate(server, authority):
    for name in NAMES:
        text = openssl(server, name, "-verify_return_error", "-CAfile",
                       authority.root_file, "-verify_hostname", name)
        assert "Verification: OK" in text, text


def test_curl_sees_each_its_certificate(server, authority):
    for name in NAMES:
        done = subprocess.run(
            ["curl", "-sS", "--cacert", authority.root_file, "--resolve",
             "%s:%d:127.0.0.1" % (name, server.tls), "--max-time", "30",
             "https://%s:%d/" % (name, server.tls)],
            capture_output=True, text=True, timeout=tls.TIMEOUT + 10)
        assert done.stdout == "local content\n", done.stderr


def test_gnutls_sees_each_its_certificate(server, authority):
    for name in NAMES:
        done = subprocess.run(
            ["gnutls-cli", "--x509cafile", authority.root_file,
             "--sni-hostname", name, "--verify-hostname", name, "-p",
             str(server.tls), "127.0.0.1"], stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=tls.TIMEOUT)
        assert "The certificate is trusted" in done.stdout, done.stdout


def test_chromium_sees_each_its_certificate(server, certmap, folder):
    """It takes a certificate of this CA for its public key alone: another
    name's would be refused."""
    for name, cert in zip(NAMES, (certmap.www, certmap.shop, certmap.wild)):
        key = cert.public_key().public_bytes(
            serialization.Encoding.DER,
            serialization.PublicFormat.SubjectPublicKeyInfo)
        digest = base64.b64encode(hashlib.sha256(key).digest()).decode()
        done = subprocess.run(
            ["chromium", "--headless", "--no-sandbox", "--disable-gpu",
             "--user-data-dir=" + folder + "/" + name, "--dump-dom",
             "--host-resolver-rules=MAP * 127.0.0.1",
             "--ignore-certificate-errors-spki-list=" + digest,
             "https://%s:%d/" % (name, server.tls)],
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=4 * tls.TIMEOUT)
        assert "local content" in done.stdout, done.stderr[-2000:]

@VERSIONS
def test_resumed_session_has_no_new_certificate(make_httpd, authority,
                                                certmap, version):
    """What the map holds in the meantime is not asked."""
    server = tls.Server(make_httpd, authority, children=1)
    server.start(certmap.directives() + "SSLSessionTickets on\n")
    name = "resumed.example.com"
    first = certmap.set(name)
    how = tls.context(version)
    with tls.connect(server.tls, name, how) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: %s\r\n"
                           b"Connection: close\r\n\r\n" % name.encode())
        while connection.recv(4096):
            pass
        session = connection.session
    assert tls.serial(server.tls, name, how) == first.serial_number
    certmap.delete(name)
    wait_for(lambda: tls.serial(server.tls, name)
             == server.default.serial_number, tls.TIMEOUT,
             "the name is gone for new sessions")
    with tls.connect(server.tls, name, how, session) as connection:
        assert connection.session_reused
