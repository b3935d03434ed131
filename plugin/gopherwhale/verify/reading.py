"""Bounds-checked reads of a file's bytes: past the end is an error of ours, never a crash."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol


class Malformed(Exception):  # noqa: N818 -- a state of a file, caught inside this package
    """A binary that breaks its own format."""


class Data(Protocol):
    """Bytes, a memory map, or anything that hands out parts of a file; no reader asks for more than 1 MiB."""

    def __len__(self) -> int:
        """How many."""
        ...

    def __getitem__(self, part: slice, /) -> Any:
        """A part of them."""
        ...


@dataclass(frozen=True)
class Window:
    """A part of other bytes, without a copy: one architecture of a universal file."""

    data: Data
    start: int
    size: int

    def __len__(self) -> int:
        """How many."""
        return self.size

    def __getitem__(self, part: slice, /) -> bytes:
        """A part of the part."""
        start, stop, _ = part.indices(self.size)
        return bytes(self.data[self.start + start : self.start + max(start, stop)])


@dataclass(frozen=True)
class OpenFile:
    """An open file, of which only what is asked for comes into memory."""

    descriptor: int
    size: int

    def __len__(self) -> int:
        """How many bytes."""
        return self.size

    def __getitem__(self, part: slice, /) -> bytes:
        """A part of them."""
        start, stop, _ = part.indices(self.size)
        return os.pread(self.descriptor, max(0, stop - start), start)


class Segment(NamedTuple):
    """A part of the file that is loaded to an address; sizes are in bytes."""

    offset: int
    address: int
    size: int
    writable: bool = False


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
        part = bytes(self.data[offset : offset + size])
        if len(part) != size:
            raise Malformed(f"{size} bytes at {offset} cannot be read")
        return part

    def unpack(self, form: str, offset: int) -> tuple[Any, ...]:
        """Numbers in the view's byte order; `form` as for struct, without the order."""
        whole = self.order + form
        return struct.unpack(whole, self.take(offset, struct.calcsize(whole)))

    def rows(self, form: str, offset: int, count: int, step: int) -> list[tuple[Any, ...]]:
        """A table of `count` rows that stand `step` bytes apart.

        Raises:
            Malformed: It does not fit into the file, or its rows overlap.
        """
        size = struct.calcsize(self.order + form)
        if step < size:
            raise Malformed(f"rows of {step} bytes are too short for {size}")
        whole = self.take(offset, count * step)
        return list(struct.Struct(f"{self.order}{form}{step - size}x").iter_unpack(whole))

    def string(self, offset: int, bound: int = 4096) -> str:
        """A string that ends with a zero byte, of at most `bound` bytes."""
        data = self.take(offset, min(bound, max(0, len(self.data) - offset)))
        return data.partition(b"\0")[0].decode(errors="replace")


def place(segments: Iterable[Segment], address: int) -> int:
    """Where in the file an address stands.

    Raises:
        Malformed: It lies in no segment.
    """
    for segment in segments:
        if segment.address <= address < segment.address + segment.size:
            return address - segment.address + segment.offset
    raise Malformed(f"the address {address:#x} lies in no loaded segment")
