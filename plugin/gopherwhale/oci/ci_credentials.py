"""Credentials that a CI job gives by its environment, each with the name of the registry that it is for.

    GOPHERWHALE_REGISTRY=ghcr.io  GOPHERWHALE_USERNAME=acme-bot  GOPHERWHALE_PASSWORD=...

For further registries the three names end alike, as GOPHERWHALE_REGISTRY_HUB, GOPHERWHALE_USERNAME_HUB and
GOPHERWHALE_PASSWORD_HUB. The host stands in a value and never in a variable's name, where `a-b.io` and
`a.b.io` would be one; a password that names no registry goes to none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from gopherwhale.errors import UsageError
from gopherwhale.references import DOCKER_HUB, is_registry

PATTERN: Final = re.compile(r"GOPHERWHALE_(REGISTRY|USERNAME|PASSWORD)(_[A-Z0-9_]+)?")
_HUB: Final = frozenset(
    {"docker.io", "index.docker.io", "registry-1.docker.io", "https://index.docker.io/v1/"}
)


class Secret:
    """A string that shows itself to nobody who does not ask for it by name."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        """Keep the value."""
        self._value = value

    def reveal(self) -> str:
        """The value, to be put into a header and nowhere else."""
        return self._value

    def __repr__(self) -> str:
        """Stars, whatever the value is."""
        return "***"

    __str__ = __repr__

    def __bool__(self) -> bool:
        """Whether there is a value."""
        return bool(self._value)


@dataclass(frozen=True, kw_only=True)
class Credential:
    """What is known for a registry: a user with a password, or an identity token."""

    username: str = ""
    password: Secret = field(default_factory=lambda: Secret(""))
    identity_token: Secret = field(default_factory=lambda: Secret(""))


def is_text(*words: str) -> bool:
    """Whether strings can be sent: what a variable or JSON holds may be bytes that are no text."""
    return not any("\ud800" <= character <= "\udfff" for word in words for character in word)


def from_environment(environment: Mapping[str, str]) -> dict[str, Credential]:
    """Every credential of the environment, by its registry as references name it.

    Raises:
        UsageError: One of the three variables is missing or no text, or two name one registry, or one names
            no host; no password is shown.
    """
    suffixes = sorted(
        {match[2] or "" for name, text in environment.items() if text and (match := PATTERN.fullmatch(name))}
    )
    found: dict[str, Credential] = {}
    for suffix in suffixes:
        names = [f"GOPHERWHALE_{part}{suffix}" for part in ("REGISTRY", "USERNAME", "PASSWORD")]
        registry, username, password = (environment.get(name, "").strip() for name in names)
        missing = [name for name in names if not environment.get(name, "").strip()]
        if missing:
            raise UsageError(
                f"{missing[0]} is not set, so the credential that it belongs to is for nobody",
                hint=f"set all of {', '.join(names)}, or none",
            )
        host = DOCKER_HUB if registry in _HUB else registry
        if not is_registry(host):
            raise UsageError(
                f"{names[0]} is {registry[:100]!r}, which is not the host of a registry",
                hint="write it as ghcr.io or host:5000; the credential is for nothing else",
            )
        if not is_text(username, password):
            raise UsageError(f"the credential for {host} in {names[2]} is no text", hint="is it in UTF-8?")
        if host in found:
            raise UsageError(f"{names[0]} names {host}, for which another variable has a credential")
        found[host] = Credential(username=username, password=Secret(password))
    return found
