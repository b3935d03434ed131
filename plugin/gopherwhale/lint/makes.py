"""What `make` and its like are told of the platform, where they build the program."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Final

from gopherwhale.dockerfile.variables import PLATFORM_ARGS
from gopherwhale.lint.builds import GoBuild, makes_of
from gopherwhale.lint.findings import Finding, finding
from gopherwhale.lint.go_builds import by_hand_of, is_chosen, literal_of
from gopherwhale.lint.view import MOST_BUILDS, View
from gopherwhale.verify.codes import Severity

_BUILDS: Final = re.compile(r"(^|[-_:/.])(all|bin|binary|binaries|build|compile|install|static)($|[-_:/.])")
_GOLANG: Final = re.compile(r"(^|/)(golang|go)(?=[:@]|$)")


def made(view: View) -> Iterator[Finding]:
    """`goarch-by-hand` and `target-ignored` for `make`: warnings, as what it makes of them is not known."""
    every = (
        build for stage in view.bodies if stage not in view.chosen for build in makes_of(stage, view.scripts)
    )
    compiling = {build.stage for build in view.builds}
    several = (build for build in every if not (build.by_xx or build.stage in compiling))
    builds = list(itertools.islice(several, MOST_BUILDS))
    by_hand = {value for build in builds if (value := literal_of(view, build, "GOARCH"))}
    for build in builds:
        setting = build.environment.get("GOARCH")
        value = literal_of(view, build, "GOARCH")
        if setting and value and len(by_hand) == 1 and not is_chosen(build, setting):
            severity = Severity.NOTICE if view.is_all(value) else Severity.WARNING
            yield by_hand_of(view, "GOARCH", setting, value, severity)
        elif setting is None and _is_deaf(build):
            call = " ".join([build.at.text, *build.arguments])
            found = f"`{call}` is told of no platform, on the machine that builds"
            mended = f"GOOS=${{TARGETOS:-linux}} GOARCH=${{TARGETARCH}} {call}"
            warning = Severity.WARNING
            yield finding("target-ignored", view.path, build.line, found, mended=mended, severity=warning)


def _is_deaf(build: GoBuild) -> bool:
    """Whether it builds a program for the image where nothing says which platform is the target."""
    stage = build.stage
    targets = [word for word in build.arguments if not word.startswith("-") and "=" not in word]
    builds = not targets or any(map(_BUILDS.search, targets))
    if build.at.text.endswith("goreleaser"):
        builds = "--single-target" in build.arguments
    told = "TARGET" in build.script.text or any(
        one.name in PLATFORM_ARGS and one.name.startswith("TARGET") for one in stage.variables
    )
    golang = _GOLANG.search(stage.root_base) is not None
    return builds and golang and stage.on_build_platform and not told
