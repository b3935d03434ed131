"""Symbol versions: those that an ELF file defines, and those that it asks of its libraries by name.

glibc's loader ends a program whose library lacks one, as `version 'GLIBC_2.34' not found`; musl's reads none.
The GNU extensions of the gABI in the LSB, "Symbol Versioning"; glibc, elf/dl-version.c.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

from gopherwhale.verify.reading import Malformed, View

_DT_VERDEF, _DT_VERNEED = 0x6FFFFFFC, 0x6FFFFFFE
_WEAK: Final = 2
# glibc defines about fifty, and what is linked asks each library for a few.
_MOST: Final = 1024
_LONGEST: Final = 256


class Versions(NamedTuple):
    """What stands in the tables of one file.

    Attributes:
        defined: Names of versions.
        asked: `LIBRARY:VERSION`, without those that may be lacking.
    """

    defined: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()


def read(view: View, entries: Mapping[int, int], strings: int, placed: Callable[[int], int]) -> Versions:
    """Read the version tables; damaged ones count as absent, as nobody can tell what a loader makes of them.

    Args:
        view: The file.
        entries: The dynamic section, by tag.
        strings: Where its strings stand in the file.
        placed: Where an address stands in the file.
    """
    try:
        defined: tuple[str, ...] = ()
        asked: tuple[str, ...] = ()
        if address := entries.get(_DT_VERDEF):
            defined = tuple(_defined(view, placed(address), strings))
        if address := entries.get(_DT_VERNEED):
            asked = tuple(_asked(view, placed(address), strings))
    except Malformed:
        return Versions()
    return Versions(defined=defined, asked=asked)


def _defined(view: View, at: int, strings: int) -> Iterator[str]:
    for _ in range(_MOST):
        _, _, _, count, _, names, following = view.unpack("HHHHIII", at)
        if count:
            (name,) = view.unpack("I", at + names)
            yield view.string(strings + name, _LONGEST)
        if not following:
            return
        at += following


def _asked(view: View, at: int, strings: int) -> Iterator[str]:
    left = _MOST
    while left:
        _, count, file, first, following = view.unpack("HHIII", at)
        library, one = view.string(strings + file, _LONGEST), at + first
        for _ in range(min(count, left)):
            left -= 1
            _, flags, _, name, behind = view.unpack("IHHII", one)
            if not flags & _WEAK:
                yield f"{library}:{view.string(strings + name, _LONGEST)}"
            one += behind
        left -= not count
        if not following:
            return
        at += following
