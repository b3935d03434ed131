"""Bring a repository's files from what an old template made to what a new one makes, the user's changes kept.

Three texts meet: what the template made then (the base), what it makes now, and what the user made of it. git
itself merges them (`git merge-file`) and marks what only a person can decide, as after any merge.
"""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gopherwhale.adopt import changes
from gopherwhale.adopt.changes import Change
from gopherwhale.errors import MissingToolError, UsageError

_TIMEOUT: Final = 60
_LABELS: Final = ("yours", "the template before", "the template now")
# git merge-file gives the number of conflicts, at most 127; above that it failed.
_MOST_CONFLICTS: Final = 127


@dataclass(frozen=True, kw_only=True)
class Merge:
    """What an update would do.

    Attributes:
        changes: Files that change.
        notes: Files that are left as they are though the template has something else, a line each.
    """

    changes: tuple[Change, ...]
    notes: tuple[str, ...]


def blob_id(data: bytes) -> str:
    """The id that git gives to a file."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def first_text(root: Path, blob: str) -> bytes | None:
    """What the template made of a file, from the repository's own history; None if it is not there."""
    done = _git(root, "cat-file", "blob", blob)
    return done.stdout if done.returncode == 0 and blob_id(done.stdout) == blob else None


def plan(
    root: Path, before: Mapping[str, str], now: Mapping[str, bytes], base: Callable[[str], bytes]
) -> Merge:
    """Decide what an update does.

    Args:
        root: The repository.
        before: By path: the blob that the old template made.
        now: By path: what the new template makes.
        base: Gives the content of such a blob, by its path.

    Raises:
        UsageError: A file cannot be read, or its old text is not to be had.
    """
    found: list[Change] = []
    notes: list[str] = []
    for path in sorted({*before, *now}):
        if (root / path).is_symlink():
            notes.append(f"{path}: it is a link, and stays")
            continue
        mine = changes.current(root, path)
        change, note = _one(path, mine, before.get(path, ""), now.get(path), base)
        found += [change] if change else []
        notes += [f"{path}: {note}"] if note else []
    return Merge(changes=tuple(found), notes=tuple(notes))


def _one(
    path: str, mine: bytes | None, blob: str, new: bytes | None, base: Callable[[str], bytes]
) -> tuple[Change | None, str]:
    """What happens to one file, or why nothing does."""
    untouched = mine is not None and blob_id(mine) == blob
    if mine == new or (new is not None and blob_id(new) == blob):
        return None, ""
    if mine is None:
        return (
            (None, "you removed it, and so it stays") if blob else (Change(path=path, old=None, new=new), "")
        )
    if not blob:
        return None, "it is yours; the template now has one of that name"
    if untouched:
        return Change(path=path, old=mine, new=new), ""
    if new is None:
        return None, "the template has it no more; you changed it, and so it stays"
    merged, conflicts = merge(mine, base(path), new)
    return (
        (None, "") if merged == mine else (Change(path=path, old=mine, new=merged, conflicts=conflicts), "")
    )


def merge(mine: bytes, base: bytes, new: bytes) -> tuple[bytes, int]:
    """Merge three texts.

    Returns:
        The result, and the number of its conflicts.

    Raises:
        UsageError: One of them is no text.
    """
    with tempfile.TemporaryDirectory(prefix="gopherwhale-merge-") as folder:
        names = list(_put(Path(folder), mine, base, new))
        labels = [part for label in _LABELS for part in ("-L", label)]
        done = _git(Path(folder), "merge-file", "-p", *labels, *names)
    if not 0 <= done.returncode <= _MOST_CONFLICTS:
        raise UsageError(f"git cannot merge: {done.stderr.decode(errors='replace').strip()[:200]}")
    return done.stdout, done.returncode


def _put(folder: Path, *texts: bytes) -> Iterator[str]:
    for name, text in zip(("mine", "base", "new"), texts, strict=True):
        (folder / name).write_bytes(text)
        yield name


def _git(folder: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            ["git", "-C", str(folder), *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT,
            check=False,
        )
    except FileNotFoundError:
        raise MissingToolError("git is not on PATH", hint="install git: it merges the texts") from None
    except subprocess.TimeoutExpired:
        raise UsageError(f"git {words[0]} did not answer within {_TIMEOUT} s in {folder}") from None
