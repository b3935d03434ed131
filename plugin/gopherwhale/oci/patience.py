"""How long a registry is waited for: while it takes what it is sent, while it answers, and between attempts.

A timeout of a socket bounds each call alone: with a byte now and then an answer would never end. Here all of
its calls together must bring so many bytes a second, from the first of its headers on.
"""

from __future__ import annotations

import io
import re
import socket
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAX_WAIT: Final = 60.0
# Seconds for which a connection may take or bring nothing at all.
SILENCE: Final = 120.0
# Bytes a second that an answer brings after that: what is slower moves no image.
_LEAST: Final = 1024.0


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that an answer asks us to wait, at most `MAX_WAIT` (RFC 9110 section 10.2.3)."""
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}", text):
        return min(float(text), MAX_WAIT)
    try:
        left = parsedate_to_datetime(text).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None
    return min(max(0.0, left), MAX_WAIT)


def before_another(attempt: int, asked: float | None, jitter: float) -> float:
    """Seconds to wait before another attempt: longer each time, and never less than was asked.

    Args:
        attempt: How many there were.
        asked: What `retry_after` says, a least time; of none, and of nothing asked, the same comes.
        jitter: From 0 to 1: many clients that were refused together do not come back together.
    """
    return max(asked or 0.0, min(MAX_WAIT, 2.0 ** (attempt - 1)) * jitter)


class SteadyResponse(HTTPResponse):
    """An answer that is bounded in time as a whole; arguments as of its base."""

    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        """Read from the socket through a `_Steady`."""
        super().__init__(sock, *arguments, **options)
        self.fp = io.BufferedReader(_Steady(self.fp.detach(), sock))


class _Steady(io.RawIOBase):
    """A socket's bytes; the time that is waited for them counts, and what their reader does with them not."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw, self._socket = raw, sock
        self._silence = sock.gettimeout() or SILENCE
        self._waited, self._got = 0.0, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int | None:
        left = self._silence + self._got / _LEAST - self._waited
        started = time.monotonic()
        # Each is a system call, which an answer that flows does without.
        if self._waited > self._silence / 8:
            # Zero would be no time, but a socket that does not block.
            self._socket.settimeout(min(self._silence, max(left, 0.001)))
        try:
            size = self._raw.readinto(buffer)
        except TimeoutError:
            if left >= self._silence:
                raise
            raise OSError(f"it brings less than {_LEAST:.0f} bytes a second") from None
        self._waited += time.monotonic() - started
        self._got += size or 0
        return size

    def close(self) -> None:
        self._raw.close()
        super().close()
