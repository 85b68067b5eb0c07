"""A certificate authority for tests, and TLS contexts for receivers with certificates of every kind it can issue."""

import datetime
import ssl
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAY = datetime.timedelta(days=1)


class Authority:
    """Issues certificates. `ca_file` is what a client has to trust."""

    def __init__(self, directory: Path, name: str = "Test authority") -> None:
        self._directory = directory
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._count = 0
        now = datetime.datetime.now(datetime.UTC)
        certificate = self._builder(
            self._name, self._key.public_key(), now - 400 * _DAY, now + 400 * _DAY
        ).add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.ca_file = str(directory / f"{name.replace(' ', '-')}.pem")
        Path(self.ca_file).write_bytes(
            certificate.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        )

    def server(self, *hosts: str, valid_from_days: int = -1, valid_to_days: int = 1) -> ssl.SSLContext:
        """A server's context with a certificate for `hosts` (names or IP addresses)."""
        return self._context(hosts, valid_from_days, valid_to_days, self_signed=False)

    def self_signed(self, *hosts: str) -> ssl.SSLContext:
        """The same, signed by nobody but itself."""
        return self._context(hosts, -1, 1, self_signed=True)

    def _context(self, hosts: tuple[str, ...], from_days: int, to_days: int, *, self_signed: bool) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])])
        now = datetime.datetime.now(datetime.UTC)
        builder = self._builder(
            subject, key.public_key(), now + from_days * _DAY, now + to_days * _DAY, subject if self_signed else None
        ).add_extension(x509.SubjectAlternativeName([_general_name(host) for host in hosts]), critical=False)
        certificate = builder.sign(key if self_signed else self._key, hashes.SHA256())
        self._count += 1
        path = self._directory / f"server-{id(self)}-{self._count}.pem"
        path.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _builder(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        valid_from: datetime.datetime,
        valid_to: datetime.datetime,
        issuer: x509.Name | None = None,
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer or self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(valid_from)
            .not_valid_after(valid_to)
        )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)
