"""One header block of a tar and the extended records before it, read as strictly as Go's archive/tar does.

Container runtimes read layers with Go's reader. A more lenient one (Python's tarfile takes damaged PAX
records for absent ones) would show another file system than the one that a container sees.
POSIX.1-2017, "pax Interchange Format"; GNU tar's manual, "Basic Tar Format".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

BLOCK: Final = 512
_CHECKSUM: Final = slice(148, 156)
_OCTAL: Final = b"01234567"
_MAX_NUMBER: Final = 2**63 - 1
_DECIMAL = re.compile(rb"[+-]?[0-9]{1,99}")
_TIME = re.compile(rb"[+-]?[0-9]{1,99}(\.[0-9]*)?")
_LENGTH = re.compile(rb"[0-9]{1,10}")
_SHORTEST_RECORD: Final = 5
_TEXTS: Final = frozenset({b"path", b"linkpath", b"uname", b"gname"})
_NUMBERS: Final = frozenset({b"uid", b"gid", b"size"})
_TIMES: Final = frozenset({b"atime", b"ctime", b"mtime"})
_SPARSE_OFFSET, _SPARSE_LENGTH, SPARSE_MAP = b"GNU.sparse.offset", b"GNU.sparse.numbytes", b"GNU.sparse.map"


class TarError(Exception):
    """A tar that breaks its own format; it is told as a damaged layer or archive."""


class Header(NamedTuple):
    """What one header block says.

    Attributes:
        name: The member's name, as bytes.
        kind: The type flag, one character.
        mode: Permission bits, as they stand.
        owner: The numbers of its user and its group.
        size: Bytes that follow, before PAX records have their say.
        target: Of a link.
        gnu: Whether it is of GNU's format.
        block: The block itself, in which GNU keeps the start of a sparse map.
    """

    name: bytes
    kind: str
    mode: int
    owner: tuple[int, int]
    size: int
    target: bytes
    gnu: bool
    block: bytes


def parse_block(block: bytes) -> Header:
    """Read a header block.

    Raises:
        TarError: Its checksum or one of its numbers is wrong.
    """
    _check_sum(block)
    posix, gnu = block[257:263] == b"ustar\0", block[257:265] == b"ustar  \0"
    mode, size = number(block[100:108]), number(block[124:136])
    owner = (number(block[108:116]), number(block[116:124]))
    # The time tells us nothing, but a runtime refuses a member in which it is no number.
    number(block[136:148])
    if posix or gnu:
        number(block[329:337])
        number(block[337:345])
    name = text(block[:100])
    if prefix := _prefix(block, posix=posix, gnu=gnu):
        name = prefix + b"/" + name
    if size < 0:
        raise TarError("a member has a negative size")
    return Header(
        name=name,
        kind=chr(block[156]),
        mode=mode,
        owner=owner,
        size=size,
        target=text(block[157:257]),
        gnu=gnu,
        block=block,
    )


def _check_sum(block: bytes) -> None:
    field = block[_CHECKSUM]
    stored, found = _octal(field), sum(block) - sum(field) + 8 * ord(" ")
    if stored != found:
        # Old writers summed signed characters.
        high = sum(byte > 0x7F for byte in block) - sum(byte > 0x7F for byte in field)  # noqa: PLR2004
        if stored != found - 256 * high:
            raise TarError("the checksum of a header is wrong")


def _prefix(block: bytes, *, posix: bool, gnu: bool) -> bytes:
    if posix and block[508:512] == b"tar\0":
        number(block[476:488])
        number(block[488:500])
        return text(block[345:476])
    if posix:
        return text(block[345:500])
    if gnu:
        try:
            for field in (block[345:357], block[357:369]):
                if field[0]:
                    number(field)
        except TarError:
            # Go before 1.8 wrote a prefix where GNU's format has times.
            prefix = text(block[345:500])
            return prefix if prefix.isascii() else b""
    return b""


def text(field: bytes) -> bytes:
    """A field's text, up to its first NUL."""
    return field.partition(b"\0")[0]


def number(field: bytes) -> int:
    """A field's number: octal digits, or GNU's base 256 where the first bit is set.

    Raises:
        TarError: It is neither, or beyond 63 bits.
    """
    if not field[0] & 0x80:
        return _octal(field)
    negative = bool(field[0] & 0x40)
    value = int.from_bytes(bytes([field[0] & 0x7F]) + field[1:])
    if negative:
        value -= 1 << (8 * len(field) - 1)
    if not -_MAX_NUMBER - 1 <= value <= _MAX_NUMBER:
        raise TarError("a number in a header is out of bounds")
    return value


def _octal(field: bytes) -> int:
    digits = text(field.strip(b" \0"))
    if digits.translate(None, _OCTAL):
        raise TarError("a number in a header is not octal")
    return int(digits, 8) if digits else 0


def parse_records(data: bytes) -> dict[bytes, bytes]:
    """Read a PAX extended header: `LENGTH KEY=VALUE` and a newline, again and again.

    Returns:
        The records; GNU's old sparse pairs joined as one `GNU.sparse.map`.

    Raises:
        TarError: A record breaks the format, or a name holds a NUL.
    """
    records: dict[bytes, bytes] = {}
    sparse: list[bytes] = []
    at = 0
    while at < len(data):
        space = data.find(b" ", at, at + 11)
        size = int(data[at:space]) if space > at and _LENGTH.fullmatch(data[at:space]) else 0
        record = data[space + 1 : at + size]
        key, sign, value = record[:-1].partition(b"=")
        if size < _SHORTEST_RECORD or at + size > len(data) or not record.endswith(b"\n") or not sign:
            raise TarError("a PAX record breaks its format")
        if not key or b"\0" in (value if key in _TEXTS else key):
            raise TarError("a PAX record holds a NUL")
        at += size
        if key in (_SPARSE_OFFSET, _SPARSE_LENGTH):
            if b"," in value or (key == _SPARSE_LENGTH) != bool(len(sparse) % 2):
                raise TarError("the sparse map of a member is out of order")
            sparse.append(value)
        else:
            records[key] = value
    if sparse:
        records[SPARSE_MAP] = b",".join(sparse)
    _check_values(records)
    return records


def _check_values(records: Mapping[bytes, bytes]) -> None:
    for key, value in records.items():
        form = _DECIMAL if key in _NUMBERS else _TIME if key in _TIMES else None
        if form and value and not form.fullmatch(value):
            raise TarError(f"the PAX record {key.decode()} is no number")


def decimal(value: bytes) -> int:
    """A PAX number.

    Raises:
        TarError: It is none, negative, or beyond 63 bits.
    """
    if not _DECIMAL.fullmatch(value) or not 0 <= int(value) <= _MAX_NUMBER:
        raise TarError("a number in a PAX record is out of bounds")
    return int(value)
