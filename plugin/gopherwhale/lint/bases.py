"""Stages and what they stand on: the builder's platform, one platform, one architecture's digest."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from gopherwhale.dockerfile.stages import SCRATCH, Stage
from gopherwhale.dockerfile.syntax import Instruction
from gopherwhale.dockerfile.variables import expand
from gopherwhale.dockerfile.words import Word
from gopherwhale.lint.builds import GoBuild
from gopherwhale.lint.findings import Edit, Finding, finding
from gopherwhale.lint.scripts import Script
from gopherwhale.lint.view import ALIASES, View
from gopherwhale.verify.codes import Severity

ARCHITECTURES: Final = (
    *("amd64", "x86_64", "x86-64", "x64", "arm64v8", "arm64", "aarch64", "arm32v5", "arm32v6", "arm32v7"),
    *("armv5", "armv6", "armv7", "armhf", "armel", "i386", "386", "ppc64le", "riscv64", "s390x", "loong64"),
    *("mips64le", "mips64"),
)
_ARCHITECTURE = re.compile(rf"(?<![A-Za-z0-9])({'|'.join(ARCHITECTURES)})(?![A-Za-z0-9])", re.IGNORECASE)
_VARIABLE = re.compile(r"\$\{[^}]*+\}?|\$\([^)]*+\)?|`[^`]*+`?")
_URL = re.compile(r"(?:https?|ftp)://[^\s\"']++")
_FLAG = re.compile(r"--platform(=\S*)?\s+")


def emulated(view: View) -> Iterator[Finding]:
    """`build-emulated`: Go itself runs on the platform that is built for."""
    seen: set[Stage] = set()
    for build in view.builds:
        stage = build.stage
        if stage not in view.used:
            # Whoever builds on an image chooses the platform that its ONBUILDs run on.
            continue
        root = list(stage.chain)[-1]
        own = root.platform_of_base in ("", "$TARGETPLATFORM") and root.base != SCRATCH
        if not own or root in seen or view.chosen & set(stage.chain) or _needs_a_compiler(build):
            continue
        seen.add(root)
        # A stage that is the image too cannot be moved: it has to be parted first.
        parted = root not in view.final_chain
        mended = _from_line(root, "$BUILDPLATFORM") if parted else "FROM scratch\nCOPY --from=build /app /app"
        yield finding(
            "build-emulated",
            view.path,
            root.start.line,
            f"`go {build.arguments[0]}` in line {build.line} runs on the target's platform",
            mended=mended,
            edit=_replaced(root.start, mended) if parted else None,
        )


def _needs_a_compiler(build: GoBuild) -> bool:
    cgo = build.environment.get("CGO_ENABLED")
    return build.by_xx or (cgo is not None and cgo.value == "1")


def _from_line(stage: Stage, platform: str) -> str:
    """The FROM of a stage as one line, with another platform or with none."""
    rest = _FLAG.sub("", stage.start.source[stage.start.start :].strip(), count=1)
    return f"FROM --platform={platform} {rest}" if platform else f"FROM {rest}"


def _replaced(one: Instruction, text: str) -> Edit:
    return Edit(line=one.line, end=one.end, text=text)


def pinned(view: View) -> Iterator[Finding]:
    """`final-on-build-platform` and `platform-pinned`."""
    for stage in view.used:
        if not stage.platform or stage in view.chosen:
            continue
        final = stage in view.final_chain
        if stage.on_build_platform and final and not stage.parents:
            code, severity = "final-on-build-platform", Severity.ERROR
        elif "$" not in stage.platform:
            code, severity = "platform-pinned", _weight(view, final=final, value=stage.platform)
        else:
            continue
        compiles = any(build.stage is stage for build in view.builds)
        platform = "" if final or not compiles else "$BUILDPLATFORM"
        # Where the program is compiled in the same stage, it has to be parted first.
        if final and compiles:
            mended, edit = "FROM scratch\nCOPY --from=build /app /app", None
        else:
            mended = _from_line(stage, platform)
            edit = _replaced(stage.start, mended)
        yield finding(
            code,
            view.path,
            stage.start.line,
            f"the stage {stage.name or stage.index} is on {stage.platform.replace('{', '').replace('}', '')}",
            severity=severity,
            mended=mended,
            edit=edit,
        )


def _weight(view: View, *, final: bool, value: str) -> Severity:
    """How bad one architecture is: not at all where only that one is built."""
    if view.is_all(value):
        return Severity.NOTICE
    return Severity.ERROR if final else Severity.WARNING


def named_by_architecture(view: View) -> Iterator[Finding]:
    """`base-of-one-architecture`: arm64v8/alpine, or a tag that ends with -amd64."""
    for stage in view.used:
        if stage.parents or stage in view.chosen or "@" in stage.base:
            continue
        found = _ARCHITECTURE.search(stage.base)
        if found:
            mended = _from_line(stage, "$BUILDPLATFORM" if stage.on_build_platform else "")
            cleaned = _without(mended, found[1])
            yield finding(
                "base-of-one-architecture",
                view.path,
                stage.start.line,
                f"{stage.base} is for {found[1]}",
                severity=_weight(view, final=stage in view.final_chain, value=found[1]),
                mended=cleaned if cleaned != mended else "",
                edit=_replaced(stage.start, cleaned) if cleaned != mended else None,
            )


def _without(line: str, architecture: str) -> str:
    """A FROM without the name of an architecture: its folder, or its part of a tag."""
    name = re.escape(architecture)
    return re.sub(rf"(?<=\s){name}/|[-_.]{name}(?=[\s:@]|$)|(?<=:){name}[-_.]", "", line, count=1)


def pinned_by_digest(view: View) -> Iterator[Finding]:
    """`base-digest` and `base-digest-of-one-platform`: without a registry nobody can tell which it is."""
    for stage in view.used:
        single = view.around.single.get(stage.base)
        if single is False or "@sha256:" not in stage.base or stage.parents or stage in view.chosen:
            continue
        final = stage in view.final_chain
        yield finding(
            "base-digest-of-one-platform" if single else "base-digest",
            view.path,
            stage.start.line,
            f"{stage.base.partition('@')[0]} by its digest",
            severity=Severity.WARNING if single and not final else None,
        )


def taken(view: View) -> Iterator[Finding]:
    """`base-of-one-architecture` and `base-digest-of-one-platform` for what COPY --from and mounts name."""
    for one, image in view.taken(view.used):
        single = view.around.single.get(image)
        found = None if "@" in image else _ARCHITECTURE.search(_fixed(image))
        if not (single or found):
            continue
        code = "base-of-one-architecture" if found else "base-digest-of-one-platform"
        what = f"{image} is for {found[1]}" if found else f"{image.partition('@')[0]} by its digest"
        # What is taken may be the same for all, as certificates are.
        alone = found is not None and view.is_all(found[1])
        severity = Severity.NOTICE if alone else Severity.WARNING
        yield finding(code, view.path, one.line, what, severity=severity)


def latest(view: View) -> Iterator[Finding]:
    """`latest-tag`, for FROM, COPY --from and mounts."""
    for stage in view.stages.all:
        if not stage.parents and _is_latest(stage.base):
            place = stage.start.line
            yield _latest(view, place, stage.base, _from_line(stage, stage.start.flag("platform")))
    for one, image in view.taken(view.stages.all):
        if _is_latest(image):
            yield _latest(view, one.line, image, one.source)


def _latest(view: View, line: int, image: str, mended: str) -> Finding:
    name = image.removesuffix(":latest")
    shown = re.sub(rf"(?<=[\s=]){re.escape(name)}(:latest)?(?=[\s,]|$)", f"{name}:VERSION", mended, count=1)
    return finding("latest-tag", view.path, line, f"{image} has no version", mended=shown)


def _is_latest(image: str) -> bool:
    if image == SCRATCH or "@" in image or "$" in image or not image:
        return False
    _, colon, tag = image.rpartition("/")[2].partition(":")
    return not colon or tag == "latest"


def downloads(view: View) -> Iterator[Finding]:
    """`download-of-one-architecture`: by ADD, or by whatever a RUN calls with a URL."""
    for stage in view.bodies:
        if stage in view.chosen:
            continue
        found = [
            (line, architecture[1], edit)
            for line, url, edit in [*_added(view, stage), *_fetched(view, stage)]
            if (architecture := _ARCHITECTURE.search(_fixed(url.partition("://")[2].partition("/")[2])))
        ]
        # Several are a program for each, from which somebody chooses later.
        if len({ALIASES.get(name.lower(), name.lower()) for _, name, _ in found}) != 1:
            continue
        for line, name, edit in found:
            yield finding(
                "download-of-one-architecture",
                view.path,
                line,
                f"a download for {name}",
                severity=_weight(view, final=view.is_final(stage), value=name),
                edit=edit,
            )


def _fixed(text: str) -> str:
    """What is the same for every platform: `${TARGETARCH/amd64/x64}` follows it, whatever it spells."""
    return _VARIABLE.sub("$", text)


def copies(view: View) -> Iterator[Finding]:
    """`copy-of-one-architecture`: what was compiled outside, or for one, and goes into each image."""
    for stage in view.bodies:
        found = list(_copied(stage))
        # Several are a program for each, from which somebody chooses later.
        if stage in view.chosen or len({architecture.lower() for *_, architecture in found}) != 1:
            continue
        for one, word, architecture in found:
            yield finding(
                "copy-of-one-architecture",
                view.path,
                one.place(word.offset)[0],
                f"a file for {architecture}",
                severity=_weight(view, final=view.is_final(stage), value=architecture),
                edit=None if one.json else _by_argument(view, one, word.offset, word.raw),
            )


def _copied(stage: Stage) -> Iterator[tuple[Instruction, Word, str]]:
    for one in stage.instructions:
        for word in one.words[:-1] if one.name in ("ADD", "COPY") else ():
            path = "" if _URL.match(word.text) else _fixed(expand(word.text, stage.values))
            if found := _ARCHITECTURE.search(path):
                yield one, word, found[1]


def _added(view: View, stage: Stage) -> Iterator[tuple[int, str, Edit | None]]:
    for one in stage.instructions:
        for word in one.words[:-1] if one.name == "ADD" else ():
            if _URL.match(url := expand(word.text, stage.values)):
                edit = _by_argument(view, one, word.offset, word.raw)
                yield one.place(word.offset)[0], url, edit


def _fetched(view: View, stage: Stage) -> Iterator[tuple[int, str, Edit | None]]:
    for script in view.scripts.within(stage):
        known = {**stage.values, **script.values}
        for command in script.commands:
            # Of a shell's own script the commands are looked at one by one, of a variable its use.
            passed = command.script or command.program == "export" or script.chooses(command)
            for word in command.words[1:] if not passed else ():
                urls = list(_URL.finditer(word.raw))
                for url in urls:
                    offset = word.offset + url.start()
                    edit = None if "'" in word.raw else _by_argument(view, script, offset, url[0])
                    yield script.place(offset)[0], expand(url[0], known), edit
                # The whole of it may stand in a variable.
                for url in _URL.finditer(expand(word.text, known)) if not urls and "$" in word.raw else ():
                    yield script.place(word.offset)[0], url[0], None


def _by_argument(view: View, where: Script | Instruction, offset: int, url: str) -> Edit | None:
    """The URL with TARGETARCH in it, where it spells the architecture as BuildKit does."""
    path = url.find("/", url.find("://") + 3)
    found = _ARCHITECTURE.search(url, max(path, 0))
    if not found or found[1] not in ("amd64", "arm64"):
        return None
    return view.replacing(where, offset + found.start(), offset + found.end(), "${TARGETARCH}")
