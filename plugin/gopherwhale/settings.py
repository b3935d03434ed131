"""Settings: `gopherwhale.toml`, invoke's configuration, `GOPHERWHALE_*` and flags become frozen values.

The later of the four wins, key by key. Everything is checked here, once; behind this module nobody parses.
"""

from __future__ import annotations

import contextlib
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError  # noqa: TID251 -- settings_model.py is the other one

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
_TABLES: Final[Mapping[str, type[BaseModel]]] = {
    "go": GoSettings,
    "lint": LintSettings,
    "verify": VerifySettings,
}
_NO_PLUGINS: Final = "PYDANTIC_DISABLE_PLUGINS"
_IMAGE_KEYS: Final = tuple(ImageSettings.model_fields)
_REPOSITORY_KEYS: Final = tuple(name for name in Settings.model_fields if name not in {"root", "images"})
KEYS: Final = (*_IMAGE_KEYS, *_REPOSITORY_KEYS)


@contextlib.contextmanager
def _without_plugins() -> Iterator[None]:
    """Let pydantic look for no plugins of its own among all that is installed: it takes 20 ms at each start.

    https://docs.pydantic.dev/latest/concepts/plugins/ names the variable.
    """
    kept = os.environ.get(_NO_PLUGINS)
    os.environ[_NO_PLUGINS] = "1"
    try:
        yield
    finally:
        if kept is None:
            del os.environ[_NO_PLUGINS]
        else:
            os.environ[_NO_PLUGINS] = kept


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
    try:
        with _without_plugins():
            return Settings.model_validate({**values, "root": root, "images": per_image})
    except ValidationError as error:
        raise _explain(error, origin) from None


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
            _refuse_unknown(table, tuple(model.model_fields), f"{where}, [{name}]")
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


def _explain(error: ValidationError, origin: Mapping[str, str]) -> UsageError:
    first = error.errors(include_url=False)[0]
    path = [str(part) for part in first["loc"]]
    if len(path) > 2 and path[0] == "images":  # noqa: PLR2004 -- images, NAME, key
        where = origin.get(".".join(path[:3])) or origin.get(path[2], FILE_NAME)
        path = path[2:]
    else:
        where = origin.get(path[0], FILE_NAME)
    message = first["msg"].removeprefix("Value error, ")
    return UsageError(f"{where}: {'.'.join(path)}: {message[0].lower()}{message[1:]}")


def plain(value: Any, convert: Callable[[Any], Any] = str) -> Any:
    """Turn settings into what JSON can hold: platforms and paths as strings, tuples as lists."""
    if isinstance(value, BaseModel):
        return {name: plain(getattr(value, name), convert) for name in type(value).model_fields}
    if isinstance(value, Mapping):
        return {name: plain(item, convert) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item, convert) for item in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else convert(value)
