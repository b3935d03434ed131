"""What follows from the import path of a Go package. A leaf."""

from __future__ import annotations

import re

# A path names no major version below 2: https://go.dev/ref/mod#major-version-suffixes.
_MAJOR = re.compile(r"v([2-9]|[1-9][0-9]+)")


def program_name(import_path: str) -> str:
    """What the go command calls the program of a main package: the last element that is no major version.

    Source: `exeFromImportPath` and `isVersionElement` in Go's cmd/go/internal/load/pkg.go.
    """
    parts = import_path.split("/")
    return parts[-2] if len(parts) > 1 and _MAJOR.fullmatch(parts[-1]) else parts[-1]
