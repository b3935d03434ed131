"""Go source files, read as far as it takes to find programs: no Go toolchain is needed.

The grammar is that of the Go specification ("Lexical elements", "Source file organization"), the build
constraints those of `go help buildconstraint`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gopherwhale import platforms

# Comments and literals whole, so that nothing inside is taken for code; an unended one runs to the end.
_TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?(?:\*/|\Z))"""
    r"""|`[^`]*(?:`|\Z)|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?"""
    r"""|(?P<brace>[{}])|(?P<main>\bfunc\s+main\s*\(\s*\))|(?P<package>\bpackage\s+\w+)|(?P<cgo>\bimport\s+"C")""",
    re.DOTALL,
)
_EMBED = re.compile(r"^//go:embed[ \t]+(.+)$", re.MULTILINE)
_PATTERN = re.compile(r'"(?:\\.|[^"\\])*"|`[^`]*`|[^\s"`]+')
_TERM = re.compile(r"[()!]|&&|\|\||[\w.]+")
_RELEASE = re.compile(r"go1\.\d+")
# One architecture stands for all: a program that is left out of it is not one to ship everywhere.
_TRUE: Final = frozenset({"linux", "unix", "gc", "amd64"})
_SYSTEMS: Final = frozenset(
    {"aix", "android", "darwin", "dragonfly", "freebsd", "illumos", "ios", "js", "linux", "netbsd", "openbsd"}
    | {"plan9", "solaris", "wasip1", "windows"}
)
_ARCHITECTURES: Final = frozenset(
    {platform.architecture for platform in platforms.known("linux")} | {"wasm", "sparc64", "armbe", "ppc"}
)
_MAX_TERMS: Final = 500


@dataclass(frozen=True, kw_only=True)
class Source:
    """What a Go file is.

    Attributes:
        package: The package's name; empty where there is no package clause.
        has_main: Whether it is of the package main and declares the function that starts a program.
        cgo: Whether it is of the package main and imports C.
        summary: The first sentence of the package's comment.
        embedded: The patterns of its `go:embed` lines, as they are written.
    """

    package: str
    has_main: bool
    cgo: bool
    summary: str
    embedded: tuple[str, ...]


def read(text: str) -> Source:
    """Read a Go file."""
    package, comment, depth, has_main, cgo = "", "", 0, False, False
    end = 0
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup
        if not package and kind in ("comment", "package"):
            # Line comments one under the other are one comment; an empty line parts it from what follows.
            kept = comment if text.count("\n", end, match.start()) <= 1 else ""
            end = match.end()
            if kind == "package":
                package, comment = match[0].split()[1], kept
                # Only of a program is the rest of interest, and most files are of none.
                if package != "main":
                    break
            else:
                comment = f"{kept}\n{match[0]}" if kept.startswith("//") else match[0]
        elif kind == "brace":
            depth += 1 if match[0] == "{" else -1
        elif depth == 0:
            has_main = has_main or kind == "main"
            cgo = cgo or kind == "cgo"
    return Source(
        package=package,
        has_main=has_main,
        cgo=cgo,
        summary=_sentence(comment),
        embedded=tuple(_embedded(text)),
    )


def is_built(name: str, text: str) -> bool:
    """Whether a file takes part in a build for linux without cgo and without build tags.

    Args:
        name: The file's name, whose ending may name a system and an architecture.
        text: Its content.
    """
    stem = name.removesuffix(".go")
    if name.startswith(("_", ".")) or stem.endswith("_test"):
        return False
    parts = stem.split("_")[1:]
    if parts and parts[-1] in _ARCHITECTURES:
        if parts.pop() not in _TRUE:
            return False
        parts = [part for part in parts[-1:] if part in _SYSTEMS]
    if parts and parts[-1] in _SYSTEMS and parts[-1] not in _TRUE:
        return False
    return _constraint_holds(text)


def holds(expression: str) -> bool:
    """Whether a `//go:build` expression is true for such a build; one that is unsound counts as true."""
    terms = _TERM.findall(expression)
    if len(terms) > _MAX_TERMS:
        return True
    try:
        value, rest = _either(terms)
    except (IndexError, RecursionError):
        return True
    return value or bool(rest)


def _constraint_holds(text: str) -> bool:
    old = []
    for line in _header(text):
        if line.startswith("//go:build "):
            return holds(line.removeprefix("//go:build "))
        if re.match(r"//\s*\+build\s", line):
            old.append(line.partition("+build")[2].split())
    # The older form: lines are joined by "and", words by "or", what commas join by "and" again.
    return all(any(all(holds(term) for term in word.split(",")) for word in words) for words in old if words)


def _header(text: str) -> Iterator[str]:
    """The comments before the package clause."""
    for match in _TOKEN.finditer(text):
        if match.lastgroup != "comment":
            return
        yield match[0].strip()


def _either(terms: list[str]) -> tuple[bool, list[str]]:
    value, terms = _both(terms)
    while terms and terms[0] == "||":
        right, terms = _both(terms[1:])
        value = value or right
    return value, terms


def _both(terms: list[str]) -> tuple[bool, list[str]]:
    value, terms = _single(terms)
    while terms and terms[0] == "&&":
        right, terms = _single(terms[1:])
        value = value and right
    return value, terms


def _single(terms: list[str]) -> tuple[bool, list[str]]:
    first, *rest = terms[0], *terms[1:]
    if first == "!":
        value, rest = _single(rest)
        return not value, rest
    if first == "(":
        value, rest = _either(rest)
        return value, rest[1:] if rest[:1] == [")"] else rest
    return first in _TRUE or _RELEASE.fullmatch(first) is not None, rest


def _embedded(text: str) -> Iterator[str]:
    for line in _EMBED.findall(text):
        for pattern in _PATTERN.findall(line):
            yield pattern.strip('"`').removeprefix("all:")


def _sentence(comment: str) -> str:
    """The first sentence of a package's comment, in one line."""
    body = re.sub(r"^/\*|\*/$|^//(?:go:\S.*)?", "", comment, flags=re.MULTILINE).strip()
    paragraph = " ".join(body.split("\n\n")[0].split())
    return re.split(r"(?<=[.!?])\s", paragraph)[0].removesuffix(".")
