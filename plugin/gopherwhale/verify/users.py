"""The user that a container starts as: who that is, and whether the program may be run by that user.

Names are looked up as Docker does (https://github.com/moby/sys, user/user.go). Who starts the program holds
the runtime's capabilities until then, Docker's CAP_DAC_OVERRIDE among them, which passes over every mode; so
what is barred starts there, and not where capabilities are dropped. Whatever the program itself opens or
starts, as a script's interpreter does, is barred everywhere. https://github.com/opencontainers/runc/issues/3715
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, NamedTuple

from gopherwhale.verify.codes import Severity
from gopherwhale.verify.contents import Node
from gopherwhale.verify.filesystem import FileSystem, NotRunnable
from gopherwhale.verify.findings import Finding, finding
from gopherwhale.verify.scope import Scope

_USERS: Final = "/etc/passwd"
_GROUPS: Final = "/etc/group"
_GREATEST: Final = 2**31 - 1
_READ, _RUN = 4, 1
_SET_ID: Final = 0o6000
_NAME, _NUMBER, _GROUP_NUMBER, _MEMBERS = 0, 2, 3, 3
_Rows = list[list[str]]


class Identity(NamedTuple):
    """Who a process is.

    Attributes:
        user: The user's number.
        groups: The numbers of its groups.
    """

    user: int
    groups: frozenset[int]

    def may(self, node: Node, what: int) -> bool:
        """Whether it may read (4) a file, or run (1) it or enter a folder; where that is not told, it may."""
        if node.owner is None or self.user == 0:
            return True
        user, group = node.owner
        shift = 6 if user == self.user else 3 if group in self.groups else 0
        return bool(node.mode >> shift & what)


def identify(user: str, system: FileSystem) -> Identity | None:
    """Who a config's `User` is in an image; None where its files are not known as far as that takes.

    Raises:
        NotRunnable: No such user or group is there, with which no container starts.
    """
    name, _, group = user.partition(":")
    group = group.partition(":")[0]
    users, groups = _rows(system, _USERS), _rows(system, _GROUPS)
    number = _number(name) if name else 0
    if users is None or groups is None:
        # Root needs no file to be root.
        return Identity(user=0, groups=frozenset()) if number == 0 else None
    row = next((row for row in users if _is(row, name, number)), None) if name else None
    if row:
        number = _number(_field(row, _NUMBER)) or 0
    if number is None:
        raise NotRunnable("user-unknown", f"USER {user}, and {_USERS} names no {name}")
    found = {_number(_field(row, _GROUP_NUMBER)) or 0 if row else 0}
    if group:
        found = {_group(user, group, groups)}
    if row:
        found |= {_number(_field(one, _NUMBER)) or 0 for one in groups if _has_member(one, row[_NAME])}
    return Identity(user=number, groups=frozenset(found))


def _group(user: str, name: str, groups: _Rows) -> int:
    number = _number(name)
    row = next((row for row in groups if _is(row, name, number)), None)
    if row is None and number is None:
        raise NotRunnable("user-unknown", f"USER {user}, and {_GROUPS} names no {name}")
    return (_number(_field(row, _NUMBER)) or 0) if row else number or 0


def _rows(system: FileSystem, path: str) -> _Rows | None:
    """The lines of a file in fields; none where there is no file, None where its text was not kept."""
    node = system.node(path)
    if node is None:
        return []
    lines = node.text.decode(errors="replace").splitlines()
    return [line.strip().split(":") for line in lines if line.strip()] or None


def _number(text: str) -> int | None:
    return int(text[:20]) if text.isascii() and text.isdecimal() and int(text[:20]) <= _GREATEST else None


def _is(row: list[str], name: str, number: int | None) -> bool:
    """A number is always taken for one, though a user may be named so."""
    return row[_NAME] == name if number is None else _number(_field(row, _NUMBER)) == number


def _field(row: list[str], at: int) -> str:
    return row[at] if at < len(row) else ""


def _has_member(row: list[str], name: str) -> bool:
    return name in _field(row, _MEMBERS).split(",")


def judge_user(scope: Scope) -> list[Finding]:
    """`user-unknown` and `user-not-permitted`, for Linux."""
    if scope.declared.os != "linux" or not scope.config.user:
        return []
    try:
        who = identify(scope.config.user, scope.system)
    except NotRunnable as problem:
        wanted = "a user and a group that the image knows, or numbers"
        return [finding(problem.code, scope.declared, expected=wanted, found=problem.found)]
    if who is None or who.user == 0 or not scope.entrypoint:
        return []
    return list(_barred(scope, who))


def _barred(scope: Scope, who: Identity) -> Iterator[Finding]:
    """What is in the way of the program, and of what shells and launchers start."""
    first = (scope.config.entrypoint or scope.config.command)[0]
    node = scope.system.node(scope.entrypoint)
    script = bool(node and node.facts and node.facts.format == "script")
    if script and (what := _in_the_way(scope, who, first, scope.entrypoint, _READ)):
        yield replace(_told(scope, scope.entrypoint, what), severity=Severity.ERROR)
    elif what := _in_the_way(scope, who, first, scope.entrypoint, _RUN):
        yield _told(scope, scope.entrypoint, what)
    if node and node.mode & _SET_ID:
        # What it starts may be another user's.
        return
    for word, path in scope.certain:
        if path != scope.entrypoint and (what := _in_the_way(scope, who, word, path, _RUN)):
            yield replace(_told(scope, path, what), severity=Severity.ERROR)


def _in_the_way(scope: Scope, who: Identity, word: str, path: str, wanted: int) -> str:
    """The folder or file that bars somebody, or empty."""
    way = scope.system.way(path)
    # The container starts in its working folder, whoever may enter those above it.
    inside = "/" in word and not word.startswith("/")
    passed = scope.system.depth(scope.config.working_dir) if inside else 0
    for folder in way[passed:-1]:
        if not who.may(folder.node, _RUN):
            return f"may not enter {folder.path}, {_mode(folder.node)}"
    last = way[-1]
    if not who.may(last.node, wanted):
        return f"may not {'read' if wanted == _READ else 'run'} it, {_mode(last.node)}"
    return ""


def _mode(node: Node) -> str:
    return f"mode {node.mode:04o} of {':'.join(map(str, node.owner or ()))}"


def _told(scope: Scope, path: str, what: str) -> Finding:
    wanted = "a program that the image's user may run"
    found = f"USER {scope.config.user} {what}"
    return finding("user-not-permitted", scope.declared, path, expected=wanted, found=found)
