"""HTTP to registries: TLS, proxies, bounds, and retries of what may be retried. The only importer of urllib3.

It knows nothing of tokens or manifests. Every answer is read within a bound; a redirect is followed here, hop
by hop, and never carries a credential to another origin.
"""

from __future__ import annotations

import random
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final
from urllib.parse import urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.exceptions import HTTPError

from gopherwhale.errors import RegistryError

RETRIED: Final = frozenset({408, 429, 500, 502, 503, 504})
ATTEMPTS: Final = 5
MAX_WAIT: Final = 60.0
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS: Final = 5
_TIMEOUT: Final = urllib3.Timeout(connect=20.0, read=120.0)

Body = Callable[[], IO[bytes]]


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of a URL: what a credential is bound to (RFC 6454)."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return parts.scheme, (parts.hostname or "").lower(), port


@dataclass(kw_only=True)
class Answer:
    """A registry's answer, its body not read yet."""

    status: int
    url: str
    headers: Mapping[str, str]
    raw: urllib3.BaseHTTPResponse

    def read(self, bound: int) -> bytes:
        """Read the whole body.

        Raises:
            RegistryError: It is longer than `bound` bytes, or the connection broke.
        """
        try:
            data = self.raw.read(bound + 1, decode_content=False)
        except (HTTPError, OSError) as error:
            raise RegistryError(f"{self.url}: the answer broke off: {_cause(error)}") from None
        finally:
            self.close()
        if len(data) > bound:
            raise RegistryError(f"{self.url} answers with more than {bound} bytes")
        return data

    def close(self) -> None:
        """Give up the connection, which may hold what was not read."""
        self.raw.close()
        self.raw.release_conn()


@dataclass(kw_only=True)
class Transport:
    """One pool of connections for all registries of a run."""

    environment: Mapping[str, str]
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random
    attempts: int = ATTEMPTS
    _pools: dict[str, urllib3.PoolManager] = field(default_factory=dict)

    def request(
        self, method: str, url: str, headers: Mapping[str, str], *, body: Body | None = None, size: int = 0
    ) -> Answer:
        """Send a request, again where that may help, and follow redirects of reads.

        Args:
            method: The HTTP method.
            url: Where to.
            headers: Headers; Authorization goes to the origin of `url` alone.
            body: Opens the body afresh for each attempt.
            size: The body's bytes.

        Raises:
            RegistryError: No answer after all attempts.
        """
        for attempt in range(1, self.attempts + 1):
            last = attempt == self.attempts
            try:
                answer = self._follow(method, url, headers, body, size)
            except (HTTPError, OSError) as error:
                if last:
                    raise RegistryError(
                        f"{method} {url}: {_cause(error)}, after {attempt} attempts",
                        hint="is the registry reachable?",
                    ) from None
                self.sleep(self._backoff(attempt))
                continue
            if answer.status not in RETRIED or last:
                return answer
            answer.close()
            self.sleep(self._wait(answer, attempt))
        raise AssertionError("the last attempt returns or raises")

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
                    f"{url} redirects to {urlsplit(target).hostname} without TLS; not followed"
                )
            url = target
        raise RegistryError(f"{url} redirects without end")

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
            options: dict[str, object] = {"maxsize": 8, "block": False, "ssl_context": context}
            self._pools[key] = urllib3.ProxyManager(proxy, **options) if proxy else kind(**options)  # type: ignore[arg-type]
        return self._pools[key]

    @staticmethod
    def _direct(host: str) -> bool:
        return host == "localhost" or host.startswith("127.") or host == "::1" or bool(proxy_bypass(host))

    def _wait(self, answer: Answer, attempt: int) -> float:
        text = answer.headers.get("retry-after", "")
        return min(float(text), MAX_WAIT) if text.isdigit() else self._backoff(attempt)

    def _backoff(self, attempt: int) -> float:
        # Full jitter: many clients that were refused together do not come back together.
        return float(min(MAX_WAIT, 2.0 ** (attempt - 1)) * self.jitter())


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
