"""Bounds-checked reads of a file's bytes: past the end is an error of ours, never a crash."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, Protocol


class Malformed(Exception):  # noqa: N818 -- a state of a file, caught inside this package
    """A binary that breaks its own format."""


class Data(Protocol):
    """Bytes, a memoryview or a memory map."""

    def __len__(self) -> int:
        """How many."""
        ...

    def __getitem__(self, part: slice, /) -> Any:
        """A part of them."""
        ...


@dataclass(frozen=True)
class View:
    """A file's bytes with a byte order (`<` or `>`)."""

    data: Data
    order: str = "<"

    def take(self, offset: int, size: int) -> bytes:
        """Exactly `size` bytes.

        Raises:
            Malformed: They are not all there.
        """
        if offset < 0 or size < 0 or offset + size > len(self.data):
            raise Malformed(f"{size} bytes at {offset} lie beyond the end")
        return bytes(self.data[offset : offset + size])

    def unpack(self, form: str, offset: int) -> tuple[Any, ...]:
        """Numbers in the view's byte order; `form` as for struct, without the order."""
        whole = self.order + form
        return struct.unpack(whole, self.take(offset, struct.calcsize(whole)))

    def string(self, offset: int, bound: int = 4096) -> str:
        """A string that ends with a zero byte, of at most `bound` bytes."""
        data = self.take(offset, min(bound, max(0, len(self.data) - offset)))
        return data.partition(b"\0")[0].decode(errors="replace")
