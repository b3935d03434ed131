"""Uploading one blob: mounted, in one request, or in chunks from where a connection broke.

Distribution-spec 1.1, "Pushing blobs". Each step goes to the Location of the answer before it. Registries
differ in what they keep of an upload that broke: what they say of it is believed, and the digest that ends
every upload tells whether it was true.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Final
from urllib.parse import quote, urlencode

from gopherwhale.errors import AuthenticationError, RegistryError
from gopherwhale.oci.documents import Descriptor
from gopherwhale.oci.session import (
    ACCEPTED,
    BAD_REQUEST,
    CREATED,
    MAX_ERROR,
    NO_CONTENT,
    NOT_FOUND,
    OK,
    Session,
    expect,
    failure,
)
from gopherwhale.oci.transport import RETRIED, Answer, ConnectionLost
from gopherwhale.references import Reference

TRIES: Final = 5
CHUNK: Final = 16 * 1024 * 1024
_LEAST_CHUNK: Final = 1024 * 1024
_TOO_LARGE: Final = 413
_TOO_MANY: Final = 429
_RANGE_NOT_SATISFIABLE: Final = 416
_STREAM: Final = {"Content-Type": "application/octet-stream"}
_RANGE = re.compile(r"(?:bytes=)?0-(\d{1,19})")
_LENGTH = re.compile(r"[0-9]{1,19}")

Opener = Callable[[int, int], IO[bytes]]


class _StartAgainError(RegistryError):
    """What this upload has come to is lost or wrong; `answer` is why, where there was one."""

    def __init__(self, problem: str, answer: Answer | None = None) -> None:
        super().__init__(problem)
        self.answer = answer


@dataclass
class Upload:
    """One blob on its way into one repository."""

    session: Session
    target: Reference
    descriptor: Descriptor
    _chunk: int = 0
    _begun: Answer | None = None

    def mount(self, source: Reference) -> bool:
        """Ask the registry to take the blob from another of its repositories; whether it did.

        A registry that cannot, or must not show us the other repository, begins an upload instead.
        """
        query = urlencode({"mount": self.descriptor.digest, "from": source.repository})
        try:
            answer = self.session.ask(
                *("POST", self.target, f"blobs/uploads/?{query}"),
                {"Content-Length": "0"},
                also_reads=source.repository,
            )
            body = answer.read(MAX_ERROR)
        except AuthenticationError:
            return False
        if answer.status == CREATED:
            self._agree(answer)
            return True
        if answer.status == ACCEPTED:
            self._begun = answer
        elif answer.status in RETRIED:
            expect(answer, {CREATED}, self.target, body, self.descriptor.digest)
        return False

    def send(self, opener: Opener) -> None:
        """Send the blob: whole at first, and from where the registry has it after a cut.

        Args:
            opener: Opens the blob at an offset, for a number of bytes.

        Raises:
            RegistryError: The registry refuses it, or fails each time.
            LayoutError: The blob's source is not what its descriptor says.
        """
        for attempt in range(1, TRIES + 1):
            # Its attempts are those of any request: what they do not mend is not tried for each blob anew.
            begun = self._begin()
            try:
                self._once(begun, opener)
            except (_StartAgainError, ConnectionLost) as error:
                answer = getattr(error, "answer", None)
                if attempt == TRIES:
                    problem = f"{error.problem}, after {attempt} attempts"
                    raise RegistryError(problem, hint=error.hint) from None
                self.session.transport.rest(attempt, answer)
                if answer is None and self._has():
                    # The answer was lost and not the blob.
                    return
            else:
                return

    def _once(self, begun: Answer, opener: Opener) -> None:
        if self._chunk:
            self._send_chunks(begun, 0, opener)
            return
        try:
            done = self.session.follow(
                *("PUT", self.target, begun, self._closing),
                _STREAM,
                body=lambda: opener(0, self.descriptor.size),
                size=self.descriptor.size,
            )
            text = done.read(MAX_ERROR)
        except ConnectionLost:
            self._resume(begun, opener)
            return
        if done.status == _TOO_LARGE:
            self._chunk = max(CHUNK, self._least(begun))
            raise _StartAgainError(self._problem(done, text))
        if done.status == _TOO_MANY:
            # It was not even looked at: the same upload may be tried again.
            self._begun = begun
        self._end(done, text, restartable=False)

    def _begin(self) -> Answer:
        begun, self._begun = self._begun, None
        if begun is None:
            begun = self.session.ask("POST", self.target, "blobs/uploads/", {"Content-Length": "0"})
            expect(begun, {ACCEPTED}, self.target, begun.read(MAX_ERROR), self.descriptor.digest)
        return begun

    def _resume(self, begun: Answer, opener: Opener) -> None:
        """Go on where the registry says that it is, if it still knows the upload."""
        status = self.session.follow("GET", self.target, begun)
        status.read(MAX_ERROR)
        match = _RANGE.fullmatch(status.headers.get("range", ""))
        if status.status != NO_CONTENT or match is None or int(match[1]) >= self.descriptor.size:
            raise _StartAgainError(f"{self._what}: the upload broke off and is lost (status {status.status})")
        # A registry that has nothing may say so as 0-0, like one that has a byte: the chunk is then whole.
        offset = int(match[1]) + 1 if int(match[1]) else 0
        location = status if "location" in status.headers else begun
        self._send_chunks(location, offset, opener)

    def _send_chunks(self, at: Answer, offset: int, opener: Opener) -> None:
        size = self.descriptor.size
        chunk = self._chunk or max(CHUNK, self._least(at))
        while offset < size:
            length = min(chunk, size - offset)
            headers = {**_STREAM, "Content-Range": f"{offset}-{offset + length - 1}"}
            answer = self.session.follow(
                *("PATCH", self.target, at, "", headers), body=_part(opener, offset, length), size=length
            )
            text = answer.read(MAX_ERROR)
            if answer.status == _TOO_LARGE and chunk > _LEAST_CHUNK:
                # From 16 MiB to the 1 MiB that nginx takes by default, within our attempts.
                self._chunk = max(_LEAST_CHUNK, chunk // 4)
            if answer.status in {*RETRIED, NOT_FOUND, _TOO_LARGE, _RANGE_NOT_SATISFIABLE}:
                raise _StartAgainError(self._problem(answer, text), answer)
            expect(answer, {ACCEPTED, CREATED, NO_CONTENT}, self.target, text, self.descriptor.digest)
            at, offset = answer, self._reached(answer, offset, length)
        done = self.session.follow("PUT", self.target, at, self._closing, {"Content-Length": "0"})
        self._end(done, done.read(MAX_ERROR), restartable=True)

    def _reached(self, answer: Answer, offset: int, length: int) -> int:
        match = _RANGE.fullmatch(answer.headers.get("range", ""))
        reached = int(match[1]) + 1 if match else offset + length
        if not offset < reached <= offset + length:
            raise _StartAgainError(f"{self._what}: the registry has {reached} bytes of the upload, not more")
        return reached

    def _end(self, done: Answer, text: bytes, *, restartable: bool) -> None:
        # Only the digest tells that a registry put chunks together wrongly.
        again = {*RETRIED, NOT_FOUND, *((BAD_REQUEST, _RANGE_NOT_SATISFIABLE) if restartable else ())}
        if done.status in again:
            raise _StartAgainError(self._problem(done, text), done)
        expect(done, {CREATED, OK, NO_CONTENT}, self.target, text, self.descriptor.digest)
        self._agree(done)

    def _agree(self, answer: Answer) -> None:
        said = answer.headers.get("docker-content-digest", self.descriptor.digest)
        if said != self.descriptor.digest:
            raise RegistryError(f"{self._what}: the registry stored {said[:100]!r} instead")

    def _has(self) -> bool:
        answer = self.session.ask("HEAD", self.target, f"blobs/{self.descriptor.digest}", {})
        answer.close()
        return answer.status == OK

    def _least(self, begun: Answer) -> int:
        text = begun.headers.get("oci-chunk-min-length", "")
        return min(int(text), self.descriptor.size) if _LENGTH.fullmatch(text) else 0

    def _problem(self, answer: Answer, text: bytes) -> str:
        return failure(answer, self.target, text, self.descriptor.digest).problem

    @property
    def _closing(self) -> str:
        return f"digest={quote(self.descriptor.digest)}"

    @property
    def _what(self) -> str:
        return f"{self.target.name}@{self.descriptor.digest}"


def _part(opener: Opener, offset: int, length: int) -> Callable[[], IO[bytes]]:
    return lambda: opener(offset, length)
