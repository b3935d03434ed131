"""Scripts: what Linux takes from the first line of a file that begins with `#!` (fs/binfmt_script.c)."""

from __future__ import annotations

from typing import Final

from gopherwhale.verify.reading import Data

MAGIC: Final = b"#!"
_READ: Final = 256


def read(data: Data) -> tuple[str, str]:
    """The interpreter and the one argument that all further words together are; empty where there is none."""
    line = bytes(data[2:_READ]).partition(b"\n")[0].partition(b"\0")[0]
    words = line.strip(b" \t").replace(b"\t", b" ").split(b" ", 1)
    program, argument = [*words, b""][:2]
    return program.decode(errors="replace"), argument.strip(b" ").decode(errors="replace")
