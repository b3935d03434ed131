"""What a `.dockerignore` leaves out: https://docs.docker.com/build/concepts/context/#dockerignore-files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_MOST_LINES: Final = 10_000
_MOST_PATTERN: Final = 1000


def leaves_out(lines: Iterable[str], name: str) -> bool:
    """Whether a file or folder of the context is left out; the last line that fits counts.

    Args:
        lines: Of the file; what stands beyond its ten thousandth is not read.
        name: The name, with no slash in it unless it is below another folder.
    """
    out = False
    for number, line in enumerate(lines):
        if number == _MOST_LINES:
            break
        pattern = line.strip()
        if not pattern or line.startswith("#"):
            continue
        kept = pattern.startswith("!")
        pattern = pattern.removeprefix("!").strip().strip("/").removeprefix("./")
        if len(pattern) <= _MOST_PATTERN and _fits(pattern, name):
            out = not kept
    return out


def _fits(pattern: str, name: str) -> bool:
    """Whether a pattern names a path, one of its parents, or everything in it."""
    parts = name.split("/")
    paths = ["/".join(parts[: count + 1]) for count in range(len(parts))]
    return any(_matches(pattern.removesuffix("/**").removesuffix("/*"), path) for path in paths)


def _matches(pattern: str, path: str) -> bool:
    """Match by the reachable places in the pattern, a letter at a time: no pattern makes it go back."""
    tokens = _tokens(pattern)
    at = _skipped(tokens, {0})
    for letter in path:
        after = {place + step for place in at for step in _steps(tokens, place, letter)}
        at = _skipped(tokens, after)
    return len(tokens) in at


def _tokens(pattern: str) -> list[str]:
    tokens: list[str] = []
    index = 0
    while index < len(pattern):
        size = 3 if pattern.startswith("**/", index) else 2 if pattern[index : index + 2] == "**" else 1
        if pattern[index] == "\\" and index + 1 < len(pattern):
            size = 2
        elif pattern[index] == "[" and (close := pattern.find("]", index + 1)) > 0:
            size = close + 1 - index
        tokens.append(pattern[index : index + size])
        index += size
    return tokens


def _skipped(tokens: list[str], places: set[int]) -> set[int]:
    """The places with those that may match nothing passed by."""
    found = set(places)
    for place in places:
        following = place
        while following < len(tokens) and tokens[following] in ("*", "**", "**/"):
            following += 1
            if following in found:
                break
            found.add(following)
    return found


def _steps(tokens: list[str], place: int, letter: str) -> tuple[int, ...]:
    """By how much a letter may move a place on."""
    part = tokens[place] if place < len(tokens) else ""
    if part == "**/":
        return (0, 1) if letter == "/" else (0,)
    if part == "**" or (part == "*" and letter != "/"):
        return (0,)
    if part == "?" and letter != "/":
        return (1,)
    if part.startswith("[") and len(part) > 1:
        body = part[1:-1]
        inside = letter in body.removeprefix("^") or _in_range(body, letter)
        return (1,) if inside != body.startswith("^") else ()
    return (1,) if part in (letter, f"\\{letter}") else ()


def _in_range(body: str, letter: str) -> bool:
    ranges = (body[index - 1 : index + 2] for index, mark in enumerate(body) if mark == "-" and index)
    return any(len(one) == 3 and one[0] <= letter <= one[2] for one in ranges)  # noqa: PLR2004 -- A-Z
