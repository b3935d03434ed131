"""One file's facts against one platform: does it run there? Pure: nothing is read here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from gopherwhale.platforms import Platform
from gopherwhale.verify import elf
from gopherwhale.verify.facts import CUT_SHORT, DAMAGED_INFO, BinaryFacts, rank
from gopherwhale.verify.findings import Finding, Severity, finding

# What "no variant" stands for. riscv64 and ppc64 have no variants in an image index, so a level above Go's
# own default is one that nobody can declare.
_BASELINE: Final[Mapping[str, str]] = {
    "amd64": "v1",
    "arm64": "v8.0",
    "ppc64": "power8",
    "ppc64le": "power8",
    "riscv64": "rva20u64",
}
_MEND_FLOOR: Final = "take a base that runs on every CPU of the architecture, or declare the variant"
_RUNNABLE: Final = frozenset({"executable", "PIE"})
_FORMATS: Final[Mapping[str, str]] = {"windows": "PE", "darwin": "Mach-O", "ios": "Mach-O"}


def fits(declared: Platform, path: str, facts: BinaryFacts) -> list[Finding]:
    """Judge a file that is to be run on a platform.

    A script fits wherever its interpreter does, so that the caller goes on with that. Whether the interpreter
    and the libraries are in the image is the caller's to say too.

    Returns:
        Errors where it cannot run; a warning where it is for an older CPU than declared; a notice,
        `cannot-tell`, where nothing else was found and the file does not tell all that counts.
    """
    if facts.members:
        return _fits_any(declared, path, facts)
    if facts.format == "other" and facts.problem:
        # It was not looked at: it may be all that it should be.
        wanted = f"a program that tells its platform, {declared}"
        return [finding("cannot-tell", declared, path, expected=wanted, found=facts.problem)]
    found = _is_program(declared, path, facts) or _is_for(declared, path, facts)
    if found or facts.format == "script":
        return found
    found = [
        *_judge_whole(declared, path, facts),
        *_judge_go(declared, path, facts),
        *_judge_level(declared, path, facts),
    ]
    return found or judge_decided(declared, path, facts)


def fits_beside(declared: Platform, path: str, facts: BinaryFacts) -> list[Finding]:
    """Judge a file that is loaded or started beside the program: only whether it can serve at all.

    A C library of an older CPU serves every newer one, and none tells its level as Go's programs do.
    """
    if facts.members:
        return _fits_any(declared, path, facts)
    if facts.format not in ("ELF", "PE", "Mach-O"):
        return []
    found = _is_for(declared, path, facts)
    return found or [one for one in _judge_level(declared, path, facts) if one.code == "variant-too-new"]


def judge_decided(declared: Platform, path: str, facts: BinaryFacts) -> list[Finding]:
    """Say so where a program does not tell what it is for; an empty list where it does."""
    text = ""
    if facts.packer:
        text = f"a program packed by {facts.packer}, whose contents cannot be read"
    elif facts.format in ("ELF", "PE", "Mach-O"):
        blind = declared.architecture == "arm" and facts.architecture == "arm" and not facts.level
        damaged = any(note.startswith(DAMAGED_INFO) for note in facts.notes)
        hidden = damaged or (bool(facts.go_build_id) and not facts.go_version)
        text = "a program without Go's build information" if blind or hidden else ""
    elif facts.format != "script":
        text = f"a {facts.format} file"
    if not text:
        return []
    wanted = f"a program that tells its platform, {declared}"
    return [finding("cannot-tell", declared, path, expected=wanted, found=text)]


def _fits_any(declared: Platform, path: str, facts: BinaryFacts) -> list[Finding]:
    """A universal file fits where one of its parts does; else what the first part lacks is said."""
    verdicts = [fits(declared, path, part) for part in facts.members]
    good = [found for found in verdicts if all(one.severity is not Severity.ERROR for one in found)]
    return (good or verdicts)[0]


def _is_program(declared: Platform, path: str, facts: BinaryFacts) -> list[Finding]:
    """It is sound, and of a kind that can be run."""
    if facts.format == "malformed":
        return [finding("malformed", declared, path, expected="a sound executable", found=facts.problem)]
    if facts.format == "other" or (facts.format == "script" and not facts.interpreter):
        found = "a file of no format that can be run"
        return [finding("not-a-program", declared, path, expected="an executable", found=found)]
    if facts.format == "script" or facts.kind in _RUNNABLE:
        return []
    mend = "use go build's default -buildmode, and copy the linked program"
    found = facts.kind or "nothing"
    return [finding("not-a-program", declared, path, expected="an executable", found=found, remedy=mend)]


def _is_for(declared: Platform, path: str, facts: BinaryFacts) -> list[Finding]:
    """It is for the system and the machine."""
    if facts.format == "script":
        return []
    if facts.os != declared.os or facts.format != _FORMATS.get(declared.os, "ELF"):
        found = f"{facts.os or 'no system'} ({facts.format})"
        return [finding("wrong-os", declared, path, expected=declared.os, found=found)]
    if facts.architecture != declared.architecture:
        code, found = _how_wrong(declared, facts), describe(facts)
        return [finding(code, declared, path, expected=str(declared), found=found)]
    return []


def _how_wrong(declared: Platform, facts: BinaryFacts) -> str:
    """The same machine number with another class or byte order is told apart: swapped ppc64 and ppc64le."""
    for (machine, bits, big), name in elf.ARCHITECTURES.items():
        if name == declared.architecture and facts.format == "ELF" and machine == facts.machine:
            if bits != facts.bits:
                return "wrong-class"
            if big != (facts.byte_order == "big"):
                return "wrong-byte-order"
    return "wrong-machine"


def describe(facts: BinaryFacts) -> str:
    """What a program is for, in words."""
    detail = f"{facts.bits}-bit {facts.byte_order}-endian {facts.format}"
    return f"{facts.platform} ({detail})"


def _judge_whole(declared: Platform, path: str, facts: BinaryFacts) -> list[Finding]:
    """A warning: what the headers promise beyond the file's end may be of no use to the program."""
    wanted = "every byte that its headers name"
    return [
        finding("cut-short", declared, path, expected=wanted, found=note)
        for note in facts.notes
        if note.startswith(CUT_SHORT)
    ]


def _judge_go(declared: Platform, path: str, facts: BinaryFacts) -> list[Finding]:
    found = (facts.settings.get("GOOS", declared.os), facts.settings.get("GOARCH", declared.architecture))
    if found == (declared.os, declared.architecture):
        return []
    wanted = f"{declared.os}/{declared.architecture}"
    return [finding("build-info-disagrees", declared, path, expected=wanted, found="/".join(found))]


def _judge_level(declared: Platform, path: str, facts: BinaryFacts) -> list[Finding]:
    wanted = declared.variant or _BASELINE.get(declared.architecture, "")
    if not wanted or not facts.level:
        return []
    found = f"code for {facts.level}"
    if not _runs(rank(facts.level), rank(wanted)):
        expected = f"code for {wanted} or older"
        told = finding("variant-too-new", declared, path, expected=expected, found=found)
        if declared.variant or facts.go_version:
            return [told]
        # Whole distributions ask for more than the baseline, and are published for the bare architecture.
        return [replace(told, severity=Severity.WARNING, remedy=_MEND_FLOOR)]
    if rank(facts.level) != rank(wanted) and declared.variant:
        expected = f"code for {wanted}"
        return [finding("variant-older", declared, path, expected=expected, found=found)]
    return []


def _runs(code: tuple[int, int], machine: tuple[int, int]) -> bool:
    """Whether code of a level runs on a machine of a level; Armv9.n has all of Armv8.(n+5), and not more."""
    if (code[0], machine[0]) == (8, 9):
        return code[1] <= machine[1] + 5
    return code <= machine
