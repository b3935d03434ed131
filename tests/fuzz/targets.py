"""What is fuzzed: every reader of bytes that others made, with valid inputs to start from.

A new reader is one more `Target` in a module of its area, whose TARGETS `registry.py` gathers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Target:
    """One reader.

    Attributes:
        name: As `--only` takes it.
        seeds: Makes the valid inputs that are mutated; the same at every call.
        read: Reads one input to its end.
        refusals: What it may raise.
    """

    name: str
    seeds: Callable[[], list[bytes]]
    read: Callable[[bytes], object]
    refusals: tuple[type[Exception], ...] = ()
