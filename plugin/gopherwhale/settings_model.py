"""The settings as types: what may be set, for an image and for a repository, and how each value is read.

`settings` finds and joins the values; here each is checked, once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, InstanceOf  # noqa: TID251 -- with settings.py the only importer

from gopherwhale import platforms, references
from gopherwhale.errors import UsageError

Argument = TypeVar("Argument")
Result = TypeVar("Result")
EngineName = Literal["auto", "buildx", "go"]
# The scaffold's Dockerfile says the same; the linker ignores a variable that a program lacks.
LDFLAGS: Final = (
    "-s -w -X main.commit=${COMMIT} -X main.version=${VERSION} -X main.sourceDate=${SOURCE_DATE_EPOCH}"
)
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


Absolute = Annotated[str, AfterValidator(_matching(r"/[^\x00\n]*", "write a path from the image's root"))]
Port = Annotated[
    str, AfterValidator(_matching(r"\d{1,5}(/(tcp|udp|sctp))?", "write a port, as 8080 or 53/udp"))
]
User = Annotated[str, AfterValidator(_matching(r"\d{1,10}(:\d{1,10})?", "write numbers, as 65532:65532"))]
Mode = Annotated[str, AfterValidator(_matching(r"0?[0-7]{3,4}", "write it in octal, as 0640"))]
Ports = Annotated[tuple[Port, ...], BeforeValidator(_words)]


class FileSettings(BaseModel):
    """A file or folder of the repository that the go engine puts into the image: `[[go.files]]`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Inside = Field(description="a file or folder of the repository")
    path: Absolute = Field(min_length=2, description="its place in the image, absolute")
    mode: Mode = Field(
        "", description="permissions of its files, as 0640; empty: 0755 for programs, else 0644"
    )
    owner: User = Field("0:0", description="numbers, as 65532:65532")
    template: bool = Field(default=False, description="fill ${NAME} from the build arguments")


class GoSettings(BaseModel):
    """What the go engine does in place of a Dockerfile: the table `[go]`, or `[images.NAME.go]`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    packages: Words = Field((), description="main packages, as ./cmd/serve or ./cmd/serve=/bin/serve")
    ldflags: str = Field(LDFLAGS, description="for the linker; ${NAME} is a build argument")
    build_tags: Words = Field((), description="build tags of Go")
    flags: Words = Field((), description="further flags of `go build`")
    build_env: Annotated[Table, AfterValidator(_build_env)] = Field({}, description="for the Go toolchain")
    certificates: str = Field("certifi", description="CA certificates: certifi, a PEM file, or none")
    time_zones: bool = Field(default=False, description="add the time zone database")
    passwd: bool = Field(default=False, description="add /etc/passwd and /etc/group with the user's numbers")
    tmp: bool = Field(default=False, description="add a folder /tmp that everybody may write")
    files: tuple[FileSettings, ...] = Field((), description="further files: tables [[go.files]]")
    compression: Literal["gzip", "zstd"] = Field("gzip", description="how layers are compressed")
    user: User = Field("65532:65532", description="who runs the program")
    entrypoint: Lines = Field((), description="what runs; empty: the binary")
    args: Lines = Field((), description="its arguments, which `docker run` can replace")
    env: Table = Field({}, description="the image's environment")
    working_dir: Absolute = Field("/", description="where it runs")
    expose: Ports = Field((), description="ports it listens on")
    stop_signal: str = Field("", description="the signal that stops it; empty: SIGTERM")


class ImageSettings(BaseModel):
    """What one image is made of; every key may stand at the top level or in `[images.NAME]`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    repository: Annotated[str, AfterValidator(_repository)] = Field(
        "", description="registry/name to push to"
    )
    platforms: Platforms = Field(platforms.PRESETS["default"], description="platforms or presets")
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
    go: GoSettings = Field(
        default_factory=lambda: GoSettings.model_validate({}), description="the recipe of the go engine"
    )


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
