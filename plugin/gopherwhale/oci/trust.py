"""TLS: which CAs are trusted for a registry, and which certificate of a client is shown to it.

The system's CAs always count; beside them the setting `ca_file`, and for each host what Docker keeps in its
certs.d (https://docs.docker.com/engine/security/certificates/): `*.crt` are CAs, `*.cert` with the `*.key` of
the same name is a client's certificate. Verification is never off.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path

from gopherwhale.access import Access
from gopherwhale.errors import UsageError


def context_for(host: str, access: Access, environment: Mapping[str, str]) -> ssl.SSLContext:
    """What a connection to a registry trusts and shows.

    Args:
        host: With its port, as certs.d names its folders.
        access: For the CA file and a certs.d of the user's own.
        environment: For HOME, where Docker keeps another certs.d.

    Raises:
        UsageError: A certificate or a key cannot be read.
    """
    context = ssl.create_default_context()
    if access.ca_file is not None:
        _trust(context, access.ca_file)
    for folder in _folders(access, environment):
        here = folder / host
        for certificate in _files(here, "*.crt"):
            _trust(context, certificate)
        for certificate in _files(here, "*.cert"):
            _show(context, certificate, certificate.with_suffix(".key"))
    return context


def _folders(access: Access, environment: Mapping[str, str]) -> list[Path]:
    folders = [Path("/etc/docker/certs.d")]
    if environment.get("HOME"):
        # The first is Docker Desktop's, the second rootless Docker's.
        home = Path(environment["HOME"])
        folders += [home / ".docker" / "certs.d", home / ".config" / "docker" / "certs.d"]
    return folders if access.certs_dir is None else [*folders, access.certs_dir]


def _files(folder: Path, pattern: str) -> list[Path]:
    try:
        return sorted(folder.glob(pattern)) if folder.is_dir() else []
    except OSError as error:
        raise UsageError(f"cannot read the certificates in {folder}: {error.strerror}") from None


def _trust(context: ssl.SSLContext, file: Path) -> None:
    try:
        context.load_verify_locations(file)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{file} holds no CA certificate that can be read: {_why(error)}",
            hint="it must be a PEM file: -----BEGIN CERTIFICATE-----",
        ) from None


def _show(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    try:
        # An encrypted key must end in an error, not in a question that nobody is there to answer.
        context.load_cert_chain(certificate, key, password=lambda: b"")
    except (OSError, ValueError) as error:
        raise UsageError(
            f"the client certificate {certificate} cannot be used with {key.name}: {_why(error)}",
            hint="both must be PEM, of one pair, the key without a passphrase",
        ) from None


def _why(error: OSError | ValueError) -> str:
    # Not the whole text of OpenSSL's, which names its own source files.
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
    return str(reason)[:120].lower().replace("_", " ")
