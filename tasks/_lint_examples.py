"""A good Dockerfile, and for each code of lint a change that makes the mistake; docs/lint.md shows both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

GOOD: Final = """\
# syntax=docker/dockerfile:1
ARG GO_VERSION=1.27
FROM --platform=$BUILDPLATFORM golang:${GO_VERSION}-bookworm AS build
WORKDIR /src
COPY go.mod go.sum* ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG TARGETOS TARGETARCH TARGETVARIANT
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \\
    CGO_ENABLED=0 GOOS=${TARGETOS:-linux} GOARCH=${TARGETARCH} GOARM=${TARGETVARIANT#v} \\
    go build -trimpath -o /out/app .

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/app /app
ENTRYPOINT ["/app"]
"""
IGNORE: Final = ".git\ndist\n"
_ARGS: Final = "ARG TARGETOS TARGETARCH TARGETVARIANT\n"
_MODULES: Final = """\
COPY go.mod go.sum* ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
"""
_MODULE_CACHE: Final = "--mount=type=cache,target=/go/pkg/mod "
_BUILD_CACHE: Final = "--mount=type=cache,target=/root/.cache/go-build "
_BASE: Final = "static-debian12:nonroot"
_DIGEST: Final = "0123456789abcdef" * 4


@dataclass(frozen=True, kw_only=True)
class Example:
    """What turns the good Dockerfile, or the ignore file beside it, into one with one mistake.

    Attributes:
        code: The mistake's.
        changes: What stands there, and what shall stand there instead.
        ignore: The ignore file.
        single: A base whose digest is one platform's, as a registry says.
    """

    code: str
    changes: tuple[tuple[str, str], ...]
    ignore: str = IGNORE
    single: str = ""

    @property
    def text(self) -> str:
        """The Dockerfile with its mistake.

        Raises:
            ValueError: What is to be changed is not there.
        """
        text = GOOD
        for old, new in self.changes:
            if old not in text:
                raise ValueError(f"{self.code}: {old!r} is not there")
            text = text.replace(old, new, 1)
        return text


def _example(code: str, *changes: tuple[str, str]) -> Example:
    return Example(code=code, changes=changes)


EXAMPLES: Final = (
    _example("platform-arg-default", (_ARGS, "ARG TARGETOS TARGETARCH=amd64 TARGETVARIANT\n")),
    _example("target-platform-default", (_ARGS, f"ARG TARGETPLATFORM=linux/amd64\n{_ARGS}")),
    _example("platform-arg-undeclared", (_ARGS, "ARG TARGETOS TARGETVARIANT\n")),
    _example("platform-arg-above-from", ("ARG GO_VERSION", "ARG TARGETARCH\nARG GO_VERSION")),
    _example("target-ignored", ("GOARCH=${TARGETARCH} ", "")),
    _example("goarch-by-hand", ("GOARCH=${TARGETARCH}", "GOARCH=amd64")),
    _example("goos-by-hand", ("GOOS=${TARGETOS:-linux}", "GOOS=linux")),
    _example("arm-without-variant", (" GOARM=${TARGETVARIANT#v}", "")),
    _example("build-emulated", ("--platform=$BUILDPLATFORM golang", "golang")),
    _example("final-on-build-platform", ("FROM gcr.io", "FROM --platform=$BUILDPLATFORM gcr.io")),
    _example("platform-pinned", ("FROM gcr.io", "FROM --platform=linux/amd64 gcr.io")),
    _example("base-of-one-architecture", (_BASE, f"{_BASE}-amd64")),
    _example("base-digest", (_BASE, f"{_BASE}@sha256:{_DIGEST}")),
    Example(
        code="base-digest-of-one-platform",
        changes=((_BASE, f"{_BASE}@sha256:{_DIGEST}"),),
        single=f"gcr.io/distroless/{_BASE}@sha256:{_DIGEST}",
    ),
    _example(
        "download-of-one-architecture",
        ("COPY --from=build", "ADD https://example.com/tool-linux-amd64 /tool\nCOPY --from=build"),
    ),
    _example(
        "copy-of-one-architecture",
        ("COPY --from=build", "COPY bin/tool-linux-amd64 /tool\nCOPY --from=build"),
    ),
    _example("modules-not-apart", (_MODULES, "COPY . .\n"), (_MODULE_CACHE, "")),
    _example("sources-before-modules", (_MODULES, f"COPY . .\nRUN {_MODULE_CACHE}go mod download\n")),
    _example("go-build-all", ("go build -trimpath", "go build -a -trimpath")),
    _example("cgo-for-static-base", ("CGO_ENABLED=0 ", "")),
    _example("no-cache-mount", (_MODULE_CACHE + _BUILD_CACHE, "")),
    _example("secret-in-arg", (_ARGS, f"ARG GITHUB_TOKEN\n{_ARGS}")),
    _example("secret-in-env", (_ARGS, f"ENV API_KEY=example\n{_ARGS}")),
    _example("latest-tag", (_BASE, "static-debian12"), ("ENTRYPOINT", "USER 65532:65532\nENTRYPOINT")),
    _example("runs-as-root", (_BASE, "static-debian12:debug")),
    _example("shell-form-without-shell", ('["/app"]', "/app")),
    _example(
        "user-unknown", (f"gcr.io/distroless/{_BASE}", "scratch"), ("ENTRYPOINT", "USER app\nENTRYPOINT")
    ),
    Example(code="dockerignore-git", changes=(), ignore="dist\n"),
    Example(code="dockerignore-dist", changes=(), ignore=".git\n"),
    _example("syntax", ("WORKDIR", "WORKDIRECTORY")),
    _example(
        "ignore-without-reason",
        ("RUN --mount=type=cache,target=/go/pkg/mod go", "# gopherwhale: ignore=latest-tag\nRUN go"),
    ),
    _example("ignore-unknown", ("FROM gcr", "# gopherwhale: ignore=lates-tag it is ours\nFROM gcr")),
    _example("ignore-unused", ("FROM gcr", "# gopherwhale: ignore=latest-tag it is ours\nFROM gcr")),
)
