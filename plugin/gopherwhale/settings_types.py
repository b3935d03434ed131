"""The types of single settings: how each is read from a file, a variable or a flag, and what it may be."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Final, TypeVar

from pydantic import AfterValidator, BeforeValidator, InstanceOf  # noqa: TID251 -- for settings_model.py

from gopherwhale import platforms, references
from gopherwhale.errors import UsageError
from gopherwhale.guesses import closest

# The one thing of lint and verify that settings know: which findings there are.
from gopherwhale.lint.codes import CODES as LINT_CODES  # noqa: TID251
from gopherwhale.verify.codes import CODES, Code  # noqa: TID251

Argument = TypeVar("Argument")
Result = TypeVar("Result")
_OWN_VARIABLES: Final = frozenset({"CGO_ENABLED", "GOARCH", "GOFLAGS", "GOOS"})


def _lines(value: object) -> object:
    """A string from the environment is a list, one item a line (a cache or a secret holds commas)."""
    return [line.strip() for line in value.splitlines() if line.strip()] if isinstance(value, str) else value


def _words(value: object) -> object:
    """The same for items that hold no comma."""
    return (
        [word.strip() for word in value.replace("\n", ",").split(",") if word.strip()]
        if isinstance(value, str)
        else value
    )


def _table(value: object) -> object:
    """`KEY=VALUE` lines are a table; a number that lost its zeros must not become a version."""
    if isinstance(value, (str, list, tuple)):
        lines = value.splitlines() if isinstance(value, str) else value
        pairs = [str(line).partition("=") for line in lines if str(line).strip()]
        if not all(name and sign for name, sign, _ in pairs):
            raise ValueError("write KEY=VALUE")
        return {name.strip(): text for name, _, text in pairs}
    if isinstance(value, Mapping):
        return {name: _string(text) for name, text in value.items()}
    return value


def _string(value: object) -> object:
    if isinstance(value, float):
        raise ValueError(f"{value} is a number, and 1.20 would read as 1.2: put it in quotes")  # noqa: TRY004 -- pydantic reports ValueError
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _checked(parse: Callable[[Argument], Result], value: Argument) -> Result:
    """Run a parser of ours so that pydantic can add which setting it was."""
    try:
        return parse(value)
    except UsageError as error:
        raise ValueError("; ".join(filter(None, (error.problem, error.hint)))) from None


def _platforms(value: object) -> object:
    words = [value] if isinstance(value, str) else value
    if isinstance(words, (list, tuple)) and all(isinstance(word, str) for word in words):
        return _checked(platforms.parse_many, words)
    return value


def _repository(value: str) -> str:
    found = _checked(references.parse, value) if value else None
    if found and (found.tag or found.digest):
        raise ValueError(f"{value!r} names a tag or digest, which the setting `tags` decides")
    return value


def _base(value: str) -> str:
    if value == "scratch" or (value.startswith("oci:") and value != "oci:"):
        return value
    _checked(references.parse, value)
    return value


def _below(value: str) -> str:
    if Path(value).is_absolute() or ".." in Path(value).parts or not value:
        raise ValueError("write a path inside the repository")
    return value


Words = Annotated[tuple[str, ...], BeforeValidator(_words)]
Lines = Annotated[tuple[str, ...], BeforeValidator(_lines)]
Table = Annotated[dict[str, str], BeforeValidator(_table)]
Platforms = Annotated[tuple[InstanceOf[platforms.Platform], ...], BeforeValidator(_platforms)]
Inside = Annotated[str, AfterValidator(_below)]


def _matching(pattern: str, advice: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if value and not re.fullmatch(pattern, value):
            raise ValueError(f"{value[:80]!r}: {advice}")
        return value

    return check


def _build_env(value: dict[str, str]) -> dict[str, str]:
    if taken := sorted(_OWN_VARIABLES & value.keys()):
        raise ValueError(f"the platform and the setting `flags` decide {taken[0]}")
    return value


def _by_platform(value: object) -> object:
    """Tables by platform, each name in its normal form: `arm64` and `linux/arm64/v8` are one."""
    if not isinstance(value, Mapping):
        raise ValueError('write a table for each platform, as [go.platform_env."linux/arm64"]')  # noqa: TRY004
    return {str(_checked(platforms.parse, str(name))): table for name, table in value.items()}


def _finding_code(codes: Mapping[str, Code], value: str) -> str:
    code = codes.get(value)
    if code is None:
        close = closest(value, codes, likeness=0.5)
        advice = f"did you mean {close!r}?" if close else f"known: {', '.join(sorted(codes))}"
        raise ValueError(f"{value[:80]!r} is no finding's code; {advice}")
    if code.fixed:
        raise ValueError(f"{value!r} cannot be weighed otherwise: what was not read was not judged")
    return value


Absolute = Annotated[str, AfterValidator(_matching(r"/[^\x00\n]*", "write a path from the image's root"))]
Port = Annotated[
    str, AfterValidator(_matching(r"\d{1,5}(/(tcp|udp|sctp))?", "write a port, as 8080 or 53/udp"))
]
User = Annotated[str, AfterValidator(_matching(r"\d{1,10}(:\d{1,10})?", "write numbers, as 65532:65532"))]
Mode = Annotated[str, AfterValidator(_matching(r"0?[0-7]{3,4}", "write it in octal, as 0640"))]
Ports = Annotated[tuple[Port, ...], BeforeValidator(_words)]
BuildEnvironment = Annotated[Table, AfterValidator(_build_env)]
FindingCode = Annotated[str, AfterValidator(functools.partial(_finding_code, CODES))]
LintCode = Annotated[str, AfterValidator(functools.partial(_finding_code, LINT_CODES))]
OnePlatform = Annotated[
    str, AfterValidator(lambda value: str(_checked(platforms.parse, value)) if value else "")
]
PlatformEnvironment = Annotated[dict[str, BuildEnvironment], BeforeValidator(_by_platform)]
Base = Annotated[str, AfterValidator(_base)]
Repository = Annotated[str, AfterValidator(_repository)]
Repositories = Annotated[tuple[Repository, ...], BeforeValidator(_words)]
