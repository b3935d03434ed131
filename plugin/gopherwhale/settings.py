"""Settings: `gopherwhale.toml`, invoke's configuration, `GOPHERWHALE_*` and flags become frozen values.

The later of the four wins, key by key. Everything is checked here, once; behind this module nobody parses.
"""

from __future__ import annotations

import contextlib
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import NoneType
from typing import Any, Final

from msgspec import Struct  # noqa: TID251 -- for settings_model.py

from gopherwhale import references
from gopherwhale.errors import UsageError
from gopherwhale.files import read_bounded
from gopherwhale.roots import FILE_NAME, PREFIX, find_root
from gopherwhale.settings_model import (
    FileSettings,
    GoSettings,
    ImageSettings,
    LintSettings,
    Settings,
    VerifySettings,
)
from gopherwhale.settings_reading import Model, UnusableError, joined, keys, read, unknown_key

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
    if not isinstance(configuration, (Mapping, NoneType)):
        raise UsageError("invoke's configuration: `gopherwhale` must be a table of settings")
    sources = (
        (FILE_NAME, _read_file(root / FILE_NAME)),
        ("invoke's configuration", dict(configuration or {})),
        ("the environment", _from_environment(environment or {})),
        ("the command line", given),
    )
    merged = _Joined()
    names = dict.fromkeys(name for where, source in sources for name in _images(source, where))
    per_image = {name: _Joined() for name in names}
    for where, source in sources:
        common = {key: value for key, value in source.items() if key != "images"}
        _refuse_unknown(common, KEYS if where == "the environment" else (*KEYS, "images"), where)
        merged.overlay(common, where)
        tables = _images(source, where)
        for name, image in per_image.items():
            image.overlay({key: value for key, value in common.items() if key in _IMAGE_KEYS}, where)
            image.overlay(tables.get(name, {}), f"{where}, [images.{name}]")
    if not per_image:
        per_image = {_default_name(root, merged.values): merged.of(_IMAGE_KEYS)}
    images = {name: image.read(ImageSettings) for name, image in per_image.items()}
    return merged.of(_REPOSITORY_KEYS).read(Settings, root=root, images=images)


@dataclass(frozen=True)
class _Joined:
    """Settings of several sources, and of each where it came from: `go`, and within a table `go.user`."""

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)

    def overlay(self, above: Mapping[str, Any], where: str) -> None:
        """Let the later settings win, key by key in tables too: one build argument more drops no other."""
        for key, value in above.items():
            self.origins[key] = where
            if key in _TABLES and isinstance(value, Mapping):
                self.origins.update({f"{key}.{name}": where for name in value})
                old = self.values.get(key)
                known = old if isinstance(old, Mapping) else {}
                self.values[key] = {**known, **_over(known, value, _TABLES[key], where, f"{key}.")}
            else:
                self.values.update(_over(self.values, {key: value}, ImageSettings, where))

    def of(self, names: Collection[str]) -> _Joined:
        """These settings alone."""
        return _Joined({key: value for key, value in self.values.items() if key in names}, self.origins)

    def read(self, model: type[Model], **more: Any) -> Model:
        """Make them what they are.

        Raises:
            UsageError: One cannot be used; the message says where it stands.
        """
        try:
            return read(model, {**self.values, **more})
        except UnusableError as error:
            key, name, *_ = (*re.split(r"[.\[]", error.path), "")
            where = self.origins.get(f"{key}.{name}") or self.origins.get(key, FILE_NAME)
            raise UsageError(f"{where}: {error.path}: {error.problem}") from None


def _over(
    known: Mapping[str, Any], above: Mapping[str, Any], model: type[Struct], where: str, prefix: str = ""
) -> dict[str, Any]:
    """What `above` says, its tables with the keys of those that are known already.

    Raises:
        UsageError: A table cannot be used, told before it is one with that of another source.
    """
    try:
        return {key: joined(model, key, known.get(key), value) for key, value in above.items()}
    except UnusableError as error:
        raise UsageError(f"{where}: {prefix}{error.path}: {error.problem}") from None


def _read_file(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    raw = read_bounded(path, _MAX_FILE)
    try:
        return tomllib.loads(raw.decode())
    except ValueError as error:
        raise UsageError(f"{path} is not sound TOML: {error}") from None
    except RecursionError:
        raise UsageError(f"{path} is not sound TOML: it is nested too deeply") from None


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


def _images(source: Mapping[str, Any], where: str) -> dict[str, dict[str, Any]]:
    tables = source.get("images", {})
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise UsageError(f"{where}: `images` must hold one table for each image", hint="write [images.NAME]")
    for name, table in tables.items():
        if not isinstance(name, str) or not references.is_tag(name):
            raise UsageError(
                f"{where}: {name!r} cannot name an image", hint="text of letters, digits, '_', '.', '-'"
            )
        _refuse_unknown(table, _IMAGE_KEYS, f"{where}, [images.{name}]")
    return tables


def _refuse_unknown(given: Mapping[str, Any], known: Collection[str], where: str) -> None:
    for name, model in _TABLES.items():
        table = given.get(name) if name in known else None
        if isinstance(table, Mapping):
            _refuse_unknown(table, keys(model), f"{where}, [{name}]")
    if told := unknown_key(given, known):
        problem, hint = told
        raise UsageError(f"{where}: {problem}", hint=hint)


def _default_name(root: Path, merged: Mapping[str, Any]) -> str:
    repository = merged.get("repository")
    if isinstance(repository, str) and repository:
        # A wrong one is told with its place when the settings are validated.
        with contextlib.suppress(UsageError):
            return references.parse(repository).repository.rsplit("/", 1)[-1]
    name = root.resolve().name
    return name if references.is_tag(name) else "image"


def plain(value: Any) -> Any:
    """Turn settings into what JSON can hold: platforms and paths as strings, tuples as lists."""
    if isinstance(value, Struct):
        return {name: plain(getattr(value, name)) for name in keys(type(value))}
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value if isinstance(value, (str, int, float, bool, NoneType)) else str(value)
