"""The settings as types: what may be set, for an image and for a repository.

`settings` finds and joins the values; `settings_types` reads each.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field  # noqa: TID251 -- with settings.py the only importer

from gopherwhale import platforms
from gopherwhale.access import Access
from gopherwhale.settings_types import (
    Absolute,
    Base,
    BuildEnvironment,
    FindingCode,
    Inside,
    Lines,
    LintCode,
    Mode,
    OnePlatform,
    PlatformEnvironment,
    Platforms,
    Ports,
    Repositories,
    Repository,
    Table,
    User,
    Words,
)

EngineName = Literal["auto", "buildx", "go"]
# The scaffold's Dockerfile says the same; the linker ignores a variable that a program lacks.
LDFLAGS: Final = (
    "-s -w -X main.commit=${COMMIT} -X main.version=${VERSION} -X main.sourceDate=${SOURCE_DATE_EPOCH}"
)


class _Table(BaseModel):
    """What all tables are: nothing changes once it is read, and no key is unknown.

    A table's reader is made when it is first needed: with `Settings`, in whose reader it is contained, and
    not once more by itself.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class FileSettings(_Table):
    """A file or folder of the repository that the go engine puts into the image: `[[go.files]]`."""

    source: Inside = Field(description="a file or folder of the repository")
    path: Absolute = Field(min_length=2, description="its place in the image, absolute")
    mode: Mode = Field(
        "", description="permissions of its files, as 0640; empty: 0755 for programs, else 0644"
    )
    owner: User = Field("0:0", description="numbers, as 65532:65532")
    template: bool = Field(default=False, description="fill ${NAME} from the build arguments")


class GoSettings(_Table):
    """What the go engine does in place of a Dockerfile: the table `[go]`, or `[images.NAME.go]`."""

    base: Base = Field(
        "scratch", description="what the image is built upon: scratch, registry/name:tag, or oci:DIR"
    )
    packages: Words = Field((), description="main packages, as ./cmd/serve or ./cmd/serve=/bin/serve")
    ldflags: str = Field(LDFLAGS, description="for the linker; ${NAME} is a build argument")
    build_tags: Words = Field((), description="build tags of Go")
    flags: Words = Field((), description="further flags of `go build`")
    build_env: BuildEnvironment = Field({}, description="for the Go toolchain, CPU levels as GOAMD64 too")
    platform_env: PlatformEnvironment = Field(
        {}, description='the same for one platform: tables [go.platform_env."linux/arm/v7"]'
    )
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


class PolicySettings(_Table):
    """Weigh a finding of verify otherwise: `[[verify.policy]]`."""

    code: FindingCode = Field(description="the finding's code, see docs/findings.md")
    severity: Literal["error", "warning", "notice", "allowed"] = Field(
        description="what it becomes: error, warning, notice or allowed"
    )
    reason: str = Field(min_length=1, description="why; shown with the finding")
    platform: OnePlatform = Field("", description="only for this platform, as linux/arm/v7")
    path: str = Field("", description="only for this path in the image, a pattern as /usr/lib/*")


class VerifySettings(_Table):
    """How images are judged: the table `[verify]`, or `[images.NAME.verify]`."""

    all: bool = Field(default=False, description="judge every program of the image, not only what is reached")
    policy: tuple[PolicySettings, ...] = Field(
        (), description="findings weighed otherwise: tables [[verify.policy]]"
    )


class LintPolicySettings(_Table):
    """Weigh a finding of lint otherwise: `[[lint.policy]]`."""

    code: LintCode = Field(description="the finding's code, see docs/lint.md")
    severity: Literal["error", "warning", "notice", "allowed"] = Field(
        description="what it becomes: error, warning, notice or allowed"
    )
    reason: str = Field(min_length=1, description="why; shown with the finding")


class LintSettings(_Table):
    """How the Dockerfile is judged: the table `[lint]`, or `[images.NAME.lint]`."""

    policy: tuple[LintPolicySettings, ...] = Field(
        (), description="findings weighed otherwise: tables [[lint.policy]]"
    )


class ImageSettings(_Table):
    """What one image is made of; every key may stand at the top level or in `[images.NAME]`."""

    repository: Repository = Field("", description="registry/name to push to")
    also_push_to: Repositories = Field(
        (), description="further repositories, of any registry, that get the same image and tags"
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
    sbom: bool = Field(
        default=False,
        description="attach an SBOM: BuildKit's, or the go engine's",
    )
    tags: Words = Field(("auto",), description="tags: `auto` and templates as nightly-{date}")
    labels: Table = Field({}, description="labels of the image's config")
    annotations: Table = Field({}, description="annotations of the index and of each manifest")
    go: GoSettings = Field({}, validate_default=True, description="the recipe of the go engine")
    lint: LintSettings = Field({}, validate_default=True, description="how the Dockerfile is judged")
    verify: VerifySettings = Field({}, validate_default=True, description="how the image is judged")


class Settings(_Table):
    """The settings of a repository, resolved."""

    root: Path = Field(description="the repository's folder, beside go.mod")
    default_branch: str = Field("", description="the branch that is `latest`; empty: asked of git")
    dist: Inside = Field("dist", description="the folder of layouts and receipts")
    insecure: Words = Field((), description="registry hosts to reach over plain HTTP")
    secure: Words = Field((), description="registry hosts on loopback to reach over TLS all the same")
    ca_file: str = Field("", description="a PEM file of CAs to trust beside the system's")
    certs_dir: str = Field("", description="a folder as Docker's certs.d: <host>/*.crt, *.cert and *.key")
    token_realms: Words = Field(
        (), description="hosts of other domains that may see a registry's credential to give a token"
    )
    allow_dirty: bool = Field(default=False, description="push a tree with uncommitted changes")
    push_jobs: int = Field(8, ge=1, le=32, description="requests that a push has under way at once")
    if_unmoved: bool = Field(
        default=False, description="move no tag that somebody else moved while this run was building"
    )
    overwrite_tags: bool = Field(
        default=False, description="let a version's tag (1.2.3), once published, become another image"
    )
    locked: bool = Field(default=False, description="refuse a base image that no digest pins")
    timeout: int = Field(3600, ge=1, le=86400, description="seconds a build may take")
    images: dict[str, ImageSettings]

    def access(self) -> Access:
        """How registries are reached; paths are from the repository's folder."""
        return Access(
            insecure=self.insecure,
            secure=self.secure,
            token_realms=self.token_realms,
            ca_file=self.root / self.ca_file if self.ca_file else None,
            certs_dir=self.root / self.certs_dir if self.certs_dir else None,
        )
