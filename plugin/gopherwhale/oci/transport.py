"""HTTP to registries: TLS, proxies, bounds, and retries of what may be retried. The only importer of urllib3.

It knows nothing of tokens or manifests. Every answer is read within a bound; a redirect is followed here, hop
by hop, and never carries a credential to another origin.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import IO, Any, Final

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from gopherwhale.access import Access
from gopherwhale.errors import RegistryError
from gopherwhale.oci.failures import advice, cause, is_final
from gopherwhale.oci.patience import SILENCE, SteadyResponse, before_another, retry_after
from gopherwhale.oci.proxies import proxy_for
from gopherwhale.oci.trust import context_for
from gopherwhale.oci.urls import Origin, followed, joined, netloc, origin, shown

RETRIED: Final = frozenset({408, 429, 500, 502, 503, 504})
ATTEMPTS: Final = 5
_TOO_MANY: Final = 429
_MAX_REDIRECTS: Final = 5
_CONNECT: Final = 20.0
# A wait of so many seconds is said.
_TOLD: Final = 2.0
# Bytes a second at which a registry at least puts away what it was sent, before it answers.
_SLOWEST: Final = 4e6

# What a body is read and sent by; http.client's own 16 KiB cost a system call each.
_BLOCK: Final = 256 * 1024
_DRAINED: Final = 64 * 1024

Body = Callable[[], IO[bytes]]
Say = Callable[[str], object]


class ConnectionLost(RegistryError):  # noqa: N818 -- a state that callers recover from
    """There was no answer, or it broke off."""


@dataclass(kw_only=True)
class Answer:
    """A registry's answer, its body not read yet, after so many attempts; who was logged in is `known`."""

    status: int
    url: str
    headers: Mapping[str, str]
    raw: urllib3.BaseHTTPResponse
    attempts: int = 1
    known: bool = False

    def read(self, bound: int) -> bytes:
        """Read the whole body.

        Raises:
            ConnectionLost: The connection broke.
            RegistryError: It is longer than `bound` bytes.
        """
        try:
            data = b""
            # One read may be short, and only the next one tells that it was.
            while len(data) <= bound and (part := self.read_some(bound + 1 - len(data))):
                data += part
            # At its end the connection is free for the next request; with more to come it is not.
            if len(data) <= bound:
                self.raw.release_conn()
        except ConnectionLost:
            self.close()
            raise
        if len(data) > bound:
            self.close()
            raise RegistryError(f"{shown(self.url)} answers with more than {bound} bytes")
        return data

    def read_some(self, size: int) -> bytes:
        """Read a part of the body; empty at its end.

        Raises:
            ConnectionLost: The connection broke.
        """
        try:
            return self.raw.read(size, decode_content=False)
        except (HTTPError, OSError) as error:
            raise ConnectionLost(f"{shown(self.url)}: the answer broke off: {cause(error)}") from None

    def close(self) -> None:
        """Be done with it: a short rest is read, so that the connection serves again; a long one is cut."""
        left = self.raw.length_remaining
        try:
            if left is not None and left <= _DRAINED:
                self.raw.read(decode_content=False)
            else:
                self.raw.close()
        except (HTTPError, OSError):
            self.raw.close()
        self.raw.release_conn()


@dataclass(kw_only=True)
class Transport:
    """One pool of connections for all registries of a run."""

    environment: Mapping[str, str]
    access: Access = field(default_factory=Access)
    say: Say = lambda _line: None
    sleep: Callable[[float], object] | None = None
    jitter: Callable[[], float] = random.random
    clock: Callable[[], float] = time.monotonic
    attempts: int = ATTEMPTS
    cancelled: Event = field(default_factory=Event)
    _busy_until: dict[Origin, float] = field(default_factory=dict)
    _pools: dict[Origin, urllib3.PoolManager] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        *,
        body: Body | None = None,
        size: int = 0,
        attempts: int | None = None,
    ) -> Answer:
        """Send a request, again where that may help, and follow redirects that leave it what it is.

        Args:
            method: The HTTP method.
            url: Where to.
            headers: Headers; Authorization goes to the origin of `url` alone.
            body: Opens the body afresh for each attempt.
            size: The body's bytes.
            attempts: How often to try; those of the transport where None.

        Raises:
            ConnectionLost: No answer after all attempts.
            RegistryError: A redirect is not to be followed, or the run was cancelled.
        """
        attempts = attempts or self.attempts
        for attempt in range(1, attempts + 1):
            last = attempt == attempts
            self._await_turn(url)
            try:
                answer = self._follow(method, url, headers, body, size)
            except (HTTPError, OSError) as error:
                if last or is_final(error):
                    tries = f", after {attempt} attempts" if attempt > 1 else ""
                    raise ConnectionLost(
                        f"{method} {shown(url)}: {cause(error)}{tries}", hint=advice(error, url)
                    ) from None
                self.rest(attempt)
                continue
            answer.attempts = attempt
            self._note(url, answer)
            if answer.status not in RETRIED or last:
                return answer
            answer.close()
            self.rest(attempt, answer)
        raise AssertionError("the last attempt returns or raises")

    def check(self) -> None:
        """Fail where the run was cancelled.

        Raises:
            RegistryError: It was.
        """
        if self.cancelled.is_set():
            raise RegistryError("given up: another part of this run has failed")

    def rest(self, attempt: int, answer: Answer | None = None) -> None:
        """Wait before another attempt: as long as the answer says, else longer each time.

        Args:
            attempt: How many there were.
            answer: The one that was no good; None where there was none.
        """
        asked = retry_after(answer.headers) if answer else None
        seconds = before_another(attempt, asked, self.jitter())
        if seconds >= _TOLD:
            why = f"{shown(answer.url)} answers {answer.status}" if answer else "the connection broke"
            self.say(f"waiting {seconds:.0f} s: {why}")
        self._pause(seconds)

    def _pause(self, seconds: float) -> None:
        if self.sleep is not None:
            self.sleep(seconds)
        else:
            self.cancelled.wait(seconds)

    def _note(self, url: str, answer: Answer) -> None:
        """A registry that has enough of us has enough of every thread."""
        if answer.status == _TOO_MANY:
            self._busy_until[origin(url)] = self.clock() + (retry_after(answer.headers) or 0.0)

    def _await_turn(self, url: str) -> None:
        waiting = self._busy_until.get(origin(url), 0.0) - self.clock()
        if waiting > 0:
            self._pause(waiting)
        self.check()

    def close(self) -> None:
        """Close every connection."""
        for pool in self._pools.values():
            pool.clear()

    def _follow(
        self, method: str, url: str, headers: Mapping[str, str], body: Body | None, size: int
    ) -> Answer:
        start = origin(url)
        for _ in range(_MAX_REDIRECTS + 1):
            kept = {k: v for k, v in headers.items() if k != "Authorization" or origin(url) == start}
            answer = self._once(method, url, kept, body, size)
            target = answer.headers.get("location", "")
            if answer.status not in followed(method, with_body=body is not None) or not target:
                return answer
            answer.close()
            target = joined(url, target)
            if start[0] == "https" and origin(target)[0] != "https":
                raise RegistryError(f"{shown(url)} redirects to {netloc(target)} without TLS; not followed")
            url = target
        raise RegistryError(f"{shown(url)} redirects without end")

    def _once(
        self, method: str, url: str, headers: Mapping[str, str], body: Body | None, size: int
    ) -> Answer:
        sent = {"Accept-Encoding": "identity", "User-Agent": "gopherwhale", **headers}
        stream = body() if body else None
        try:
            if stream is not None:
                sent["Content-Length"] = str(size)
            raw = self._pool(url).urlopen(
                method,
                url,
                headers=sent,
                body=stream,
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
                timeout=urllib3.Timeout(connect=_CONNECT, read=SILENCE + size / _SLOWEST),
            )
        finally:
            if stream is not None:
                stream.close()
        # Twins are joined: two challenges are one list, and two Locations or digests are none.
        lowered = {name.lower(): raw.headers[name] for name in raw.headers}
        return Answer(status=raw.status, url=url, headers=lowered, raw=raw)

    def _pool(self, url: str) -> urllib3.PoolManager:
        where = origin(url)
        with self._lock:
            if where not in self._pools:
                self._pools[where] = self._new_pool(url, where)
            return self._pools[where]

    def _new_pool(self, url: str, where: Origin) -> urllib3.PoolManager:
        options: dict[str, Any] = {"maxsize": 32, "blocksize": _BLOCK}
        if where[0] == "https":
            options["ssl_context"] = context_for(netloc(url), self.access, self.environment)
        proxy = proxy_for(*where, self.environment)
        if proxy is None:
            pool = urllib3.PoolManager(**options)
        else:
            pool = urllib3.ProxyManager(proxy.url, proxy_headers=proxy.headers, **options)
        pool.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
        return pool


class _Patient(HTTPConnection):
    """A connection that has long to take what it is sent, however soon it must be made."""

    response_class = SteadyResponse

    def request(self, *arguments: Any, **options: Any) -> None:
        if self.sock is None:
            self.connect()
        # urllib3 would send within the time for connecting, in which a slow line takes no block of ours.
        self.timeout = SILENCE
        super().request(*arguments, **options)


class _PatientTls(_Patient, HTTPSConnection):
    """The same under TLS."""


class _HttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Patient


class _HttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _PatientTls
