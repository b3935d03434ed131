"""A .gitignore that exists, and what it lacks for our tools: what git finds makes the tree dirty."""

from __future__ import annotations

from typing import Final

NAME: Final = ".gitignore"
_HEADING: Final = "# What gopherwhale builds, and what its tools leave"


def completed(theirs: bytes, ours: bytes) -> bytes:
    """A .gitignore with the folders added that another one names and it does not.

    Args:
        theirs: What is there.
        ours: Whose folders are wanted; files are left to whoever wrote the other.

    Returns:
        The same bytes where nothing is missing. A folder that they take in by a `!` stays so.
    """
    text = theirs.decode(errors="surrogateescape")
    known = {_bare(line.removeprefix("!")) for line in text.splitlines()}
    wanted = [line for line in ours.decode().splitlines() if line.endswith("/") and not line.startswith("#")]
    missing = [line for line in wanted if _bare(line) not in known]
    if not missing:
        return theirs
    end = "\r\n" if "\r\n" in text else "\n"
    before = f"{text.removesuffix(end)}{end}{end}" if text.strip() else ""
    return (before + end.join([_HEADING, *missing, ""])).encode(errors="surrogateescape")


def _bare(line: str) -> str:
    """The folder that a pattern names, wherever it is looked for (gitignore(5))."""
    return line.strip().removeprefix("**").strip("/").removesuffix("/**").removesuffix("/*")
