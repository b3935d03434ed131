"""How the time grows with platforms and with binaries, against bare `go build`: the limit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bench import work
from bench.harness import Comparison, Contender, Target
from bench.workbench import Workbench
from gopherwhale.platforms import PRESETS, Platform

_FIRST: Final = ("linux/amd64", "linux/arm64")
_OURS, _BARE = "gopherwhale: go engine", "bare go build"
# What the go engine's default settings give to the linker, without the values.
_FLAGS: Final = ("-trimpath", "-ldflags", "-s -w")


def comparisons(bench: Workbench) -> Iterator[Comparison]:
    """1 to 16 platforms with one binary, and 1 to 8 binaries for two platforms, all after a change."""
    for count in (1, 2) if bench.quick else (1, 2, 4, 8, 16):
        yield _one(bench, "growth-platforms", count, platforms=_platforms(count), binaries=1)
    for count in (1, 2) if bench.quick else (1, 2, 4, 8):
        yield _one(bench, "growth-binaries", count, platforms=_platforms(2), binaries=count)


def _platforms(count: int) -> list[Platform]:
    every = sorted((one for one in PRESETS["all"] if one.os == "linux"), key=_order)
    # Variants of one architecture compile the same packages once more, as any other platform does.
    return every[:count]


def _order(platform: Platform) -> tuple[bool, str]:
    return str(platform) not in _FIRST, str(platform)


def _one(
    bench: Workbench, series: str, count: int, *, platforms: list[Platform], binaries: int
) -> Comparison:
    root = work.several_binaries(
        bench, f"{series}-{count}", binaries=binaries, platforms=[str(platform) for platform in platforms]
    )

    def change(who: str, number: int) -> None:
        for main in root.glob("cmd/*/main.go"):
            work.touch(main, f"{number} of {who}")

    out = bench.scratch(f"{series}-{count}-out")
    bare = [
        bench.command(
            *("go", "build", *_FLAGS, "-o", f"{out / platform.slug}/", "./cmd/..."),
            folder=root,
            **{"CGO_ENABLED": "0", **platform.go_environment()},
        )
        for platform in platforms
    ]
    ours = bench.ours("docker.cross-build", "--engine", "go", folder=root)
    return Comparison(
        name=f"{series}-{count}",
        title=f"{count} {series.partition('-')[2] if count > 1 else series.partition('-')[2].rstrip('s')}",
        contenders=[
            Contender(name=_OURS, commands=[ours], before=lambda number: change("ours", number)),
            Contender(
                name=_BARE,
                commands=bare,
                side_by_side=True,
                before=lambda number: change("bare", number),
            ),
        ],
        targets=[Target(of=_OURS, to=_BARE, at_most=1.3)],
        rounds=3,
        series=series,
        at=count,
    )
