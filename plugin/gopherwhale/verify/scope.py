"""What runs when a container of an image starts: the program, and all that it cannot start without."""

from __future__ import annotations

import posixpath
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from gopherwhale.dockerfile.shells import SHELLS, shell_call
from gopherwhale.oci.documents import ImageConfig
from gopherwhale.platforms import Platform
from gopherwhale.verify.bases import c_libraries, shells
from gopherwhale.verify.command_lines import (
    LAUNCHERS,
    first_program,
    interpreted_by,
    launched,
    named,
)
from gopherwhale.verify.contents import Node
from gopherwhale.verify.facts import BinaryFacts
from gopherwhale.verify.filesystem import FileSystem, NotRunnable
from gopherwhale.verify.findings import Finding, finding
from gopherwhale.verify.loading import judge_loading
from gopherwhale.verify.reached import MACHINE_CODE, Reached
from gopherwhale.verify.windows import WindowsFiles

# As many interpreters may stand behind each other (Linux, fs/exec.c, exec_binprm).
_MAX_SCRIPTS: Final = 5
_MAX_REACHED: Final = 4096
# Nobody writes as many; each is looked for in every folder of PATH.
_MAX_WORDS: Final = 1024
_MAX_TRIED: Final = 4096
# Of all scripts together, in bytes; a hostile one costs about a second for each 256 KiB.
_MAX_TEXT: Final = 512 * 1024
_BATCH: Final = (".bat", ".cmd")
_MEND_SCRIPT: Final = "put {} into the final stage, or let the script's first line name what is there"
_MEND_LINES: Final = "write the script with LF alone, as by `*.sh text eol=lf` in .gitattributes"


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
        # What shells and launchers start for certain: the word and the path.
        self.certain: list[tuple[str, str]] = []
        self._room = _MAX_TEXT
        self._read: set[bytes] = set()
        self._waiting: deque[Callable[[], None]] = deque()
        self._tried: set[tuple[str, bool]] = set()
        # Every file that has facts, looked for once: an image may have a million others.
        self.known = [(path, node) for path, node in system.items() if node.facts is not None]
        self.entrypoint = self._enter()
        self._go_on()
        self._health()
        self._go_on()
        self._base()
        if everything:
            for path, node in self.known:
                if node.facts and node.facts.format in MACHINE_CODE and not node.facts.is_data:
                    self._add(path, "other")

    @property
    def program(self) -> Reached | None:
        """The program that all of it is about: the first of Go's, else the first of machine code.

        A launcher is not it, though tini's like are written in Go too; nor is what looks after its health, or
        the program for another machine of a script that chooses.
        """
        runs = [one for one in self.reached.values() if one.is_run and one.is_code and one.role != "health"]
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
        words = [*self.config.entrypoint, *self.config.command][:_MAX_WORDS]
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
        self._arguments(words, passes_on=self._is_script(path))
        return path

    def _health(self) -> None:
        """Reach what Docker's health check runs in the container."""
        words = self.config.health[:_MAX_WORDS]
        if self.declared.os != "linux" or not words:
            return
        script = shell_call(words).script
        try:
            self._start(self.lookup(words[0]), "health")
            if program := first_program(script):
                self._start(self.lookup(program), "health")
        except NotRunnable as problem:
            self._lacks("health-missing", "", problem.found, "what the image's HEALTHCHECK runs")
            return
        self._named(script, "health")

    def _go_on(self) -> None:
        while self._waiting:
            self._waiting.popleft()()

    def _is_script(self, path: str) -> bool:
        node = self.system.node(path)
        return bool(node and node.facts and node.facts.format == "script")

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
        name, mend = "", _MEND_LINES
        try:
            for name in self._interpreters(script.facts):
                mend = _MEND_SCRIPT.format(name)
                self._start(self.lookup(name), "interpreter", behind)
        except NotRunnable as problem:
            code = problem.code if problem.code == "entrypoint-loop" else "interpreter-missing"
            wanted = f"what its first line names, {name}" if name else "lines that end with LF alone"
            self._lacks(code, script.path, problem.found, wanted, mend)
            return
        if posixpath.basename(name) in SHELLS:
            self._text(script.node)

    def _interpreters(self, script: BinaryFacts) -> list[str]:
        """What a script's first line starts, and what that starts in turn.

        Raises:
            NotRunnable: The line ends with a carriage return, which is a letter of its last word.
        """
        if f"{script.interpreter}{script.argument}".endswith("\r"):
            raise NotRunnable("interpreter-missing", "a carriage return at the end of its first line")
        # The kernel takes the interpreter's path as it is, from the folder that the program starts in.
        first = posixpath.join("/", self.config.working_dir or "/", script.interpreter)
        return [first, *filter(None, [interpreted_by(first, script.argument)])]

    def _text(self, script: Node) -> None:
        """Reach what a shell's script names, once for each text."""
        if script.text not in self._read:
            self._read.add(script.text)
            text = script.text[: self._room].decode(errors="replace")
            self._room -= len(text)
            self._named(text, "script")

    def _named(self, text: str, role: str) -> None:
        """Try what a script names, after what is being looked at: scripts may name each other at length."""
        found = named(text)
        programs = found.programs.items()
        self._waiting += [partial(self._try, word, role, certain=runs) for word, runs in programs]
        self._waiting += [partial(self._sourced, file) for file in found.files]

    def _sourced(self, file: str) -> None:
        """Reach what a shell reads in a file that is named to it: the file needs no execute bit."""
        node = self.system.node(posixpath.join("/", self.config.working_dir or "/", file))
        if node and node.kind == "file" and node.text:
            self._text(node)

    def _arguments(self, words: Sequence[str], *, passes_on: bool = False) -> None:
        """Reach what a shell, a launcher or a script is told to run."""
        while words:
            call = shell_call(words)
            if call.script:
                if not call.login:
                    self._must(first_program(call.script), f"the command of `{words[0]} -c`")
                self._named(call.script, "argument")
                return
            if program := launched(words):
                if not self._must(program, f"what {words[0]} shall start"):
                    return
                self._try(program, "argument", certain=True)
                words = words[words.index(program, 1) :]
                passes_on = self._is_script(self.lookup(program))
                continue
            if call.file:
                self._sourced(call.file)
                words = words[words.index(call.file, 1) :]
            passes_on = passes_on or bool(call.file) or posixpath.basename(words[0]) in LAUNCHERS
            words = self._rest(words[1:], passes_on=passes_on)

    def _rest(self, words: Sequence[str], *, passes_on: bool) -> Sequence[str]:
        """Try the arguments of a program; from a shell or a launcher among them on, they are the caller's."""
        for at, word in enumerate(words):
            if word.startswith("/") or passes_on or words[at - 1 : at] == ["--"]:
                # What a script is given first is what it ends in, as a rule: exec "$@".
                self._try(word, "argument", certain=passes_on and at == 0)
            if passes_on and posixpath.basename(word) in (SHELLS | LAUNCHERS):
                return words[at:]
        return ()

    def _must(self, word: str, what: str) -> bool:
        try:
            if word:
                self.certain.append((word, self.lookup(word)))
        except NotRunnable as problem:
            self._lacks(problem.code, word, problem.found, what)
            return False
        return True

    def _try(self, word: str, role: str, *, certain: bool) -> None:
        """Reach a word that may name a program; one that names none is an argument like any other.

        What is not run for certain may be read by another program: a text, an archive of Java's, a library of
        .NET's, a script whose first line does not count where `python3 /app.py` reads it.
        """
        if (word, certain) in self._tried or len(self._tried) >= _MAX_TRIED:
            return
        self._tried.add((word, certain))
        try:
            path = self.lookup(word)
            node = self.system.node(path)
            facts = node.facts if node else None
            if facts and facts.format == "script" and not certain:
                for name in self._interpreters(facts):
                    self.lookup(name)
        except NotRunnable:
            return
        data = facts is None or (facts.format == "other" and not facts.problem)
        if not data and (certain or (facts and facts.format != "PE")):
            self._start(path, role)

    def _lacks(
        self, code: str, path: str, found: str, expected: str = "a program that can be run", remedy: str = ""
    ) -> None:
        name = posixpath.basename(path)
        if code == "entrypoint-missing" and name:
            others = [other for other, node in self.known if _is_named(other, node, name)]
            found += f"; the image has {', '.join(others[:3])}" if others else ""
        self.findings.append(
            finding(code, self.declared, path, expected=expected, found=found, remedy=remedy)
        )

    def _base(self) -> None:
        """Reach the shell and the C libraries, which the base brought."""
        self.shell = next(shells(self.system), "")
        self.c_libraries = tuple(c_libraries(self.known))
        for path in filter(None, (self.shell, *self.c_libraries)):
            self._add(path, "base")


def _is_named(path: str, node: Node, name: str) -> bool:
    return node.kind == "file" and posixpath.basename(path) == name
