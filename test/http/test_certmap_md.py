# SPDX-License-Identifier: Apache-2.0
"""mod_ssl_certmap beside mod_md: the handshakes by which a CA validates
(tls-alpn-01) are mod_md's, all others of a mapped name are the map's."""

import pytest

import certs
import tls
from acme import Pebble
from wait import wait_for

HOST = "managed.example.com"
ISSUE_TIMEOUT = 120
MANAGED = """
SSLProtocol TLSv%s
Protocols http/1.1 acme-tls/1
MDomain %s
MDCertificateAuthority %s
MDCACertificateFile %s
MDCertificateAgreement accepted
MDContactEmail admin@example.com
MDCAChallenges tls-alpn-01
MDPortMap https:%d
MDStoreDir md
MDPrivateKeys secp256r1
%s
"""
VIRTUAL_HOST = """
<VirtualHost *:%d>
    ServerName %s
    SSLEngine on
</VirtualHost>
"""


@pytest.fixture(scope="module")
def authority(module_folder):
    return certs.Authority(module_folder + "/ca")


@pytest.mark.parametrize("version", ("1.2", "1.3"))
def test_challenge_of_mod_md_is_left_alone(make_httpd, maps, folder, authority,
                                           version):
    """The CA is shown mod_md's certificate of the challenge, although the map
    has one for the name.  It takes no other."""
    certmap = certs.CertMap(maps, folder, authority)
    mapped = certmap.set(HOST)
    # it has its ports before the CA takes some
    server = tls.Server(make_httpd, authority, modules=["md"])
    server.start("IncludeOptional md.conf", more="IncludeOptional host.conf")
    pebble = Pebble(folder, authority, tls_port=server.tls)
    try:
        server.httpd.write("md.conf", MANAGED % (
            version, HOST, pebble.directory, pebble.trust, server.tls,
            certmap.directives()))
        server.httpd.write("host.conf", VIRTUAL_HOST % (server.tls, HOST))
        server.httpd.graceful()
        wait_for(lambda: server.httpd.log_lines(
            r"AH10059: The Managed Domain %s has been setup" % HOST),
                 ISSUE_TIMEOUT, "mod_md has got its certificate")
        assert tls.serial(server.tls, HOST) == mapped.serial_number
    finally:
        pebble.stop()
