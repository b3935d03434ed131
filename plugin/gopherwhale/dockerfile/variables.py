"""Variables in a Dockerfile: where they are used, and what they stand for as far as that is known.

https://docs.docker.com/reference/dockerfile/#environment-replacement
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

# Set by BuildKit: https://docs.docker.com/reference/dockerfile/#automatic-platform-args-in-the-global-scope
PLATFORM_ARGS: Final = frozenset(
    f"{side}{part}" for side in ("BUILD", "TARGET") for part in ("PLATFORM", "OS", "ARCH", "VARIANT")
)
_MOST: Final = 4096
_DEEPEST: Final = 8
_NAME: Final = r"[A-Za-z_][A-Za-z0-9_]*+"
_PLAIN = re.compile(rf"\$(?:({_NAME})|\{{({_NAME})(:?[-+?])?)")
_TOKENS: Final = {
    escape: re.compile(
        rf"{re.escape(escape)}.|(?P<quote>['\"])"
        rf"|\$(?:(?P<bare>{_NAME})|\{{(?P<braced>{_NAME})(?P<operator>:?[-+?]|[#%/])?)",
        re.DOTALL,
    )
    for escape in ("\\", "`")
}


@dataclass(frozen=True, kw_only=True)
class Use:
    """A variable that is read.

    Attributes:
        name: The variable's.
        offset: Of its dollar sign, in the text.
        operator: What stands behind the name in braces, as `:-`; else empty.
        default: What stands for it where it is empty, as far as the next brace; else empty.
    """

    name: str
    offset: int
    operator: str = ""
    default: str = ""


def uses(text: str, escape: str = "\\", start: int = 0) -> Iterator[Use]:
    """The variables that a text reads: not those that are escaped or in single quotes.

    Args:
        text: Of an instruction or a shell's script.
        escape: The escape character.
        start: Where to begin.
    """
    pattern, at, double, singles = _TOKENS[escape], start, False, True
    while found := pattern.search(text, at):
        at = found.end()
        if found["quote"] == '"':
            double = not double
        elif found["quote"] and not double and singles:
            close = text.find("'", at)
            # A quote that is never closed is looked for once.
            at, singles = (close + 1, True) if close >= 0 else (at, False)
        elif name := found["bare"] or found["braced"]:
            operator = found["operator"] or ""
            default = _until_brace(text, at) if operator.endswith("-") else ""
            yield Use(name=name, offset=found.start(), operator=operator, default=default)


def _until_brace(text: str, at: int) -> str:
    return re.split(r"[{}]", text[at : at + _MOST], maxsplit=1)[0]


def expand(text: str, known: Mapping[str, str | None]) -> str:
    """Fill in the variables that are known; the others stay as `${NAME}`.

    Args:
        text: A word without its quotes.
        known: Values by name; None for one that only the builder knows.

    Returns:
        The text, cut where it grows beyond all use.
    """
    return _expand(text, known, _DEEPEST)[:_MOST]


def _expand(text: str, known: Mapping[str, str | None], depth: int) -> str:
    parts: list[str] = []
    at, length = 0, 0
    while length <= _MOST and (found := _PLAIN.search(text, at)):
        parts.append(text[at : found.start()])
        if found[1]:
            at, value = found.end(), _value(found[1], known)
        else:
            end = _closing(text, found.end())
            at = end + 1
            value = _braced(found[2], found[3] or "", text[found.end() : end], known, depth)
        parts.append(value)
        length += len(parts[-1]) + len(parts[-2])
    return "".join((*parts, text[at:]))


def _value(name: str, known: Mapping[str, str | None]) -> str:
    value = known.get(name)
    return f"${{{name}}}" if value is None else value


def _closing(text: str, at: int) -> int:
    """The offset of the brace that closes, looked for within bounds; the text's end where there is none."""
    depth = 1
    for index in range(at, min(len(text), at + _MOST)):
        depth += {"{": 1, "}": -1}.get(text[index], 0)
        if depth == 0:
            return index
    return len(text)


def _braced(name: str, operator: str, word: str, known: Mapping[str, str | None], depth: int) -> str:
    if not operator:
        # Patterns as ${NAME#v} are left as they are: no rule needs them.
        return f"${{{name}{word}}}" if word else _value(name, known)
    value = known.get(name)
    if name in known and value is None:
        return f"${{{name}}}"
    filled = value is not None and (value != "" or ":" not in operator)
    other = _expand(word, known, depth - 1) if depth > 0 else ""
    if operator.endswith("+"):
        return other if filled else ""
    return (value or "") if filled else other if operator.endswith("-") else ""
