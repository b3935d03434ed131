"""How Go is built: for which platform, with which layers and caches, and whether the base can run it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any, Final

from gopherwhale.dockerfile.variables import PLATFORM_ARGS, expand, uses
from gopherwhale.lint.builds import GoBuild, Setting, caches
from gopherwhale.lint.findings import Edit, Finding, finding
from gopherwhale.lint.scripts import Script
from gopherwhale.lint.view import View
from gopherwhale.verify.codes import Severity

_TARGET: Final = "GOOS=${TARGETOS:-linux} GOARCH=${TARGETARCH} "
_STATIC = re.compile(r"(^|/)(distroless/static|chainguard/static|static-debian\d+)(?=[-:@]|$)|^scratch$")
# What tells the machine that a stage runs on.
_ASKS_THE_MACHINE = re.compile(r"(\$\(|`)\s*(go env|uname|arch|(dpkg|apk) --print-arch).*(\)|`)", re.DOTALL)


def platform(view: View) -> Iterator[Finding]:
    """`target-ignored`, `goarch-by-hand`, `goos-by-hand` and `arm-without-variant`."""
    told = {build.stage for build in view.builds if "GOARCH" in build.environment}
    by_hand = {value for build in view.builds if (value := literal_of(view, build, "GOARCH"))}
    for build in view.builds:
        if build.by_xx or build.stage in view.chosen:
            continue
        setting = build.environment.get("GOARCH")
        if setting is None:
            if build.stage not in told:
                yield from _ignored(view, build)
        elif literal := literal_of(view, build, "GOARCH"):
            # Several by hand are a program for each, from which the final stage chooses.
            if len(by_hand) == 1 and not is_chosen(build, setting) and not _is_named_for(build, literal):
                severity = Severity.NOTICE if view.is_all(literal) else None
                yield by_hand_of(view, "GOARCH", setting, literal, severity)
        elif argument := _argument(view, build, setting):
            found = f"the build argument {argument}"
            yield by_hand_of(view, "GOARCH", setting, found, Severity.WARNING)
        elif "TARGETARCH" in (setting.value or ""):
            yield from _variant(view, build)
        yield from _system(view, build)


def literal_of(view: View, build: GoBuild, name: str) -> str:
    """The value that a variable has whatever is built; empty where it may follow the platform."""
    setting = build.environment.get(name)
    if setting is None:
        return ""
    fixed = _fixed(view, build)
    text = fixed.get(name) if setting.value is None else setting.value
    if not text:
        return ""
    for use in uses(text):
        # What nothing gives a value is empty, and a default stands for it.
        missing = use.name in PLATFORM_ARGS or not use.operator.endswith("-")
        if _is_set(build.script, use.name, setting) or (use.name not in fixed and missing):
            return ""
    value = expand(text, fixed)
    if _ASKS_THE_MACHINE.fullmatch(value) and is_elsewhere(view, build):
        return value
    return "" if "$" in value or "`" in value else value


def _fixed(view: View, build: GoBuild) -> dict[str, str | None]:
    """The variables of a stage that are the same for every platform; None where nothing is passed."""
    given = view.around.build_args
    ours = (one for one in build.stage.variables if one.name not in PLATFORM_ARGS)
    values = {one.name: one.value if one.by.name == "ENV" else given.get(one.name, one.value) for one in ours}
    return {**values, "BUILDARCH": "BUILDARCH", "BUILDOS": "BUILDOS"}


def _argument(view: View, build: GoBuild, setting: Setting) -> str:
    """The argument without a value that alone gives GOARCH: whoever passes one does so for every platform."""
    alone = re.fullmatch(r"\$\{?(\w+)\}?", setting.value or "$GOARCH")
    name = alone[1] if alone else ""
    unfed = name in (fixed := _fixed(view, build)) and fixed[name] is None
    return name if unfed and is_elsewhere(view, build) and not _is_set(build.script, name, setting) else ""


def _is_set(script: Script, name: str, but: Setting) -> bool:
    """Whether a script may set a variable, other than by one assignment: `GOARCH=$GOARCH go build`."""
    values = script.assigned.get(name, [])
    return bool(values) and not (len(values) == 1 and but.word is not None and values[0] == but.word)


def _is_named_for(build: GoBuild, architecture: str) -> bool:
    return re.search(rf"(^|[-_.]){re.escape(architecture)}($|[-_.])", build.stage.name) is not None


def is_chosen(build: GoBuild, setting: Setting) -> bool:
    """Whether the script sets a variable for some architectures alone."""
    word = setting.word
    inside = [one for one in build.script.commands if word and one.offset <= word.offset]
    return bool(inside) and build.script.chooses(inside[-1])


def is_elsewhere(view: View, build: GoBuild) -> bool:
    """Whether it runs on the builder's platform, or on one that is the same whatever else is built."""
    pinned = build.stage.platform_of_base
    return build.stage.on_build_platform or bool(pinned and "$" not in pinned and not view.is_all(pinned))


def _ignored(view: View, build: GoBuild) -> Iterator[Finding]:
    """No GOARCH at all, on a platform that is not the target's, and the image takes what comes out."""
    if not is_elsewhere(view, build) or "GOARCH" in build.script.text:
        return
    pinned = build.stage.platform_of_base
    missing = _TARGET if "GOOS" not in build.environment else "GOARCH=${TARGETARCH} "
    edit = view.replacing(build.script, build.front, build.front, missing)
    machine = pinned if "$" not in pinned else "the machine that builds"
    found = f"`go {build.arguments[0]}` compiles for {machine}"
    yield finding("target-ignored", view.path, build.line, found, mended=f"{missing}go build", edit=edit)


def by_hand_of(
    view: View, name: str, setting: Setting, value: str, severity: Severity | None = None
) -> Finding:
    """`goarch-by-hand` or `goos-by-hand`."""
    right = "${TARGETARCH}" if name == "GOARCH" else "${TARGETOS:-linux}"
    return finding(
        f"{name.lower()}-by-hand",
        view.path,
        setting.line,
        f"{name} is {value} for every platform",
        mended=f"{name}={right}",
        edit=_instead(view, setting, right),
        severity=severity,
    )


def _instead(view: View, setting: Setting, value: str) -> Edit | None:
    """Another value for a variable, where a script sets it."""
    word, script = setting.word, setting.script
    return view.replacing(script, word.offset, word.end, value) if word and script else None


def _system(view: View, build: GoBuild) -> Iterator[Finding]:
    value = literal_of(view, build, "GOOS")
    wanted = {platform.os for platform in view.around.platforms}
    if not value or wanted == {value} or "TARGETOS" in build.script.text:
        return
    severity = Severity.ERROR if wanted else None
    yield by_hand_of(view, "GOOS", build.environment["GOOS"], value, severity)


def _variant(view: View, build: GoBuild) -> Iterator[Finding]:
    """GOARM, unless no platform that is built needs it."""
    wanted = [platform for platform in view.around.platforms if platform.architecture == "arm"]
    older = [platform for platform in wanted if platform.variant in ("v5", "v6")]
    setting, by_hand = build.environment["GOARCH"], build.environment.get("GOARM")
    known = by_hand is not None or "TARGETVARIANT" in build.script.text
    if (view.around.platforms and not wanted) or (
        known and not (older and literal_of(view, build, "GOARM") == "7")
    ):
        return
    edit = _instead(view, by_hand, "${TARGETVARIANT#v}") if by_hand else None
    if setting.word and not by_hand:
        edit = _instead(view, setting, f"{setting.word.raw} GOARM=${{TARGETVARIANT#v}}")
    severity = Severity.ERROR if older else Severity.NOTICE if wanted else None
    yield finding(
        "arm-without-variant",
        view.path,
        build.line,
        f"GOARM is {'7' if known else 'not set'} for {', '.join(map(str, older or wanted)) or 'linux/arm'}",
        mended="GOARM=${TARGETVARIANT#v}",
        edit=edit,
        severity=severity,
    )


def base(view: View) -> Iterator[Finding]:
    """`cgo-for-static-base`: the program may need a loader, and the image has none."""
    final = view.stages.final
    if final is None or not _STATIC.search(final.root_base):
        return
    for build in view.builds:
        if build.stage not in view.used:
            # An ONBUILD's program goes into the image of whoever builds on this one.
            continue
        setting = build.environment.get("CGO_ENABLED")
        arguments = " ".join(build.arguments)
        value = setting.value if setting else ""
        if value == "0" or "-static" in arguments or (setting and value != "1") or build.by_xx:
            continue
        at = build.command.offset
        if setting:
            edit = _instead(view, setting, "0")
        else:
            edit = view.replacing(build.script, at, at, "CGO_ENABLED=0 ")
        yield finding(
            "cgo-for-static-base",
            view.path,
            build.line,
            f"CGO_ENABLED is {value or 'not set'}, and the image is from {final.root_base}",
            mended="CGO_ENABLED=0",
            edit=edit,
            # Where nothing is said, a program that needs no C library comes out right all the same.
            severity=Severity.ERROR if value else None,
        )


def habits(view: View) -> Iterator[Finding]:
    """`go-build-all` and `no-cache-mount`."""
    told: set[int] = set()
    for build in view.builds:
        words = build.command.words
        for before, word in itertools.pairwise(words):
            if word.raw == "-a":
                edit = view.replacing(build.script, before.end, word.end, "")
                yield finding("go-build-all", view.path, build.line, "`go build -a`", edit=edit)
        run = build.script.run
        if run.line in told or caches(run):
            continue
        told.add(run.line)
        yield finding(
            "no-cache-mount", view.path, run.line, "no cache for what is compiled", **_with_cache(view, build)
        )


def _with_cache(view: View, build: GoBuild) -> dict[str, Any]:
    run = build.script.run
    mount = "--mount=type=cache,target=/root/.cache/go-build "
    ours = {one.name for part in build.stage.chain for one in part.instructions}
    behind = run.source.upper().index(run.name) + len(run.name)
    edit = view.replacing(run, behind, behind, f" {mount.rstrip()}") if "USER" not in ours else None
    return {"mended": f"RUN {mount}…", "edit": edit}
