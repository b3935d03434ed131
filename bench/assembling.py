"""The go engine beside bare `go build` and ko: a line changed, nothing changed, many at once, a giant."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from bench import work
from bench.harness import PEAK, Comparison, Contender, Target
from bench.measuring import Command, Failed
from bench.workbench import Workbench
from gopherwhale import platforms
from gopherwhale.oci.layout import Layout
from gopherwhale.platforms import Platform

_OURS, _BARE, _KO = "gopherwhale: go engine", "bare go build", "ko build"
# What ko gives too, but for the linker's flags, which KO_FILE adds: all three make the same binary.
_FLAGS: Final = ("-trimpath", "-buildvcs=false", "-ldflags", "-s -w")
_PAIR: Final = platforms.parse_many(["linux/amd64,linux/arm64"])
_EIGHT: Final = platforms.parse_many(
    ["linux/386,linux/amd64,linux/arm/v6,linux/arm/v7,linux/arm64,linux/ppc64le,linux/riscv64,linux/s390x"]
)
KO_FILE: Final = """\
defaultBaseImage: {base}
builds:
  - id: main
    main: .
    flags: ["-buildvcs=false"]
    ldflags: ["-s", "-w"]
"""
_SETTINGS: Final = "\n[go]\nldflags = '-s -w'\ncertificates = 'none'\n"
_GIANT: Final = 200 * 1024 * 1024
_LIMIT: Final = 100 * 1024 * 1024


def comparisons(bench: Workbench) -> Iterator[Comparison]:
    """The scaffold, a real program of over 100 modules, 8 platforms of 4 binaries, a binary of 200 MiB."""
    base = work.empty_base(bench)
    yield _change(bench, "scaffold", work.scaffold, base)
    yield _nothing(bench, "scaffold", work.scaffold)
    if not bench.quick:
        yield _change(bench, "real", work.real_program, base)
        yield _nothing(bench, "real", work.real_program)
        yield _many(bench)
    yield _giant(bench)


def _repository(bench: Workbench, name: str, make: Callable[[Workbench, str], Path]) -> Path:
    root = make(bench, f"assembling-{name}")
    settings = root / "gopherwhale.toml"
    kept = settings.read_text().partition("\n[go]")[0]
    settings.write_text(kept + _SETTINGS)
    work.commit(bench, root)
    return root


def _bare(bench: Workbench, root: Path, targets: tuple[Platform, ...], package: str = ".") -> list[Command]:
    """One `go build` for each platform, to be run side by side."""
    out = bench.scratch(f"{root.parent.name}-{root.name}-out")
    return [
        bench.command(
            *("go", "build", *_FLAGS, "-o", f"{out / platform.slug}/", package),
            folder=root,
            **{"CGO_ENABLED": "0", **platform.go_environment()},
        )
        for platform in targets
    ]


def _change(bench: Workbench, name: str, make: Callable[[Workbench, str], Path], base: str) -> Comparison:
    """One line of the sources is another in each round, and another for each contender."""
    roots = {who: _repository(bench, f"{name}-change-{n}", make) for n, who in enumerate((_OURS, _BARE, _KO))}

    def before(who: str) -> Callable[[int], None]:
        return lambda number: work.touch(roots[who] / "main.go", f"{number} of {who}")

    (roots[_KO] / ".ko.yaml").write_text(KO_FILE.format(base=base))
    layout = bench.scratch(f"assembling-{name}-ko") / "layout"
    ko = bench.peer(
        *("ko", "build", "--push=false", "--sbom=none", "--oci-layout-path", str(layout)),
        *("--platform", ",".join(map(str, _PAIR)), "."),
        folder=roots[_KO],
        KO_DOCKER_REPO=f"{bench.registry}/bench",
    )
    ours = bench.ours("docker.cross-build", "--engine", "go", folder=roots[_OURS])
    return Comparison(
        name=f"{name}-change",
        title=f"{name}: a line changed, two platforms, caches warm",
        contenders=[
            Contender(
                name=_OURS,
                commands=[ours],
                before=before(_OURS),
                facts=lambda: _size(work.image_of(roots[_OURS])),
            ),
            Contender(
                name=_BARE,
                commands=_bare(bench, roots[_BARE], _PAIR),
                side_by_side=True,
                before=before(_BARE),
            ),
            Contender(
                name=_KO, commands=[ko], before=before(_KO), facts=lambda: _size(work.last_image(layout))
            ),
        ],
        targets=[
            Target(of=_OURS, to=_BARE, at_most=1.3),
            Target(of=_OURS, to=_KO, at_most=0.8),
            Target(of=_OURS, to=_KO, at_most=1.0, metric="layer_bytes"),
        ],
    )


def _nothing(bench: Workbench, name: str, make: Callable[[Workbench, str], Path]) -> Comparison:
    root = _repository(bench, f"{name}-nothing", make)
    return Comparison(
        name=f"{name}-nothing",
        title=f"{name}: nothing changed, two platforms",
        contenders=[
            Contender(name=_OURS, commands=[bench.ours("docker.cross-build", "--engine", "go", folder=root)]),
            Contender(name=_BARE, commands=_bare(bench, root, _PAIR), side_by_side=True),
            # What no tool in Python on invoke can be faster than: an empty task.
            Contender(name="an empty invoke task", commands=[bench.ours("--list", folder=root)]),
        ],
        targets=[Target(of=_OURS, to=_BARE, at_most=1.15)],
    )


def _many(bench: Workbench) -> Comparison:
    roots = {
        who: work.several_binaries(
            bench, f"assembling-many-{n}", binaries=4, platforms=[str(one) for one in _EIGHT]
        )
        for n, who in enumerate((_OURS, _BARE))
    }

    def before(who: str) -> Callable[[int], None]:
        def change(number: int) -> None:
            for main in roots[who].glob("cmd/*/main.go"):
                work.touch(main, f"{number} of {who}")

        return change

    ours = bench.ours("docker.cross-build", "--engine", "go", folder=roots[_OURS])
    bare = _bare(bench, roots[_BARE], _EIGHT, "./cmd/...")
    return Comparison(
        name="many",
        title="Eight platforms of four binaries, a line of each changed",
        contenders=[
            Contender(name=_OURS, commands=[ours], before=before(_OURS)),
            Contender(name=_BARE, commands=bare, side_by_side=True, before=before(_BARE)),
        ],
        targets=[Target(of=_OURS, to=_BARE, at_most=1.15)],
    )


def _giant(bench: Workbench) -> Comparison:
    """A binary of 200 MiB: what counts is the memory of our own process."""
    root = work.several_binaries(bench, "assembling-giant", binaries=1, platforms=["linux/amd64"])
    package = root / "cmd" / "tool1"

    def before(_round: int) -> None:
        try:
            with (package / "data").open("wb") as stream:
                for _ in range(_GIANT // (1024 * 1024)):
                    stream.write(os.urandom(1024 * 1024))
        except OSError as error:
            raise Failed(f"{package}: {error.strerror}") from None

    (package / "data.go").write_text(
        'package main\n\nimport _ "embed"\n\n//go:embed data\nvar data string\n\n'
        "func init() { print(data[:0]) }\n"
    )
    ours = bench.ours("docker.cross-build", "--engine", "go", folder=root)
    return Comparison(
        name="giant",
        title="A binary of 200 MiB: the memory of our own process",
        contenders=[Contender(name=_OURS, commands=[ours], before=before)],
        targets=[Target(of=_OURS, at_most=_LIMIT, metric=PEAK)],
    )


def _size(layout: Layout) -> Mapping[str, float]:
    """The compressed bytes of the highest layer, which holds the program, of each platform."""
    return {"layer_bytes": float(sum(manifest.layers[-1].size for manifest in work.manifests(layout)))}
