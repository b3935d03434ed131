"""The platform arguments: declared with a default, not at all, or in the wrong place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from gopherwhale.dockerfile.stages import Stage, Variable
from gopherwhale.dockerfile.syntax import Instruction
from gopherwhale.dockerfile.variables import PLATFORM_ARGS, Use, uses
from gopherwhale.lint.findings import Edit, Finding, finding
from gopherwhale.lint.view import View
from gopherwhale.verify.codes import Severity

# What stands on the stage runs an ONBUILD, a container runs the other three: none reads its arguments.
_READ_LATER: Final = frozenset({"CMD", "ENTRYPOINT", "HEALTHCHECK", "ONBUILD"})
_XX = re.compile(r"xx-(?!info$)[a-z-]+")


def defaults(view: View) -> Iterator[Finding]:
    """`platform-arg-default` and `target-platform-default`."""
    top = {variable.by.line for variable in view.stages.arguments}
    for one in view.stages.written():
        if one.name not in PLATFORM_ARGS or one.value is None:
            continue
        itself = any(use.name == one.name for use in uses(one.word.raw))
        if itself and (one.by.name == "ENV" or one.by.line in top):
            continue
        code = "target-platform-default" if one.name == "TARGETPLATFORM" else "platform-arg-default"
        line, _ = one.by.place(one.word.offset)
        edit = _bare(view, one)
        yield finding(
            code,
            view.path,
            line,
            f"{one.by.name} sets {one.name}",
            severity=Severity.WARNING if _is_harmless(view, one) else _severity(one.name),
            mended=f"ARG {one.name}",
            edit=edit,
        )


def _bare(view: View, one: Variable) -> Edit | None:
    """An ARG without its default; an ENV is left to its author."""
    if one.by.name != "ARG":
        return None
    return view.replacing(one.by, one.word.offset, one.word.end, one.name)


def _is_harmless(view: View, one: Variable) -> bool:
    """Whether the default is what BuildKit would say for everything that is built, as far as can be told."""
    value = one.value or ""
    return (one.name, value) == ("TARGETOS", "linux") or (one.name != "TARGETVARIANT" and view.is_all(value))


def _severity(name: str) -> Severity:
    """A builder's argument that is wrong costs time; a target's gives a wrong image."""
    return Severity.ERROR if name.startswith("TARGET") else Severity.WARNING


def above_from(view: View) -> Iterator[Finding]:
    """`platform-arg-above-from`: what is declared there without a default is empty everywhere."""
    for one in view.stages.arguments:
        if one.name in PLATFORM_ARGS and one.value is None:
            line, _ = one.by.place(one.word.offset)
            edit: Edit | None = Edit(line=one.by.line, end=one.by.end, text="")
            if len(one.by.words) > 1:
                edit = view.replacing(one.by, one.word.offset - 1, one.word.end, "")
            found = f"ARG {one.name} stands above the first FROM"
            yield finding(
                "platform-arg-above-from", view.path, line, found, edit=edit, severity=_severity(one.name)
            )


def undeclared(view: View) -> Iterator[Finding]:
    """`platform-arg-undeclared`."""
    for stage in (body for one in view.stages.all for body in (one, one.heir) if body):
        told: set[str] = set()
        for one in stage.instructions:
            for name, line in _read_by(view, one):
                if name in told or stage.may_read(name, one.line):
                    continue
                told.add(name)
                edit = _declared_above(one, name)
                found = f"{one.name} reads {name}"
                severity = _severity(name)
                yield finding("platform-arg-undeclared", view.path, line, found, severity=severity, edit=edit)
        yield from _helpers(view, stage, told)


def _declared_above(one: Instruction, name: str) -> Edit:
    handed_on = one.source[: one.start].split()[0].upper() == "ONBUILD"
    return Edit(line=one.line, end=one.line - 1, text=f"{'ONBUILD ' if handed_on else ''}ARG {name}")


def _read_by(view: View, one: Instruction) -> Iterator[tuple[str, int]]:
    """The platform arguments that an instruction reads, and where."""
    if one.name in _READ_LATER:
        return
    # What --from names is not expanded by every builder, and is another rule's.
    start = one.text_start if one.name in ("ADD", "COPY") else one.start
    own = {name: one.place(use.offset)[0] for use in _uses(one.source, one, start) if (name := use.name)}
    yield from own.items()
    if one.name == "RUN" and one.json is None:
        for script in view.scripts.of(one):
            if script.line:
                text = re.sub(r"^\s*#.*", "", script.text, flags=re.MULTILINE)
                yield from ((use.name, max(script.line, one.line)) for use in _uses(text, one, 0))
    elif one.name in ("ADD", "COPY"):
        for heredoc in one.heredocs:
            text = "\n".join(heredoc.lines) if heredoc.expand else ""
            yield from ((use.name, heredoc.line) for use in _uses(text, one, 0))


def _uses(text: str, one: Instruction, start: int) -> list[Use]:
    assigned = set(re.findall(r"\b([A-Z]++)=", text)) if one.name == "RUN" else set()
    found = uses(text, one.escape, start)
    return [use for use in found if use.name in PLATFORM_ARGS and use.name not in assigned]


def _helpers(view: View, stage: Stage, told: set[str]) -> Iterator[Finding]:
    """The helpers of tonistiigi/xx read TARGETPLATFORM by themselves."""
    if not stage.on_build_platform:
        return
    for one in stage.instructions:
        for script in view.scripts.of(one) if one.name == "RUN" else ():
            used = [command for command in script.commands if _XX.fullmatch(command.program)]
            declared = any(stage.may_read(name, one.line) for name in ("TARGETPLATFORM", "TARGETARCH"))
            if used and not declared and "TARGETPLATFORM" not in told:
                told.add("TARGETPLATFORM")
                edit = _declared_above(one, "TARGETPLATFORM")
                line, _ = script.place(used[0].words[0].offset)
                yield finding(
                    "platform-arg-undeclared",
                    view.path,
                    line,
                    f"{used[0].program} reads TARGETPLATFORM",
                    edit=edit,
                )
