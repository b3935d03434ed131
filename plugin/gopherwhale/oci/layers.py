"""Layers, read as a stream in one pass: told by their magic, bounded, their digests checked on the way."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from typing import IO, Final, NamedTuple, Protocol, cast

from gopherwhale.errors import LayoutError
from gopherwhale.oci.documents import Descriptor
from gopherwhale.oci.source import CHUNK, ImageSource, refuse_other
from gopherwhale.oci.tar import Bytes, Member, TarReader
from gopherwhale.oci.tar_header import TarError
from gopherwhale.oci.zstd_frames import Frames, begins_frame

_GZIP: Final = b"\x1f\x8b"
# zlib's way of saying a gzip header and the largest window.
_OF_GZIP: Final = 31
# What containerd and skopeo do not read as a layer either, but a user may well have packed so.
_FOREIGN: Final = {b"BZh": "bzip2", b"\xfd7zXZ\0": "xz"}
_MAGIC: Final = 6
_MAX_WINDOW: Final = 128 * 1024 * 1024
# What is read and unpacked at a time: it stays in a core's own cache while it is hashed and looked at, and
# what an inflater leaves of its input is a copy each time.
_PIECE: Final = 256 * 1024


class Limits(NamedTuple):
    """What a layer may cost to read.

    Attributes:
        unpacked: Bytes of it, unpacked, and of its members' contents, holes included.
        unsuspicious: Bytes below which no ratio counts.
        ratio: How many times its packed size it may unpack to. Programs and texts stay below 20, and the two
            formats can reach 1,000 and 100,000 with zeros alone.
        entries: Members.
        path: Bytes of one name.
        seconds: The time that it may take, network included.
    """

    unpacked: int = 8 * 1024**3
    unsuspicious: int = 256 * 1024**2
    ratio: int = 200
    entries: int = 1_000_000
    path: int = 4096
    seconds: float = 3600.0


class _Checked:
    """A blob that knows its digest and size when it has been read to its end."""

    def __init__(self, stream: IO[bytes], descriptor: Descriptor) -> None:
        self._stream, self._descriptor = stream, descriptor
        algorithm, _, self._expected = descriptor.digest.partition(":")
        # A registry's stream ends in an error by itself where its digest is another: it is not hashed twice.
        self._hasher = None if getattr(stream, "checks_digest", False) else hashlib.new(algorithm)
        self.size = 0

    def read(self, size: int = _PIECE) -> bytes:
        chunk = self._stream.read(size)
        if self._hasher:
            self._hasher.update(chunk)
        self.size += len(chunk)
        if self.size > self._descriptor.size:
            self._refuse_other()
        return chunk

    def check(self) -> None:
        while self.read():
            pass
        self._refuse_other()

    def _refuse_other(self) -> None:
        found = self._hasher.hexdigest() if self._hasher else self._expected
        refuse_other(self._descriptor, self.size, found, self._descriptor.digest)


class _Unpacked:
    """The tar inside a layer, with the bounds on its bytes and its time, and its diff_id."""

    def __init__(self, packed: _Checked, limits: Limits, what: str) -> None:
        self._packed, self._limits, self._what = packed, limits, what
        self._chunks = decompress(packed, what)
        self._buffer, self._at = b"", 0
        self._size, self._hasher = 0, hashlib.sha256()
        self._end = time.monotonic() + limits.seconds

    def read(self, size: int, /) -> bytes:
        while self._at == len(self._buffer):
            chunk = next(self._chunks, b"")
            if not chunk:
                return b""
            self._count(len(chunk))
            self._hasher.update(chunk)
            self._buffer, self._at = chunk, 0
        start, self._at = self._at, min(self._at + size, len(self._buffer))
        return self._buffer[start : self._at]

    def _count(self, size: int) -> None:
        self._size += size
        limits, room = self._limits, max(self._limits.unsuspicious, self._packed.size * self._limits.ratio)
        if self._size > min(limits.unpacked, room):
            raise LayoutError(
                f"{self._what} unpacks to more than {min(limits.unpacked, room)} bytes", code="beyond-bounds"
            )
        if time.monotonic() > self._end:
            raise LayoutError(
                f"{self._what} takes more than {limits.seconds:.0f} s to read", code="beyond-bounds"
            )

    def finish(self) -> str:
        while self.read(CHUNK):
            pass
        return f"sha256:{self._hasher.hexdigest()}"


def read_layer(
    source: ImageSource, layer: Descriptor, diff_id: str = "", limits: Limits | None = None
) -> Iterator[tuple[Member, Bytes | None]]:
    """Go through a layer's members in order, each with its content while it is current.

    Args:
        source: Where the layer is.
        layer: Its descriptor; size and digest are checked as it is read.
        diff_id: The digest of the unpacked tar that the config names; checked where given.
        limits: Bounds; the defaults where None.

    Raises:
        LayoutError: The layer is damaged, is not what its descriptor or config says, or breaks a bound.
    """
    limits = limits or Limits()
    what = f"{source.name}: layer {layer.digest}"
    with source.open_blob(layer) as stream:
        checked = _Checked(stream, layer)
        unpacked = _Unpacked(checked, limits, what)
        try:
            yield from _members(unpacked, limits, what)
            found = unpacked.finish()
        except TarError as error:
            raise _damaged(what, error) from None
        checked.check()
    if diff_id and found != diff_id:
        raise LayoutError(
            f"{what} unpacks to {found}, but the config names {diff_id[:100]}", code="digest-differs"
        )


def _members(unpacked: _Unpacked, limits: Limits, what: str) -> Iterator[tuple[Member, Bytes | None]]:
    total = 0
    for number, (member, content) in enumerate(TarReader(unpacked)):
        total += member.size
        if number >= limits.entries:
            raise LayoutError(f"{what} has more than {limits.entries} members", code="beyond-bounds")
        if max(len(member.name), len(member.target)) > limits.path or total > limits.unpacked:
            raise LayoutError(
                f"{what} has a member beyond our bounds: {member.name[:80]!r}", code="beyond-bounds"
            )
        yield member, None if content is None else _Content(content, what)


class _Content:
    """A member's content, read by whoever asked for it, and so outside of where this module catches."""

    def __init__(self, content: Bytes, what: str) -> None:
        self._content, self._what = content, what

    def read(self, size: int, /) -> bytes:
        try:
            return self._content.read(size)
        except TarError as error:
            raise _damaged(self._what, error) from None


def _damaged(what: str, error: TarError) -> LayoutError:
    return LayoutError(f"{what} cannot be read: {error}")


class Packed(Protocol):
    """Packed bytes, a few of them at each call and none at the end alone."""

    def read(self, size: int = ..., /) -> bytes:
        """At most that many bytes."""
        ...


def decompress(stream: Packed, what: str) -> Iterator[bytes]:
    """Unpack a layer's bytes in pieces of at most a megabyte; gzip, zstd or plain is told by how they begin.

    Args:
        stream: The packed bytes; `read()` gives a few of them.
        what: The layer, for messages.

    Raises:
        LayoutError: They are damaged, or packed in a way in which no layer may be.
    """
    head = b""
    while len(head) < _MAGIC and (more := stream.read(_MAGIC - len(head))):
        head += more
    for magic, name in _FOREIGN.items():
        if head.startswith(magic):
            raise LayoutError(f"{what} is packed with {name}", hint="layers are tar, tar+gzip or tar+zstd")
    if head.startswith(_GZIP):
        yield from _gunzip(head, stream, what)
    elif begins_frame(head):
        yield from _unzstd(head, stream, what)
    else:
        yield head
        while chunk := stream.read():
            yield chunk


def _gunzip(head: bytes, stream: Packed, what: str) -> Iterator[bytes]:
    from gopherwhale.oci import inflating  # noqa: PLC0415 -- what is in the cache of layers needs none

    data = head
    while data:
        if len(data) < len(_GZIP):
            data += stream.read()
        if not data.startswith(_GZIP):
            raise LayoutError(f"{what} cannot be unpacked: no gzip stream follows its first")
        machine = inflating.decompressobj(wbits=_OF_GZIP)
        while not machine.eof:
            if not data:
                data = stream.read()
                if not data:
                    raise LayoutError(f"{what} breaks off in the middle of its gzip stream")
            try:
                chunk = machine.decompress(data, _PIECE)
            except inflating.error as error:
                raise LayoutError(f"{what} cannot be unpacked: {str(error)[:120]}") from None
            data = machine.unconsumed_tail
            if chunk:
                yield chunk
        data = machine.unused_data.lstrip(b"\0") or stream.read().lstrip(b"\0")


def _unzstd(head: bytes, stream: Packed, what: str) -> Iterator[bytes]:
    import zstandard  # noqa: PLC0415 -- only a layer that needs it pays for it

    frames = Frames()
    joined = cast("IO[bytes]", _Joined(head, stream, frames))
    with zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW).stream_reader(
        joined, read_size=CHUNK, read_across_frames=True
    ) as reader:
        try:
            while chunk := reader.read(_PIECE):
                yield chunk
        except zstandard.ZstdError as error:
            raise LayoutError(f"{what} cannot be unpacked: {str(error)[:120]}") from None
    if not frames.whole:
        raise LayoutError(f"{what} breaks off in the middle of its zstd stream")


class _Joined:
    """The stream again from its start, its frames followed."""

    def __init__(self, head: bytes, rest: Packed, frames: Frames) -> None:
        self._head, self._rest, self._frames = head, rest, frames

    def read(self, size: int) -> bytes:
        data, self._head = self._head, b""
        data = data or self._rest.read(size)
        self._frames.feed(data)
        return data
