"""The POSIX shells by their names, and what a command line that starts one gives it to run. A leaf."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from typing import Final, NamedTuple

SHELLS: Final = frozenset({"ash", "bash", "busybox", "dash", "ksh", "mksh", "sh", "zsh"})
# Options of bash that name a file; of every shell, `o` takes a name, and bash's `O` too.
_WITH_FILE: Final = frozenset({"--init-file", "--rcfile"})
_WITH_NAME: Final = frozenset("oO")


class ShellCall(NamedTuple):
    """What a shell is given.

    Attributes:
        script: The text behind `-c`, or empty.
        file: The file that it reads its commands from where there is no such text, or empty.
        login: Whether it reads the profile first, which may set another PATH.
    """

    script: str = ""
    file: str = ""
    login: bool = False


def shell_call(words: Sequence[str]) -> ShellCall:
    """What a command line gives to a shell, by the options that POSIX and bash know (sh(1), bash(1))."""
    if not words or posixpath.basename(words[0]) not in SHELLS:
        return ShellCall()
    at, text, login = 1, False, False
    while at < len(words):
        word = words[at]
        if word == "--":
            at += 1
            break
        if word[:1] in ("-", "+") and len(word) > 1:
            short = "" if word.startswith("--") else word[1:]
            text |= word[0] == "-" and "c" in short
            login |= word == "--login" or "l" in short
            named = at + 1 < len(words) and not words[at + 1].startswith("-")
            at += sum(letter in _WITH_NAME for letter in short) + (word in _WITH_FILE and named)
        elif word not in SHELLS:
            break
        at += 1
    operand = words[at] if at < len(words) else ""
    return ShellCall(script=operand if text else "", file="" if text else operand, login=login)


def shell_command(words: Sequence[str]) -> str:
    """The script behind `sh -c`, or empty where the words are no such call."""
    return shell_call(words).script
