"""Modules: in a layer of their own, and above the sources."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import Final

from gopherwhale.dockerfile.stages import SCRATCH, Stage
from gopherwhale.dockerfile.syntax import Instruction
from gopherwhale.lint.builds import GoBuild, caches
from gopherwhale.lint.findings import Edit, Finding, finding
from gopherwhale.lint.view import View

_MODULES = re.compile(r"(\S*/)?go\.(mod|sum|work|work\.sum|\*|mod\*|sum\*|\{?mod,sum\}?)\*?")
_CONTEXT: Final = frozenset({".", "./", "/", "*", "./*"})
# A folder in a module's place: its own go.mod is read before anything is downloaded (go.dev/ref/mod).
_LOCAL = re.compile(r"=>\s*\"?(\.{1,2}/[^\s\"]*)")


def apart(view: View) -> Iterator[Finding]:
    """`modules-not-apart` and `sources-before-modules`."""
    told: set[Stage] = set()
    for build in view.builds:
        chain = list(build.stage.chain)
        if build.stage not in view.used or chain[-1] in told or _needs_no_download(view, build):
            continue
        told.add(chain[-1])
        before = [
            one for stage in reversed(chain) for one in stage.instructions if one.end < build.script.run.line
        ]
        download = next((one for one in before if _downloads(view, one)), None)
        copies = [one for one in before if _is_copy_of_sources(one)]
        whole = [one for one in copies if download and one.line < download.line and _is_whole(one)]
        if download and whole:
            copy, edit = whole[0], _swapped(view, whole[0], download) if _may_stand_apart(view) else None
            found = f"the sources come before `go mod download` in line {download.line}"
            mended = edit.text if edit else f"{_module_lines(view)}\n{copy.source}"
            yield finding("sources-before-modules", view.path, copy.line, found, mended=mended, edit=edit)
        elif not download and copies and not any("/pkg/mod" in path for path in caches(build.script.run)):
            first = copies[0]
            lines, edit = _module_lines(view), None
            if _is_whole(first) and _may_stand_apart(view):
                edit = Edit(line=first.line, end=first.line - 1, text=lines)
            found = f"`go {build.arguments[0]}` in line {build.line} downloads the modules"
            yield finding("modules-not-apart", view.path, first.line, found, mended=lines, edit=edit)


def _needs_no_download(view: View, build: GoBuild) -> bool:
    requires = not view.around.go_mod or re.search(r"^\s*require\b", view.around.go_mod, re.MULTILINE)
    vendored = any("-mod=vendor" in word for word in build.arguments) or any(
        "vendor" in word.text for one in build.stage.instructions if one.name == "COPY" for word in one.words
    )
    return vendored or not requires or build.stage.root_base == SCRATCH


def _may_stand_apart(view: View) -> bool:
    """Whether go.mod and go.sum are all that `go mod download` needs, as far as go.mod is known."""
    return view.around.go_mod is None or (view.around.go_mod != "" and not _LOCAL.search(view.around.go_mod))


def _module_lines(view: View) -> str:
    """The modules in a layer of their own: with the go.mod of each folder that stands for a module."""
    found = (posixpath.normpath(one[1]) for one in _LOCAL.finditer(view.around.go_mod or ""))
    # What lies above the context is no matter of this file's.
    folders = dict.fromkeys(folder for folder in found if not folder.startswith(".."))
    copies = [f"COPY {folder}/go.mod {folder}/" for folder in folders]
    return "\n".join(["COPY go.mod go.sum* ./", *copies, "RUN go mod download"])


def _downloads(view: View, one: Instruction) -> bool:
    verbs = (["mod", "download"], ["mod", "vendor"], ["mod", "tidy"], ["get"])
    return one.name == "RUN" and any(
        command.program in ("go", "xx-go") and any(command.arguments[: len(verb)] == verb for verb in verbs)
        for script in view.scripts.of(one)
        for command in script.commands
    )


def _is_copy_of_sources(one: Instruction) -> bool:
    if one.name not in ("ADD", "COPY") or one.flag("from") or one.heredocs:
        return False
    return any(not _MODULES.fullmatch(word.text) and "://" not in word.text for word in one.words[:-1])


def _is_whole(one: Instruction) -> bool:
    return any(word.text in _CONTEXT for word in one.words[:-1])


def _swapped(view: View, copy: Instruction, download: Instruction) -> Edit | None:
    """The modules first, where nothing else stands between the two instructions."""
    between = [one for one in view.file.instructions if copy.line < one.line < download.line]
    if between or len(copy.words) != 2:  # noqa: PLR2004 -- SOURCE TARGET
        return None
    lines = view.file.lines
    text = [
        f"COPY go.mod go.sum* {copy.words[1].raw.rstrip('/') or ''}/",
        *lines[download.line - 1 : download.end],
        *lines[copy.line - 1 : download.line - 1],
    ]
    return Edit(line=copy.line, end=download.end, text="\n".join(text))
