"""Reading from a registry over connections that break: documents again, blobs from where they broke off."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable, Mapping
from typing import Final

from gopherwhale.errors import LayoutError, RegistryError
from gopherwhale.oci.documents import Descriptor
from gopherwhale.oci.session import MAX_ERROR, NOT_FOUND, OK, PARTIAL, expect
from gopherwhale.oci.source import CHUNK
from gopherwhale.oci.transport import Answer, ConnectionLost
from gopherwhale.references import Reference

_TRIES: Final = 5
_RANGE = re.compile(r"bytes (\d{1,19})-\d{1,19}/(?:\d{1,19}|\*)")


def read_whole(ask: Callable[[], Answer], bound: int) -> tuple[Answer, bytes]:
    """Read a document, asked for again where its answer breaks off.

    Args:
        ask: Sends the request.
        bound: Bytes of a good answer; an error's text has a bound of its own.

    Raises:
        RegistryError: It breaks off each time, or is longer than its bound.
    """
    for attempt in range(1, _TRIES + 1):
        answer = ask()
        try:
            return answer, answer.read(bound if answer.status == OK else MAX_ERROR)
        except ConnectionLost:
            if attempt == _TRIES:
                raise
    raise AssertionError("the last attempt returns or raises")


class BlobReader(io.RawIOBase):
    """A blob of a registry as a stream of exactly its descriptor's bytes.

    Where the connection breaks, the rest is asked for by Range (RFC 9110 section 14.2); a registry that
    answers with the whole blob instead is read past what came before. The end is reached by the right
    number of bytes with the right digest, or it is an error.

    Attributes:
        checks_digest: Told to readers that would hash the bytes once more.
    """

    checks_digest = True

    def __init__(
        self, ask: Callable[[Mapping[str, str]], Answer], target: Reference, descriptor: Descriptor
    ) -> None:
        """Ask for the blob.

        Raises:
            LayoutError: The repository lacks it, or has it with another size.
            RegistryError: The registry fails.
        """
        self._ask, self._target, self._blob = ask, target, descriptor
        self._algorithm, _, self._expected = descriptor.digest.partition(":")
        self._hasher = hashlib.new(self._algorithm)
        self._position = 0
        self._checked = False
        self._idle = 0
        self._answer = self._open()

    def readable(self) -> bool:
        """Yes."""
        return True

    def read(self, size: int = -1) -> bytes:
        """As many bytes as are asked for, fewer only at the end.

        Raises:
            RegistryError: The connection broke for good, or the bytes are not the digest's.
        """
        wanted = self._blob.size - self._position
        wanted = wanted if size is None or size < 0 else min(size, wanted)
        parts = []
        while wanted:
            part = self._some(min(wanted, CHUNK))
            wanted -= len(part)
            parts.append(part)
        if self._position == self._blob.size:
            self._check()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def close(self) -> None:
        """Give up the connection."""
        if not self.closed and hasattr(self, "_answer"):
            self._answer.close()
        super().close()

    def _some(self, size: int) -> bytes:
        try:
            part = self._answer.read_some(size)
        except ConnectionLost:
            part = b""
        if part:
            self._position += len(part)
            self._hasher.update(part)
            self._idle = 0
            return part
        self._answer.close()
        self._idle += 1
        if self._idle >= _TRIES:
            raise RegistryError(
                f"{self._what}: the registry's answer broke off after {self._position} of"
                f" {self._blob.size} bytes, {_TRIES} times"
            )
        self._answer = self._open()
        return b""

    def _open(self) -> Answer:
        answer = self._ask({"Range": f"bytes={self._position}-"} if self._position else {})
        if answer.status == NOT_FOUND:
            answer.close()
            raise LayoutError(f"{self._target.name} lacks the blob {self._blob.digest}", code="blob-missing")
        if answer.status not in {OK, PARTIAL}:
            text = answer.read(MAX_ERROR)
            expect(answer, {OK, PARTIAL}, self._target, text, self._blob.digest)
        if answer.status == PARTIAL:
            match = _RANGE.fullmatch(answer.headers.get("content-range", ""))
            if match is None or int(match[1]) != self._position:
                answer.close()
                raise RegistryError(
                    f"{self._what}: the registry answers with another part than was asked for"
                )
        elif answer.headers.get("content-length", str(self._blob.size)) != str(self._blob.size):
            answer.close()
            length = answer.headers["content-length"][:20]
            if "content-encoding" in answer.headers:
                raise RegistryError(
                    f"{self._what}: the registry answers in an encoding that was not asked for"
                )
            # What a registry keeps under a digest has one size: it is the descriptor that is wrong.
            raise LayoutError(
                f"{self._what} has {self._blob.size} bytes by its descriptor, and {length} in the registry",
                code="size-differs",
            )
        else:
            self._skip(answer, self._position)
        return answer

    def _skip(self, answer: Answer, size: int) -> None:
        while size:
            try:
                part = answer.read_some(min(size, CHUNK))
            except ConnectionLost:
                return  # The next read finds the same break and counts it.
            if not part:
                return
            size -= len(part)

    def _check(self) -> None:
        if self._checked:
            return
        self._checked = True
        if self._hasher.hexdigest() != self._expected or self._answer.read_some(1):
            raise RegistryError(f"{self._what}: the registry answers with other bytes than its digest says")

    @property
    def _what(self) -> str:
        return f"{self._target.name}@{self._blob.digest}"
