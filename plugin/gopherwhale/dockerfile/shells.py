"""The POSIX shells by their names, and the script in a command line that starts one. A leaf."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from typing import Final

SHELLS: Final = frozenset({"ash", "bash", "busybox", "dash", "ksh", "mksh", "sh", "zsh"})


def shell_command(words: Sequence[str]) -> str:
    """The script behind `sh -c`, or empty where the words are no such call."""
    if not words or posixpath.basename(words[0]) not in SHELLS:
        return ""
    for number, word in enumerate(words[1:-1], 1):
        if word.startswith("-") and not word.startswith("--") and word.endswith("c"):
            return words[number + 1]
        if not word.startswith("-") and word not in SHELLS:
            return ""
    return ""
