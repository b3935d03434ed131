"""How registries are reached, as the settings say: plain HTTP or TLS, whom to trust, where tokens come from.

A leaf of plain values. Nothing here is secret, and nothing falls back: a registry that is not named is
reached over TLS, unless it is on loopback.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gopherwhale.references import Reference


@dataclass(frozen=True, kw_only=True)
class Access:
    """How registries are reached.

    Attributes:
        insecure: Hosts, as references write them, that are reached over plain HTTP.
        secure: Hosts on loopback that are reached over TLS all the same.
        token_realms: Hosts outside a registry's own domain that may be given its credential for a token.
        ca_file: A PEM file of CAs to trust beside the system's.
        certs_dir: A folder like Docker's certs.d: `<host>/*.crt`, and `*.cert` with `*.key` of a client.
    """

    insecure: tuple[str, ...] = ()
    secure: tuple[str, ...] = ()
    token_realms: tuple[str, ...] = ()
    ca_file: Path | None = None
    certs_dir: Path | None = None

    def base(self, target: Reference) -> str:
        """The address of a registry's API: scheme, host and port."""
        on_loopback = target.is_loopback and target.registry not in self.secure
        plain = on_loopback or target.registry in self.insecure
        return f"{'http' if plain else 'https'}://{target.api_host}"
