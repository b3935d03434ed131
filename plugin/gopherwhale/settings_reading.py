"""From what files, variables and flags hold to the types of settings: msgspec, and before it our own steps.

msgspec checks types, bounds and required keys; what a value may be spelled like is `settings_types.Read`.
"""

from __future__ import annotations

import functools
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from msgspec import Struct, ValidationError, convert  # noqa: TID251 -- with settings_model.py the only importer

from gopherwhale.settings_types import Read

Model = TypeVar("Model", bound=Struct)


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


def _prepared(model: type[Struct], given: Mapping[str, Any], path: str) -> dict[str, Any]:
    hints, values = _hints(model), dict(given)
    for key in values.keys() & hints.keys():
        where, (steps, inner) = f"{path}{key}", hints[key]
        value = values[key]
        for step in steps:
            try:
                value = step.step(value)
            except ValueError as error:
                raise UnusableError(where, str(error)) from None
        if inner is not None and isinstance(value, Mapping):
            value = _prepared(inner, value, f"{where}.")
        elif inner is not None and isinstance(value, (list, tuple)):
            value = [
                _prepared(inner, item, f"{where}[{at}].") if isinstance(item, Mapping) else item
                for at, item in enumerate(value)
            ]
        values[key] = value
    if "given" in hints:
        values["given"] = frozenset(map(str, given))
    return values


@functools.cache
def _hints(model: type[Struct]) -> dict[str, tuple[tuple[Read, ...], type[Struct] | None]]:
    """By setting: its steps, and the table that it is or is a list of."""
    found: dict[str, tuple[tuple[Read, ...], type[Struct] | None]] = {}
    for name, hint in typing.get_type_hints(model, include_extras=True).items():
        steps = tuple(part for part in getattr(hint, "__metadata__", ()) if isinstance(part, Read))
        kind = getattr(hint, "__origin__", hint)
        inner = next(
            (
                part
                for part in (kind, *typing.get_args(kind))
                if isinstance(part, type) and issubclass(part, Struct)
            ),
            None,
        )
        found[name] = (steps, inner)
    return found


def _explained(message: str) -> UnusableError:
    """Take msgspec's `what - at `$.where`` apart."""
    problem, _, place = message.partition(" - at `$")
    path = place.rstrip("`").removeprefix(".")
    if problem.startswith("Object missing required field `"):
        key = problem.partition("`")[2].rstrip("`")
        return UnusableError(f"{path}.{key}".lstrip("."), "it is missing")
    problem = problem.replace("Object contains unknown field", "unknown setting")
    return UnusableError(path, f"{problem[:1].lower()}{problem[1:]}".replace("`", ""))
