"""Certificates of a CA of our own: good ones, expired ones, for other hosts, and for clients."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAY: Final = dt.timedelta(days=1)
LOOPBACK: Final = ("localhost", "127.0.0.1")


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A certificate and its key in PEM files."""

    certificate: Path
    key: Path

    def server_context(self, client_ca: Path | None = None) -> ssl.SSLContext:
        """A context for a server that shows this pair and, with a CA, wants a client's certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        if client_ca is not None:
            context.load_verify_locations(client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


class Authority:
    """A CA with its files in a folder: `certificate` is its own, `stranger` that of one who signs nothing."""

    def __init__(self, folder: Path, name: str = "gopherwhale tests") -> None:
        """Make its key and its certificate."""
        self._folder = folder
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = folder / "ca.pem"
        folder.mkdir(parents=True, exist_ok=True)
        self.certificate.write_bytes(self._sign(self._name, self._key, days=1, ca=True))
        self.stranger = folder / "stranger.pem"
        stranger = ec.generate_private_key(ec.SECP256R1())
        name_of_it = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a stranger")])
        self.stranger.write_bytes(self._sign(name_of_it, stranger, days=1, ca=True, issuer_key=stranger))

    def issue(
        self, name: str, hosts: tuple[str, ...] = LOOPBACK, *, days: int = 1, self_signed: bool = False
    ) -> Pair:
        """Issue a server's certificate, or without hosts a client's; negative days: expired."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        pair = Pair(certificate=self._folder / f"{name}.pem", key=self._folder / f"{name}.key")
        pair.certificate.write_bytes(
            self._sign(subject, key, days=days, hosts=hosts, issuer_key=key if self_signed else None)
        )
        pair.key.write_bytes(_pem(key))
        return pair

    def signer(self) -> Pair:
        """A certificate that signs itself, as a registry wants it in its `rootcertbundle`."""
        pair = Pair(certificate=self._folder / "signer.pem", key=self._folder / "signer.key")
        pair.certificate.write_bytes(self.certificate.read_bytes())
        pair.key.write_bytes(_pem(self._key))
        return pair

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        *,
        days: int,
        hosts: tuple[str, ...] = (),
        ca: bool = False,
        issuer_key: ec.EllipticCurvePrivateKey | None = None,
    ) -> bytes:
        now = dt.datetime.now(dt.UTC)
        usage = ExtendedKeyUsageOID.SERVER_AUTH if hosts else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if issuer_key else self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 3 * _DAY)
            .not_valid_after(now + days * _DAY)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if not ca:
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if hosts:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_general(host) for host in hosts]), critical=False
            )
        return builder.sign(issuer_key or self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
