"""Both engines beside plain buildx, ko, goreleaser and bare `go build`: cold, one line on, unchanged."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from bench import work
from bench.harness import Comparison, Contender, Target
from bench.measuring import Command, run
from bench.workbench import Workbench

_GO, _BUILDX = "gopherwhale: go engine", "gopherwhale: buildx engine"
_PLAIN, _KO, _RELEASER, _BARE = "docker buildx build --push", "ko build", "goreleaser build", "bare go build"
_PLATFORMS: Final = ("linux/amd64", "linux/arm64")
_FLAGS: Final = ("-trimpath", "-buildvcs=false", "-ldflags", "-s -w")
_RELEASE: Final = """\
version: 2
builds:
  - env: [CGO_ENABLED=0]
    goos: [linux]
    goarch: [amd64, arm64]
    flags: [-trimpath, -buildvcs=false]
    ldflags: [-s -w]
"""


def comparisons(bench: Workbench) -> Iterator[Comparison]:
    """The scaffold for two platforms, pushed by those that push; goreleaser and `go build` only compile."""
    makers = _makers(bench, bench.standing.go_version)
    for name, title, rounds in (
        ("engines-change", "The scaffold for two platforms, one line changed", 5),
        ("engines-unchanged", "The scaffold for two platforms, unchanged", 5),
        ("engines-cold", "The scaffold for two platforms, every cache empty", 2),
    ):
        if name == "engines-cold" and bench.quick:
            continue
        contenders = [
            Contender(
                name=who,
                commands=commands,
                side_by_side=who == _BARE,
                before=_before(bench, name, who, root),
            )
            for who, root, commands in makers
        ]
        targets = [
            Target(of=_BUILDX, to=_PLAIN, at_most=1.1),
            *(Target(of=_GO, to=other, at_most=0.8) for other in (_PLAIN, _KO)),
        ]
        yield Comparison(
            name=name,
            title=title,
            contenders=contenders,
            targets=targets,
            rounds=rounds,
            warm_up=name != "engines-cold",
        )


def _makers(bench: Workbench, go_version: str) -> list[tuple[str, Path, list[Command]]]:
    made = []
    for number, who in enumerate((_GO, _BUILDX, _PLAIN, _KO, _RELEASER, _BARE)):
        repository = f"{bench.registry}/engines/{number}"
        root = work.scaffold(bench, f"engines-{number}", repository, builder="debian", go_version=go_version)
        made.append((who, root, _commands(bench, who, root, repository, go_version)))
    return made


def _commands(bench: Workbench, who: str, root: Path, repository: str, go_version: str) -> list[Command]:
    cache = {"GOCACHE": str(_cache(bench, who))}
    pushing = ("docker.push", "--allow-dirty", "--tag", "bench", "--engine")
    if who == _GO:
        return [bench.ours(*pushing, "go", folder=root, **cache)]
    if who == _BUILDX:
        return [bench.ours(*pushing, "buildx", folder=root)]
    if who == _PLAIN:
        plain = ("docker", "buildx", "build", "--platform", ",".join(_PLATFORMS), "--push")
        named = ("--tag", f"{repository}:bench", "--build-arg", f"GO_VERSION={go_version}", ".")
        return [bench.command(*plain, *named, folder=root)]
    if who == _KO:
        (root / ".ko.yaml").write_text(f"defaultBaseImage: {work.empty_base(bench)}\n")
        ko = ("ko", "build", "--bare", "--sbom=none", "--platform", ",".join(_PLATFORMS), ".")
        return [bench.peer(*ko, folder=root, KO_DOCKER_REPO=repository, **cache)]
    if who == _RELEASER:
        (root / ".goreleaser.yaml").write_text(_RELEASE)
        releaser = ("goreleaser", "build", "--snapshot", "--clean", "--skip=validate")
        return [bench.peer(*releaser, folder=root, **cache)]
    return [
        bench.command(
            *("go", "build", *_FLAGS, "-o", f"{root / 'out' / platform.partition('/')[2]}/", "."),
            folder=root,
            **{"CGO_ENABLED": "0", "GOOS": "linux", "GOARCH": platform.partition("/")[2], **cache},
        )
        for platform in _PLATFORMS
    ]


def _cache(bench: Workbench, who: str) -> Path:
    return bench.scratch(f"engines-cache-{who.replace(' ', '-').replace(':', '')}")


def _before(bench: Workbench, name: str, who: str, root: Path) -> Callable[[int], None]:
    def before(number: int) -> None:
        if name == "engines-change":
            work.touch(root / "main.go", f"{number} of {who}")
        elif name == "engines-cold":
            shutil.rmtree(_cache(bench, who), ignore_errors=True)
            _cache(bench, who)
            shutil.rmtree(root / "dist", ignore_errors=True)
            if who in (_BUILDX, _PLAIN):
                # Of the testbed's engine alone.
                run([bench.command("docker", "builder", "prune", "--all", "--force", folder=root)])

    return before
