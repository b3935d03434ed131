"""Challenges and tokens: what a registry asks for, and where a credential may be sent for it.

RFC 9110 section 11.6.1 and the distribution project's token authentication specification.
"""

from __future__ import annotations

import base64
import io
import ipaddress
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode, urlsplit

from gopherwhale.errors import AuthenticationError
from gopherwhale.oci.credentials import Credential
from gopherwhale.oci.transport import Transport, origin

_MAX_TOKEN: Final = 64 * 1024
_MAX_CHALLENGE: Final = 4096
_PARAMETER = re.compile(r'([A-Za-z][A-Za-z0-9_-]*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_GOOD: Final = 200
# A token is used no longer than this before its end, so that it does not end under way.
_SPARE: Final = 15.0


@dataclass(frozen=True, kw_only=True)
class Challenge:
    """A parsed WWW-Authenticate header."""

    scheme: str
    realm: str = ""
    service: str = ""


def parse_challenge(header: str) -> Challenge | None:
    """Read the first Bearer or Basic challenge of a header; None where there is none."""
    for scheme in ("Bearer", "Basic"):
        match = re.search(
            rf"(?:^|,)\s*{scheme}(?:\s+|$)(.*)", header[:_MAX_CHALLENGE], re.IGNORECASE | re.DOTALL
        )
        if match:
            found = {name.lower(): quoted or bare for name, quoted, bare in _PARAMETER.findall(match[1])}
            return Challenge(scheme=scheme, realm=found.get("realm", ""), service=found.get("service", ""))
    return None


def check_realm(realm: str, registry_url: str) -> None:
    """Refuse to send a credential to a realm that a registry has no business naming.

    A realm is on the registry's own origin, or anywhere over https by a public name: Docker Hub's is. It is
    never plain HTTP on another origin and never a literal private or link-local address (CVE-2026-48978).

    Raises:
        AuthenticationError: It is none of these.
    """
    try:
        parts = urlsplit(realm)
        host = parts.hostname or ""
        same_host = origin(realm)[1] == origin(registry_url)[1]
    except ValueError:
        raise AuthenticationError("the registry names a token realm that is no URL") from None
    loopback = same_host and urlsplit(registry_url).scheme == "http"
    allowed = parts.scheme == "https" or (parts.scheme == "http" and loopback)
    if parts.username or not host or not allowed or (not same_host and _is_local(host)):
        asking = urlsplit(registry_url).netloc
        raise AuthenticationError(
            f"{asking} asks for its token at {parts.scheme}://{host[:100]}; no credential was sent",
            hint="a token realm must be https on a public host, or the registry itself",
        )


def _is_local(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return host == "localhost"


@dataclass(kw_only=True)
class Tokens:
    """Tokens by registry and scope, fetched when asked for and kept until shortly before their end."""

    transport: Transport
    clock: Callable[[], float] = time.monotonic
    _kept: dict[tuple[str, str], tuple[str, float]] = field(default_factory=dict)

    def kept(self, registry_url: str, scope: str) -> str:
        """The Authorization header that is still good for a scope, or empty."""
        header, until = self._kept.get((registry_url, scope), ("", 0.0))
        return header if header and self.clock() < until else ""

    def answer(
        self, challenge: Challenge, registry_url: str, scope: str, credential: Credential | None
    ) -> str:
        """Answer a challenge.

        Returns:
            The value for the Authorization header.

        Raises:
            AuthenticationError: There is no credential, or the realm gives no token for it.
        """
        if challenge.scheme == "Basic":
            if credential is None or not credential.username:
                raise _nobody(registry_url)
            header, seconds = _basic(credential), 3600.0
        else:
            check_realm(challenge.realm, registry_url)
            token, seconds = self._fetch(challenge, registry_url, scope, credential)
            header = f"Bearer {token}"
        self._kept[registry_url, scope] = (header, self.clock() + seconds - _SPARE)
        return header

    def _fetch(
        self, challenge: Challenge, registry_url: str, scope: str, credential: Credential | None
    ) -> tuple[str, float]:
        if credential and credential.identity_token:
            form = {
                "grant_type": "refresh_token",
                "service": challenge.service,
                "scope": scope,
                "client_id": "gopherwhale",
                "refresh_token": credential.identity_token.reveal(),
            }
            data = urlencode(form).encode()
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            answer = self.transport.request(
                "POST", challenge.realm, headers, body=lambda: _stream(data), size=len(data)
            )
        else:
            # Each scope is a parameter of its own: a mount has two.
            query = urlencode([("service", challenge.service), *(("scope", s) for s in scope.split())])
            headers = {"Authorization": _basic(credential)} if credential and credential.username else {}
            joint = "&" if urlsplit(challenge.realm).query else "?"
            answer = self.transport.request("GET", f"{challenge.realm}{joint}{query}", headers)
        body = answer.read(_MAX_TOKEN)
        if answer.status != _GOOD:
            raise _refused(registry_url, scope, answer.status)
        return _token(body, registry_url)


def _token(body: bytes, registry_url: str) -> tuple[str, float]:
    try:
        document = json.loads(body)
        token = document.get("token") or document.get("access_token")
        seconds = float(document.get("expires_in") or 60)
    except (ValueError, AttributeError, TypeError, RecursionError):
        token, seconds = None, 0.0
    if not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]{1,65536}", token):
        raise AuthenticationError(
            f"{urlsplit(registry_url).netloc}: the token service answers without a token"
        )
    return token, max(seconds, 60.0)


def _basic(credential: Credential) -> str:
    pair = f"{credential.username}:{credential.password.reveal()}".encode()
    return f"Basic {base64.b64encode(pair).decode()}"


def _stream(data: bytes) -> io.BytesIO:
    return io.BytesIO(data)


def _nobody(registry_url: str) -> AuthenticationError:
    host = urlsplit(registry_url).netloc
    return AuthenticationError(
        f"{host} wants a log-in, and Docker has none for it", hint=f"run: docker login {host}"
    )


def _refused(registry_url: str, scope: str, status: int) -> AuthenticationError:
    host = urlsplit(registry_url).netloc
    return AuthenticationError(
        f"{host} gives no token for {scope} (status {status})", hint=f"run: docker login {host}"
    )
