"""Certificate authorities of a test's own, their certificates, and a server on loopback that shows one."""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.api_server import read_request, serving

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}"


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


@dataclass(frozen=True)
class Authority:
    """A certificate authority. Its name is one word of small letters."""

    name: str
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def named(cls, name: str, *, extended: bool = True) -> Authority:
        """A new one, with a certificate that it gave itself; without extensions but one, if it is said so."""
        key = ec.generate_private_key(ec.SECP256R1())
        usage = x509.KeyUsage(
            *(False,) * 5, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False
        )
        begun = (
            _begun(name, key)
            .issuer_name(_name(name))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=extended)
        )
        if extended:
            subject = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
            begun = begun.add_extension(usage, critical=True).add_extension(subject, critical=False)
        return cls(name, key, begun.sign(key, hashes.SHA256()))

    def text(self) -> bytes:
        """Its certificate as PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def hashed_name(self) -> str:
        """The name under which OpenSSL looks for it: the SHA-1 of its subject's canonical form."""
        name = self.name.encode()
        pair = b"\x06\x03\x55\x04\x03\x0c" + bytes([len(name)]) + name
        subject = bytes([0x31, len(pair) + 2, 0x30, len(pair)]) + pair
        digest = hashlib.sha1(subject, usedforsecurity=False).digest()
        return f"{int.from_bytes(digest[:4], 'little'):08x}.0"

    def certified(self, folder: Path, address: str) -> Path:
        """A file with a key and a certificate for a server at this IP address."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        certificate = (
            _begun("server", key)
            .issuer_name(_name(self.name))
            .add_extension(names, critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(issuer, critical=False)
            .sign(self.key, hashes.SHA256())
        )
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file = folder / "server.pem"
        file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
        return file


def _begun(name: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )


@contextlib.contextmanager
def showing(certificate: Path) -> Iterator[str]:
    """The address of a server that shows the certificate in a file, and answers each request with `{}`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def behave(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            read_request(secured)
            secured.sendall(ANSWER)

    with serving(behave) as endpoint:
        yield endpoint.replace("http://", "https://")
