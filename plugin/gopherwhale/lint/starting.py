"""How the image starts, where its base has next to nothing: no shell, and no names of users."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final

from gopherwhale.dockerfile.stages import SCRATCH
from gopherwhale.dockerfile.syntax import Instruction
from gopherwhale.dockerfile.variables import expand
from gopherwhale.dockerfile.words import json_list
from gopherwhale.lint.findings import Edit, Finding, finding
from gopherwhale.lint.view import View
from gopherwhale.verify.codes import Severity

_BARE: Final = re.compile(r"^scratch$|(^|/)distroless/|(^|/)chainguard/static(?=[:@]|$)")
_WITH_SHELL: Final = re.compile(r"debug|-dev(?=[@]|$)")
# What may bring a shell or the users' names: their files, their folders, or a whole file system.
_BRINGS_SHELL: Final = re.compile(r"(^|/)(ash|bash|bin|busybox|dash|sh)(/|$)|^(\.?/?|/\*)$")
_BRINGS_USERS: Final = re.compile(r"(^|/)(etc|passwd|group)(/|$)|^(\.?/?|/\*)$")
_PLAIN: Final = re.compile(r"[\w./=:@%+,-]+")


def shells(view: View) -> Iterator[Finding]:
    """`shell-form-without-shell`: ENTRYPOINT, else CMD, and HEALTHCHECK."""
    final = view.stages.final
    if final is None or not _BARE.search(final.root_base) or _WITH_SHELL.search(final.root_base):
        return
    ours = _instructions(view)
    if any(one.name == "SHELL" for one in ours) or _is_brought(ours, _BRINGS_SHELL):
        return
    started = [one for one in ours if one.name == "ENTRYPOINT"] or [one for one in ours if one.name == "CMD"]
    checks = [one for one in ours if one.name == "HEALTHCHECK"]
    for one in (*started[-1:], *checks[-1:]):
        words = one.words[1:] if one.name == "HEALTHCHECK" else one.words
        if not words or json_list(one.source[words[0].offset :]) is not None:
            continue
        found = f"{one.name} is given to /bin/sh, and {final.root_base} has none"
        plain = [word.text for word in words if word.text != "exec"]
        listed = json.dumps(plain) if all(map(_PLAIN.fullmatch, plain)) else ""
        name = f"{one.name} CMD" if one.name == "HEALTHCHECK" else one.name
        edit = Edit(line=one.line, end=one.end, text=f"{one.name} {listed}") if listed else None
        yield finding(
            "shell-form-without-shell",
            view.path,
            one.line,
            found,
            mended=f'{name} ["/app"]',
            edit=edit if name == one.name else None,
            severity=None if name == one.name else Severity.WARNING,
        )


def users(view: View) -> Iterator[Finding]:
    """`user-unknown`: a name in an image that nothing but files were copied to."""
    final, ours = view.stages.final, _instructions(view)
    named = [one for one in ours if one.name == "USER" and one.words]
    if final is None or final.root_base != SCRATCH or not named or _is_brought(ours, _BRINGS_USERS):
        return
    known = {one.name: one.value for one in final.variables}
    last = named[-1]
    user = expand(last.words[0].text, known)
    names = [name for name in user.split(":")[:2] if name and not name.isdecimal()]
    if names and "$" not in user:
        edit = Edit(line=last.line, end=last.end, text="USER 65532:65532")
        found = f"USER {user}, and nothing brings an /etc/passwd or /etc/group"
        yield finding("user-unknown", view.path, last.line, found, edit=edit)


def _instructions(view: View) -> list[Instruction]:
    """Those of the final stage and of what it stands on, in the order in which they are run."""
    chain = reversed(list(view.stages.final.chain)) if view.stages.final else ()
    return [one for stage in chain for one in stage.instructions]


def _is_brought(ours: list[Instruction], what: re.Pattern[str]) -> bool:
    """Whether something may have come by a copy, or by whatever a RUN does."""
    return any(
        one.name == "RUN"
        or (one.name in ("ADD", "COPY") and any(what.search(word.text) for word in one.words))
        for one in ours
    )
