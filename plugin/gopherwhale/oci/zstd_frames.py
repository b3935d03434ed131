"""Follows the frames of a zstd stream, for the one thing that its reader does not tell: whether it is whole.

The package zstandard ends quietly where a stream breaks off, while a container runtime refuses it.
RFC 8878, section 3.1.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Final

MAGIC: Final = b"\x28\xb5\x2f\xfd"
_SKIPPABLE: Final = b"\x2a\x4d\x18"
_RLE: Final = 1


def begins_frame(head: bytes) -> bool:
    """Whether bytes that begin so are a frame, with content or one to be skipped."""
    return head[:4] == MAGIC or (head[1:4] == _SKIPPABLE and head[0] >> 4 == 5)  # noqa: PLR2004 -- 0x5?


class Frames:
    """The place in a stream; contents are passed over.

    Attributes:
        whole: Whether the stream may end here.
    """

    def __init__(self) -> None:
        """Before the first frame."""
        self.whole = True
        self._steps = self._walk()
        self._wanted, self._skipped = next(self._steps), 0
        self._part = b""

    def feed(self, data: bytes) -> None:
        """Go on by some bytes of the stream; what breaks the format is the reader's to refuse."""
        at = 0
        while at < len(data):
            if self._skipped:
                step = min(self._skipped, len(data) - at)
                self._skipped -= step
            else:
                self.whole = False
                step = min(self._wanted - len(self._part), len(data) - at)
                self._part += data[at : at + step]
            at += step
            while not self._skipped and len(self._part) == self._wanted:
                part, self._part = self._part, b""
                self._wanted = self._steps.send(part)

    def _walk(self) -> Generator[int, bytes, None]:
        while True:
            head = yield 4
            if head != MAGIC:
                self._skipped = int.from_bytes((yield 4), "little")
                yield 0
            else:
                (flags,) = yield 1
                yield _header_size(flags)
                last = False
                while not last:
                    block = int.from_bytes((yield 3), "little")
                    last, kind = bool(block & 1), block >> 1 & 3
                    self._skipped = 1 if kind == _RLE else block >> 3
                    yield 0
                yield 4 if flags & 4 else 0
            self.whole = True


def _header_size(flags: int) -> int:
    """Bytes of a frame's header behind its flags: window, dictionary and content size."""
    single = bool(flags & 0x20)
    content = (1 if single else 0, 2, 4, 8)[flags >> 6]
    return (0 if single else 1) + (0, 1, 2, 4)[flags & 3] + content
