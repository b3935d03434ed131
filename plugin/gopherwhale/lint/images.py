"""What an image is: its secrets and its user; and what the build's context brings along."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from gopherwhale.dockerfile.stages import SCRATCH, Variable
from gopherwhale.dockerfile.syntax import Instruction
from gopherwhale.dockerfile.variables import expand, uses
from gopherwhale.lint.findings import Edit, Finding, finding
from gopherwhale.lint.ignore_file import leaves_out
from gopherwhale.lint.view import View
from gopherwhale.verify.codes import Severity

_SECRET = re.compile(
    r"(^|_)(auth|credentials?|passwd|password|passphrase|pword|secret|token"
    r"|(api|access|private|secret|signing|ssh|gpg|encryption|license)_?key)(_|$)",
    re.IGNORECASE,
)
# A name that says where a secret is, or something about it, and not what it is.
_HARMLESS = re.compile(
    r"(^|_)public(_|$)|_(file|path|dir|url|uri|host|id|name|user|username|type|ttl|header|endpoint|issuer"
    r"|realm|service|enabled?|disabled?|required|allowed|length|size|bits|rounds|method|mode|provider|backend"
    r"|store|driver|helper|manager|plugin|strategy|scheme|alg|algorithm|format|version|prefix|suffix|scopes?"
    r"|audience|domain|region|bucket|port|sock|socket|expir[a-z]*|timeout|lifetime|duration|interval|age"
    r"|minutes|seconds|hours|days)$",
    re.IGNORECASE,
)
# A switch, whatever it is called.
_SWITCH = re.compile(r"true|false|yes|no|on|off|none|null|enabled|disabled", re.IGNORECASE)
# https://docs.github.com/en/code-security/secret-scanning and the like: tokens that say what they are.
_TOKEN = re.compile(
    r"gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{22}|glpat-[\w-]{20}|AKIA[0-9A-Z]{16}|xox[abprs]-[\w-]{10}"
    r"|npm_[A-Za-z0-9]{36}|-----BEGIN [A-Z ]*PRIVATE KEY|https?://[^/\s:@$]+:[^/\s@$]+@"
)
# What a key is told by, which everybody may know: the official images name so who signed what they download.
_FINGERPRINT = re.compile(r"(0x)?([0-9A-F]{4} ?){2,16}", re.IGNORECASE)
_ROOT: Final = frozenset({"0", "root"})
_NONROOT = re.compile(r"nonroot|(^|/)(cgr\.dev|dhi\.io)/|(^|/)chainguard/")
_ROOT_BASES = re.compile(
    r"^(docker\.io/)?(library/)?(alpine|almalinux|amazonlinux|archlinux|busybox|debian|fedora|golang|rockylinux"
    r"|ubuntu)(?=[:@]|$)|^gcr\.io/distroless/|^scratch$"
)
_NUMERIC_BASES = re.compile(r"^scratch$|^gcr\.io/distroless/")
_USER: Final = "USER 65532:65532"


def secrets(view: View) -> Iterator[Finding]:
    """`secret-in-arg` and `secret-in-env`; a value is never shown."""
    for one in view.stages.written():
        value = one.value or ""
        named = _SECRET.search(one.name) and not _HARMLESS.search(one.name)
        if not (named or _TOKEN.search(value)) or one.value == "" or _is_no_secret(one.name, value):
            continue
        line, _ = one.by.place(one.word.offset)
        secret = one.name.lower()
        mount = f'RUN --mount=type=secret,id={secret} {one.name}="$(cat /run/secrets/{secret})" …'
        in_env = one.by.name == "ENV"
        yield finding(
            "secret-in-env" if in_env else "secret-in-arg",
            view.path,
            line,
            f"{one.by.name} {one.name}{' with a value' if one.value else ''}",
            mended=mount,
            severity=Severity.ERROR if _holds_a_value(one) else None,
        )


def _is_no_secret(name: str, value: str) -> bool:
    """Whether a value is a switch, a key's fingerprint, or names a file in place of what is in it."""
    place = value.startswith(("/", "./")) and not _TOKEN.search(value)
    told = "GPG" in name.upper() and _FINGERPRINT.fullmatch(value) is not None
    return place or told or _SWITCH.fullmatch(value) is not None


def _holds_a_value(one: Variable) -> bool:
    return bool(one.value) and (one.by.name == "ENV" or not list(uses(one.word.raw)))


def root(view: View) -> Iterator[Finding]:
    """`runs-as-root`: the last USER of the final stage, or what its base says."""
    final = view.stages.final
    if final is None:
        return
    chain = [one for stage in reversed(list(final.chain)) for one in stage.instructions]
    users = [one for one in chain if one.name == "USER" and one.words]
    if users:
        known = {one.name: one.value for one in final.variables}
        user = expand(users[-1].words[0].text, known)
        if user.partition(":")[0] in _ROOT:
            line, end = users[-1].line, users[-1].end
            edit = Edit(line=line, end=end, text=_USER)
            yield finding("runs-as-root", view.path, line, f"USER {user}", edit=edit)
    elif not _NONROOT.search(final.root_base) and _ROOT_BASES.search(final.root_base):
        numeric = _NUMERIC_BASES.search(final.root_base)
        before = _before_start(final.instructions) if numeric else None
        found = f"no USER, and {final.root_base} {'has none' if final.root_base == SCRATCH else 'is root'}"
        line = final.start.line
        yield finding("runs-as-root", view.path, line, found, mended=_USER, edit=before)


def _before_start(instructions: tuple[Instruction, ...]) -> Edit | None:
    """USER in front of what the container starts, if nothing behind it would need root."""
    for index, one in enumerate(instructions):
        if one.name in ("CMD", "ENTRYPOINT"):
            later = {other.name for other in instructions[index:]}
            return None if "RUN" in later else Edit(line=one.line, end=one.line - 1, text=_USER)
    return None


def context(view: View) -> Iterator[Finding]:
    """`dockerignore-git` and `dockerignore-dist`, where a build reads the whole context."""
    if not any(_reads_context(one) for stage in view.used for one in stage.instructions):
        return
    text, path = view.around.ignore_text, view.around.ignore_path
    lines = text.removesuffix("\n").split("\n") if text else []
    for code, name in view.around.unwanted.items():
        if not leaves_out(lines, name):
            found = f"{name} is not left out" if text is not None else f"there is no {path}"
            edit = Edit(line=len(lines) + 1, end=len(lines), text=name)
            yield finding(code, path, max(len(lines), 1), found, mended=name, edit=edit)


def _reads_context(one: Instruction) -> bool:
    if one.name in ("ADD", "COPY"):
        return not one.flag("from") and any(word.text in (".", "./", "/", "*") for word in one.words[:-1])
    mounts = [flag.options for flag in one.flags if flag.name == "mount"]
    return any(
        options.get("type", "bind") == "bind"
        and not options.get("from")
        and options.get("source", options.get("src", ".")) in (".", "./", "/", "")
        for options in mounts
    )
