"""A program's loader and libraries, looked for in the image as the loader itself does."""

from __future__ import annotations

import posixpath
from collections import deque
from typing import Final

from gopherwhale.oci.documents import ImageConfig
from gopherwhale.platforms import Platform
from gopherwhale.verify.facts import BinaryFacts
from gopherwhale.verify.filesystem import FileSystem, NotRunnable
from gopherwhale.verify.findings import Finding, finding
from gopherwhale.verify.fits import describe
from gopherwhale.verify.libraries import Loader, find

_MAX_LIBRARIES: Final = 512
_LIBRARY_PATH: Final = "LD_LIBRARY_PATH"


def judge_loading(
    declared: Platform, config: ImageConfig, system: FileSystem, path: str, program: BinaryFacts
) -> tuple[list[tuple[str, str]], list[Finding]]:
    """Find what a program needs before its first instruction.

    A program for another machine is not judged here: it does not come that far.

    Returns:
        Path and role (loader or library) of all that is there, and a finding for each that is not.
    """
    if not program.interpreter or program.architecture != declared.architecture:
        return [], []
    wanted = f"{program.interpreter} for {declared}"
    try:
        loader = system.resolve(program.interpreter)
    except NotRunnable:
        found = f"it needs {program.interpreter}, which the image lacks"
        wanted = f"a static program, or {program.interpreter} in the image"
        return [], [finding("interpreter-missing", declared, path, expected=wanted, found=found)]
    node = system.node(loader)
    facts = node.facts if node else None
    if facts is None or (facts.format, facts.architecture) != ("ELF", program.architecture):
        found = f"{loader} is {describe(facts) if facts and facts.architecture else 'no loader'}"
        return [], [finding("interpreter-wrong", declared, path, expected=wanted, found=found)]
    loaded, findings = _Libraries(declared, config, system, program).judge(path)
    return [(loader, "loader"), *((library, "library") for library in loaded)], findings


class _Libraries:
    def __init__(
        self, declared: Platform, config: ImageConfig, system: FileSystem, program: BinaryFacts
    ) -> None:
        variables = dict(entry.partition("=")[::2] for entry in config.environment)
        self._declared, self._system, self._program = declared, system, program
        self._loader = Loader(system, program, variables.get(_LIBRARY_PATH, ""))
        self._seen: set[str] = set()

    def judge(self, path: str) -> tuple[list[str], list[Finding]]:
        """The libraries that are there, and a finding for each that is not; those of libraries too."""
        loaded: list[str] = []
        findings: list[Finding] = []
        waiting = deque([(path, self._program)])
        while waiting and len(self._seen) < _MAX_LIBRARIES:
            user, facts = waiting.popleft()
            for name in facts.needed:
                if name in self._seen or self._loader.gives(name):
                    continue
                self._seen.add(name)
                found = self._find(name, user, facts)
                if isinstance(found, Finding):
                    findings.append(found)
                else:
                    loaded.append(found[0])
                    waiting.append(found)
        return loaded, findings

    def _find(self, name: str, user: str, facts: BinaryFacts) -> tuple[str, BinaryFacts] | Finding:
        others = []
        for path, node in find(self._system, name, self._loader.folders(user, facts)):
            if self._serves(node.facts):
                return path, node.facts or facts
            others.append(f"{path} is {describe(node.facts)}" if node.facts else f"{path} is no library")
        if others:
            wanted = f"{name} for {self._declared}"
            return finding("library-wrong", self._declared, user, expected=wanted, found=others[0])
        return self._missing(name, user)

    def _missing(self, name: str, user: str) -> Finding:
        wanted = f"{name}, which it names, in the image"
        for path in self._system.libraries.get(posixpath.basename(name), ()):
            if any(self._serves(node.facts) for _, node in find(self._system, path, ())):
                found = f"{path}, where the loader does not look"
                return finding("library-elsewhere", self._declared, user, expected=wanted, found=found)
        return finding(
            "library-missing", self._declared, user, expected=wanted, found=f"the image lacks {name}"
        )

    def _serves(self, facts: BinaryFacts | None) -> bool:
        return facts is not None and (facts.format, facts.architecture) == ("ELF", self._program.architecture)
