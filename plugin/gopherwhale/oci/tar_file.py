"""A tar on disk: its members are found by name and read where they lie, whatever their number and size.

One that is packed as a whole (`docker save | gzip`, Nix) is unpacked first, into a file without a name.
"""

from __future__ import annotations

import io
import os
import posixpath
import stat
import tempfile
import weakref
from pathlib import Path
from typing import IO, Any, Final

from gopherwhale.errors import LayoutError
from gopherwhale.oci.source import CHUNK
from gopherwhale.oci.tar import TarReader
from gopherwhale.oci.tar_header import TarError

_MAX_MEMBERS: Final = 100_000
_MAX_LINKS: Final = 8
_UNPACKED: Final = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd")
_FOREIGN: Final = {b"BZh": "bzip2", b"\xfd7zXZ\0": "xz"}
_MAX_UNPACKED: Final = 64 * 1024**3


class TarFile:
    """An open tar.

    Args:
        path: The file.

    Raises:
        LayoutError: It cannot be read, or is no tar.
    """

    def __init__(self, path: Path) -> None:
        """Go through the headers once, passing over the contents."""
        self.path = path
        try:
            # Not to wait for ever at a pipe that nobody writes to.
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise LayoutError(f"cannot read {path}: {error.strerror}") from None
        weakref.finalize(self, os.close, self._descriptor)
        if not stat.S_ISREG(os.fstat(self._descriptor).st_mode):
            raise LayoutError(f"{path} is not a file")
        if self.at(0, 4).startswith(_UNPACKED):
            self._descriptor = _unpacked(self._descriptor, path)
            weakref.finalize(self, os.close, self._descriptor)
        self._size = os.fstat(self._descriptor).st_size
        self._files: dict[str, tuple[int, int]] = {}
        self._links: dict[str, str] = {}
        try:
            self._index()
        except TarError as error:
            raise self._no_tar(str(error)) from None

    def __contains__(self, name: str) -> bool:
        """Whether there is a file of that name, links followed."""
        return self._find(name) is not None

    def open(self, name: str) -> IO[bytes]:
        """A member's content; several may be open at once.

        Raises:
            LayoutError: There is none.
        """
        found = self._find(name)
        if found is None:
            raise LayoutError(f"{self.path} has no {name[:200]!r}", code="blob-missing")
        return io.BufferedReader(_Part(self, *found))

    def size(self, name: str) -> int:
        """A member's size in bytes; 0 where there is none."""
        return (self._find(name) or (0, 0))[1]

    def read(self, name: str, bound: int) -> bytes:
        """A member's content, at most one byte more than `bound`.

        Raises:
            LayoutError: There is none.
        """
        with self.open(name) as stream:
            return stream.read(bound + 1)

    def at(self, offset: int, size: int) -> bytes:
        """Bytes of the tar itself; fewer at its end."""
        return os.pread(self._descriptor, size, offset)

    def _find(self, name: str) -> tuple[int, int] | None:
        name = posixpath.normpath(name)
        for _ in range(_MAX_LINKS):
            if name not in self._links:
                return self._files.get(name)
            name = self._links[name]
        return None

    def _index(self) -> None:
        cursor = _Part(self, 0, self._size)
        for number, (member, content) in enumerate(TarReader(cursor, cursor.skip)):
            if number > _MAX_MEMBERS:
                raise LayoutError(f"{self.path} has more than {_MAX_MEMBERS} members", code="beyond-bounds")
            name = posixpath.normpath(member.name)
            if name in self._files or name in self._links:
                raise LayoutError(f"{self.path} is ambiguous: it has two of {name[:200]!r}", code="ambiguous")
            if member.kind == "link":
                self._links[name] = posixpath.normpath(posixpath.join(posixpath.dirname(name), member.target))
            elif member.kind == "hard":
                self._links[name] = posixpath.normpath(member.target)
            elif content is not None and content.stored == member.size:
                self._files[name] = (cursor.offset, member.size)

    def _no_tar(self, why: str) -> LayoutError:
        head = self.at(0, 6)
        for magic, name in _FOREIGN.items():
            if head.startswith(magic):
                return LayoutError(
                    f"{self.path} is packed with {name}, so that its parts cannot be reached",
                    hint="unpack the archive itself first",
                )
        return LayoutError(f"{self.path} is not a tar archive: {why}")


def _unpacked(packed: int, path: Path) -> int:
    """A file without a name that holds what a packed one does, within the bounds of a layer's ratio."""
    from gopherwhale.oci.layers import Limits, decompress  # noqa: PLC0415 -- few archives are packed

    limits, size = Limits(), 0
    most = min(_MAX_UNPACKED, max(limits.unsuspicious, limits.ratio * os.fstat(packed).st_size))
    try:
        with (
            open(packed, "rb", buffering=0, closefd=False) as source,
            tempfile.TemporaryFile(prefix="gopherwhale-") as target,
        ):
            for piece in decompress(_Pieces(source), str(path)):
                size += len(piece)
                if size > most:
                    raise LayoutError(f"{path} unpacks to more than {most} bytes", code="beyond-bounds")
                target.write(piece)
            target.flush()
            return os.dup(target.fileno())
    except OSError as error:
        raise LayoutError(f"{path} cannot be unpacked: {error.strerror or error}") from None


class _Pieces:
    """A file in the pieces in which it is unpacked best."""

    def __init__(self, file: IO[bytes] | io.FileIO) -> None:
        self._file = file

    def read(self, size: int = CHUNK, /) -> bytes:
        return self._file.read(size)


class _Part(io.RawIOBase):
    """A stretch of a tar, with a place of its own."""

    def __init__(self, tar: TarFile, start: int, size: int) -> None:
        self._tar, self.offset, self._end = tar, start, start + size

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        left = self._end - self.offset
        data = self._tar.at(self.offset, left if size < 0 else min(size, left))
        self.offset += len(data)
        return data

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def skip(self, size: int) -> None:
        self.offset += size
        if self.offset > self._end:
            raise TarError("the tar breaks off in the middle of a member")
