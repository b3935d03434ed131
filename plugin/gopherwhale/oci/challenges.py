"""What a registry asks for (RFC 9110 section 11.6.1), and whether its token realm may see our credential."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from gopherwhale.errors import AuthenticationError
from gopherwhale.oci.urls import netloc, origin

_MAX_CHALLENGE: Final = 4096
_NAME: Final = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
# One step of the header: `name=value`, else a scheme's name, else the rest of a word that is neither.
# Possessive throughout: no step gives back what it took, so that 4096 blanks or names are read in no time.
_STEP: Final = re.compile(
    rf'[\s,]*+(?:({_NAME}+)\s*+=\s*+(?:"((?:[^"\\]|\\.)*+)"|([^\s,"]*+))|({_NAME}+)(?=[\s,]|$)|[^\s,]++)'
)
# A country's registry of names keeps its second level for itself as often as not: co.uk, com.au.
_SHORT: Final = 3


@dataclass(frozen=True, kw_only=True)
class Challenge:
    """One challenge of a WWW-Authenticate header."""

    scheme: str
    realm: str = ""
    service: str = ""
    scope: str = ""


def parse_challenge(header: str) -> Challenge | None:
    """Read a header's first Bearer challenge, else its first Basic one.

    Args:
        header: All WWW-Authenticate fields, joined by commas; each challenge has its own parameters.

    Returns:
        The challenge, or None where there is neither.
    """
    challenges: list[tuple[str, dict[str, str]]] = []
    for match in _STEP.finditer(header[:_MAX_CHALLENGE]):
        name, quoted, bare, scheme = match.groups()
        if scheme:
            challenges.append((scheme.lower(), {}))
        elif name and challenges:
            value = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else bare
            # The first of two twins counts: a later one must not lead elsewhere.
            challenges[-1][1].setdefault(name.lower(), value)
    for wanted in ("Bearer", "Basic"):
        for scheme, found in challenges:
            if scheme == wanted.lower():
                members = {name: found.get(name, "") for name in ("realm", "service", "scope")}
                return Challenge(scheme=wanted, **members)
    return None


def check_realm(realm: str, registry_url: str, *, credential: bool, named: Collection[str] = ()) -> None:
    """Refuse a token realm that a registry has no business naming.

    A credential goes to the registry's own origin, over TLS to the same domain (Docker Hub's
    auth.docker.io), or to a host that the user names. Without a credential nothing can be stolen, yet a
    registry must not make us ask hosts of the inner network (CVE-2026-48978).

    Args:
        realm: As in the challenge.
        registry_url: The registry's address.
        credential: Whether one would be sent.
        named: Hosts, with a port where it is not 443, that the user trusts with credentials.

    Raises:
        AuthenticationError: The realm is none of these; nothing was sent.
        RegistryError: It is no address.
    """
    asking, at = netloc(registry_url), netloc(realm)
    to, own = origin(realm), origin(registry_url)
    encrypted = to[0] == "https" or own[0] == "http"
    if encrypted and (to == own or at in named):
        return
    related = own[0] == "https" and _domain(to[1]) == _domain(own[1])
    if to[0] == "https" and not _is_local(to[1]) and (related or not credential):
        return
    raise AuthenticationError(
        f"{asking} asks for its token at {to[0]}://{at[:100]}; no credential was sent",
        hint=f"if that host is to be trusted with it, set `token_realms = [{at[:100]!r}]`",
    )


def _domain(host: str) -> str:
    """The part of a name that one owner has: its last two labels, or three below a country's short ones."""
    if _is_address(host):
        return host
    labels = host.rstrip(".").split(".")
    deep = len(labels) > 2 and len(labels[-1]) == 2 and len(labels[-2]) <= _SHORT  # noqa: PLR2004 -- as in co.uk
    return ".".join(labels[-3 if deep else -2 :])


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_local(host: str) -> bool:
    if _is_address(host):
        return not ipaddress.ip_address(host).is_global
    name = host.rstrip(".")
    # `0x7f.1` is no name of a host, yet a resolver may read an address in it.
    return "." not in name or name.endswith((".local", ".internal", ".localhost")) or name[-1].isdigit()
