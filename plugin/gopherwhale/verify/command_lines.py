"""Which programs a command line or a shell script names, as far as it can be told without running it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from gopherwhale.dockerfile.shells import shell_call

if TYPE_CHECKING:
    from gopherwhale.dockerfile.shell import Command

# Programs whose arguments are a command again.
LAUNCHERS: Final = frozenset(
    {
        *("catatonit", "chpst", "dumb-init", "env", "exec", "gosu", "ionice", "nice", "nohup", "setpriv"),
        *("setsid", "stdbuf", "su-exec", "time", "timeout", "tini", "tini-static", "docker-init", "xargs"),
        *("runuser", "s6-setuidgid", "setuidgid", "sudo", "with-contenv"),
    }
)
# Of these, the ones whose first argument is that command, unless it is an option.
_PLAIN_LAUNCHERS: Final = frozenset({"dumb-init", "env", "nohup", "setsid", "tini", "with-contenv"})
# Words of the shell behind which a command stands; behind every other are words that it only looks at.
_BEFORE_COMMANDS: Final = frozenset(
    {*("!", "builtin", "command", "do", "elif", "else", "exec", "if", "then", "time", "until", "while", "{")}
)
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
_DEEPEST: Final = 3
_MAX_FOLDER: Final = 512


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


def interpreted_by(interpreter: str, argument: str) -> str:
    """The program that the first word of a script's first line starts; empty where that is not certain.

    Args:
        interpreter: That word: `env`, or a launcher as `dumb-init`.
        argument: All that stands behind it, which Linux gives it as one word.
    """
    name = posixpath.basename(interpreter)
    if name == "env":
        argument = argument.removeprefix("-S").removeprefix("--split-string=")
    elif name not in LAUNCHERS or " " in argument:
        return ""
    # Blanks alone part words: what else looks like one, as a carriage return, is a letter of the name.
    words = [word for word in re.split("[ \t]+", argument) if word and not _ASSIGNMENT.fullmatch(word)]
    return words[0] if words and not words[0].startswith("-") else ""


def first_program(script: str) -> str:
    """The program that a shell's script starts first; empty where it is the shell's own or not plain."""
    for command in _commands(script):
        if any(name == "PATH" for name, _ in command.assignments):
            return ""
        if command.words:
            word = command.words[0].text
            if _FUNCTION.match(script, command.words[0].end):
                return ""
            plain = _PLAIN.fullmatch(word) and not word.startswith("-")
            return word if plain and word not in _BUILTINS else ""
    return ""


class Named(NamedTuple):
    """What a script names.

    Attributes:
        programs: Each word that may name a program, and whether it stands where a command does.
        files: What it gives to other shells to read.
    """

    programs: dict[str, bool]
    files: dict[str, None]


def named(script: str, depth: int = _DEEPEST) -> Named:
    """Every word of a script that may name a program: paths, and what stands where a command does.

    Args:
        script: Its text.
        depth: How many scripts behind `sh -c` may stand in each other.
    """
    found, folder = Named({}, {}), ""
    for command in _commands(script):
        words = [word.text for word in command.words]
        call = shell_call(words)
        if call.script and depth:
            inner = named(call.script, depth - 1)
            found.programs.update(inner.programs)
            found.files.update(inner.files)
        if _PLAIN.fullmatch(call.file):
            found.files.update(dict.fromkeys(_from(folder, call.file)))
        if words[:1] == ["cd"] and len(words) > 1 and _PLAIN.fullmatch(words[1]):
            folder = posixpath.join(folder, words[1])
            # A script that goes deeper without end shall cost no memory.
            folder = folder if len(folder) <= _MAX_FOLDER else ""
        for word, runs in _candidates(words):
            if _PLAIN.fullmatch(word) and word not in _BUILTINS and word[0] != "-":
                for place in _from(folder, word):
                    found.programs[place] = found.programs.get(place, False) or runs
    return found


def _candidates(words: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """The words of a command that may be programs, and whether each is one for certain."""
    at, runs, passes_on = 0, True, False
    while at < len(words) and (words[at] in _BUILTINS or words[at] in LAUNCHERS):
        yield words[at], True
        runs = runs and (words[at] in _BEFORE_COMMANDS or words[at] in LAUNCHERS)
        passes_on |= words[at] in LAUNCHERS and words[at] not in _BUILTINS
        at += 1
    if at < len(words):
        # Behind a launcher may stand a user, a number or an option of its own first.
        yield words[at], runs and not passes_on
    yield from ((word, False) for word in words[at + 1 :] if passes_on or word.startswith("/"))


def _from(folder: str, word: str) -> Iterator[str]:
    """A word, and the same from where the script went before it, as in `cd /srv && ./app`."""
    yield word
    if folder and "/" in word and not word.startswith("/"):
        yield posixpath.join(folder, word)
