"""Ways to damage a valid input. All of them follow from the random source alone."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

_EDGES: Final = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63, 2**64 - 1)
_MOST: Final = 1 << 20


def mutate(data: bytes, others: Sequence[bytes], source: random.Random) -> tuple[bytes, int]:
    """One to eight changes to an input: what comes out, and how many bytes were changed."""
    out, changed = bytearray(data), 0
    for _ in range(source.randint(1, 8)):
        changed += source.choice(_WAYS)(out, others, source)
    return bytes(out[:_MOST]), changed


def _place(out: bytearray, source: random.Random) -> int:
    # Headers stand in front, and are where a reader can be led astray.
    reach = len(out) if source.random() < 0.5 else min(len(out), 256)
    return source.randrange(reach) if reach else 0


def _bits(out: bytearray, _: Sequence[bytes], source: random.Random) -> int:
    count = source.randint(1, 16) if out else 0
    for _number in range(count):
        out[_place(out, source)] ^= 1 << source.randrange(8)
    return count


def _edge(out: bytearray, _: Sequence[bytes], source: random.Random) -> int:
    size = source.choice((1, 2, 4, 8))
    at = _place(out, source)
    order = source.choice(("little", "big"))
    value = source.choice(_EDGES) % (1 << (8 * size))
    out[at : at + size] = value.to_bytes(size, "little" if order == "little" else "big")
    return size


def _noise(out: bytearray, _: Sequence[bytes], source: random.Random) -> int:
    at, size = _place(out, source), source.randint(1, 64)
    out[at : at + size] = source.randbytes(size)
    return size


def _cut(out: bytearray, _: Sequence[bytes], source: random.Random) -> int:
    at = _place(out, source)
    size = min(source.randint(1, 64), len(out) - at) if source.random() < 0.8 else len(out) - at
    del out[at : at + size]
    return min(size, 64)


def _repeat(out: bytearray, _: Sequence[bytes], source: random.Random) -> int:
    at = _place(out, source)
    part = bytes(out[at : at + source.randint(1, 64)])
    more = part * source.randint(1, 8)
    out[at:at] = more
    return len(more)


def _stretch(out: bytearray, _: Sequence[bytes], source: random.Random) -> int:
    # Python reads no number of more digits than 4300, and says so with an exception.
    at = _place(out, source)
    out[at:at] = bytes(out[at : at + 1]) * source.choice((256, 5000))
    return 64


def _splice(out: bytearray, others: Sequence[bytes], source: random.Random) -> int:
    other = source.choice(others)
    start, size = source.randrange(len(other) + 1), source.randint(1, 64)
    part = other[start : start + size]
    at = _place(out, source)
    out[at : at + len(part)] = part
    return len(part)


_WAYS: Final = (_bits, _edge, _edge, _noise, _cut, _repeat, _splice, _stretch)
