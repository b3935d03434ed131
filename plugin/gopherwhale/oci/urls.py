"""The addresses that registries name: where a credential is bound to, and what of them may be shown."""

from __future__ import annotations

import functools
import re
from typing import Final
from urllib.parse import urldefrag, urljoin, urlsplit

from gopherwhale.errors import RegistryError

REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
# These two keep the method and the body (RFC 9110 section 15.4).
_KEEPING: Final = frozenset({307, 308})

Origin = tuple[str, str, int]

# Without a backslash, a blank or a user's part, every parser finds the same host; with them `https://evil\@host/`
# is at `host` for one and at `evil` for another, which opens the connection.
_SOUND: Final = re.compile(r"https?://[A-Za-z0-9.:\[\]_-]+(?:[/?#][\x21-\x5b\x5d-\x7e]*)?")


@functools.lru_cache(maxsize=256)
def origin(url: str) -> Origin:
    """Scheme, host and port of a URL: what a credential is bound to (RFC 6454).

    Raises:
        RegistryError: It is no URL of http or https, or one that two parsers could read apart.
    """
    try:
        parts = urlsplit(url if _SOUND.fullmatch(url) else "")
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        parts, port = urlsplit(""), 0
    if not parts.hostname:
        raise RegistryError(f"a registry leads to {shown(url)!r}, which is no address that can be used")
    return parts.scheme, parts.hostname, port


def joined(url: str, location: str) -> str:
    """Where a Location leads, which may be relative (RFC 9110 section 10.2.2); without its fragment.

    Raises:
        RegistryError: Nobody could say.
    """
    try:
        return urldefrag(urljoin(url, location)).url
    except ValueError:
        raise RegistryError(f"{shown(url)} leads to {shown(location)!r}, which is no address") from None


def followed(method: str, *, with_body: bool) -> frozenset[int]:
    """The redirects that a request may follow; a form with a credential follows none."""
    if method in ("GET", "HEAD"):
        return REDIRECTS
    return frozenset() if method == "POST" and with_body else _KEEPING


def netloc(url: str) -> str:
    """Host and port as certs.d and the settings name them: no port where it is the scheme's own."""
    scheme, host, port = origin(url)
    name = f"[{host}]" if ":" in host else host
    return name if port == {"http": 80, "https": 443}[scheme] else f"{name}:{port}"


def shown(url: str) -> str:
    """A URL for a message, without the query, which may sign it, and without a user's part."""
    bare = re.sub(r"//[^/?#]*@", "//", url.partition("?")[0].partition("#")[0])
    return "".join(c if c.isprintable() else "?" for c in bare)[:300]
