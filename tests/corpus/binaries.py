"""The rows that are single files: is each a program, and for which platform alone?"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from gopherwhale.platforms import PRESETS, Platform
from gopherwhale.verify import facts
from gopherwhale.verify.facts import BinaryFacts
from gopherwhale.verify.findings import Severity
from gopherwhale.verify.fits import fits
from tests.corpus.cases import Case

_ACCEPTED: Final = re.compile(r"ACCEPT for (\S+) only \(REJECT others\); static=(yes|no)[,;] (.*)$")


def fitting(known: BinaryFacts) -> set[Platform]:
    """The platforms on which a file gives no error."""
    return {
        platform
        for platform in PRESETS["all"]
        if all(finding.severity is not Severity.ERROR for finding in fits(platform, "/app", known))
    }


def check_elf(case: Case) -> None:
    """An ELF file fits the platform that the row accepts and no other, or none, for the row's reason."""
    known = facts.read(case.path.read_bytes())
    accepted = _ACCEPTED.match(case.expected)
    if not accepted:
        _rejected(known, case.expected)
        return
    platform, static, rest = accepted.groups()
    assert {str(one) for one in fitting(known)} == {platform}
    assert known.static == (static == "yes")
    assert f"{known.interpreter} " in rest
    assert rest.endswith(f"Go buildinfo={known.go_version or 'none'}")


def _rejected(known: BinaryFacts, expected: str) -> None:
    """The answer's reasons, in our words."""
    assert fitting(known) == set()
    reason, _, machine = expected.partition("; machine reads as ")
    if "PT_INTERP empty" in reason:
        assert (known.format, "PT_INTERP" in known.problem) == ("malformed", True)
        return
    if machine.startswith("no GOARCH"):
        assert known.architecture.startswith("machine-")
    else:
        assert known.architecture == machine
    if "REL is not" in reason:
        assert known.kind == "object"
    elif "FreeBSD" in reason:
        assert known.os == "freebsd"
    else:
        assert known.kind == "shared object"


def check_other(case: Case) -> None:
    """A file that is no ELF file fits no Linux platform, and reading it raises nothing."""
    known = facts.read(case.path.read_bytes())
    assert known.format != "ELF"
    assert {platform for platform in fitting(known) if platform.os == "linux"} == set()


CHECKS: Final[Mapping[str, Callable[[Case], None]]] = {"elf": check_elf, "not-elf": check_other}
