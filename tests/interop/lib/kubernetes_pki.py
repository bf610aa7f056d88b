"""Keys and certificates of a test cluster: its CA, the API server's, clients', and the key of service account tokens."""
import datetime
import ipaddress
import os
from collections import namedtuple
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

Credential = namedtuple("Credential", "certificate key")


class Pki:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(mode=0o700, parents=True)
        self.ca_key = ec.generate_private_key(ec.SECP256R1())
        self.ca_name = _name("test-cluster-ca")
        self.ca = self._write("ca.crt", self._sign(self.ca_key, self.ca_name, ca=True))
        self.serving = self._issue("api-server", _name("kube-apiserver"), [
            x509.DNSName("localhost"), x509.DNSName("kubernetes.default.svc"),
            x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.service_accounts = Credential(
            self._write("sa.pub", key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)),
            self._write_key("sa.key", key))

    @classmethod
    def attach(cls, folder):
        """What another process has made; nothing new can be signed."""
        pki = cls.__new__(cls)
        pki.folder, pki.ca = Path(folder), Path(folder) / "ca.crt"
        return pki

    def existing(self, name):
        return Credential(self.folder / f"{name}.crt", self.folder / f"{name}.key")

    def client(self, user, group=None):
        """A client certificate: the API server takes the user from CN and the group from O."""
        return self._issue(user.replace(":", "-"), _name(user, group), [])

    def node(self, name):
        return self.client(f"system:node:{name}", "system:nodes")

    def _issue(self, file_name, subject, names):
        key = ec.generate_private_key(ec.SECP256R1())
        return Credential(self._write(f"{file_name}.crt", self._sign(key, subject, names)),
                          self._write_key(f"{file_name}.key", key))

    def _sign(self, key, subject, names=(), ca=False):
        now = datetime.datetime.utcnow()
        builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(self.ca_name)
                   .public_key(key.public_key()).serial_number(x509.random_serial_number())
                   .not_valid_before(now - datetime.timedelta(minutes=5))
                   .not_valid_after(now + datetime.timedelta(days=2))
                   .add_extension(x509.BasicConstraints(ca, None), critical=True))
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self.ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def _write_key(self, name, key):
        return self._write(name, key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                                   serialization.NoEncryption()))

    def _write(self, name, content):
        path = self.folder / name
        with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
        return path


def _name(common_name, organization=None):
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization)] if organization else []
    return x509.Name(parts + [x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
