"""Tar, read as a stream in one pass; see `tar_header` for why it is not Python's tarfile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple, Protocol

from gopherwhale.oci import tar_sparse
from gopherwhale.oci.tar_header import BLOCK, Header, TarError, decimal, parse_block, parse_records, text

_KINDS: Final = {"0": "file", "\0": "file", "S": "file", "1": "hard", "2": "link", "5": "folder"}
# Links, devices, folders and pipes: whatever size they claim, no data follows.
_BARE: Final = frozenset("123456")
_MAX_EXTENDED: Final = 1024 * 1024
_ACCESS_LISTS: Final = frozenset({b"SCHILY.acl.access", b"SCHILY.xattr.system.posix_acl_access"})
_ZERO: Final = bytes(BLOCK)
_HOLE: Final = bytes(64 * 1024)


class Bytes(Protocol):
    """What a tar is read from."""

    def read(self, size: int, /) -> bytes:
        """At most that many bytes; none at the end alone."""
        ...


class Member(NamedTuple):
    """One member of a tar.

    Attributes:
        name: As it is written; bytes that are no UTF-8 as lone surrogates.
        kind: file, folder, link (symbolic), hard, or other.
        mode: Its permission bits.
        owner: The numbers of its user and its group; None where an access list says who else may.
        size: Bytes of its content, holes included.
        target: What a link names.
    """

    name: str
    kind: str
    mode: int
    owner: tuple[int, int] | None
    size: int
    target: str


class Content:
    """A file's content, readable while its member is the current one.

    Attributes:
        stored: Bytes of it that stand in the tar, holes left out.
    """

    def __init__(self, take: Callable[[int], bytes], size: int, parts: tar_sparse.Parts) -> None:
        """Start at the front; `parts` are where data stands, and all between them is zeros."""
        self._take, self._size, self._at = take, size, 0
        self._parts = list(parts)[::-1]
        self.stored = sum(length for _, length in parts)

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, none at the end alone.

        Raises:
            TarError: The tar breaks off.
        """
        size = min(size, self._size - self._at)
        while self._parts and sum(self._parts[-1]) <= self._at:
            self._parts.pop()
        if not size:
            return b""
        start, length = self._parts[-1] if self._parts else (self._size, 0)
        if self._at < start:
            data = _HOLE[: min(size, start - self._at)]
        else:
            data = self._take(min(size, start + length - self._at))
        self._at += len(data)
        return data


class TarReader:
    """A tar's members in order, each with its content while it is current."""

    def __init__(self, stream: Bytes, skip: Callable[[int], None] | None = None) -> None:
        """Read nothing yet.

        Args:
            stream: The tar.
            skip: Passes over bytes of it without reading them, where it can.
        """
        self._stream, self._skip = stream, skip
        # Bytes of the current member that are still to come, and the padding after them.
        self._left = self._padding = 0

    def __iter__(self) -> Iterator[tuple[Member, Content | None]]:
        """Go through the members.

        Raises:
            TarError: The tar breaks its format or breaks off.
        """
        records: dict[bytes, bytes] = {}
        name = target = b""
        while (header := self._header()) is not None:
            if header.kind in "xgLK":
                data = self._extended(header.size)
                if header.kind == "x":
                    records = parse_records(data)
                elif header.kind == "g":
                    # Refused where damaged, as runtimes do; none of them applies it to what follows.
                    parse_records(data)
                elif header.kind == "L":
                    name = text(data)
                else:
                    target = text(data)
                continue
            yield self._member(_merged(header, records, name, target), records)
            records, name, target = {}, b"", b""

    def _header(self) -> Header | None:
        if self._skip is not None:
            self._skip(self._left)
            self._left = 0
        while self._left:
            self._take(min(self._left, 1024 * 1024))
        self._exactly(self._padding)
        self._padding = 0
        block = self._read(BLOCK)
        if not block:
            return None
        if block != _ZERO:
            return parse_block(_whole(block, BLOCK))
        second = self._read(BLOCK)
        if second and _whole(second, BLOCK) != _ZERO:
            raise TarError("a block of zeros stands between members")
        return None

    def _member(self, header: Header, records: dict[bytes, bytes]) -> tuple[Member, Content | None]:
        self._left = 0 if header.kind in _BARE else header.size
        self._padding = -self._left % BLOCK
        kind = _KINDS.get(header.kind, "other")
        if header.kind == "\0" and header.name.endswith(b"/"):
            kind = "folder"
        size = self._left
        parts: tar_sparse.Parts = ((0, size),)
        if header.kind == "S":
            size, parts = self._checked(*tar_sparse.old_gnu(header, lambda: self._exactly(BLOCK)))
        elif (sparse := tar_sparse.of_records(records, self._take_all)) is not None:
            if header.kind in _BARE:
                raise TarError("a member without content is said to be sparse")
            header = header._replace(name=sparse[0] or header.name)
            size, parts = self._checked(header.size if sparse[1] is None else sparse[1], sparse[2])
        member = Member(
            name=_decoded(header.name),
            kind=kind,
            mode=header.mode & 0o7777,
            owner=None if _ACCESS_LISTS.intersection(records) else header.owner,
            size=size,
            target=_decoded(header.target),
        )
        return member, Content(self._take, size, parts) if kind == "file" else None

    def _checked(self, size: int, parts: tar_sparse.Parts) -> tuple[int, tar_sparse.Parts]:
        tar_sparse.check(parts, size, self._left)
        return size, parts

    def _extended(self, size: int) -> bytes:
        if size > _MAX_EXTENDED:
            raise TarError(f"an extended header has {size} bytes, over the bound of {_MAX_EXTENDED}")
        data = self._exactly(size)
        self._exactly(-size % BLOCK)
        return data

    def _take(self, size: int) -> bytes:
        """At most `size` bytes of the current member."""
        data = self._stream.read(min(size, self._left))
        if not data and self._left:
            raise TarError("the tar breaks off in the middle of a member")
        self._left -= len(data)
        return data

    def _take_all(self, size: int) -> bytes:
        if size > self._left:
            raise TarError("the sparse map of a member breaks off")
        self._left -= size
        return self._exactly(size)

    def _exactly(self, size: int) -> bytes:
        return _whole(self._read(size), size)

    def _read(self, size: int) -> bytes:
        data = self._stream.read(size) if size else b""
        while len(data) < size and (more := self._stream.read(size - len(data))):
            data += more
        return data


def _merged(header: Header, records: dict[bytes, bytes], name: bytes, target: bytes) -> Header:
    if not (records or name or target):
        return header
    size = records.get(b"size", b"")
    user, group = (records.get(key, b"") for key in (b"uid", b"gid"))
    return header._replace(
        name=name or records.get(b"path") or header.name,
        target=target or records.get(b"linkpath") or header.target,
        owner=(int(user or header.owner[0]), int(group or header.owner[1])),
        size=decimal(size) if size else header.size,
    )


def _whole(data: bytes, size: int) -> bytes:
    if len(data) != size:
        raise TarError("the tar breaks off")
    return data


def _decoded(name: bytes) -> str:
    return name.decode(errors="surrogateescape")
