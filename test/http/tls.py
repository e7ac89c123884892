# SPDX-License-Identifier: Apache-2.0
"""TLS handshakes of the tests, and a server that makes them from a map."""

import http.client
import socket
import ssl

from cryptography import x509

TIMEOUT = 30


def context(version=None, h2=False, ciphers=None, verify=None, client=None):
    """version: 1.2 or 1.3, and no other; verify: a file of roots; client:
    files of a client certificate."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = verify is not None
    made.verify_mode = ssl.CERT_REQUIRED if verify else ssl.CERT_NONE
    if verify:
        made.load_verify_locations(verify)
    if version:
        one = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
        made.minimum_version = made.maximum_version = one[version]
    if h2:
        made.set_alpn_protocols(["h2", "http/1.1"])
    if ciphers:
        made.set_ciphers(ciphers)
    if client:
        made.load_cert_chain(*client)
    return made


def connect(port, name, how=None, session=None):
    """A TLS connection; the caller closes it."""
    raw = socket.create_connection(("127.0.0.1", port), TIMEOUT)
    try:
        return (how or context()).wrap_socket(raw, server_hostname=name,
                                              session=session)
    except BaseException:
        raw.close()
        raise


def served(port, name, how=None):
    """The certificate that a client is shown for a name."""
    with connect(port, name, how) as tls:
        return x509.load_der_x509_certificate(tls.getpeercert(True))


def serial(port, name, how=None):
    return served(port, name, how).serial_number


def refusal(port, name, how=None):
    """How a handshake fails: the text of the alert."""
    try:
        with connect(port, name, how) as tls:
            tls.do_handshake()
    except ssl.SSLError as error:
        return error.reason
    raise AssertionError("the handshake for %s was not refused" % name)


def get(port, name, host=None, how=None, path="/"):
    """Status and headers of a request over HTTP/1.1 with this name."""
    with connect(port, name, how) as tls:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.sock = tls
        connection.request("GET", path, headers={"Host": host or name})
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.headers


class Server:
    """httpd with TLS: a catch-all virtual host with a certificate of its own,
    and a map."""

    def __init__(self, make_httpd, authority, **what):
        self.authority = authority
        self.httpd = make_httpd(certmap=True, **what)
        self.port = self.httpd.port
        self.tls = self.httpd.listen()
        chain, key, self.default = authority.issue("default.example.net")
        self.own = ("SSLCertificateFile %s\nSSLCertificateKeyFile %s\n"
                    % (chain, key))

    def start(self, settings, in_host="", more=""):
        """settings: for the whole server, in_host: for its catch-all."""
        text = "\n".join([
            "SSLSessionCache none", "SSLSessionTickets off", settings,
            "<VirtualHost *:%d>" % self.tls, "ServerName default.example.net",
            "SSLEngine on", self.own, in_host, "</VirtualHost>", more, ""])
        self.httpd.start(text)
        return self
