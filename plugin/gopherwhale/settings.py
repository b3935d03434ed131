"""Settings: `gopherwhale.toml`, invoke's configuration, `GOPHERWHALE_*` and flags become frozen values.

The later of the four wins, key by key. Everything is checked here, once; behind this module nobody parses.
"""

from __future__ import annotations

import contextlib
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from msgspec import Struct  # noqa: TID251 -- for settings_model.py

from gopherwhale import references
from gopherwhale.errors import UsageError
from gopherwhale.guesses import closest
from gopherwhale.roots import FILE_NAME, PREFIX, find_root
from gopherwhale.settings_model import (
    FileSettings,
    GoSettings,
    ImageSettings,
    LintSettings,
    Settings,
    VerifySettings,
)
from gopherwhale.settings_reading import UnusableError, keys, read

__all__ = [
    "FILE_NAME",
    "KEYS",
    "PREFIX",
    "FileSettings",
    "GoSettings",
    "ImageSettings",
    "LintSettings",
    "Settings",
    "VerifySettings",
    "find_root",
    "load",
    "plain",
]

_MAX_FILE: Final = 1024 * 1024
# Variables with our prefix that are no settings: they steer our own tests, turn off a cache, or
# hold a credential.
_RESERVED: Final = re.compile(
    r"REQUIRE_ENGINE|TESTBED|CASES|NO_CACHE|(REGISTRY|USERNAME|PASSWORD)(_[A-Z0-9_]+)?"
)

# Tables of an image's settings that are joined key by key; in a variable, their name is a prefix.
_TABLES: Final[Mapping[str, type[Struct]]] = {
    "go": GoSettings,
    "lint": LintSettings,
    "verify": VerifySettings,
}
_IMAGE_KEYS: Final = keys(ImageSettings)
_REPOSITORY_KEYS: Final = tuple(name for name in keys(Settings) if name not in {"root", "images"})
KEYS: Final = (*_IMAGE_KEYS, *_REPOSITORY_KEYS)


def load(
    root: Path,
    *,
    configuration: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
) -> Settings:
    """Resolve the settings of a repository.

    Args:
        root: The repository's folder.
        configuration: The `gopherwhale` part of invoke's configuration, as plain dicts and lists.
        environment: The process environment; only `GOPHERWHALE_*` counts.
        flags: Settings by key from the command line; those that are None or empty were not given.

    Raises:
        UsageError: A key is unknown, or a value cannot be used; the message names where it stands.
    """
    given = {key: value for key, value in (flags or {}).items() if value not in (None, "", [], ())}
    sources = (
        (FILE_NAME, _read_file(root / FILE_NAME)),
        ("invoke's configuration", dict(configuration or {})),
        ("the environment", _from_environment(environment or {})),
        ("the command line", given),
    )
    merged: dict[str, Any] = {}
    per_image: dict[str, dict[str, Any]] = {}
    origin: dict[str, str] = {}
    names = [name for where, source in sources for name in _images(source, where)]
    for where, source in sources:
        common = {key: value for key, value in source.items() if key != "images"}
        _refuse_unknown(common, KEYS if where == "the environment" else (*KEYS, "images"), where)
        _overlay(merged, common)
        origin.update(dict.fromkeys(common, where))
        tables = _images(source, where)
        for name in dict.fromkeys(names):
            image = per_image.setdefault(name, {})
            _overlay(image, {key: value for key, value in common.items() if key in _IMAGE_KEYS})
            _overlay(image, tables.get(name, {}))
            origin.update({f"images.{name}.{key}": where for key in tables.get(name, {})})
    if not per_image:
        per_image = {_default_name(root, merged): {k: v for k, v in merged.items() if k in _IMAGE_KEYS}}
    values = {key: value for key, value in merged.items() if key in _REPOSITORY_KEYS}
    images = {name: _image(name, image, origin) for name, image in per_image.items()}
    try:
        return read(Settings, {**values, "root": root, "images": images})
    except UnusableError as error:
        raise _explain(error, origin.get(_key(error), FILE_NAME)) from None


def _image(name: str, given: Mapping[str, Any], origin: Mapping[str, str]) -> ImageSettings:
    try:
        return read(ImageSettings, given)
    except UnusableError as error:
        key = _key(error)
        where = origin.get(f"images.{name}.{key}") or origin.get(key, FILE_NAME)
        raise _explain(error, where) from None


def _key(error: UnusableError) -> str:
    return re.split(r"[.\[]", error.path, maxsplit=1)[0]


def _explain(error: UnusableError, where: str) -> UsageError:
    return UsageError(f"{where}: {error.path}: {error.problem}")


def _read_file(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            raw = stream.read(_MAX_FILE + 1)
        if len(raw) > _MAX_FILE:
            raise UsageError(f"{path} is larger than {_MAX_FILE} bytes")
        return tomllib.loads(raw.decode())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"{path} is not sound TOML: {error}") from None


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    given = {name.removeprefix(PREFIX): text for name, text in environment.items() if name.startswith(PREFIX)}
    found: dict[str, Any] = {
        name.lower(): text for name, text in given.items() if text and not _RESERVED.fullmatch(name)
    }
    for table in _TABLES:
        names = [name for name in found if name.startswith(f"{table}_")]
        if names:
            found[table] = {name.removeprefix(f"{table}_"): found.pop(name) for name in names}
    return found


def _overlay(below: dict[str, Any], above: Mapping[str, Any]) -> None:
    """Let the later settings win, key by key in the tables of an image too."""
    for key, value in above.items():
        old = below.get(key)
        if key in _TABLES and isinstance(old, Mapping) and isinstance(value, Mapping):
            below[key] = {**old, **value}
        else:
            below[key] = value


def _images(source: Mapping[str, Any], where: str) -> dict[str, dict[str, Any]]:
    tables = source.get("images", {})
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise UsageError(f"{where}: `images` must hold one table for each image", hint="write [images.NAME]")
    for name, table in tables.items():
        if not references.is_tag(name):
            raise UsageError(f"{where}: {name!r} cannot name an image", hint="letters, digits, '_', '.', '-'")
        _refuse_unknown(table, _IMAGE_KEYS, f"{where}, [images.{name}]")
    return tables


def _refuse_unknown(given: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    for name, model in _TABLES.items():
        table = given.get(name) if name in known else None
        if isinstance(table, Mapping):
            _refuse_unknown(table, keys(model), f"{where}, [{name}]")
    for key in given:
        if key not in known:
            close = closest(key, known, likeness=0.5)
            hint = f"did you mean {close!r}?" if close else f"known: {', '.join(sorted(known))}"
            raise UsageError(f"{where}: unknown setting {key!r}", hint=hint)


def _default_name(root: Path, merged: Mapping[str, Any]) -> str:
    repository = merged.get("repository")
    if isinstance(repository, str) and repository:
        # A wrong one is told with its place when the settings are validated.
        with contextlib.suppress(UsageError):
            return references.parse(repository).repository.rsplit("/", 1)[-1]
    name = root.resolve().name
    return name if references.is_tag(name) else "image"


def plain(value: Any, convert: Callable[[Any], Any] = str) -> Any:
    """Turn settings into what JSON can hold: platforms and paths as strings, tuples as lists."""
    if isinstance(value, Struct):
        return {name: plain(getattr(value, name), convert) for name in keys(type(value))}
    if isinstance(value, Mapping):
        return {name: plain(item, convert) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item, convert) for item in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else convert(value)
