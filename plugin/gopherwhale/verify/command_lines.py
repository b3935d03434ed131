"""Which programs a command line or a shell script names, as far as it can be told without running it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from gopherwhale.dockerfile.shell import Command

# Programs whose arguments are a command again.
LAUNCHERS: Final = frozenset(
    {
        *("catatonit", "chpst", "dumb-init", "env", "exec", "gosu", "ionice", "nice", "nohup", "setpriv"),
        *("setsid", "stdbuf", "su-exec", "time", "timeout", "tini", "tini-static", "docker-init", "xargs"),
    }
)
# Of these, the ones whose first argument is that command, unless it is an option.
_PLAIN_LAUNCHERS: Final = frozenset({"dumb-init", "env", "nohup", "setsid", "tini"})
_BUILTINS: Final = frozenset(
    {
        *("!", ".", ":", "[", "[[", "alias", "bg", "break", "case", "cd", "command", "continue", "do"),
        *("done", "echo", "elif", "else", "esac", "eval", "exec", "exit", "export", "false", "fg", "fi"),
        *("for", "function", "getopts", "hash", "if", "in", "jobs", "kill", "let", "local", "popd"),
        *("printf", "pushd", "pwd", "read", "readonly", "return", "select", "set", "shift", "shopt"),
        *("source", "test", "then", "time", "times", "trap", "true", "type", "typeset", "ulimit", "umask"),
        *("unalias", "unset", "until", "wait", "while", "{", "}", "(", ")"),
        # Those of bash.
        *("bind", "builtin", "caller", "compgen", "complete", "coproc", "declare", "dirs", "disown"),
        *("enable", "mapfile", "readarray", "suspend"),
    }
)
_ASSIGNMENT: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=.*", re.DOTALL)
_FUNCTION: Final = re.compile(r"\s*\(\s*\)")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_./+@-]+")
_MAX_SCRIPT: Final = 256 * 1024


def launched(words: Sequence[str]) -> str:
    """The program that a launcher (`tini -- app`) is to start; empty where that is not certain."""
    if not words or posixpath.basename(words[0]) not in LAUNCHERS:
        return ""
    rest = list(words[1:])
    if "--" in rest:
        rest = rest[rest.index("--") + 1 :]
    elif posixpath.basename(words[0]) not in _PLAIN_LAUNCHERS or any(w.startswith("-") for w in rest[:1]):
        # An option may take a value, and gosu takes a user: which word is the program is not told.
        return ""
    rest = [word for word in rest if not _ASSIGNMENT.fullmatch(word)]
    return rest[0] if rest else ""


def _commands(script: str) -> list[Command]:
    from gopherwhale.dockerfile.shell import commands  # noqa: PLC0415 -- most images start no shell

    return commands(script[:_MAX_SCRIPT])


def env_program(argument: str) -> str:
    """The program that `#!/usr/bin/env ARGUMENT` runs; empty where it is not told for certain."""
    words = argument.removeprefix("-S").removeprefix("--split-string=").split()
    words = [word for word in words if not _ASSIGNMENT.fullmatch(word)]
    return words[0] if words and not words[0].startswith("-") else ""


def first_program(script: str) -> str:
    """The program that a shell's script starts first; empty where it is the shell's own or not plain."""
    for command in _commands(script):
        if command.words:
            word = command.words[0].text
            if _FUNCTION.match(script, command.words[0].end):
                return ""
            plain = _PLAIN.fullmatch(word) and not word.startswith("-")
            return word if plain and word not in _BUILTINS else ""
    return ""


def named(script: str) -> tuple[str, ...]:
    """Every word of a script that may name a program: paths, and what stands where a command does."""
    found: dict[str, None] = {}
    for command in _commands(script):
        words = [word.text for word in command.words]
        while words and (words[0] in _BUILTINS or words[0] in LAUNCHERS):
            found[words.pop(0)] = None
        candidates = words[:1] + [word for word in words[1:] if word.startswith("/")]
        found.update(dict.fromkeys(candidates))
    return tuple(
        word for word in found if _PLAIN.fullmatch(word) and word not in _BUILTINS and word[0] != "-"
    )
