"""How large an image is, as it travels and as it lies unpacked: ours, ko's, and the article's."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from bench import work
from bench.assembling import KO_FILE
from bench.harness import Comparison, Contender, Target
from bench.workbench import Workbench
from gopherwhale.oci.documents import Descriptor
from gopherwhale.oci.layout import Layout

_GO, _BUILDX = "gopherwhale: go engine", "gopherwhale: buildx engine"
_KO, _ARTICLE = "ko build, without its base", "the article's Dockerfile"
_PLATFORMS: Final = "linux/amd64,linux/arm64"
# Its four rules and no more: nothing says that the linker shall leave out what a debugger reads.
_DOCKERFILE: Final = """\
ARG GO_VERSION
FROM --platform=$BUILDPLATFORM golang:${GO_VERSION}-bookworm AS build
WORKDIR /src
COPY go.mod go.sum* ./
RUN go mod download
COPY . .
ARG TARGETOS TARGETARCH
RUN --mount=type=cache,target=/root/.cache/go-build \\
    CGO_ENABLED=0 GOOS=${TARGETOS:-linux} GOARCH=${TARGETARCH:-amd64} go build -o /out/app .
FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/app /app
ENTRYPOINT ["/app"]
"""


def comparisons(bench: Workbench) -> Iterator[Comparison]:
    """The scaffold's images for two platforms, all layers of both."""
    version = bench.standing.go_version
    roots = {
        who: work.scaffold(bench, f"sizes-{number}", builder="debian", go_version=version)
        for number, who in enumerate((_GO, _BUILDX, _KO, _ARTICLE))
    }
    layouts = {who: bench.scratch("sizes-layouts") / str(number) for number, who in enumerate(roots)}
    (roots[_KO] / ".ko.yaml").write_text(KO_FILE.format(base=work.empty_base(bench)))
    (base,) = (path.parent for path in bench.scratch("empty-base").glob("*/gopherwhale.toml"))
    (roots[_ARTICLE] / "Dockerfile").write_text(_DOCKERFILE)
    commands = {
        _GO: bench.ours("docker.cross-build", "--engine", "go", folder=roots[_GO]),
        _BUILDX: bench.ours("docker.cross-build", "--engine", "buildx", folder=roots[_BUILDX]),
        _KO: bench.peer(
            *("ko", "build", "--push=false", "--sbom=none", "--oci-layout-path", str(layouts[_KO])),
            *("--platform", _PLATFORMS, "."),
            folder=roots[_KO],
            KO_DOCKER_REPO=f"{bench.registry}/bench",
        ),
        _ARTICLE: bench.command(
            *("docker", "buildx", "build", "--quiet", "--provenance=false", "--platform", _PLATFORMS),
            *("--build-arg", f"GO_VERSION={version}"),
            *("--output", f"type=oci,tar=false,dest={layouts[_ARTICLE]}", "."),
            folder=roots[_ARTICLE],
        ),
    }
    sizes: dict[str, Callable[[], Mapping[str, float]]] = {
        _GO: lambda: _size(work.image_of(roots[_GO])),
        _BUILDX: lambda: _size(work.image_of(roots[_BUILDX])),
        _KO: lambda: _size(work.last_image(layouts[_KO]), _layers(work.image_of(base))),
        _ARTICLE: lambda: _size(Layout(layouts[_ARTICLE])),
    }
    yield Comparison(
        name="sizes",
        title="The scaffold's image for two platforms: bytes of all layers, compressed and unpacked",
        contenders=[
            Contender(name=who, commands=[command], facts=sizes[who]) for who, command in commands.items()
        ],
        # ko's image has its certificates from a base, and ours brings them: unpacked, that is no fair target.
        targets=[
            *(Target(of=of, to=_KO, at_most=1.0, metric="compressed_bytes") for of in (_GO, _BUILDX)),
            *(
                Target(of=of, to=_ARTICLE, at_most=1.0, metric=metric)
                for of in (_GO, _BUILDX)
                for metric in ("compressed_bytes", "unpacked_bytes")
            ),
        ],
        rounds=1,
        warm_up=False,
    )


def _layers(layout: Layout) -> list[Descriptor]:
    return [layer for manifest in work.manifests(layout) for layer in manifest.layers]


def _size(layout: Layout, below: Sequence[Descriptor] = ()) -> Mapping[str, float]:
    """Of all layers but those of a base."""
    known = {layer.digest for layer in below}
    layers = [layer for layer in _layers(layout) if layer.digest not in known]
    unpacked = 0
    for layer in layers:
        with layout.open_blob(layer) as stream, gzip.open(stream) as content:
            while piece := content.read(1 << 20):
                unpacked += len(piece)
    return {
        "compressed_bytes": float(sum(layer.size for layer in layers)),
        "unpacked_bytes": float(unpacked),
    }
