# SPDX-License-Identifier: Apache-2.0
"""Certificates for the tests: a CA with an intermediate, made with Python's
cryptography, and a certificate map built by our tool."""

import datetime
import os

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


def new_key(kind):
    """A private key: ec, ec384, ec521, ec224, rsa, rsa1024."""
    curves = {"ec": ec.SECP256R1, "ec384": ec.SECP384R1,
              "ec521": ec.SECP521R1, "ec224": ec.SECP224R1}
    if kind in curves:
        return ec.generate_private_key(curves[kind]())
    return rsa.generate_private_key(65537, 1024 if kind == "rsa1024" else 2048)


def key_pem(key, password=None):
    how = (serialization.BestAvailableEncryption(password) if password
           else serialization.NoEncryption())
    return key.private_bytes(serialization.Encoding.PEM,
                             serialization.PrivateFormat.PKCS8,
                             how).decode("ascii")


def cert_pem(cert):
    return cert.public_bytes(serialization.Encoding.PEM).decode("ascii")


def name_of(common):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


class Authority:
    """A root, and the intermediate that issues."""

    def __init__(self, folder):
        self.folder = folder
        self.root_key, self.key = new_key("ec"), new_key("ec")
        self.root = self._ca("Test Root", self.root_key, None)
        self.intermediate = self._ca("Test Intermediate", self.key, self.root)
        self.root_file = self.write("root.pem", cert_pem(self.root))
        self.count = 0

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        os.chmod(path, 0o600 if "key" in name else 0o644)
        return path

    def _ca(self, common, key, issuer):
        now = datetime.datetime.utcnow()
        return (x509.CertificateBuilder()
                .subject_name(name_of(common))
                .issuer_name(issuer.subject if issuer else name_of(common))
                .public_key(key.public_key())
                .serial_number(x509.random_serial_number())
                .not_valid_before(now - DAY)
                .not_valid_after(now + 3650 * DAY)
                .add_extension(x509.BasicConstraints(True, None), True)
                .add_extension(x509.SubjectKeyIdentifier.from_public_key(
                    key.public_key()), False)
                .sign(self.root_key, hashes.SHA256()))

    def leaf(self, names, key, days=60, begin=-1, algorithm=hashes.SHA256()):
        """A certificate for these names; its serial number is its own."""
        now = datetime.datetime.utcnow()
        sans = [x509.DNSName(name) for name in names]
        return (x509.CertificateBuilder()
                .subject_name(name_of(names[0]))
                .issuer_name(self.intermediate.subject)
                .public_key(key.public_key())
                .serial_number(x509.random_serial_number())
                .not_valid_before(now + begin * DAY)
                .not_valid_after(now + days * DAY)
                .add_extension(x509.SubjectAlternativeName(sans), False)
                .add_extension(x509.ExtendedKeyUsage(
                    [x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]), False)
                .sign(self.key, algorithm))

    def client(self, common, key):
        """A certificate for a client."""
        now = datetime.datetime.utcnow()
        return (x509.CertificateBuilder()
                .subject_name(name_of(common))
                .issuer_name(self.intermediate.subject)
                .public_key(key.public_key())
                .serial_number(x509.random_serial_number())
                .not_valid_before(now - DAY)
                .not_valid_after(now + DAY)
                .add_extension(x509.ExtendedKeyUsage(
                    [x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH]), False)
                .sign(self.key, hashes.SHA256()))

    def issue(self, *names, kind="ec", chain=True, **more):
        """Files of a new certificate: (fullchain, key, certificate)."""
        key = new_key(kind)
        cert = self.leaf(names, key, **more)
        self.count += 1
        text = cert_pem(cert)
        if chain:
            text += cert_pem(self.intermediate)
        place = "issued/%d/" % self.count
        return (self.write(place + "fullchain.pem", text),
                self.write(place + "privkey.pem", key_pem(key)), cert)


class CertMap:
    """A certificate map with its master key."""

    def __init__(self, maps, folder, authority, name="certs"):
        self.maps = maps
        self.authority = authority
        self.dir = os.path.join(folder, name)
        self.master = os.path.join(folder, name + ".key")
        maps.run("cert", "init", "--master", self.master, self.dir)

    def set(self, *names, cert_names=None, only=False, **more):
        """Issue a certificate for these names and store it; it."""
        chain, key, cert = self.authority.issue(*(cert_names or names),
                                                **more)
        self.store(chain, key, *names, only=only)
        return cert

    def store(self, chain, key, *names, only=False):
        options = ["--only"] if only else []
        self.maps.run("cert", "set", "--master", self.master, "--ca",
                      self.authority.root_file, "--cert", chain, "--key",
                      key, *options, self.dir, *names)

    def delete(self, *names):
        self.maps.run("cert", "delete", self.dir, *names)

    def shard(self, name):
        """The file that a name lies in."""
        number = 2166136261
        for byte in name.encode("ascii"):
            number = ((number ^ byte) * 16777619) & 0xffffffff
        number ^= number >> 8 ^ number >> 16 ^ number >> 24
        return os.path.join(self.dir, "%02x.certs" % (number & 0xff))

    def directives(self, *more):
        return "\n".join(["SSLCertMapFile %s" % self.dir,
                          "SSLCertMapKeyFile %s" % self.master, *more, ""])
