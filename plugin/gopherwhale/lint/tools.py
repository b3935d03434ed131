"""Programs that `go install MODULE@VERSION` brings into the image: compiled for which platform?"""

from __future__ import annotations

import itertools
import posixpath
from collections.abc import Iterator

from gopherwhale.lint.builds import GoBuild, tools_of
from gopherwhale.lint.findings import Finding, finding
from gopherwhale.lint.go_builds import is_elsewhere
from gopherwhale.lint.view import MOST_BUILDS, View


def installed(view: View) -> Iterator[Finding]:
    """`target-ignored` for a tool of others that goes into the image; one that only builds is left alone."""
    every = (
        build for stage in view.used if stage not in view.chosen for build in tools_of(stage, view.scripts)
    )
    for build in itertools.islice(every, MOST_BUILDS):
        told = build.by_xx or "GOARCH" in build.environment or "GOARCH" in build.script.text
        if told or not is_elsewhere(view, build) or not _is_shipped(view, build):
            continue
        # Go leaves a program for another platform in a folder of that name, and refuses GOBIN.
        mended = (
            f"GOARCH=${{TARGETARCH}} go install {build.named}"
            f' && find /go/bin -name {build.tool} -exec cp {{}} /out/ ";"'
        )
        found = f"`go install {build.named}`, which the image takes, compiles for another machine"
        yield finding("target-ignored", view.path, build.line, found, mended=mended)


def _is_shipped(view: View, build: GoBuild) -> bool:
    """Whether the image copies it out of its stage, or out of one that stands on that."""
    stages = {name: one for one in view.stages.all for name in (one.name, str(one.index)) if name}
    return any(
        build.stage in (origin.chain if (origin := stages.get(one.flag("from").lower())) else ())
        and any(_may_be(word.text, build.tool) for word in one.words[:-1])
        for stage in view.final_chain
        for one in stage.instructions
        if one.name == "COPY"
    )


def _may_be(path: str, tool: str) -> bool:
    return posixpath.basename(path) == tool or path.rstrip("/*").endswith("/go/bin")
