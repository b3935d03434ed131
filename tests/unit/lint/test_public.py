"""Good patterns of others, which must stay without a finding, and the public mistakes behind the rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from gopherwhale.lint.linter import lint
from gopherwhale.lint.view import Surroundings
from gopherwhale.platforms import parse_many
from gopherwhale.settings import load
from tests.template.baking import CHOICES, bake

UNWANTED = {"dockerignore-git": ".git", "dockerignore-dist": "dist"}

GOOD = {
    "xx with mounts": """\
# syntax=docker/dockerfile:1
FROM --platform=$BUILDPLATFORM tonistiigi/xx:1.6.1 AS xx

FROM --platform=$BUILDPLATFORM golang:1.27-alpine AS build
RUN apk add clang lld
COPY --from=xx / /
WORKDIR /src
ENV CGO_ENABLED=0
ARG TARGETPLATFORM
RUN --mount=target=. \\
    --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache \\
    xx-go build -o /out/app ./cmd/app && xx-verify --static /out/app

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/app /app
ENTRYPOINT ["/app"]
""",
    "xx with cgo": """\
FROM --platform=$BUILDPLATFORM tonistiigi/xx:1.6.1 AS xx
FROM --platform=$BUILDPLATFORM golang:1.27-alpine AS build
COPY --from=xx / /
RUN apk add clang lld
ARG TARGETPLATFORM
RUN xx-apk add musl-dev gcc
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN --mount=type=cache,target=/root/.cache xx-go --wrap && CGO_ENABLED=1 go build -o /out/app .
FROM alpine:3.22
COPY --from=build /out/app /app
USER 65532
ENTRYPOINT ["/app"]
""",
    "bound modules": """\
# syntax=docker/dockerfile:1
ARG GO_VERSION=1.27
FROM --platform=$BUILDPLATFORM golang:${GO_VERSION}-alpine AS base
WORKDIR /src
RUN --mount=type=cache,target=/go/pkg/mod/ \\
    --mount=type=bind,source=go.sum,target=go.sum \\
    --mount=type=bind,source=go.mod,target=go.mod \\
    go mod download -x

FROM base AS build
ARG TARGETOS
ARG TARGETARCH
ARG TARGETVARIANT
RUN --mount=type=cache,target=/go/pkg/mod/ --mount=type=cache,target=/root/.cache/go-build \\
    --mount=type=bind,target=. <<EOT
  set -e
  CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH GOARM=${TARGETVARIANT#v} \\
    go build -o /bin/server ./cmd/server
EOT

FROM gcr.io/distroless/static-debian12:nonroot AS final
COPY --from=build /bin/server /bin/
EXPOSE 3000
ENTRYPOINT [ "/bin/server" ]
""",
    "a binary from outside": """\
FROM gcr.io/distroless/static-debian12:nonroot
ARG TARGETPLATFORM
COPY $TARGETPLATFORM/app /usr/bin/
ENTRYPOINT ["/usr/bin/app"]
""",
    "a makefile": """\
FROM --platform=$BUILDPLATFORM golang:1.27 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS TARGETARCH
RUN GOOS=$TARGETOS GOARCH=$TARGETARCH make build
FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /src/bin/app /app
ENTRYPOINT ["/app"]
""",
    "vendored, with a tool from the net": """\
# escape=`
FROM --platform=${BUILDPLATFORM} golang:1.27 AS build
WORKDIR /src
COPY . .
ARG TARGETARCH
ARG TARGETVARIANT
RUN case "${TARGETARCH}" in `
      amd64) curl -fsSL https://example.com/tool-x86_64 -o /tool ;; `
      arm64) curl -fsSL https://example.com/tool-aarch64 -o /tool ;; `
    esac
RUN --mount=type=cache,target=/root/.cache/go-build `
    # The vendored modules.
    CGO_ENABLED=0 GOARCH=${TARGETARCH} GOARM=${TARGETVARIANT#v} go build -mod=vendor -o /app .
FROM alpine:3.22
COPY --from=build /tool /app /usr/local/bin/
USER nobody
""",
}


@pytest.mark.parametrize("name", GOOD)
def test_good_patterns_have_no_finding(name: str) -> None:
    """The helpers of tonistiigi/xx, Docker's own guide for Go, goreleaser's way, makefiles and vendoring."""
    around = Surroundings(ignore_text=".git\ndist\n", unwanted=UNWANTED)
    assert [(one.line, one.code) for one in lint("Dockerfile", GOOD[name], around).findings] == []


@pytest.mark.parametrize("builder", CHOICES["builder"])
@pytest.mark.parametrize("time_zones", ["no", "yes"])
def test_the_template_has_no_finding(tmp_path: Path, builder: str, time_zones: str) -> None:
    """What we hand out is clean in every variant, for every platform that Go builds."""
    root = bake(tmp_path / "out", builder=builder, time_zones=time_zones)
    texts = [(root / name).read_text() for name in ("Dockerfile", ".dockerignore", "go.mod")]
    for platforms in ((), parse_many(["all"]), load(root).images["hello"].platforms):
        around = Surroundings(platforms=platforms, ignore_text=texts[1], go_mod=texts[2], unwanted=UNWANTED)
        assert [(one.line, one.code) for one in lint("Dockerfile", texts[0], around).findings] == []


BUILD = "FROM --platform=$BUILDPLATFORM golang:1.27 AS build\nCOPY . .\n"
IMAGE = "FROM scratch\nCOPY --from=build /app /app\n"
# Each a public issue, rebuilt in small: what went out was wrong, and this line was why.
FIELD = {
    "Turbootzz/Vaultwarden-API#47, apache/skywalking-swck#215, netclaw-dev/netclaw#1122": (
        BUILD
        + "ARG TARGETOS\nARG TARGETARCH=amd64\nRUN GOOS=$TARGETOS GOARCH=$TARGETARCH go build -o /app\n"
        + IMAGE,
        ("platform-arg-default", 4),
    ),
    "utkuozdemir/nvidia_gpu_exporter#418": (
        "FROM ubuntu:22.04\nARG TARGETPLATFORM=linux/amd64\nCOPY $TARGETPLATFORM/app /app\n",
        ("target-platform-default", 2),
    ),
    "FriendsOfShopware/shopmon#770": (
        BUILD + "RUN GOOS=linux GOARCH=${TARGETARCH} go build -o /app\n" + IMAGE,
        ("platform-arg-undeclared", 3),
    ),
    "lightninglabs/loop#1211": (
        BUILD + "ARG TARGETARCH\nRUN GOARCH=$TARGETARCH go build -o /app\n"
        "FROM --platform=${BUILDPLATFORM} alpine:3 AS final\nCOPY --from=build /app /app\n",
        ("final-on-build-platform", 5),
    ),
    "GoogleCloudPlatform/berglas#297": (
        BUILD + "ARG TARGETARCH\nRUN GOARCH=$TARGETARCH go build -o /app\n"
        "FROM --platform=linux/amd64 alpine:3\nCOPY --from=build /app /app\n",
        ("platform-pinned", 5),
    ),
    "GoogleCloudPlatform/prometheus-engine#2014": (
        BUILD + "ARG TARGETARCH\nRUN GOARCH=$TARGETARCH go build -o /app\n"
        f"FROM gcr.io/distroless/static:1@sha256:{'0' * 64}\nCOPY --from=build /app /app\n",
        ("base-digest", 5),
    ),
    "shellhub-io/shellhub#5801": (
        BUILD + "ARG TARGETARCH\nRUN CGO_ENABLED=0 GOARCH=$TARGETARCH go build -o /app\n" + IMAGE,
        ("arm-without-variant", 4),
    ),
    "docker/build-push-action#1348": (
        "FROM golang:1.27 AS build\nCOPY . .\nRUN CGO_ENABLED=0 go build -o /app\n" + IMAGE,
        ("build-emulated", 1),
    ),
}


@pytest.mark.parametrize("issue", FIELD)
def test_public_mistakes_are_named(issue: str) -> None:
    """The line that published the wrong image is the line of the finding."""
    text, (code, line) = FIELD[issue]
    found = lint("Dockerfile", text).findings
    assert (code, line) in {(one.code, one.line) for one in found}
