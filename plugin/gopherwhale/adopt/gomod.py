"""go.mod and go.work as far as a build's recipe needs them (go.dev/ref/mod, "go.mod files", "Workspaces").

They are a stranger's: whatever cannot be read is passed by, as the go command itself will name it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

# A comment runs to the line's end; a string may hold one. The last alternatives take what is left.
_TOKEN = re.compile(r"""//[^\n]*|\n|[()]|"(?:\\.|[^"\\\n])*"|`[^`]*`|=>|[^\s()"`]+|["`]""")
_VERSION = re.compile(r"1\.(\d{1,3})(?:\.(\d{1,3}))?(?:(?:rc|beta)\d{1,2})?")
_BLOCKS: Final = frozenset(
    {"exclude", "godebug", "ignore", "module", "replace", "require", "retract", "tool", "use"}
)


@dataclass(frozen=True, kw_only=True)
class ModFile:
    """What a go.mod or go.work says.

    Attributes:
        module: The module's path; empty in a go.work.
        go: The language version, as 1.22 or 1.22.3; empty where none is named.
        toolchain: As 1.24.1; empty where none is named.
        used: The folders of a workspace, as they are written.
        replaced: The folders that take other modules' places, as they are written.
        required: The paths of the modules that it needs.
    """

    module: str = ""
    go: str = ""
    toolchain: str = ""
    used: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    required: tuple[str, ...] = ()


def parse(text: str) -> ModFile:
    """Read a go.mod or go.work."""
    first: dict[str, str] = {}
    used, replaced, required = [], [], []
    for verb, *words in _statements(text):
        match verb, words:
            case (("module" | "go" | "toolchain"), [value, *_]):
                first.setdefault(verb, value)
            case "use", [folder, *_]:
                used.append(folder)
            case "require", [path, *_]:
                required.append(path)
            case "replace", [*_, "=>", folder] if folder.startswith(("./", "../")) or folder in (".", ".."):
                replaced.append(folder)
    return ModFile(
        module=first.get("module", ""),
        go=_version(first.get("go", "")),
        toolchain=_version(first.get("toolchain", "").removeprefix("go")),
        used=tuple(dict.fromkeys(used)),
        replaced=tuple(dict.fromkeys(replaced)),
        required=tuple(dict.fromkeys(required)),
    )


def inside(base: str, folder: str) -> str | None:
    """A folder that a file in `base` names, from the repository's top.

    Args:
        base: Where the file is, from the top; `.` for the top.
        folder: As the file names it.

    Returns:
        As `tools/x` or `.`; None where it lies outside of the repository.
    """
    if folder.startswith("/") or "\\" in folder:
        return None
    parts: list[str] = []
    for part in (*PurePosixPath(base).parts, *PurePosixPath(folder).parts):
        if part != "..":
            parts.append(part)
        elif not parts:
            return None
        else:
            parts.pop()
    return "/".join(parts) or "."


def newer(one: str, other: str) -> str:
    """The newer of two versions of Go; an empty one is older than any."""
    return max(one, other, key=_key)


def _key(version: str) -> tuple[int, int]:
    match = _VERSION.fullmatch(version)
    return (int(match[1]), int(match[2] or 0)) if match else (-1, -1)


def _version(text: str) -> str:
    return text if _VERSION.fullmatch(text) else ""


def _statements(text: str) -> Iterator[list[str]]:
    """Each statement's words, those in a block with the block's verb in front."""
    block, words = "", list[str]()
    for match in _TOKEN.finditer(f"{text}\n"):
        piece = match[0]
        if piece == "\n":
            if words:
                yield [block, *words] if block else words
            words = []
        elif piece == "(" and not block and len(words) == 1 and words[0] in _BLOCKS:
            block, words = words[0], []
        elif piece == ")" and block and not words:
            block = ""
        elif not piece.startswith("//"):
            words.append(_unquoted(piece))


def _unquoted(piece: str) -> str:
    if len(piece) > 1 and piece[0] == piece[-1] and piece[0] in '"`':
        return piece[1:-1]
    return piece
