"""Whether the testbed can stand on this machine; the refusals say what is in the way."""

from __future__ import annotations

import os
import platform
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gopherwhale.errors import MissingToolError

_TRIED: Final = ("debian", "12")
_ARCHITECTURES: Final = ("x86_64",)
# capabilities(7): what mounts, bridges and debootstrap's chroot need.
_CAPABILITIES: Final = {12: "CAP_NET_ADMIN", 18: "CAP_SYS_CHROOT", 21: "CAP_SYS_ADMIN"}
_INSTEAD: Final = "the other tests need no testbed: run `pytest -m 'not engine'`"


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What the refusals depend on.

    Attributes:
        system: The kernel's name, such as "Linux".
        architecture: The processor's name as uname gives it.
        uid: The effective user id.
        os_release: The text of os-release(5); empty where there is none.
        capabilities: The effective capabilities' bits.
        which: Where a program is on PATH.
    """

    system: str
    architecture: str
    uid: int
    os_release: str
    capabilities: int
    which: Callable[[str], str | None]

    @classmethod
    def here(cls) -> Machine:
        """Look at this machine."""
        status = _text(Path("/proc/self/status"))
        effective = re.search(r"^CapEff:\s*([0-9a-f]+)$", status, re.MULTILINE)
        return cls(
            system=platform.system(),
            architecture=platform.machine(),
            uid=os.geteuid(),
            os_release=_text(Path("/etc/os-release")),
            capabilities=int(effective[1], 16) if effective else 0,
            which=shutil.which,
        )

    def require(self) -> None:
        """Refuse a machine on which the testbed cannot stand.

        Raises:
            MissingToolError: It says what is missing.
        """
        release = dict(re.findall(r'^(ID|VERSION_ID)="?([^"\n]*)"?$', self.os_release, re.MULTILINE))
        found = (release.get("ID", ""), release.get("VERSION_ID", ""))
        if self.system != "Linux" or found != _TRIED:
            seen = " ".join(found).strip() if self.system == "Linux" else self.system
            raise _refusal(f"it needs Debian 12, and this is {seen or 'an unknown Linux'}")
        if self.architecture not in _ARCHITECTURES:
            raise _refusal(f"it needs an x86_64 machine, and this is {self.architecture}")
        if self.uid != 0:
            raise _refusal(f"it needs root, and this is user {self.uid}")
        lacking = [name for bit, name in _CAPABILITIES.items() if not self.capabilities >> bit & 1]
        if lacking:
            raise _refusal(f"root lacks {', '.join(lacking)} here, as in an unprivileged container")
        for program in ("apt-get", "apt-cache", "dpkg-deb", "dpkg-query"):
            if self.which(program) is None:
                raise _refusal(f"it needs {program}, which is not on PATH")


def _refusal(why: str) -> MissingToolError:
    return MissingToolError(f"the testbed cannot stand on this machine: {why}", hint=_INSTEAD)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
