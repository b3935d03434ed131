"""A program's loader and libraries, looked for in the image as the loader itself does."""

from __future__ import annotations

import posixpath
import re
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
_MAX_OTHERS: Final = 64
_NUMBERS: Final = re.compile(r"[0-9]{1,9}")
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
    libraries = _Libraries(declared, config, system, program)
    loaded, findings = libraries.judge(path)
    findings += libraries.judge_versions(loader, facts)
    return [(loader, "loader"), *((library, "library") for library in loaded)], findings


class _Libraries:
    def __init__(
        self, declared: Platform, config: ImageConfig, system: FileSystem, program: BinaryFacts
    ) -> None:
        variables = dict(entry.partition("=")[::2] for entry in config.environment)
        self._declared, self._system, self._program = declared, system, program
        self._loader = Loader(system, program, variables.get(_LIBRARY_PATH, ""))
        self._seen: set[str] = set()
        # Every file that is loaded, in order, and those of them that have a name that others ask for.
        self._loaded: list[tuple[str, BinaryFacts]] = []
        self._named: dict[str, tuple[str, BinaryFacts]] = {}

    def judge(self, path: str) -> tuple[list[str], list[Finding]]:
        """The libraries that are there, and a finding for each that is not; those of libraries too."""
        loaded: list[str] = []
        findings: list[Finding] = []
        waiting = deque([(path, self._program)])
        while waiting and len(self._seen) < _MAX_LIBRARIES:
            user, facts = waiting.popleft()
            self._loaded.append((user, facts))
            for name in facts.needed:
                if name in self._seen or self._loader.gives(name):
                    continue
                self._seen.add(name)
                found = self._find(name, user, facts)
                if isinstance(found, Finding):
                    findings.append(found)
                else:
                    self._named[name] = found
                    loaded.append(found[0])
                    waiting.append(found)
        return loaded, findings

    def judge_versions(self, loader: str, facts: BinaryFacts) -> list[Finding]:
        """A finding for each library that lacks symbol versions which others ask of it, by who asks first.

        One that defines none at all is taken as it is, as glibc does.

        Args:
            loader: Where the loader is, which is asked for some too.
            facts: What it is.
        """
        named = {posixpath.basename(self._program.interpreter): (loader, facts), **self._named}
        defined = {name: frozenset(one.versions) for name, (_, one) in named.items()}
        lacking: dict[str, tuple[str, list[str]]] = {}
        for user, asking in self._loaded if self._loader.reads_versions else ():
            for asked in asking.asked_versions:
                library, _, version = asked.rpartition(":")
                if defined.get(library) and version not in defined[library]:
                    lacking.setdefault(library, (user, []))[1].append(version)
        return [
            self._older(*named[library], user, versions)
            for library, (user, versions) in lacking.items()
            if not self._is_elsewhere(library, frozenset(versions))
        ]

    def _is_elsewhere(self, library: str, versions: frozenset[str]) -> bool:
        """Whether the image has another library of the name, with all of some versions.

        A script may name its folder in LD_LIBRARY_PATH, and a loader has folders for some CPUs alone.
        """
        nodes = map(self._system.node, self._system.libraries.get(library, ())[:_MAX_OTHERS])
        return any(node and node.facts and versions.issubset(node.facts.versions) for node in nodes)

    def _older(self, path: str, known: BinaryFacts, user: str, lacking: list[str]) -> Finding:
        newest = max(lacking, key=_by_number)
        family = [one for one in known.versions if _family(one) == _family(newest)]
        found = f"its newest is {max(family, key=_by_number)}" if family else "it has none of that name"
        wanted = f"{newest} of {path}"
        return finding("library-too-old", self._declared, user, expected=wanted, found=found)

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


def _family(version: str) -> str:
    return version.rpartition("_")[0]


def _by_number(version: str) -> tuple[int, ...]:
    """`GLIBC_2.34` as (2, 34); what is named otherwise stands in front."""
    return tuple(int(digits) for digits in _NUMBERS.findall(version.rpartition("_")[2]))
