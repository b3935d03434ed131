"""Tokens by registry and scope: fetched once however many ask, kept until shortly before their end.

The distribution project's token authentication specification: https://distribution.github.io/distribution/spec/auth/.
"""

from __future__ import annotations

import base64
import io
import json
import re
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode, urlsplit

from gopherwhale.errors import AuthenticationError, RegistryError
from gopherwhale.oci.failures import said
from gopherwhale.oci.transport import RETRIED, Answer, Transport

if TYPE_CHECKING:
    # A registry that lets everybody in needs neither.
    from gopherwhale.oci.challenges import Challenge
    from gopherwhale.oci.credentials import Credential

_MAX_TOKEN: Final = 64 * 1024
_GOOD: Final = 200
_FORBIDDEN: Final = 403
_SERVER_ERROR: Final = 500
# What a token that does not say lives for (token specification).
_DEFAULT_LIFE: Final = 60.0
_LONGEST_LIFE: Final = 3600.0
# A token is used no longer than this before its end, so that it does not end under way.
_SPARE: Final = 15.0

Clock = Callable[[], float]


@dataclass(frozen=True, kw_only=True)
class _Grant:
    header: str
    until: float
    needs: frozenset[tuple[str, str]] | None

    def covers(self, needs: frozenset[tuple[str, str]]) -> bool:
        return self.needs is None or needs <= self.needs


@dataclass(kw_only=True)
class Tokens:
    """The Authorization headers of a run."""

    transport: Transport
    token_realms: Collection[str] = ()
    clock: Clock = time.monotonic
    _grants: dict[str, list[_Grant]] = field(default_factory=dict, repr=False)
    _locks: dict[str, Lock] = field(default_factory=dict, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def kept(self, registry_url: str, scope: str) -> str:
        """The Authorization header that is still good for a scope or a wider one, or empty."""
        needs, now = _needs(scope), self.clock()
        for grant in reversed(self._grants.get(registry_url, ())):
            if now < grant.until and grant.covers(needs):
                return grant.header
        return ""

    def answer(
        self,
        challenge: Challenge,
        registry_url: str,
        scope: str,
        find: Callable[[], Credential | None],
        refused: str = "",
    ) -> str:
        """Answer a challenge; threads that are asked the same at once share one answer.

        Args:
            challenge: What the registry wants.
            registry_url: Its address.
            scope: `repository:NAME:ACTIONS`, several apart by blanks: a mount names its source too.
            find: Looks up the credential; called only where no other thread was answered meanwhile.
            refused: The header that was refused; it is not used again.

        Returns:
            The value for the Authorization header.

        Raises:
            AuthenticationError: There is no credential, the realm may not have it, or gives no token for it.
            RegistryError: The realm fails.
        """
        with self._lock:
            lock = self._locks.setdefault(registry_url, Lock())
        with lock:
            self._grants[registry_url] = [
                grant for grant in self._grants.get(registry_url, ()) if grant.header != refused
            ]
            kept = self.kept(registry_url, scope)
            if kept:
                return kept
            grant = self._new(challenge, registry_url, scope, find())
            self._grants[registry_url] = [*self._grants[registry_url], grant]
            return grant.header

    def _new(
        self, challenge: Challenge, registry_url: str, scope: str, credential: Credential | None
    ) -> _Grant:
        now = self.clock()
        if challenge.scheme == "Basic":
            if credential is None or not credential.username:
                raise _nobody(registry_url)
            return _Grant(header=_basic(credential), until=now + _LONGEST_LIFE, needs=None)
        from gopherwhale.oci.challenges import check_realm  # noqa: PLC0415

        known = credential is not None and bool(credential.username or credential.identity_token)
        check_realm(challenge.realm, registry_url, credential=known, named=self.token_realms)
        token, life = read_token(self._fetch(challenge, registry_url, scope, credential), registry_url)
        until = now + max(life - _SPARE, life / 2)
        return _Grant(header=f"Bearer {token}", until=until, needs=_needs(scope))

    def _fetch(
        self, challenge: Challenge, registry_url: str, scope: str, credential: Credential | None
    ) -> bytes:
        if credential and credential.identity_token:
            answer = self._exchange(challenge, scope, credential)
        else:
            query = urlencode([("service", challenge.service), *(("scope", one) for one in scope.split())])
            headers = {"Authorization": _basic(credential)} if credential and credential.username else {}
            joint = "&" if urlsplit(challenge.realm).query else "?"
            answer = self.transport.request("GET", f"{challenge.realm}{joint}{query}", headers)
        body = answer.read(_MAX_TOKEN)
        host = urlsplit(registry_url).netloc
        if answer.status >= _SERVER_ERROR or answer.status in RETRIED:
            raise RegistryError(f"{host}: its token service answers {answer.status}")
        if answer.status == _FORBIDDEN:
            # GitHub and GitLab know who asks, and say here already what the account may not.
            raise AuthenticationError(
                f"{host} gives no token for {scope} (status {answer.status}){said(_bare(body, credential))}",
                hint=f"it is not there, or this account may not; another's: docker login {host}",
            )
        if answer.status != _GOOD:
            raise AuthenticationError(
                f"{host} gives no token for {scope} (status {answer.status})",
                hint=f"log in again: docker login {host}",
            )
        return body

    def _exchange(self, challenge: Challenge, scope: str, credential: Credential) -> Answer:
        """Give an identity token for an access token (https://distribution.github.io/distribution/spec/auth/oauth/)."""
        form = {
            "grant_type": "refresh_token",
            "service": challenge.service,
            "scope": scope,
            "client_id": "gopherwhale",
            "refresh_token": credential.identity_token.reveal(),
        }
        data = urlencode(form).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.transport.request(
            "POST", challenge.realm, headers, body=lambda: io.BytesIO(data), size=len(data)
        )


def _needs(scope: str) -> frozenset[tuple[str, str]]:
    """A scope as pairs of what and an action, so that a wider one is a superset."""
    parts = (one.rpartition(":") for one in scope.split())
    return frozenset((what, action) for what, _, actions in parts for action in actions.split(","))


def read_token(body: bytes, registry_url: str) -> tuple[str, float]:
    """Read a token service's answer.

    Returns:
        The token, and the seconds that it lives for.

    Raises:
        AuthenticationError: There is no token in it that could stand in a header.
    """
    try:
        document = json.loads(body)
        token = document.get("token") or document.get("access_token")
        life = float(document.get("expires_in") or _DEFAULT_LIFE)
    except (ValueError, AttributeError, TypeError, RecursionError, OverflowError):
        token, life = None, 0.0
    if not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]{1,65536}", token):
        raise AuthenticationError(
            f"{urlsplit(registry_url).netloc}: the token service answers without a token"
        )
    return token, life if 0 < life <= _LONGEST_LIFE else _DEFAULT_LIFE


def _basic(credential: Credential) -> str:
    pair = f"{credential.username}:{credential.password.reveal()}".encode()
    return f"Basic {base64.b64encode(pair).decode()}"


def _bare(body: bytes, credential: Credential | None) -> bytes:
    """What a token service says, without what it was sent."""
    if credential is None:
        return body
    secrets = (credential.password.reveal(), credential.identity_token.reveal(), _basic(credential)[6:])
    for secret in filter(None, secrets):
        for form in (secret, json.dumps(secret)[1:-1]):
            body = body.replace(form.encode(), b"***")
    return body


def _nobody(registry_url: str) -> AuthenticationError:
    host = urlsplit(registry_url).netloc
    return AuthenticationError(
        f"{host} wants a log-in, and there is none for it",
        hint=f"run: docker login {host}; or set GOPHERWHALE_REGISTRY, GOPHERWHALE_USERNAME and _PASSWORD",
    )
