"""The settings as types: what may be set, for an image and for a repository.

`settings` finds and joins the values; `settings_types` reads each.
"""

# No `from __future__ import annotations`: msgspec and we would each compile every one of them again (12 ms).

from pathlib import Path
from typing import Annotated, Final

from msgspec import Meta, Struct  # noqa: TID251 -- with settings.py the only importer

from gopherwhale import platforms
from gopherwhale.access import Access
from gopherwhale.settings_types import (
    Absolute,
    Base,
    BuildEnvironment,
    Command,
    Compression,
    EngineName,
    FindingCode,
    Flag,
    Inside,
    Lines,
    LintCode,
    Mode,
    Number,
    OnePlatform,
    PlatformEnvironment,
    Platforms,
    Ports,
    Repositories,
    Repository,
    Severity,
    Signal,
    Table,
    User,
    Words,
)

# The scaffold's Dockerfile says the same; the linker ignores a variable that a program lacks.
LDFLAGS: Final = (
    "-s -w -X main.commit=${COMMIT} -X main.version=${VERSION} -X main.sourceDate=${SOURCE_DATE_EPOCH}"
)


class _Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What all tables are: nothing changes once it is read, and no key is unknown."""


class FileSettings(_Table, frozen=True, kw_only=True):
    """A file or folder of the repository that the go engine puts into the image: `[[go.files]]`."""

    source: Annotated[Inside, Meta(description="a file or folder of the repository")]
    path: Annotated[
        Absolute, Meta(description="its place in the image; a file goes below one that ends in /")
    ]
    mode: Annotated[
        Mode, Meta(description="permissions of its files, as 0640; empty: 0755 for programs, else 0644")
    ] = ""
    owner: Annotated[User, Meta(description="numbers, as 65532:65532")] = "0:0"
    template: Annotated[Flag, Meta(description="fill ${NAME} from the build arguments")] = False


class GoSettings(_Table, frozen=True, kw_only=True):
    """What the go engine does in place of a Dockerfile: the table `[go]`, or `[images.NAME.go]`."""

    base: Annotated[
        Base, Meta(description="what the image is built upon: scratch, registry/name:tag, or oci:DIR")
    ] = "scratch"
    packages: Annotated[
        Words, Meta(description="main packages, as ./cmd/serve or ./cmd/serve=/bin/serve")
    ] = ()
    ldflags: Annotated[str, Meta(description="for the linker; ${NAME} is a build argument")] = LDFLAGS
    build_tags: Annotated[Words, Meta(description="build tags of Go")] = ()
    flags: Annotated[Words, Meta(description="further flags of `go build`")] = ()
    build_env: Annotated[
        BuildEnvironment, Meta(description="for the Go toolchain, CPU levels as GOAMD64 too")
    ] = {}
    platform_env: Annotated[
        PlatformEnvironment,
        Meta(description='the same for one platform: tables [go.platform_env."linux/arm/v7"]'),
    ] = {}
    certificates: Annotated[str, Meta(description="CA certificates: certifi, a PEM file, or none")] = (
        "certifi"
    )
    time_zones: Annotated[Flag, Meta(description="add the time zone database")] = False
    passwd: Annotated[Flag, Meta(description="add /etc/passwd and /etc/group with the user's numbers")] = (
        False
    )
    tmp: Annotated[Flag, Meta(description="add a folder /tmp that everybody may write")] = False
    files: Annotated[tuple[FileSettings, ...], Meta(description="further files: tables [[go.files]]")] = ()
    compression: Annotated[Compression, Meta(description="how layers are compressed")] = "gzip"
    user: Annotated[User, Meta(description="who runs the program")] = "65532:65532"
    entrypoint: Annotated[Command, Meta(description="what runs; empty: the binary")] = ()
    args: Annotated[Command, Meta(description="its arguments, which `docker run` can replace")] = ()
    env: Annotated[Table, Meta(description="the image's environment")] = {}
    working_dir: Annotated[Absolute, Meta(description="where it runs")] = "/"
    expose: Annotated[Ports, Meta(description="ports it listens on")] = ()
    stop_signal: Annotated[Signal, Meta(description="the signal that stops it; empty: SIGTERM")] = ""
    # No setting: which of the others somebody gave.
    given: frozenset[str] = frozenset()


class PolicySettings(_Table, frozen=True, kw_only=True):
    """Weigh a finding of verify otherwise: `[[verify.policy]]`."""

    code: Annotated[FindingCode, Meta(description="the finding's code, see docs/findings.md")]
    severity: Annotated[Severity, Meta(description="what it becomes: error, warning, notice or allowed")]
    reason: Annotated[str, Meta(min_length=1, description="why; shown with the finding")]
    platform: Annotated[OnePlatform, Meta(description="only for this platform, as linux/arm/v7")] = ""
    path: Annotated[str, Meta(description="only for this path in the image, a pattern as /usr/lib/*")] = ""


class VerifySettings(_Table, frozen=True, kw_only=True):
    """How images are judged: the table `[verify]`, or `[images.NAME.verify]`."""

    all: Annotated[Flag, Meta(description="judge every program of the image, not only what is reached")] = (
        False
    )
    policy: Annotated[
        tuple[PolicySettings, ...], Meta(description="findings weighed otherwise: tables [[verify.policy]]")
    ] = ()


class LintPolicySettings(_Table, frozen=True, kw_only=True):
    """Weigh a finding of lint otherwise: `[[lint.policy]]`."""

    code: Annotated[LintCode, Meta(description="the finding's code, see docs/lint.md")]
    severity: Annotated[Severity, Meta(description="what it becomes: error, warning, notice or allowed")]
    reason: Annotated[str, Meta(min_length=1, description="why; shown with the finding")]


class LintSettings(_Table, frozen=True, kw_only=True):
    """How the Dockerfile is judged: the table `[lint]`, or `[images.NAME.lint]`."""

    policy: Annotated[
        tuple[LintPolicySettings, ...], Meta(description="findings weighed otherwise: tables [[lint.policy]]")
    ] = ()


class ImageSettings(_Table, frozen=True, kw_only=True):
    """What one image is made of; every key may stand at the top level or in `[images.NAME]`."""

    repository: Annotated[Repository, Meta(description="registry/name to push to")] = ""
    also_push_to: Annotated[
        Repositories,
        Meta(description="further repositories, of any registry, that get the same image and tags"),
    ] = ()
    platforms: Annotated[Platforms, Meta(description="platforms or presets")] = platforms.PRESETS["default"]
    engine: Annotated[EngineName, Meta(description="what builds the image")] = "auto"
    context: Annotated[Inside, Meta(description="the build's context, a folder")] = "."
    dockerfile: Annotated[Inside, Meta(description="the recipe")] = "Dockerfile"
    target: Annotated[str, Meta(description="the stage to build; empty: the last")] = ""
    builder: Annotated[str, Meta(description="a buildx builder; empty: the current one")] = ""
    build_args: Annotated[Table, Meta(description="further build arguments")] = {}
    secrets: Annotated[Lines, Meta(description="BuildKit secrets, as id=netrc,src=FILE")] = ()
    cache_from: Annotated[Lines, Meta(description="BuildKit caches to read")] = ()
    cache_to: Annotated[str, Meta(description="the BuildKit cache to write")] = ""
    provenance: Annotated[Flag, Meta(description="attach BuildKit's provenance")] = False
    sbom: Annotated[Flag, Meta(description="attach an SBOM: BuildKit's, or the go engine's")] = False
    tags: Annotated[Words, Meta(description="tags: `auto` and templates as nightly-{date}")] = ("auto",)
    labels: Annotated[Table, Meta(description="labels of the image's config")] = {}
    annotations: Annotated[Table, Meta(description="annotations of the index and of each manifest")] = {}
    go: Annotated[GoSettings, Meta(description="the recipe of the go engine")] = GoSettings()
    lint: Annotated[LintSettings, Meta(description="how the Dockerfile is judged")] = LintSettings()
    verify: Annotated[VerifySettings, Meta(description="how the image is judged")] = VerifySettings()


class Settings(_Table, frozen=True, kw_only=True):
    """The settings of a repository, resolved."""

    root: Annotated[Path, Meta(description="the repository's folder, beside go.mod")]
    default_branch: Annotated[str, Meta(description="the branch that is `latest`; empty: asked of git")] = ""
    dist: Annotated[Inside, Meta(description="the folder of layouts and receipts")] = "dist"
    insecure: Annotated[Words, Meta(description="registry hosts to reach over plain HTTP")] = ()
    secure: Annotated[
        Words, Meta(description="registry hosts on loopback to reach over TLS all the same")
    ] = ()
    ca_file: Annotated[str, Meta(description="a PEM file of CAs to trust beside the system's")] = ""
    certs_dir: Annotated[
        str, Meta(description="a folder as Docker's certs.d: <host>/*.crt, *.cert and *.key")
    ] = ""
    token_realms: Annotated[
        Words, Meta(description="hosts of other domains that may see a registry's credential to give a token")
    ] = ()
    allow_dirty: Annotated[Flag, Meta(description="push a tree with uncommitted changes")] = False
    push_jobs: Annotated[
        Number, Meta(ge=1, le=32, description="requests that a push has under way at once")
    ] = 8
    if_unmoved: Annotated[
        Flag, Meta(description="move no tag that somebody else moved while this run was building")
    ] = False
    overwrite_tags: Annotated[
        Flag, Meta(description="let a version's tag (1.2.3), once published, become another image")
    ] = False
    locked: Annotated[Flag, Meta(description="refuse a base image that no digest pins")] = False
    timeout: Annotated[Number, Meta(ge=1, le=86400, description="seconds a build may take")] = 3600
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
