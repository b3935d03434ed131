"""Sparse members of a tar: where their data stands, in the four ways that GNU tar has written it.

GNU tar's manual, "Storing Sparse Files". Holes are zeros; nothing is kept for them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from gopherwhale.oci.tar_header import BLOCK, SPARSE_MAP, Header, TarError, decimal, number

# Offset and length of each part that has data.
Parts = Sequence[tuple[int, int]]
_MAX_MAP: Final = 1024 * 1024
_MAX_PARTS: Final = _MAX_MAP // 24
_ENTRY: Final = 24
_IN_HEADER, _IN_EXTENSION = 4, 21


def old_gnu(header: Header, block: Callable[[], bytes]) -> tuple[int, Parts]:
    """The size and map of a member of type `S`.

    Args:
        header: Its header.
        block: Reads the next block.

    Raises:
        TarError: The map is damaged or too long.
    """
    if not header.gnu:
        raise TarError("a sparse member is not of GNU's format")
    size = number(header.block[483:495])
    field, more = header.block[386 : 386 + _IN_HEADER * _ENTRY], header.block[482]
    parts: list[tuple[int, int]] = []
    while True:
        for at in range(0, len(field), _ENTRY):
            if not field[at]:
                break
            parts.append((number(field[at : at + 12]), number(field[at + 12 : at + _ENTRY])))
        if len(parts) > _MAX_PARTS:
            raise TarError("the sparse map of a member is too long")
        if not more:
            return size, parts
        extension = block()
        field, more = extension[: _IN_EXTENSION * _ENTRY], extension[_IN_EXTENSION * _ENTRY]


def of_records(
    records: Mapping[bytes, bytes], take: Callable[[int], bytes]
) -> tuple[bytes, int | None, Parts] | None:
    """The name, size and map that PAX records give to a sparse member; None where it is not sparse.

    Args:
        records: The member's.
        take: Reads bytes of the member's own data, in front of which version 1.0 keeps the map.

    Raises:
        TarError: The map is damaged or too long.
    """
    version = (records.get(b"GNU.sparse.major", b""), records.get(b"GNU.sparse.minor", b""))
    if version not in ((b"1", b"0"), (b"0", b"0"), (b"0", b"1")) and (
        any(version) or SPARSE_MAP not in records
    ):
        return None
    said = records.get(b"GNU.sparse.size") or records.get(b"GNU.sparse.realsize")
    size = decimal(said) if said else None
    parts = _in_data(take) if version == (b"1", b"0") else _in_records(records)
    return records.get(b"GNU.sparse.name", b""), size, parts


def _in_records(records: Mapping[bytes, bytes]) -> Parts:
    numbers = [decimal(text) for text in records.get(SPARSE_MAP, b"").split(b",") if text]
    if len(numbers) != 2 * decimal(records.get(b"GNU.sparse.numblocks", b"")):
        raise TarError("the sparse map of a member has another length than it says")
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _in_data(take: Callable[[int], bytes]) -> Parts:
    data = lines = b""
    wanted, taken = 1, 0
    while (count := lines.count(b"\n")) < wanted:
        data = take(BLOCK)
        taken += BLOCK
        lines += data
        if taken > _MAX_MAP:
            raise TarError("the sparse map of a member is too long")
        if not count and b"\n" in lines:
            wanted = 1 + 2 * decimal(lines.partition(b"\n")[0])
    numbers = [decimal(text) for text in lines.split(b"\n")[1:wanted]]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def check(parts: Parts, size: int, stored: int) -> None:
    """See that a map's parts follow each other inside the size, and that their data is what is stored.

    Raises:
        TarError: They do not.
    """
    end = 0
    for offset, length in parts:
        if offset < end or length < 0 or offset + length > size:
            raise TarError("the sparse map of a member is out of order")
        end = offset + length
    if sum(length for _, length in parts) != stored:
        raise TarError("the sparse map of a member names other data than there is")
