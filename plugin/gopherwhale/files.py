"""Files read within a bound, and replaced whole or not at all. A leaf."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from gopherwhale.errors import UsageError

PARTIAL: Final = ".partial-"
# mkstemp makes files that only their owner reads; what we write is for everyone who reads its folder.
_MODE: Final = 0o644


def read_bounded(path: Path, bound: int) -> bytes:
    """What a file holds.

    Args:
        path: The file.
        bound: The most bytes that it may have.

    Raises:
        UsageError: It cannot be read, or is larger.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(bound + 1)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    if len(data) > bound:
        raise UsageError(f"{path} is larger than {bound} bytes")
    return data


@contextlib.contextmanager
def replacing(path: Path, *, sync: bool = True, mode: int = _MODE) -> Iterator[IO[bytes]]:
    """A new file beside another, whose place it takes at the end of the block; where that fails, it is gone.

    Args:
        path: The file to replace or make.
        sync: Whether it must survive a power cut; not for what can be made again and has a checksum.
        mode: Permission bits.

    Raises:
        OSError: The folder cannot be written; the old file stands.
    """
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=PARTIAL, delete=False) as stream:
        try:
            yield stream
            settle(stream, path, sync=sync, mode=mode)
        except BaseException:
            Path(stream.name).unlink(missing_ok=True)
            raise


def settle(stream: IO[bytes], path: Path, *, sync: bool = True, mode: int = _MODE) -> None:
    """Give a temporary file, written to its end, its place in one rename; arguments as of `replacing`."""
    stream.flush()
    if sync:
        os.fsync(stream.fileno())
    os.fchmod(stream.fileno(), mode)
    Path(stream.name).replace(path)


def write_atomically(path: Path, data: bytes, *, sync: bool = True) -> None:
    """Replace a file by new bytes, so that a reader sees the old or the new whole; see `replacing`."""
    with replacing(path, sync=sync) as stream:
        stream.write(data)


def rewrite(path: Path, data: bytes) -> None:
    """Replace what a file of the user's holds: a link stays a link, and a file keeps its mode.

    Raises:
        UsageError: It cannot be written; what stood there stands.
    """
    target = path.resolve()
    try:
        mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else _MODE
        with replacing(target, mode=mode) as stream:
            stream.write(data)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from None
