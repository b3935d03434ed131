"""Requests to registries with what they want of us: a scheme, a host, and the Authorization for a scope."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from gopherwhale.errors import AuthenticationError, GopherwhaleError, RegistryError
from gopherwhale.oci.failures import said
from gopherwhale.oci.tokens import Tokens
from gopherwhale.oci.transport import Answer, Body, Transport
from gopherwhale.oci.urls import REDIRECTS, joined, netloc, origin, shown
from gopherwhale.references import Reference

if TYPE_CHECKING:
    from gopherwhale.oci.credentials import Credential

_NO_NAME: Final = b"NAME_UNKNOWN"
_NO_MANIFEST: Final = b"MANIFEST_UNKNOWN"
_ACTION: Final = re.compile(r"[a-z]{1,32}|\*")
MAX_ERROR: Final = 64 * 1024
OK: Final = 200
CREATED: Final = 201
ACCEPTED: Final = 202
NO_CONTENT: Final = 204
PARTIAL: Final = 206
BAD_REQUEST: Final = 400
UNAUTHORIZED: Final = 401
FORBIDDEN: Final = 403
NOT_FOUND: Final = 404
_READS: Final = ("GET", "HEAD")


class NotThereError(RegistryError):
    """The registry has no such thing."""


@dataclass(kw_only=True)
class Session:
    """What every request of a run shares: one pool, one cache of tokens.

    Attributes:
        transport: Sends, and knows how registries are reached.
        environment: For credentials.
    """

    transport: Transport
    environment: Mapping[str, str]
    _tokens: Tokens = field(init=False)
    _written: set[str] = field(default_factory=set)
    _known: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Make the cache of tokens; nothing is asked of anybody yet."""
        self._tokens = Tokens(transport=self.transport, token_realms=self.transport.access.token_realms)

    def will_write(self, target: Reference) -> None:
        """Ask for one token that reads and writes a repository, rather than for two."""
        self._written.add(target.name)

    def ask(
        self,
        method: str,
        target: Reference,
        path: str,
        headers: Mapping[str, str],
        *,
        body: Body | None = None,
        size: int = 0,
        also_reads: str = "",
    ) -> Answer:
        """Send a request to a path of a repository.

        Args:
            method: The HTTP method.
            target: The repository.
            path: Below `/v2/<repository>/`.
            headers: Without Authorization.
            body: Opens the body afresh for each attempt.
            size: The body's bytes.
            also_reads: Another repository of the registry which the request reads: a mount's source.

        Raises:
            RegistryError: No answer.
            AuthenticationError: No credential, or no token for it.
        """
        url = f"{self.base(target)}/v2/{target.repository}/{path}"
        scope = self._scope(target, method)
        if also_reads:
            scope = f"{scope} repository:{also_reads}:pull"
        send = partial(self.transport.request, method, url, body=body, size=size)
        return self._signed(method, target, scope, headers, send)

    def follow(
        self,
        method: str,
        target: Reference,
        answer: Answer,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        *,
        body: Body | None = None,
        size: int = 0,
    ) -> Answer:
        """Send one request, once, to the Location of an answer; our Authorization stays on its origin.

        Args:
            method: The HTTP method.
            target: The repository.
            answer: Whose Location is meant; it may be relative (RFC 9110 section 10.2.2).
            query: To add to it.
            headers: Without Authorization.
            body: Opens the body.
            size: The body's bytes.

        Raises:
            RegistryError: No answer, no Location, or one without TLS where the registry has it.
        """
        location = answer.headers.get("location", "")
        if not location:
            raise RegistryError(f"{target.name}: the registry does not say where the upload goes on")
        url = joined(answer.url, location)
        if origin(answer.url)[0] == "https" and origin(url)[0] != "https":
            raise RegistryError(
                f"{target.name}: the upload is to go on at {netloc(url)} without TLS; nothing was sent",
                hint="does a proxy in front of it end TLS? the registry must be told its own address",
            )
        if query:
            url = f"{url}{'&' if '?' in url else '?'}{query}"
        own = origin(url) == origin(self.base(target))
        scope = self._scope(target, method) if own else ""
        send = partial(self.transport.request, method, url, body=body, size=size, attempts=1)
        return self._signed(method, target, scope, headers or {}, send)

    def base(self, target: Reference) -> str:
        """The registry's own address."""
        return self.transport.access.base(target)

    def _scope(self, target: Reference, method: str) -> str:
        reads = method in _READS and target.name not in self._written
        return f"repository:{target.repository}:{'pull' if reads else 'pull,push'}"

    def _signed(
        self,
        method: str,
        target: Reference,
        scope: str,
        headers: Mapping[str, str],
        send: Callable[[Mapping[str, str]], Answer],
    ) -> Answer:
        """Send with the token that is kept for a scope, and once more where the registry wants another."""
        kept = self._tokens.kept(self.base(target), scope) if scope else ""
        answer = send({**headers, "Authorization": kept} if kept else headers)
        # Who was redirected to may refuse us, yet may not say where our credential goes.
        own = origin(answer.url) == origin(self.base(target))
        if answer.status != UNAUTHORIZED or not scope or not own:
            return answer
        answer.close()
        signed = send({**headers, "Authorization": self._authorize(answer, method, target, scope, kept)})
        signed.known = target.registry in self._known
        return signed

    def _authorize(self, answer: Answer, method: str, target: Reference, scope: str, refused: str) -> str:
        # A registry that lets everybody in need not wait for what answers it.
        from gopherwhale.oci.challenges import parse_challenge  # noqa: PLC0415

        challenge = parse_challenge(answer.headers.get("www-authenticate", ""))
        if challenge is None:
            raise AuthenticationError(f"{target.registry} refuses us and does not say what it wants")
        if method not in _READS:
            scope = _widened(scope, challenge.scope)
        find = partial(self._credential, target.registry)
        return self._tokens.answer(challenge, self.base(target), scope, find, refused)

    def _credential(self, registry: str) -> Credential | None:
        from gopherwhale.oci import credentials  # noqa: PLC0415 -- see above

        found = credentials.find(registry, self.environment)
        if found:
            self._known.add(registry)
        return found


def _widened(scope: str, wanted: str) -> str:
    """A scope with what the registry itself wants to do with the same repository, as to delete a tag."""
    own, *others = scope.split()
    start = own[: own.rindex(":") + 1]
    asked = [one.removeprefix(start) for one in wanted.split() if one.startswith(start)]
    actions = ",".join([own.removeprefix(start), *asked]).split(",")
    return " ".join([start + ",".join(filter(_ACTION.fullmatch, dict.fromkeys(actions))), *others])


def expect(answer: Answer, good: Collection[int], target: Reference, body: bytes, digest: str = "") -> None:
    """Turn an answer that is not among the good ones into its error.

    Args:
        answer: The answer.
        good: Statuses.
        target: The repository, for the message.
        body: What the registry said.
        digest: What was asked for, for the message.

    Raises:
        AuthenticationError: It is 401 or 403.
        RegistryError: It is anything else.
    """
    if answer.status not in good:
        raise failure(answer, target, body, digest)


def failure(answer: Answer, target: Reference, body: bytes, digest: str = "") -> GopherwhaleError:
    """The error that an answer is: its cause, the registry and the digest, in one line."""
    if answer.status in (UNAUTHORIZED, FORBIDDEN):
        login = f"docker login {target.registry}"
        refused = f"{target.registry} refuses access to {target.repository} (status {answer.status})"
        if answer.status == UNAUTHORIZED and not answer.known:
            return AuthenticationError(refused, hint=f"run: {login}")
        # What an account lacks, the registry alone knows.
        return AuthenticationError(
            f"{refused}{said(body)}", hint=f"it is not there, or this account may not; another's: {login}"
        )
    what = f"{target.name}@{digest}" if digest else str(target)
    tries = f" after {answer.attempts} attempts" if answer.attempts > 1 else ""
    hint = ""
    if _NO_NAME in body:
        hint = "does the repository exist? some registries want it to be made first"
    elif _NO_MANIFEST in body:
        hint = f"docker.tags {target.name} lists what is there"
    elif answer.status in REDIRECTS:
        hint = f"it leads to {shown(answer.headers.get('location', ''))}; name the registry by that address"
    kind = NotThereError if answer.status == NOT_FOUND else RegistryError
    return kind(f"{what}: the registry answers {answer.status}{tries}{said(body)}", hint=hint)
