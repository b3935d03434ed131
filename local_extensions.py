"""What the questions' defaults may ask of this machine; cookiecutter loads it, and starts nothing by it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cookiecutter.utils import simple_filter

# The template's code needs this release (testing.B.Loop).
_OLDEST: Final = (1, 24)
_RELEASE = re.compile(r"go(1)\.([0-9]+)(\.[0-9]+)?(rc[0-9]+)?")
_MAX_LINE: Final = 100


def _version_files() -> Iterator[Path]:
    """Where an installed Go says its version: in GOROOT, which is two above the program."""
    if root := os.environ.get("GOROOT"):
        yield Path(root, "VERSION")
    if program := shutil.which("go"):
        yield Path(program).resolve().parent.parent / "VERSION"


@simple_filter
def installed_go(newest: str) -> str:
    """The release of Go that is installed here, if it can build what the template makes; else `newest`."""
    for file in _version_files():
        try:
            with file.open(encoding="utf-8", errors="replace") as stream:
                found = _RELEASE.fullmatch(stream.readline(_MAX_LINE).strip())
        except OSError:
            continue
        if found and (int(found[1]), int(found[2])) >= _OLDEST:
            return found[0].removeprefix("go")
    return newest
