"""The rules, run over one Dockerfile and what lies beside it. Pure: no disk, no process, no network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from gopherwhale.dockerfile.syntax import parse
from gopherwhale.lint import (
    bases,
    files,
    go_builds,
    ignoring,
    images,
    makes,
    modules,
    platform_args,
    starting,
    tools,
)
from gopherwhale.lint.findings import Finding, LintReport
from gopherwhale.lint.view import Surroundings, View
from gopherwhale.verify.policy import weigh

RULES: Final[tuple[Callable[[View], Iterator[Finding]], ...]] = (
    files.syntax,
    platform_args.defaults,
    platform_args.above_from,
    platform_args.undeclared,
    go_builds.platform,
    makes.made,
    tools.installed,
    bases.emulated,
    bases.pinned,
    bases.named_by_architecture,
    bases.pinned_by_digest,
    bases.taken,
    bases.downloads,
    bases.copies,
    modules.apart,
    go_builds.habits,
    go_builds.base,
    images.secrets,
    bases.latest,
    images.root,
    starting.shells,
    starting.users,
    images.context,
)


def lint(path: str, text: str, around: Surroundings | None = None) -> LintReport:
    """Find the mistakes of a Dockerfile.

    Args:
        path: The file, as it is to be named in findings.
        text: What it holds.
        around: What is known beside it.
    """
    view = View(path=path, file=parse(text), around=around or Surroundings())
    found = [finding for rule in RULES for finding in rule(view)]
    beside = {view.around.ignore_path: _comments(view.around.ignore_text or "")}
    weighed = weigh(found, view.around.policy)
    told = ignoring.apply(path, view.file, weighed, beside)
    return LintReport(path=path, findings=tuple(sorted(told, key=lambda one: (one.path != path, one.line))))


def pinned_bases(text: str, around: Surroundings) -> list[str]:
    """The images that a Dockerfile names by a digest, for somebody who may ask what they are."""
    view = View(path="", file=parse(text), around=around)
    named = {stage.base for stage in view.used if not stage.parents}
    named |= {image for _, image in view.taken(view.used)}
    return sorted(image for image in named if "@sha256:" in image)


def _comments(text: str) -> dict[int, str]:
    lines = enumerate(text.splitlines(), 1)
    return {number: line[1:].strip() for number, line in lines if line.startswith("#")}
