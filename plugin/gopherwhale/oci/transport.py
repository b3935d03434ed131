"""HTTP to registries: TLS, proxies, bounds, and retries of what may be retried. The only importer of urllib3.

It knows nothing of tokens or manifests. Every answer is read within a bound; a redirect is followed here, hop
by hop, and never carries a credential to another origin.
"""

from __future__ import annotations

import random
import re
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from threading import Event
from typing import IO, Final
from urllib.parse import urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.exceptions import HTTPError

from gopherwhale.errors import RegistryError

RETRIED: Final = frozenset({408, 429, 500, 502, 503, 504})
ATTEMPTS: Final = 5
MAX_WAIT: Final = 60.0
_TOO_MANY: Final = 429
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS: Final = 5
_TIMEOUT: Final = urllib3.Timeout(connect=20.0, read=120.0)

# What a body is read and sent by; http.client's own 16 KiB cost a system call each.
_BLOCK: Final = 256 * 1024
_DRAINED: Final = 64 * 1024

Body = Callable[[], IO[bytes]]


class ConnectionLost(RegistryError):  # noqa: N818 -- a state that callers recover from
    """There was no answer, or it broke off."""


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of a URL: what a credential is bound to (RFC 6454)."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return parts.scheme, (parts.hostname or "").lower(), port


@dataclass(kw_only=True)
class Answer:
    """A registry's answer, its body not read yet; `attempts` were needed for it."""

    status: int
    url: str
    headers: Mapping[str, str]
    raw: urllib3.BaseHTTPResponse
    attempts: int = 1

    def read(self, bound: int) -> bytes:
        """Read the whole body.

        Raises:
            ConnectionLost: The connection broke.
            RegistryError: It is longer than `bound` bytes.
        """
        try:
            data = self.read_some(bound + 1)
            # At its end the connection is free for the next request; with more to come it is not.
            if len(data) <= bound:
                self.raw.release_conn()
        except ConnectionLost:
            self.close()
            raise
        if len(data) > bound:
            self.close()
            raise RegistryError(f"{_shown(self.url)} answers with more than {bound} bytes")
        return data

    def read_some(self, size: int) -> bytes:
        """Read a part of the body; empty at its end.

        Raises:
            ConnectionLost: The connection broke.
        """
        try:
            return self.raw.read(size, decode_content=False)
        except (HTTPError, OSError) as error:
            raise ConnectionLost(f"{_shown(self.url)}: the answer broke off: {_cause(error)}") from None

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
    sleep: Callable[[float], object] | None = None
    jitter: Callable[[], float] = random.random
    clock: Callable[[], float] = time.monotonic
    attempts: int = ATTEMPTS
    cancelled: Event = field(default_factory=Event)
    _busy_until: dict[tuple[str, str, int], float] = field(default_factory=dict)
    _pools: dict[str, urllib3.PoolManager] = field(default_factory=dict)

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
        """Send a request, again where that may help, and follow redirects of reads.

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
                if last:
                    tries = f", after {attempt} attempts" if attempt > 1 else ""
                    raise ConnectionLost(
                        f"{method} {_shown(url)}: {_cause(error)}{tries}", hint="is the registry reachable?"
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

    def rest(self, attempt: int, answer: Answer | None = None) -> None:
        """Wait before another attempt: as long as the answer says, else longer each time.

        Args:
            attempt: How many there were.
            answer: The one that was no good; None where there was none.
        """
        asked = _retry_after(answer) if answer else None
        # Full jitter: many clients that were refused together do not come back together.
        backoff = min(MAX_WAIT, 2.0 ** (attempt - 1)) * self.jitter()
        self._pause(backoff if asked is None else asked)

    def _pause(self, seconds: float) -> None:
        if self.sleep is not None:
            self.sleep(seconds)
        else:
            self.cancelled.wait(seconds)

    def _note(self, url: str, answer: Answer) -> None:
        """A registry that has enough of us has enough of every thread."""
        if answer.status == _TOO_MANY:
            self._busy_until[origin(url)] = self.clock() + (_retry_after(answer) or 0.0)

    def _await_turn(self, url: str) -> None:
        waiting = self._busy_until.get(origin(url), 0.0) - self.clock()
        if waiting > 0:
            self._pause(waiting)
        if self.cancelled.is_set():
            raise RegistryError(f"{_shown(url)}: given up, another part of this run has failed")

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
            if answer.status not in _REDIRECTS or method not in ("GET", "HEAD") or not target:
                return answer
            answer.close()
            target = urljoin(url, target)
            if start[0] == "https" and urlsplit(target).scheme != "https":
                raise RegistryError(
                    f"{_shown(url)} redirects to {urlsplit(target).hostname} without TLS; not followed"
                )
            url = target
        raise RegistryError(f"{_shown(url)} redirects without end")

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
                timeout=_TIMEOUT,
            )
        finally:
            if stream is not None:
                stream.close()
        lowered = {name.lower(): value for name, value in raw.headers.items()}
        return Answer(status=raw.status, url=url, headers=lowered, raw=raw)

    def _pool(self, url: str) -> urllib3.PoolManager:
        parts = urlsplit(url)
        host = parts.hostname or ""
        proxies = getproxies() if not self._direct(host) else {}
        proxy = proxies.get(parts.scheme, "")
        key = f"{proxy} {parts.netloc}"
        if key not in self._pools:
            context = _trust(parts.netloc, self.environment) if parts.scheme == "https" else None
            kind: Callable[..., urllib3.PoolManager] = urllib3.PoolManager
            options: dict[str, object] = {"maxsize": 32, "blocksize": _BLOCK, "ssl_context": context}
            self._pools[key] = urllib3.ProxyManager(proxy, **options) if proxy else kind(**options)  # type: ignore[arg-type]
        return self._pools[key]

    @staticmethod
    def _direct(host: str) -> bool:
        return host == "localhost" or host.startswith("127.") or host == "::1" or bool(proxy_bypass(host))


def _trust(netloc: str, environment: Mapping[str, str]) -> ssl.SSLContext:
    context = ssl.create_default_context()
    folders = [Path("/etc/docker/certs.d")]
    if "HOME" in environment:
        folders.append(Path(environment["HOME"]) / ".docker" / "certs.d")
    for folder in folders:
        for certificate in sorted((folder / netloc).glob("*.crt")):
            context.load_verify_locations(certificate)
    return context


def _cause(error: BaseException) -> str:
    text = str(getattr(error, "reason", None) or error) or type(error).__name__
    return "".join(c if c.isprintable() else " " for c in text)[:200]


def _retry_after(answer: Answer) -> float | None:
    """Seconds that an answer asks us to wait, at most `MAX_WAIT` (RFC 9110 section 10.2.3)."""
    text = answer.headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}", text):
        return min(float(text), MAX_WAIT)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    return min(max(0.0, until.timestamp() - time.time()), MAX_WAIT)


def _shown(url: str) -> str:
    """A URL without its query, which may hold what signs it."""
    return url.partition("?")[0]
