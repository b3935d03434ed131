"""What the gate costs: `docker.push` (build, verify, push, tag) against `docker buildx build --push`."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from bench import work
from bench.harness import Comparison, Contender, Target
from bench.measuring import Failed
from bench.workbench import Workbench

_DATE: Final = 1_700_000_000
_PLATFORMS: Final = "linux/amd64,linux/arm64"
_OURS, _PLAIN = "gopherwhale: docker.push", "docker buildx build --push"
# What it takes elsewhere to push layers that are the same from the same commit, as ours are: Docker's own
# builder cannot push them with a date (`"rewrite-timestamp" conflicts with "unpack"`).
_DATED: Final = "buildx to a layout with dates, skopeo copy"


def comparisons(bench: Workbench) -> Iterator[Comparison]:
    """A push after one changed line, and one of nothing new."""
    for name, title, changed in (
        ("gate-changed", "From one changed line to both tags in a registry", True),
        ("gate-unchanged", "Pushing again what is there already", False),
    ):
        contenders = [
            _ours(bench, name, changed=changed),
            _plain(bench, name, _PLAIN, changed=changed),
            _plain(bench, name, _DATED, changed=changed),
        ]
        targets = [Target(of=_OURS, to=other, at_most=1.1) for other in (_PLAIN, _DATED)]
        yield Comparison(name=name, title=title, contenders=contenders, targets=targets, rounds=5)


def _ours(bench: Workbench, name: str, *, changed: bool) -> Contender:
    repository = f"{bench.registry}/{name}/ours"
    root = _project(bench, f"{name}-ours", repository)
    command = bench.ours(
        *("docker.push", "--engine", "buildx", "--allow-dirty", "--tag", "bench"), folder=root
    )
    before, check = _change(root, "ours", changed=changed), _pushed(repository)
    return Contender(name=_OURS, commands=[command], before=before, check=check)


def _plain(bench: Workbench, name: str, who: str, *, changed: bool) -> Contender:
    label = "dated" if who == _DATED else "plain"
    repository = f"{bench.registry}/{name}/{label}"
    root = _project(bench, f"{name}-{label}", repository)
    build = ("docker", "buildx", "build", "--platform", _PLATFORMS)
    arguments = ("--build-arg", f"GO_VERSION={bench.standing.go_version}", ".")
    if who == _DATED:
        # Not in the context, which must stay what it was.
        layout = bench.scratch(f"{name}-dated-out") / "layout"
        output = f"type=oci,tar=false,dest={layout},rewrite-timestamp=true"
        dated = ("--output", output, "--provenance=false", "--build-arg", f"SOURCE_DATE_EPOCH={_DATE}")
        commands = [
            bench.command(*build, *dated, *arguments, folder=root),
            bench.peer(
                *("skopeo", "copy", "--all", "--dest-tls-verify=false", f"oci:{layout}"),
                f"docker://{repository}:bench",
                folder=root,
            ),
        ]
    else:
        commands = [bench.command(*build, "--push", "--tag", f"{repository}:bench", *arguments, folder=root)]
    before, check = _change(root, label, changed=changed), _pushed(repository)
    return Contender(name=who, commands=commands, before=before, check=check)


def _project(bench: Workbench, name: str, repository: str) -> Path:
    return work.scaffold(bench, name, repository, builder="debian", go_version=bench.standing.go_version)


def _change(root: Path, who: str, *, changed: bool) -> Callable[[int], None]:
    def before(number: int) -> None:
        if changed:
            work.touch(root / "main.go", f"{number} of {who}")

    return before


def _pushed(repository: str) -> Callable[[], None]:
    """Look whether the tag is there, with both platforms."""
    registry, _, name = repository.partition("/")

    def check() -> None:
        address = f"http://{registry}/v2/{name}/manifests/bench"
        accept = {"Accept": "application/vnd.oci.image.index.v1+json"}
        request = urllib.request.Request(address, headers=accept)
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 -- the same
            manifests = json.load(answer)["manifests"]
        found = {one["platform"]["architecture"] for one in manifests}
        if not found >= {"amd64", "arm64"}:
            raise Failed(f"{repository}:bench has only {', '.join(sorted(found))}")

    return check
