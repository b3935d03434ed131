"""The types of single settings: how each is read from a file, a variable or a flag, and what it may be."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

from gopherwhale import platforms, references
from gopherwhale.errors import UsageError
from gopherwhale.guesses import advice

# The one thing of lint and verify that settings know: which findings there are.
from gopherwhale.lint.codes import CODES as LINT_CODES  # noqa: TID251
from gopherwhale.verify.codes import CODES, Code  # noqa: TID251

Argument = TypeVar("Argument")
Result = TypeVar("Result")
_OWN_VARIABLES: Final = frozenset({"CGO_ENABLED", "GOARCH", "GOFLAGS", "GOOS"})
_TRUE: Final = frozenset({"true", "t", "yes", "y", "on", "1"})
_FALSE: Final = frozenset({"false", "f", "no", "n", "off", "0"})


@dataclass(frozen=True)
class Read:
    """A step of reading a setting, taken before its type is checked; each takes the result of the one before.

    Attributes:
        step: Takes whatever a file, a variable or a flag held, and returns as it is what is no business of
            its own; raises `ValueError` with what is wrong, which is told with the setting's place.
    """

    step: Callable[[Any], Any]


def _lines(value: object) -> object:
    """A string from the environment is a list, one item a line (a cache or a secret holds commas)."""
    return [line.strip() for line in value.splitlines() if line.strip()] if isinstance(value, str) else value


def _command(value: object) -> object:
    """A command line as a whole would become one word, and no program has that name."""
    if isinstance(value, str) and "\n" not in value and len(value.split()) > 1:
        words = ", ".join(f'"{word}"' for word in value.split())
        raise ValueError(f"write a list, as [{words[:80]}]; in a variable, one item a line")
    return _lines(value)


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
        return {str(name): _string(str(name), text) for name, text in value.items()}
    return value


def _string(name: str, value: object) -> str:
    if isinstance(value, float):
        raise ValueError(f"{name}: {value} is a number, and 1.20 would read as 1.2: put it in quotes")  # noqa: TRY004 -- as of `Read`
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ValueError(f"{name}: write a string, in quotes")  # noqa: TRY004 -- as of `Read`
    return str(value)


def _checked(parse: Callable[[Argument], Result], value: Argument) -> Result:
    """Run a parser of ours; who calls a `Read` adds which setting it was."""
    try:
        return parse(value)
    except UsageError as error:
        raise ValueError("; ".join(filter(None, (error.problem, error.hint)))) from None


def _platforms(value: object) -> object:
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, (list, tuple)) or not all(isinstance(word, str) for word in words):
        raise ValueError("write a list of platforms or presets, as linux/arm64")
    return _checked(platforms.parse_many, words)


def _flag(value: object) -> object:
    """As a variable spells it, too."""
    if not isinstance(value, str):
        return value
    word = value.strip().lower()
    if word not in _TRUE | _FALSE:
        raise ValueError(f"{value[:80]!r} is neither true nor false")
    return word in _TRUE


def _number(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(r"\s*[+-]?[0-9]{1,18}\s*", value):
        raise ValueError(f"{value[:80]!r} is no whole number")
    return int(value) if isinstance(value, str) else value


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


def _text(check: Callable[[str], str]) -> Read:
    """A check of text; what is none is refused by its type."""
    return Read(lambda value: check(value) if isinstance(value, str) else value)


def _each(step: Read) -> Read:
    return Read(
        lambda value: [step.step(item) for item in value] if isinstance(value, (list, tuple)) else value
    )


def _matching(pattern: str, told: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if value and not re.fullmatch(pattern, value):
            raise ValueError(f"{value[:80]!r}: {told}")
        return value

    return check


def _one_of(*names: str) -> Read:
    def check(value: str) -> str:
        if value not in names:
            raise ValueError(f"{value[:80]!r} is none of {', '.join(names)}")
        return value

    return _text(check)


def _build_env(value: object) -> object:
    table = _table(value)
    if isinstance(table, dict) and (taken := sorted(_OWN_VARIABLES & table.keys())):
        raise ValueError(f"the platform and the setting `flags` decide {taken[0]}")
    return table


def _by_platform(value: object) -> object:
    """Tables by platform, each name in its normal form: `arm64` and `linux/arm64/v8` are one."""
    if not isinstance(value, Mapping):
        raise ValueError('write a table for each platform, as [go.platform_env."linux/arm64"]')  # noqa: TRY004
    return {
        str(_checked(platforms.parse, str(name))): _one_env(str(name), table) for name, table in value.items()
    }


def _one_env(name: str, table: object) -> object:
    if not isinstance(table, (Mapping, str, list, tuple)):
        raise ValueError(f'{name}: write a table, as [go.platform_env."{name}"]')  # noqa: TRY004
    try:
        return _build_env(table)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _finding_code(codes: Mapping[str, Code], value: str) -> str:
    code = codes.get(value)
    if code is None:
        raise ValueError(f"{value[:80]!r} is no finding's code; {advice(value, codes)}")
    if code.fixed:
        raise ValueError(f"{value!r} cannot be weighed otherwise: what was not read was not judged")
    return value


def _user(value: str) -> str:
    """Runtimes take no number beyond: https://github.com/moby/sys/blob/main/user/user.go, `maxID`."""
    checked = _matching(r"[0-9]{1,10}(:[0-9]{1,10})?", "write numbers, as 65532:65532")(value)
    if any(int(number or 0) >= 2**31 for number in checked.split(":")):
        raise ValueError(f"{value!r}: no user or group has a number above {2**31 - 1}")
    return checked


def _platform(value: str) -> str:
    return str(_checked(platforms.parse, value)) if value else ""


# No number is above 65535: five digits, and of those that begin with 6 the lower half.
_NUMBER = r"[1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5]"
_PORT: Final = _text(_matching(rf"({_NUMBER})(/(tcp|udp|sctp))?", "write a port, as 8080 or 53/udp"))
# As the image specification's `StopSignal`: SIGNAME or a number.
_SIGNAL: Final = _matching(r"SIG[A-Z0-9]+([+-]\d{1,2})?|\d{1,2}", "write a signal, as SIGINT or 2")

Flag = Annotated[bool, Read(_flag)]
Number = Annotated[int, Read(_number)]
Words = Annotated[tuple[str, ...], Read(_words)]
Lines = Annotated[tuple[str, ...], Read(_lines)]
Command = Annotated[tuple[str, ...], Read(_command)]
Table = Annotated[dict[str, str], Read(_table)]
Platforms = Annotated[tuple[platforms.Platform, ...], Read(_platforms)]
OnePlatform = Annotated[str, _text(_platform)]
Inside = Annotated[str, _text(_below)]
Absolute = Annotated[str, _text(_matching(r"/[^\x00\n]*", "write a path from the image's root"))]
Ports = Annotated[tuple[str, ...], Read(_words), _each(_PORT)]
Signal = Annotated[str, _text(_SIGNAL)]
User = Annotated[str, _text(_user)]
Mode = Annotated[str, _text(_matching(r"0?[0-7]{3,4}", "write it in octal, as 0640"))]
BuildEnvironment = Annotated[dict[str, str], Read(_build_env)]
PlatformEnvironment = Annotated[dict[str, dict[str, str]], Read(_by_platform)]
FindingCode = Annotated[str, _text(functools.partial(_finding_code, CODES))]
LintCode = Annotated[str, _text(functools.partial(_finding_code, LINT_CODES))]
Severity = Annotated[str, _one_of("error", "warning", "notice", "allowed")]
EngineName = Annotated[str, _one_of("auto", "buildx", "go")]
Compression = Annotated[Literal["gzip", "zstd"], _one_of("gzip", "zstd")]
Base = Annotated[str, _text(_base)]
Repository = Annotated[str, _text(_repository)]
Repositories = Annotated[tuple[str, ...], Read(_words), _each(_text(_repository))]
