"""Inflating: by ISA-L where it is there, in half the time that zlib takes, else by zlib; both speak alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["decompressobj", "error"]

if TYPE_CHECKING:
    from zlib import decompressobj, error
else:
    try:
        from isal.isal_zlib import decompressobj, error
    except ImportError:
        # It has wheels for the two machines that most work is done on, and is asked for there alone.
        from zlib import decompressobj, error
