"""Words, flags and lists as a Dockerfile writes them, each with its place."""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from typing import Final

_FLAG = re.compile(r"--([a-z][a-z0-9-]*)(?:=(.*))?", re.DOTALL)
_MOST_MOUNT_OPTIONS: Final = 64


@dataclass(frozen=True, kw_only=True)
class Word:
    """One word.

    Attributes:
        raw: As it stands, with its quotes.
        text: Without quotes and escapes.
        offset: Where it begins, in the text that it was split from.
    """

    raw: str
    text: str
    offset: int

    @property
    def end(self) -> int:
        """The offset behind it."""
        return self.offset + len(self.raw)


@dataclass(frozen=True, kw_only=True)
class Flag:
    """A flag in front of an instruction's words, as `--from=build`."""

    name: str
    value: str
    offset: int
    end: int

    @property
    def options(self) -> dict[str, str]:
        """The value as the comma-separated options of `--mount`."""
        pairs = [part.partition("=") for part in self.value.split(",", _MOST_MOUNT_OPTIONS)]
        return {key.strip().lower(): text.strip().strip("\"'") for key, _, text in pairs}


def split(text: str, escape: str, start: int = 0) -> list[Word]:
    """Part a text at white space, quotes and escapes respected; a quote that nobody closes is a letter.

    Args:
        text: What is parted.
        escape: The escape character of the file.
        start: Where to begin.
    """
    pattern = _word_pattern(escape)
    return [
        Word(raw=found[0], text=unquote(found[0], escape), offset=found.start())
        for found in pattern.finditer(text, start)
    ]


def unquote(raw: str, escape: str) -> str:
    """A word without its quotes and escapes, as the builder and a shell would read it."""
    if not any(mark in raw for mark in ("'", '"', escape)):
        return raw
    return "".join(map(_plain, _part_pattern(escape).finditer(raw)))


def flags_of(words: list[Word]) -> tuple[tuple[Flag, ...], list[Word]]:
    """Part the leading `--name=value` words from the rest."""
    flags: list[Flag] = []
    for index, word in enumerate(words):
        found = _FLAG.fullmatch(word.text)
        if not found:
            return tuple(flags), words[index:]
        flags.append(Flag(name=found[1], value=found[2] or "", offset=word.offset, end=word.end))
    return tuple(flags), []


def json_list(text: str) -> list[str] | None:
    """The strings of the JSON form, or None where it is the shell form."""
    if not text.lstrip().startswith("["):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    strings = isinstance(found, list) and all(isinstance(item, str) for item in found)
    return found if strings else None


@functools.cache
def _word_pattern(escape: str) -> re.Pattern[str]:
    # Possessive, so that no text makes the pattern go back over what it has read.
    e = re.escape(escape)
    return re.compile(rf"""(?:[^\s"'{e}]++|{e}.?|"(?:[^"{e}]++|{e}.)*+"|'[^']*+'|["'])++""", re.DOTALL)


@functools.cache
def _part_pattern(escape: str) -> re.Pattern[str]:
    e = re.escape(escape)
    return re.compile(
        rf"""(?P<single>'[^']*+')|(?P<double>"(?:[^"{e}]++|{e}.)*+")|{e}(?P<escaped>.?)"""
        rf"""|(?P<plain>[^"'{e}]++|["'])""",
        re.DOTALL,
    )


def _plain(part: re.Match[str]) -> str:
    if part["single"] is not None:
        return part["single"][1:-1]
    if part["double"] is not None:
        return re.sub(r'[\\`](["$`\\])', r"\1", part["double"][1:-1])
    return part["escaped"] if part["plain"] is None else part["plain"]
