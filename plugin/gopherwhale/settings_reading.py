"""From what files, variables and flags hold to the types of settings: msgspec, and before it our own steps.

msgspec checks types, bounds and required keys; what a value may be spelled like is `settings_types.Read`.
"""

from __future__ import annotations

import functools
import re
import typing
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from msgspec import Struct, ValidationError, convert  # noqa: TID251 -- with settings_model.py the only importer

from gopherwhale.guesses import advice
from gopherwhale.settings_types import Read

Model = TypeVar("Model", bound=Struct)
# https://jcristharif.com/msgspec/usage.html#validation: it names kinds as JSON does.
_EXPECTED: Final = re.compile(r"Expected `(\w+)`([^,]*)(?:, got `(\w+)`)?")
_KINDS: Final[Mapping[str, str]] = {
    "array": "a list",
    "bool": "true or false",
    "date": "a date",
    "datetime": "a date",
    "float": "a number with a fraction",
    "int": "a whole number",
    "null": "nothing",
    "object": "a table",
    "str": "a string",
    "time": "a time",
}


class UnusableError(ValueError):
    """A value that no setting can have.

    Attributes:
        path: Where it stands, as `verify.policy[0].code`; empty for a table as a whole.
        problem: What is wrong with it.
    """

    def __init__(self, path: str, problem: str) -> None:
        """Remember both."""
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem


def read(model: type[Model], given: Mapping[str, Any]) -> Model:
    """Read one table.

    Args:
        model: What it is.
        given: Values as TOML, YAML, variables or flags hold them.

    Raises:
        UnusableError: A key is missing or unknown, or a value is not what the model says.
    """
    prepared = _prepared(model, given, "")
    try:
        # Not strict: variables and flags spell numbers and truth as text.
        return convert(prepared, model, strict=False)
    except ValidationError as error:
        raise _explained(str(error)) from None


def keys(model: type[Struct]) -> tuple[str, ...]:
    """The names of a table's settings."""
    return tuple(name for name in model.__struct_fields__ if name != "given")


def joined(model: type[Struct], key: str, known: object, value: object) -> object:
    """Lay a setting over what an earlier source said of it: a table of the user's names is joined key by key.

    Args:
        model: The table that the setting is of.
        key: The setting.
        known: What was said before; None for nothing.
        value: What is said now.

    Raises:
        UnusableError: It is such a table, and holds what none can hold.
    """
    hint = _hints(model).get(key)
    if hint is None or not hint.named:
        return value
    value = _stepped(hint, value, key)
    return _laid_over(known, value)


def _laid_over(known: object, value: object) -> object:
    if not isinstance(known, Mapping) or not isinstance(value, Mapping):
        return value
    return {**known, **{name: _laid_over(known.get(name), item) for name, item in value.items()}}


def _stepped(hint: _Hint, value: object, where: str) -> object:
    for step in hint.steps:
        try:
            value = step.step(value)
        except ValueError as error:
            raise UnusableError(where, str(error)) from None
    return value


def unknown_key(given: Iterable[object], known: Collection[str]) -> tuple[str, str] | None:
    """The problem and the hint of the first key that is no setting; None where there is none."""
    for key in given:
        if key not in known:
            return f"unknown setting {key!r:.80}", advice(str(key), known)
    return None


@dataclass(frozen=True)
class _Hint:
    """How a setting is read: its steps, the table of settings that it is or is a list of, and which of both.

    `named` is for a table whose keys are names of the user's, as those of build arguments.
    """

    steps: tuple[Read, ...]
    inner: type[Struct] | None
    many: bool
    named: bool


def _prepared(model: type[Struct], given: Mapping[str, Any], path: str) -> dict[str, Any]:
    hints, values = _hints(model), dict(given)
    if told := unknown_key(given, keys(model)):
        raise UnusableError(path.rstrip("."), "; ".join(told))
    for key in given:
        where, hint = f"{path}{key}", hints[key]
        value = _stepped(hint, values[key], where)
        if hint.inner is None:
            _refuse_unsayable(value, where)
        else:
            value = _tables(hint.inner, value, where, many=hint.many)
        values[key] = value
    if "given" in hints:
        values["given"] = frozenset(given)
    return values


def _tables(inner: type[Struct], value: object, where: str, *, many: bool) -> object:
    if not many and isinstance(value, Mapping):
        return _prepared(inner, value, f"{where}.")
    if many and isinstance(value, (list, tuple)) and all(isinstance(item, Mapping) for item in value):
        return [_prepared(inner, item, f"{where}[{at}].") for at, item in enumerate(value)]
    if isinstance(value, inner):
        return value
    raise UnusableError(where, f"write tables, as [[{where}]]" if many else f"write a table, as [{where}]")


def _refuse_unsayable(value: object, where: str) -> None:
    """No program takes a NUL in an argument, and no file takes half a character of a broken variable."""
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise UnusableError(where, f"{value[:80]!a} holds what is no text")
    elif isinstance(value, Mapping):
        for name, item in value.items():
            _refuse_unsayable(name, where)
            _refuse_unsayable(item, where)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _refuse_unsayable(item, where)


@functools.cache
def _hints(model: type[Struct]) -> dict[str, _Hint]:
    found: dict[str, _Hint] = {}
    for name, hint in typing.get_type_hints(model, include_extras=True).items():
        steps = tuple(part for part in getattr(hint, "__metadata__", ()) if isinstance(part, Read))
        kind = getattr(hint, "__origin__", hint)
        tables = [
            part
            for part in (kind, *typing.get_args(kind))
            if isinstance(part, type) and issubclass(part, Struct)
        ]
        inner = tables[0] if tables else None
        many = inner is not None and inner is not kind
        found[name] = _Hint(steps, inner, many=many, named=inner is None and typing.get_origin(kind) is dict)
    return found


def _explained(message: str) -> UnusableError:
    """Take msgspec's `what - at `$.where`` apart, and say it in the words of TOML."""
    problem, _, place = message.partition(" - at `$")
    path = place.rstrip("`").removeprefix(".")
    if problem.startswith("Object missing required field `"):
        key = problem.partition("`")[2].rstrip("`")
        return UnusableError(f"{path}.{key}".lstrip("."), "it is missing")
    if wrong := _EXPECTED.fullmatch(problem):
        told = f"write {_KINDS.get(wrong[1], wrong[1])}{wrong[2]}"
        return UnusableError(path, f"{told}, not {_KINDS.get(wrong[3], wrong[3])}" if wrong[3] else told)
    return UnusableError(path, f"{problem[:1].lower()}{problem[1:]}".replace("`", ""))
