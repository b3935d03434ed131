"""JSON documents of strangers, read within bounds and refused where they could be read in two ways."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from gopherwhale.errors import LayoutError

MAX_DOCUMENT: Final = 4 * 1024 * 1024
NONE: Final[Mapping[str, str]] = MappingProxyType({})


def load_json(raw: bytes, what: str) -> dict[str, Any]:
    """Read a JSON object within bounds.

    Args:
        raw: The bytes.
        what: What they are, for the message.

    Raises:
        LayoutError: Too large, too deep, not JSON, not an object, or a member stands twice.
    """
    if len(raw) > MAX_DOCUMENT:
        raise LayoutError(f"{what} is larger than {MAX_DOCUMENT} bytes", code="beyond-bounds")
    try:
        document = json.loads(raw, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise LayoutError(f"{what} is not a sound JSON document: {str(error)[:120]}") from None
    if not isinstance(document, dict):
        raise LayoutError(f"{what} is not a JSON object")
    refuse_twins(document, what)
    return document


def text(document: Mapping[str, Any], member: str, what: str) -> str:
    """A member that is a string; empty where it is absent or null.

    Raises:
        LayoutError: It is something else.
    """
    value = document.get(member)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise LayoutError(f"{what}: {member} is not a string")
    return value


def texts(document: Mapping[str, Any], member: str, what: str) -> tuple[str, ...]:
    """A member that is a list of strings; empty where it is absent or null.

    Raises:
        LayoutError: It is something else.
    """
    value = document.get(member)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise LayoutError(f"{what}: {member} is not a list of strings")
    return tuple(value)


def objects(document: Mapping[str, Any], member: str, what: str) -> Sequence[object]:
    """A member that must be a list.

    Raises:
        LayoutError: It is absent or something else.
    """
    value = document.get(member)
    if not isinstance(value, list):
        raise LayoutError(f"{what} has no list {member!r}")
    return value


def strings(document: Mapping[str, Any], member: str, what: str) -> Mapping[str, str]:
    """A member that is a map of strings; empty where it is absent or null.

    Raises:
        LayoutError: It is something else.
    """
    value = document.get(member)
    if value is None:
        return NONE
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise LayoutError(f"{what}: {member} is not a map of strings")
    return MappingProxyType(value)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a member stands twice in one object")
    return document


def refuse_twins(document: Mapping[str, Any], what: str) -> None:
    """Refuse an object with two members whose names differ in case alone.

    Raises:
        LayoutError: It has such members.
    """
    # Go's decoder matches names whatever their case, so "Layers" beside "layers" has two readings.
    if len({name.casefold() for name in document}) != len(document):
        raise LayoutError(f"{what} is ambiguous: two members differ in case alone", code="ambiguous")


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
