"""Changes to a repository's files: shown first, then written whole or not at all, and nowhere else."""

from __future__ import annotations

import contextlib
import difflib
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gopherwhale.errors import UsageError

_PARTIAL: Final = ".gopherwhale-"


@dataclass(frozen=True, kw_only=True)
class Change:
    """What happens to one file.

    Attributes:
        path: From the repository's top.
        old: What is there; None for no file.
        new: What shall be there; None for no file.
        conflicts: How many places are left for a person to decide.
    """

    path: str
    old: bytes | None
    new: bytes | None
    conflicts: int = 0

    def diff(self) -> str:
        """The change in the unified form."""
        names = (f"a/{self.path}", f"b/{self.path}")
        before, after = (_lines(data) for data in (self.old, self.new))
        origin = "/dev/null" if self.old is None else names[0]
        target = "/dev/null" if self.new is None else names[1]
        return "\n".join(difflib.unified_diff(before, after, origin, target, lineterm=""))


def current(root: Path, path: str) -> bytes | None:
    """What a file holds; None where there is nothing of its name.

    Raises:
        UsageError: It cannot be read, or lies behind a link: a write there would leave the repository.
    """
    place = root / path
    for folder in place.relative_to(root).parents:
        if (root / folder).is_symlink():
            raise UsageError(f"{root / folder} is a link, and gopherwhale writes through none")
    try:
        return bytes(place.readlink()) if place.is_symlink() else place.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"cannot read {place}: {error.strerror}") from None


def write(root: Path, changes: Sequence[Change]) -> None:
    """Make all changes, or none.

    Every new content lies complete beside its place before the first file changes; what has changed since it
    was shown is left alone.

    Raises:
        UsageError: A file cannot be written, or was changed meanwhile; nothing is left behind.
    """
    with contextlib.ExitStack() as stack:
        try:
            made = [(change, stack.enter_context(_beside(root, change))) for change in changes]
            for change in changes:
                if current(root, change.path) != change.old:
                    raise UsageError(f"{root / change.path} was changed meanwhile", hint="try again")
            for change, partial in made:
                _put(root / change.path, partial)
        except OSError as error:
            place = Path(error.filename or root)
            shown = place.parent if place.name.startswith(_PARTIAL) else place
            raise UsageError(f"cannot write to {shown}: {error.strerror}") from None


def _put(place: Path, partial: Path | None) -> None:
    if partial is None:
        place.unlink(missing_ok=True)
    else:
        partial.replace(place)


@contextlib.contextmanager
def _beside(root: Path, change: Change) -> Iterator[Path | None]:
    """The new content in a file of another name beside its place, which is gone at the end."""
    if change.new is None:
        yield None
        return
    place = root / change.path
    if place.is_symlink():
        raise UsageError(f"{place} is a link, and gopherwhale writes through none", hint="remove it first")
    # What the user's mask gives to a new file; a file that is replaced keeps its own mode.
    mode = place.stat().st_mode & 0o777 if place.exists() else 0o666 & ~_umask()
    missing = [one for one in (place.parent, *place.parents) if not one.exists()]
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=_PARTIAL, dir=place.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(change.new)
                stream.flush()
                os.fsync(stream.fileno())
                os.fchmod(stream.fileno(), mode)
            yield Path(name)
        finally:
            Path(name).unlink(missing_ok=True)
    finally:
        # Folders that hold nothing after all go too.
        for folder in missing:
            with contextlib.suppress(OSError):
                folder.rmdir()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _lines(data: bytes | None) -> list[str]:
    """A file's lines, with what could steer a terminal shown as an escape."""
    if not data:
        return []
    lines = data.decode(errors="backslashreplace").split("\n")
    # As `diff` says it, for the next line of the output would else begin on the same one.
    ended = lines[:-1] if lines[-1] == "" else [*lines[:-1], f"{lines[-1]}\\ No newline at end of file"]
    return [line if line.isprintable() else _escaped(line) for line in ended]


def _escaped(line: str) -> str:
    return "".join(c if c.isprintable() or c == "\t" else ascii(c)[1:-1] for c in line)
