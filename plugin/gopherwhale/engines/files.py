"""The files that the go engine adds to a binary: CA certificates and the time zone database."""

from __future__ import annotations

import subprocess
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from gopherwhale.errors import MissingToolError, UsageError
from gopherwhale.oci.layer_writer import Entry

# Where Go's crypto/x509 and time look first on Linux.
CERTIFICATES: Final = "etc/ssl/certs/ca-certificates.crt"
TIME_ZONES: Final = "usr/share/zoneinfo"
_MARK: Final = b"-----BEGIN CERTIFICATE-----"
_MAX_FILE: Final = 16 * 1024 * 1024
_TIMEOUT: Final = 60


def certificates(setting: str | Path) -> tuple[Entry, str]:
    """The CA certificates of an image.

    Args:
        setting: A PEM file, or `certifi` for Mozilla's certificates as the package certifi has them.

    Returns:
        The file, and where it is from, for the image's history.

    Raises:
        UsageError: The file holds no certificate.
    """
    if isinstance(setting, Path):
        source, name = setting, setting.name
    else:
        import certifi  # noqa: PLC0415 -- a plan need not pay for it

        source, name = Path(certifi.where()), f"certifi {certifi.__version__}"
    with source.open("rb") as stream:
        data = stream.read(_MAX_FILE + 1)
    if _MARK not in data or len(data) > _MAX_FILE:
        raise UsageError(
            f"[go] certificates: {source} is not a file of certificates",
            hint="name a PEM file, or certifi, or none",
        )
    return Entry(path=CERTIFICATES, content=data, mode=0o644), name


def time_zones(program: Path, environment: Mapping[str, str]) -> list[Entry]:
    """The time zone database that the Go toolchain carries (lib/time/zoneinfo.zip).

    Raises:
        MissingToolError: This toolchain was packaged without it.
    """
    asked = subprocess.run(
        [program, "env", "GOROOT"],
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT,
        check=False,
    )
    path = Path(asked.stdout.strip(), "lib", "time", "zoneinfo.zip")
    try:
        with zipfile.ZipFile(path) as archive:
            return [
                Entry(path=f"{TIME_ZONES}/{name}", content=archive.read(name), mode=0o644)
                for name in archive.namelist()
                if not name.endswith("/")
            ]
    except (OSError, zipfile.BadZipFile):
        raise MissingToolError(
            f"this Go has no time zone database at {path}",
            hint="use an official Go release, or python3 -m pip install 'gopherwhale[go]'",
        ) from None
