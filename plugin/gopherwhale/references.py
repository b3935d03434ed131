"""Image references by the distribution grammar: `registry/name:tag@digest`.

A leaf. The grammar is that of the distribution project's `reference` package, which every registry and
client shares; Docker Hub's short names are completed as the Docker client does.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from dataclasses import dataclass, replace
from typing import Final

from gopherwhale.errors import UsageError

DOCKER_HUB: Final = "docker.io"
_DOCKER_HUB_NAMES: Final = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
_MAX_NAME: Final = 255

_HOST_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_HOST = re.compile(rf"(?:{_HOST_LABEL}(?:\.{_HOST_LABEL})*|\[[0-9a-fA-F:]+\])(?::[0-9]{{1,5}})?")
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128}")
_IDENTIFIER = re.compile(r"[a-f0-9]{64}")


def is_digest(text: str) -> bool:
    """Whether a string is a digest that may be put into a path or a URL (image-spec, descriptor)."""
    return _DIGEST.fullmatch(text) is not None


def is_registry(text: str) -> bool:
    """Whether a string is a registry's host, with a port or without, as references name it."""
    return _is_host(text) and _HOST.fullmatch(text) is not None


def is_tag(text: str) -> bool:
    """Whether a string is a legal tag (distribution-spec: at most 128 of a small alphabet)."""
    return _TAG.fullmatch(text) is not None


@dataclass(frozen=True, kw_only=True, order=True)
class Reference:
    """A repository in a registry and, where given, a tag, a digest or both.

    Attributes:
        registry: Host with an optional port, as the user names it; `docker.io` for Docker Hub.
        repository: The path below it, as `library/golang`.
        tag: The tag, else empty.
        digest: The digest, else empty.
    """

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    def __str__(self) -> str:
        """The whole reference, with nothing left to a default."""
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.name}{tag}{digest}"

    @property
    def name(self) -> str:
        """Registry and repository, without tag and digest."""
        return f"{self.registry}/{self.repository}"

    @property
    def familiar(self) -> str:
        """The reference as the Docker client shows it: Docker Hub's own parts left out."""
        text = str(self)
        for prefix in (f"{DOCKER_HUB}/library/", f"{DOCKER_HUB}/"):
            text = text.removeprefix(prefix)
        return text

    @property
    def api_host(self) -> str:
        """The host that serves the distribution API for this registry."""
        return "registry-1.docker.io" if self.registry == DOCKER_HUB else self.registry

    @property
    def is_loopback(self) -> bool:
        """Whether the registry is `localhost` or a literal loopback address, where plain HTTP is allowed."""
        return _is_loopback(self.registry)

    def with_tag(self, tag: str) -> Reference:
        """The same repository under a tag, without a digest.

        Raises:
            UsageError: The tag is not legal.
        """
        if not is_tag(tag):
            raise UsageError(
                f"{tag!r} is not a legal tag",
                hint="at most 128 of letters, digits, '_', '.' and '-', not first '.' or '-'",
            )
        return replace(self, tag=tag, digest="")

    def with_digest(self, digest: str) -> Reference:
        """The same repository at a digest, without a tag.

        Raises:
            UsageError: The digest is not legal.
        """
        if not is_digest(digest):
            raise UsageError(
                f"{digest!r} is not a digest", hint="sha256: and 64 hexadecimal digits in lower case"
            )
        return replace(self, tag="", digest=digest)


@functools.lru_cache(maxsize=64)
def _is_loopback(registry: str) -> bool:
    host = registry[1 : registry.index("]")] if registry.startswith("[") else registry.rsplit(":", 1)[0]
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def parse(text: str) -> Reference:
    """Read a reference as the Docker client does.

    Args:
        text: As `nginx`, `acme/hello:1.2`, `localhost:5000/x@sha256:…`.

    Returns:
        The reference with Docker Hub's defaults filled in; a missing tag stays missing.

    Raises:
        UsageError: It breaks the grammar; the message says which part.
    """
    rest, _, digest = text.partition("@")
    if "@" in text and not is_digest(digest):
        raise _refusal(text, f"{digest!r} is not a digest")
    head, slash, last = rest.rpartition("/")
    last, colon, tag = last.partition(":")
    if colon and not is_tag(tag):
        raise _refusal(text, f"{tag!r} is not a legal tag")
    name = f"{head}{slash}{last}"
    if _IDENTIFIER.fullmatch(name):
        raise _refusal(text, "64 hexadecimal digits are an image's identifier")
    registry, repository = _split(name)
    if _PATH.fullmatch(repository) is None:
        raise _refusal(text, f"{repository!r} is not a repository name in lower case")
    if len(registry) + 1 + len(repository) > _MAX_NAME:
        raise _refusal(text, f"the name is longer than {_MAX_NAME} characters")
    return Reference(registry=registry, repository=repository, tag=tag, digest=digest)


def _is_host(first: str) -> bool:
    """Whether the first part of a name is a host, and not Docker Hub's: as the Docker client tells them."""
    return any(c in first for c in ".:[") or first == "localhost" or first != first.lower()


def _split(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    if not (slash and _is_host(first)):
        return DOCKER_HUB, name if slash else f"library/{name}"
    if _HOST.fullmatch(first) is None:
        raise _refusal(name, f"{first!r} is not a host")
    if first in _DOCKER_HUB_NAMES:
        return DOCKER_HUB, rest if "/" in rest else f"library/{rest}"
    return first, rest


def _refusal(text: str, why: str) -> UsageError:
    shown = text if len(text) <= _MAX_NAME else f"{text[:60]}..."
    return UsageError(
        f"{shown!r} is not an image reference: {why}",
        hint="write registry/name[:tag][@digest], as ghcr.io/acme/hello:1.2",
    )
