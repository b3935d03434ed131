"""`# gopherwhale: ignore=CODE reason`, on the line above what it is for."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from gopherwhale.dockerfile.syntax import Dockerfile
from gopherwhale.guesses import closest
from gopherwhale.lint.codes import CODES
from gopherwhale.lint.findings import Finding, finding
from gopherwhale.verify.codes import Severity

_COMMENT = re.compile(r"gopherwhale:\s*ignore\s*=\s*([\w,-]+)\s*(.*)")


@dataclass(frozen=True, kw_only=True)
class Ignore:
    """One comment: the codes that it is for, why, and its line."""

    line: int
    codes: tuple[str, ...]
    reason: str


def read_comments(comments: Mapping[int, str]) -> dict[int, Ignore]:
    """The ignore comments among comments, by line."""
    found: dict[int, Ignore] = {}
    for line, text in comments.items():
        if match := _COMMENT.fullmatch(text.strip()):
            codes = tuple(code for code in match[1].split(",") if code)
            found[line] = Ignore(line=line, codes=codes, reason=match[2].strip())
    return found


def apply(
    path: str, file: Dockerfile, findings: Sequence[Finding], beside: Mapping[str, Mapping[int, str]]
) -> list[Finding]:
    """Allow what a comment allows, and tell comments that do nothing.

    Args:
        path: The Dockerfile, as it was named.
        file: Its text.
        findings: What the rules found.
        beside: Comments of the other files that findings are about, by path; they hold for their whole file.
    """
    comments = read_comments(file.comments)
    others = {name: read_comments(found) for name, found in beside.items()}
    used: set[tuple[str, int, str]] = set()
    result = []
    blocks = _blocks(file.comments, comments)
    for one in findings:
        if one.path == path:
            above = [blocks.get(line - 1, {}) for line in _starts(file, one.line)]
        else:
            above = [_by_code(others.get(one.path, {}).values())]
        ignore = next((found[one.code] for found in above if one.code in found), None)
        if ignore:
            used.add((one.path, ignore.line, one.code))
        allowed = ignore.reason if ignore else ""
        result.append(replace(one, severity=Severity.ALLOWED, reason=allowed) if allowed else one)
    for name, found in {path: comments, **others}.items():
        for comment in found.values():
            result += _told(name, comment, used)
    return result


def _blocks(comments: Mapping[int, str], ignores: Mapping[int, Ignore]) -> dict[int, dict[str, Ignore]]:
    """By the last line of each block of comments, the ignore comments in it; of a code, the lowest."""
    found: dict[int, dict[str, Ignore]] = {}
    for line in sorted(comments):
        found[line] = found.pop(line - 1, {})
        found[line].update(_by_code([ignores[line]] if line in ignores else ()))
    return found


def _by_code(ignores: Iterable[Ignore]) -> dict[str, Ignore]:
    return {code: ignore for ignore in ignores for code in ignore.codes}


def _starts(file: Dockerfile, line: int) -> set[int]:
    """The lines right below which comments hold for a line: itself, and where its instruction begins."""
    begun = bisect.bisect_right(file.instructions, line, key=lambda one: one.line)
    return {line, *(one.line for one in file.instructions[max(begun - 1, 0) : begun] if line <= one.end)}


def _told(path: str, comment: Ignore, used: set[tuple[str, int, str]]) -> Iterator[Finding]:
    if not comment.reason:
        mended = f"# gopherwhale: ignore={','.join(comment.codes)} REASON"
        yield finding("ignore-without-reason", path, comment.line, "no reason is given", mended=mended)
    for code in comment.codes:
        if code not in CODES:
            close = closest(code, CODES)
            found = f"{code} is no code of lint's"
            mended = f"did you mean {close}?" if close else ""
            yield finding("ignore-unknown", path, comment.line, found, mended=mended)
        elif comment.reason and (path, comment.line, code) not in used:
            yield finding("ignore-unused", path, comment.line, f"nothing here is {code}")
