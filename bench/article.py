"""The claims that this project stands on: cross-compiling against emulation, and the order of layers."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from bench import work
from bench.harness import Comparison, Contender, Target
from bench.measuring import Serving, run
from bench.workbench import Workbench

_EMULATOR: Final = "qemu-aarch64-static"
_PROXY: Final = "http://127.0.0.1:{port}"
_HEAD: Final = """\
ARG GO_VERSION
FROM --platform=$BUILDPLATFORM golang:${GO_VERSION}-bookworm AS build
WORKDIR /src
ARG GOPROXY
ENV CGO_ENABLED=0 GONOSUMDB=*
"""
_TAIL: Final = """
FROM scratch
COPY --from=build /out/program /program
ENTRYPOINT ["/program"]
"""
_BUILD: Final = "go build -trimpath -o /out/program ./cmd/crane\n"
_MODULES: Final = "--mount=type=cache,target=/go/pkg/mod,id=order-modules"
_BUILT: Final = "--mount=type=cache,target=/root/.cache/go-build,id=order-build"
# The scaffold's order, the order of the article's second step, and what most people write first.
_ORDERS: Final = {
    "gopherwhale: the scaffold's order": (
        f"COPY go.mod go.sum* ./\nRUN {_MODULES} go mod download\nCOPY . .\nRUN {_MODULES} {_BUILT} {_BUILD}"
    ),
    "modules first, no cache mount": f"COPY go.mod go.sum ./\nRUN go mod download\nCOPY . .\nRUN {_BUILD}",
    "sources first": f"COPY . .\nRUN go mod download\nRUN {_BUILD}",
}


def comparisons(bench: Workbench) -> Iterator[Comparison]:
    """An arm64 binary with and without emulation; a rebuild after a change of the sources."""
    yield _emulation(bench)
    yield from _orders(bench)


def _emulation(bench: Workbench) -> Comparison:
    """The same Go compiling the same program for arm64: as itself, and as an arm64 program under QEMU.

    The second is what a builder stage on the target's platform does. Both begin with an empty build cache,
    as a layer without a cache mount does.
    """
    root = (
        work.several_binaries(bench, "emulation", binaries=1, platforms=["linux/arm64"])
        if bench.quick
        else work.scaffold(bench, "emulation")
    )
    package = "./cmd/tool1" if bench.quick else "."
    cache = bench.scratch("emulation-cache")

    def empty(_round: int) -> None:
        shutil.rmtree(cache)
        cache.mkdir()

    variables = {"CGO_ENABLED": "0", "GOARCH": "arm64", "GOOS": "linux", "GOCACHE": str(cache)}
    arguments = ("build", "-trimpath", "-o", str(bench.scratch("emulation-out") / "program"))
    native = bench.command("go", *arguments, package, folder=root, **variables)
    foreign = _foreign_go(bench)
    emulated = bench.command(
        *(_EMULATOR, str(foreign / "bin/go"), *arguments, "-toolexec", _EMULATOR, package),
        folder=root,
        **{**variables, "GOROOT": str(foreign)},
    )
    ours, theirs = "gopherwhale: cross-compiled", "emulated"
    return Comparison(
        name="emulation",
        title="Compiling the scaffold for linux/arm64 on x86_64, from an empty cache",
        contenders=[
            Contender(name=ours, commands=[native], before=empty),
            Contender(name=theirs, commands=[emulated], before=empty),
        ],
        targets=[Target(of=ours, to=theirs, at_most=0.1)],
        rounds=2,
        warm_up=False,
    )


def _foreign_go(bench: Workbench) -> Path:
    """The Go toolchain of the same version for linux/arm64, which the Go module proxy has as a module."""
    version = bench.peers.version("go")
    name = f"golang.org/toolchain@v0.0.1-{version}.linux-arm64"
    root = Path(json.loads(bench.peers.ask("go", "mod", "download", "-json", name))["Dir"])
    for program in (root / "bin/go", *(root / "pkg/tool").rglob("*")):
        program.chmod(program.stat().st_mode | 0o111)
    return root


def _orders(bench: Workbench) -> Iterator[Comparison]:
    go_version = bench.standing.go_version
    root = work.module(bench, "order", "github.com/google/go-containerregistry", "v0.20.6")
    proxy = Path(bench.peers.ask("go", "env", "GOMODCACHE")) / "cache/download"
    # The builds get their modules from this machine's cache, so that no network is measured.
    run([bench.command("go", "mod", "download", folder=root)])
    serve = (sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", "--directory", str(proxy), "0")
    with Serving(bench.command(*serve, folder=root), r"port (\d+)") as port:
        given = {"GO_VERSION": go_version, "GOPROXY": _PROXY.format(port=port)}
        contenders = [_order(bench, root, name, text, given) for name, text in _ORDERS.items()]
        names = [contender.name for contender in contenders]
        yield Comparison(
            name="layer-order",
            title="Rebuilding a real program with buildx after one changed line",
            contenders=contenders,
            targets=[Target(of=names[0], to=other, at_most=1.0) for other in names[1:]],
            rounds=3,
        )


def _order(bench: Workbench, root: Path, name: str, text: str, given: Mapping[str, str]) -> Contender:
    dockerfile = bench.scratch("order-dockerfiles") / f"{len(text)}.Dockerfile"
    dockerfile.write_text(_HEAD + text + _TAIL)
    arguments = [word for key, value in given.items() for word in ("--build-arg", f"{key}={value}")]
    build = bench.command(
        *("docker", "buildx", "build", "--quiet", "--network", "host", "--file", str(dockerfile)),
        *("--platform", "linux/arm64", "--output", "type=cacheonly"),
        *(*arguments, "."),
        folder=root,
    )

    def before(number: int) -> None:
        work.touch(root / "cmd/crane/main.go", f"{number} of {len(text)}")

    return Contender(name=name, commands=[build], before=before)
