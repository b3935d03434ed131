"""Layers, read as a stream: decompressed by their magic, bounded, their digests checked on the way."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Final

import zstandard

from gopherwhale.errors import LayoutError
from gopherwhale.oci.documents import Descriptor
from gopherwhale.oci.source import CHUNK, ImageSource, refuse_other

_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_MAGIC: Final = 4
_MAX_WINDOW: Final = 128 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What an image may cost to read.

    Attributes:
        unpacked: Bytes of one layer, unpacked.
        entries: Members of one layer.
        path: Bytes of one name.
    """

    unpacked: int = 8 * 1024**3
    entries: int = 1_000_000
    path: int = 4096


class _Checked(io.RawIOBase):
    """A blob that knows its digest and size when it has been read to its end."""

    def __init__(self, stream: IO[bytes], descriptor: Descriptor) -> None:
        self._stream, self._descriptor = stream, descriptor
        self._hasher, self._size = hashlib.new(descriptor.digest.partition(":")[0]), 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        chunk = self._stream.read(CHUNK if size < 0 else size)
        self._hasher.update(chunk)
        self._size += len(chunk)
        if self._size > self._descriptor.size:
            self.check()
        return chunk

    def check(self) -> None:
        while self._size <= self._descriptor.size and self.read(CHUNK):
            pass
        refuse_other(self._descriptor, self._size, self._hasher.hexdigest(), self._descriptor.digest)


class _Unpacked(io.RawIOBase):
    """The tar inside a layer, with the bound on its bytes and its diff_id."""

    def __init__(self, chunks: Iterator[bytes], limit: int, what: str) -> None:
        self._chunks, self._limit, self._what = chunks, limit, what
        self._buffer, self._size, self._hasher = b"", 0, hashlib.sha256()

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while not self._buffer:
            chunk = next(self._chunks, b"")
            if not chunk:
                return b""
            self._size += len(chunk)
            if self._size > self._limit:
                raise LayoutError(
                    f"{self._what} unpacks to more than {self._limit} bytes", code="beyond-bounds"
                )
            self._hasher.update(chunk)
            self._buffer = chunk
        taken, self._buffer = (self._buffer, b"") if size < 0 else (self._buffer[:size], self._buffer[size:])
        return taken

    def finish(self) -> str:
        while self.read(CHUNK):
            pass
        return f"sha256:{self._hasher.hexdigest()}"


def read_layer(
    source: ImageSource, layer: Descriptor, diff_id: str = "", limits: Limits | None = None
) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
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
        unpacked = _Unpacked(_decompress(checked, what), limits.unpacked, what)
        try:
            yield from _members(unpacked, limits, what)
            found = unpacked.finish()
        except (
            tarfile.TarError,
            zlib.error,
            zstandard.ZstdError,
            EOFError,
            ValueError,
            OverflowError,
        ) as error:
            raise LayoutError(f"{what} cannot be read: {str(error)[:120]}") from None
        checked.check()
    if diff_id and found != diff_id:
        raise LayoutError(
            f"{what} unpacks to {found}, but the config names {diff_id[:100]}", code="digest-differs"
        )


def _members(
    unpacked: _Unpacked, limits: Limits, what: str
) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
    try:
        tar = tarfile.open(  # noqa: SIM115 -- closed by the `with` below
            fileobj=unpacked, mode="r|", errorlevel=0, encoding="utf-8", errors="surrogateescape"
        )
    except tarfile.ReadError:
        if unpacked.finish() == f"sha256:{hashlib.sha256().hexdigest()}":
            return
        raise
    with tar:
        for number, member in enumerate(tar):
            if number >= limits.entries:
                raise LayoutError(f"{what} has more than {limits.entries} members", code="beyond-bounds")
            if len(member.name) > limits.path or member.size < 0 or member.size > limits.unpacked:
                raise LayoutError(
                    f"{what} has a member beyond our bounds: {member.name[:80]!r}", code="beyond-bounds"
                )
            yield member, tar.extractfile(member) if member.isreg() else None
            # tarfile keeps every header it has seen; a stream needs none of them again.
            tar.members.clear()  # type: ignore[attr-defined] # typeshed leaves it out


def _decompress(stream: _Checked, what: str) -> Iterator[bytes]:
    head = b""
    while len(head) < _MAGIC and (more := stream.read(_MAGIC - len(head))):
        head += more
    if head.startswith(_GZIP):
        yield from _gunzip(head, stream, what)
    elif head == _ZSTD:
        reader = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW)
        joined = io.BufferedReader(_Joined(head, stream))
        yield from reader.read_to_iter(joined, read_size=CHUNK, write_size=CHUNK)
    else:
        yield head
        while chunk := stream.read(CHUNK):
            yield chunk


def _gunzip(head: bytes, stream: _Checked, what: str) -> Iterator[bytes]:
    data = head
    while data:
        machine = zlib.decompressobj(wbits=31)
        while not machine.eof:
            if not data:
                data = stream.read(CHUNK)
                if not data:
                    raise LayoutError(f"{what} breaks off in the middle of its gzip stream")
            chunk = machine.decompress(data, CHUNK)
            data = machine.unconsumed_tail
            if chunk:
                yield chunk
        data = machine.unused_data.lstrip(b"\0") or stream.read(CHUNK).lstrip(b"\0")


class _Joined(io.RawIOBase):
    def __init__(self, head: bytes, rest: _Checked) -> None:
        self._head, self._rest = head, rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._head[: len(buffer)] or self._rest.read(len(buffer))
        self._head = self._head[len(buffer) :]
        buffer[: len(data)] = data
        return len(data)
