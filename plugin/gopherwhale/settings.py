"""Settings: `gopherwhale.toml`, invoke's configuration, `GOPHERWHALE_*` and flags become frozen values.

The later of the four wins, key by key. Everything is checked here, once; behind this module nobody parses.
"""

from __future__ import annotations

import contextlib
import difflib
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    InstanceOf,
    ValidationError,
)

from gopherwhale import platforms, references
from gopherwhale.errors import UsageError

FILE_NAME: Final = "gopherwhale.toml"
PREFIX: Final = "GOPHERWHALE_"
_MAX_FILE: Final = 1024 * 1024
# Variables with our prefix that steer our own tests, not an image.
_RESERVED: Final = frozenset({"REQUIRE_ENGINE", "TESTBED", "CASES"})

Argument = TypeVar("Argument")
Result = TypeVar("Result")
EngineName = Literal["auto", "buildx"]


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


def _below(value: str) -> str:
    if Path(value).is_absolute() or ".." in Path(value).parts or not value:
        raise ValueError("write a path inside the repository")
    return value


Words = Annotated[tuple[str, ...], BeforeValidator(_words)]
Lines = Annotated[tuple[str, ...], BeforeValidator(_lines)]
Table = Annotated[dict[str, str], BeforeValidator(_table)]
Platforms = Annotated[tuple[InstanceOf[platforms.Platform], ...], BeforeValidator(_platforms)]
Inside = Annotated[str, AfterValidator(_below)]


class ImageSettings(BaseModel):
    """What one image is made of; every key may stand at the top level or in `[images.NAME]`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    repository: Annotated[str, AfterValidator(_repository)] = Field(
        "", description="registry/name to push to"
    )
    platforms: Platforms = Field(
        platforms.PRESETS["default"], description="platforms or presets"
    )
    engine: EngineName = Field("auto", description="what builds the image")
    context: Inside = Field(".", description="the build's context, a folder")
    dockerfile: Inside = Field("Dockerfile", description="the recipe")
    target: str = Field("", description="the stage to build; empty: the last")
    builder: str = Field("", description="a buildx builder; empty: the current one")
    build_args: Table = Field({}, description="further build arguments")
    secrets: Lines = Field((), description="BuildKit secrets, as id=netrc,src=FILE")
    cache_from: Lines = Field((), description="BuildKit caches to read")
    cache_to: str = Field("", description="the BuildKit cache to write")
    provenance: bool = Field(default=False, description="attach BuildKit's provenance")
    sbom: bool = Field(default=False, description="attach BuildKit's SBOM")
    tags: Words = Field(("auto",), description="tags: `auto` and templates as nightly-{date}")
    labels: Table = Field({}, description="labels of the image's config")
    annotations: Table = Field({}, description="annotations of the index and of each manifest")


class Settings(BaseModel):
    """The settings of a repository, resolved."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    root: Path = Field(description="the repository's folder, beside go.mod")
    default_branch: str = Field("", description="the branch that is `latest`; empty: asked of git")
    dist: Inside = Field("dist", description="the folder of layouts and receipts")
    insecure: Words = Field((), description="registry hosts to reach over plain HTTP")
    allow_dirty: bool = Field(default=False, description="push a tree with uncommitted changes")
    timeout: int = Field(3600, ge=1, le=86400, description="seconds a build may take")
    images: dict[str, ImageSettings]


_IMAGE_KEYS: Final = tuple(ImageSettings.model_fields)
_REPOSITORY_KEYS: Final = tuple(name for name in Settings.model_fields if name not in {"root", "images"})
KEYS: Final = (*_IMAGE_KEYS, *_REPOSITORY_KEYS)


def find_root(start: Path) -> Path:
    """The nearest folder, from `start` upwards, with `gopherwhale.toml` or else with `go.mod`.

    Raises:
        UsageError: There is none.
    """
    for marker in (FILE_NAME, "go.mod"):
        for folder in (start, *start.parents):
            if (folder / marker).is_file():
                return folder
    raise UsageError(
        f"{start} is not in a Go repository: no {FILE_NAME} and no go.mod here or above",
        hint="change into one, or make a new one with cookiecutter",
    )


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
        merged.update(common)
        origin.update(dict.fromkeys(common, where))
        tables = _images(source, where)
        for name in dict.fromkeys(names):
            image = per_image.setdefault(name, {})
            image.update({key: value for key, value in common.items() if key in _IMAGE_KEYS})
            image.update(tables.get(name, {}))
            origin.update({f"images.{name}.{key}": where for key in tables.get(name, {})})
    if not per_image:
        per_image = {_default_name(root, merged): {k: v for k, v in merged.items() if k in _IMAGE_KEYS}}
    values = {key: value for key, value in merged.items() if key in _REPOSITORY_KEYS}
    try:
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
    names = {name.removeprefix(PREFIX): text for name, text in environment.items() if name.startswith(PREFIX)}
    return {name.lower(): text for name, text in names.items() if name not in _RESERVED and text}


def _images(source: Mapping[str, Any], where: str) -> dict[str, dict[str, Any]]:
    tables = source.get("images", {})
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise UsageError(f"{where}: `images` must hold one table for each image", hint="write [images.NAME]")
    for name, table in tables.items():
        if not references.is_tag(name):
            raise UsageError(f"{where}: {name!r} cannot name an image", hint="letters, digits, '_', '.', '-'")
        _refuse_unknown(table, _IMAGE_KEYS, f"{where}, [images.{name}]")
    return tables


def _refuse_unknown(given: Iterable[str], known: Iterable[str], where: str) -> None:
    for key in given:
        if key not in known:
            close = difflib.get_close_matches(key, list(known), n=1, cutoff=0.5)
            hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(known))}"
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
