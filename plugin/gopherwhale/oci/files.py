"""Files that are replaced whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final

PARTIAL: Final = ".partial-"


def write_atomically(path: Path, data: bytes, *, sync: bool = True) -> None:
    """Replace a file by new bytes in one rename, so that a reader sees the old or the new whole.

    Args:
        path: The file.
        data: Its new bytes.
        sync: Whether they must survive a power cut; not for what can be made again and has a checksum.

    Raises:
        OSError: The folder cannot be written; the old file stands.
    """
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=PARTIAL, delete=False) as stream:
        try:
            stream.write(data)
            stream.flush()
            if sync:
                os.fsync(stream.fileno())
            os.fchmod(stream.fileno(), 0o644)
            Path(stream.name).replace(path)
        except BaseException:
            Path(stream.name).unlink(missing_ok=True)
            raise
