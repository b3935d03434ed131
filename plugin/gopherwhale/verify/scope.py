"""What runs when a container of an image starts: the program, and all that it cannot start without."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from gopherwhale.dockerfile.shells import SHELLS, shell_command
from gopherwhale.oci.documents import ImageConfig
from gopherwhale.platforms import Platform
from gopherwhale.verify.command_lines import (
    LAUNCHERS,
    env_program,
    first_program,
    launched,
    named,
)
from gopherwhale.verify.contents import Node
from gopherwhale.verify.facts import BinaryFacts
from gopherwhale.verify.filesystem import FileSystem, NotRunnable
from gopherwhale.verify.findings import Finding, finding
from gopherwhale.verify.loading import judge_loading
from gopherwhale.verify.windows import WindowsFiles

# As many interpreters may stand behind each other (Linux, fs/exec.c, exec_binprm).
_MAX_SCRIPTS: Final = 5
_MAX_REACHED: Final = 4096
# Of all scripts together, in bytes; a hostile one costs about a second for each 256 KiB.
_MAX_TEXT: Final = 512 * 1024
_MACHINE_CODE: Final = frozenset({"ELF", "PE", "Mach-O"})
_SHELLS: Final = ("/bin/sh", "/bin/bash", "/bin/busybox", "/busybox/sh", "/usr/bin/env", "/bin/ls")
_C_LIBRARY: Final = re.compile(
    r".*/(ld-linux[^/]*\.so[^/]*|ld-musl-[^/]*|ld64\.so[^/]*|ld\.so\.1|libc\.so\.6|libc-2[^/]*\.so|libc\.musl-[^/]*)"
)
_BATCH: Final = (".bat", ".cmd")


class Reached(NamedTuple):
    """One file that runs, or is loaded, when a container starts.

    Attributes:
        path: Where it is, links followed.
        role: entrypoint, interpreter, argument, script, loader, library, base, or other.
        facts: What it is.
        node: What stands there.
    """

    path: str
    role: str
    facts: BinaryFacts
    node: Node

    @property
    def is_code(self) -> bool:
        """Whether it holds machine code."""
        return self.facts.format in _MACHINE_CODE

    @property
    def is_run(self) -> bool:
        """Whether it is started, not loaded by something that is."""
        return self.role in ("entrypoint", "interpreter", "argument", "script")


class Scope:
    """Everything that an image's start reaches; what it lacks becomes findings.

    Args:
        declared: The platform that the image is for.
        config: How it starts.
        system: Its files.
        everything: Whether every program of the image counts, reached or not.
    """

    def __init__(
        self, declared: Platform, config: ImageConfig, system: FileSystem, *, everything: bool = False
    ) -> None:
        """Go through it all."""
        self.declared, self.config, self.system = declared, config, system
        self.reached: dict[str, Reached] = {}
        self.findings: list[Finding] = []
        self._room = _MAX_TEXT
        # Every file that has facts, looked for once: an image may have a million others.
        self.known = [(path, node) for path, node in system.items() if node.facts is not None]
        self.entrypoint = self._enter()
        self._base()
        if everything:
            for path, node in self.known:
                if node.facts and node.facts.format in _MACHINE_CODE and not node.facts.is_data:
                    self._add(path, "other")

    @property
    def program(self) -> Reached | None:
        """The program that all of it is about: the first of Go's, else the first of machine code.

        A launcher is not it, though tini's like are written in Go too; nor is the program for another
        machine of a script that chooses.
        """
        runs = [one for one in self.reached.values() if one.is_run and one.is_code]
        runs = [one for one in runs if posixpath.basename(one.path) not in LAUNCHERS] or runs
        go = [one for one in runs if one.facts.go_version]
        fitting = [one for one in go if one.facts.architecture == self.declared.architecture]
        return next(iter([*fitting, *go, *(one for one in runs if one.role != "script")]), None)

    def lookup(self, word: str) -> str:
        """Find a program as a shell or `exec` would.

        Raises:
            NotRunnable: It is not there, or cannot be run.
        """
        return self.system.lookup(word, self.config)

    def _enter(self) -> str:
        words = [*self.config.entrypoint, *self.config.command]
        try:
            if self.declared.os == "windows" and words:
                path, *behind = WindowsFiles(self.system, self.config).programs(words)
                self._add(path, "entrypoint")
                for other in behind:
                    self._add(other, "argument")
                return path
            path = self.system.entrypoint(self.config)
        except NotRunnable as problem:
            self._lacks(problem.code, words[0] if words else "", problem.found)
            return ""
        self._start(path, "entrypoint")
        node = self.system.node(path)
        self._arguments(words, passes_on=bool(node and node.facts and node.facts.format == "script"))
        return path

    def _add(self, path: str, role: str) -> Reached | None:
        node = self.system.node(path)
        if path in self.reached or node is None or len(self.reached) >= _MAX_REACHED:
            return None
        batch = self.declared.os == "windows" and path.lower().endswith(_BATCH)
        facts = node.facts or BinaryFacts(format="script" if batch else "other", interpreter="cmd")
        self.reached[path] = Reached(path=path, role=role, facts=facts, node=node)
        return self.reached[path]

    def _start(self, path: str, role: str, behind: tuple[str, ...] = ()) -> None:
        """Reach a file that is run, then what it needs; `behind` are the scripts that it runs."""
        if path in behind:
            self._lacks("entrypoint-loop", path, "scripts that run each other")
            return
        found = self._add(path, role)
        if found is None:
            return
        if found.facts.format == "script" and found.facts.interpreter:
            self._script(found, (*behind, path))
        elif found.facts.format == "ELF" and self.declared.os == "linux":
            loaded, findings = judge_loading(self.declared, self.config, self.system, path, found.facts)
            self.findings += findings
            for library, how in loaded:
                self._add(library, how)

    def _script(self, script: Reached, behind: tuple[str, ...]) -> None:
        if len(behind) > _MAX_SCRIPTS:
            self._lacks("entrypoint-loop", script.path, f"more than {_MAX_SCRIPTS} scripts behind each other")
            return
        # The kernel takes the interpreter's path as it is, from the folder that the program starts in.
        names = [posixpath.join("/", self.config.working_dir or "/", script.facts.interpreter)]
        if posixpath.basename(names[0]) == "env":
            names += filter(None, [env_program(script.facts.argument)])
        for name in names:
            try:
                path = self.lookup(name)
            except NotRunnable as problem:
                code = problem.code if problem.code == "entrypoint-loop" else "interpreter-missing"
                self._lacks(code, script.path, problem.found, f"what its first line names, {name}")
                return
            self._start(path, "interpreter", behind)
        if posixpath.basename(names[-1]) in SHELLS:
            text = script.node.text[: self._room].decode(errors="replace")
            self._room -= len(text)
            for word in named(text):
                self._try(word, "script")

    def _arguments(self, words: list[str], *, passes_on: bool = False) -> None:
        """Reach what a shell, a launcher or a script is told to run."""
        if text := shell_command(words):
            self._must(first_program(text), f"the command of `{words[0]} -c`")
            for word in named(text):
                self._try(word, "argument")
            return
        if program := launched(words):
            self._must(program, f"what {words[0]} shall start")
            behind = words[1:]
            self._arguments(behind[behind.index(program) :])
        passes_on = passes_on or posixpath.basename(words[0]) in LAUNCHERS
        for word in words[1:]:
            if word.startswith("/") or passes_on:
                self._try(word, "argument")

    def _must(self, word: str, what: str) -> None:
        if not word:
            return
        try:
            self.lookup(word)
        except NotRunnable as problem:
            self._lacks(problem.code, word, problem.found, what)

    def _try(self, word: str, role: str) -> None:
        """Reach a word that may name a program; one that names none is an argument like any other."""
        try:
            path = self.lookup(word)
        except NotRunnable:
            return
        self._start(path, role)

    def _lacks(self, code: str, path: str, found: str, expected: str = "a program that can be run") -> None:
        name = posixpath.basename(path)
        if code == "entrypoint-missing" and name:
            others = [other for other, node in self.known if _is_named(other, node, name)]
            found += f"; the image has {', '.join(others[:3])}" if others else ""
        self.findings.append(finding(code, self.declared, path, expected=expected, found=found))

    def _base(self) -> None:
        """Reach the shell and the C libraries, which the base brought."""
        self.shell = next(self._shells(), "")
        self.c_libraries = tuple(self._c_libraries())
        for path in filter(None, (self.shell, *self.c_libraries)):
            self._add(path, "base")

    def _shells(self) -> Iterator[str]:
        for path in _SHELLS:
            try:
                found = self.system.executable(path)
            except NotRunnable:
                continue
            node = self.system.node(found)
            if node and node.facts and node.facts.format in _MACHINE_CODE:
                yield found

    def _c_libraries(self) -> Iterator[str]:
        for path, node in self.known:
            if node.facts and node.facts.format == "ELF" and _C_LIBRARY.fullmatch(path):
                yield path


def _is_named(path: str, node: Node, name: str) -> bool:
    return node.kind == "file" and posixpath.basename(path) == name
