"""The console script `gopherwhale`: the same commands with no tasks.py, and without the import of invoke.

Commands may follow one another in one line, as invoke's tasks do. nox's sessions come here too, so invoke's
configuration files count here as well.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import itertools
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

from gopherwhale.commands import COMMANDS
from gopherwhale.errors import ExitCode, UsageError
from gopherwhale.flags import Flag
from gopherwhale.guesses import closest
from gopherwhale.repository_commands import REPOSITORY_COMMANDS
from gopherwhale.roots import find_root
from gopherwhale.running import open_streams, run

_NAMED: Final = {f"docker.{one.name}": one for one in COMMANDS} | {
    one.name: one for one in REPOSITORY_COMMANDS
}
_HELP: Final = ("--help", "-h")
# How argparse begins to say it: https://docs.python.org/3/library/argparse.html#invalid-arguments
_UNKNOWN: Final = "unrecognized arguments: "
# More than the largest of our commands imports; 700 is Python's own.
_OBJECTS: Final = 100_000
# Seconds. Who comes back from hashing or unpacking a piece, which takes less, waits for an import's turn to
# end; Python's own turns of 5 ms would leave a core idle.
_TURN: Final = 0.001
_SUFFIXES: Final = ("yaml", "yml", "json", "py")
_USAGE: Final = "usage: gopherwhale [--help] [--version] [--list] COMMAND [--flags] [COMMAND ...]"


def main(argv: Sequence[str] | None = None) -> None:
    """Run the commands named on the command line and exit with the code of what happened."""
    words = list(sys.argv[1:] if argv is None else argv)
    open_streams()
    try:
        try:
            code = _main(words)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read has had enough, as `head`: https://docs.python.org/3/library/signal.html#note-on-sigpipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
    sys.exit(code)


def script() -> NoReturn:
    """The console script: `main`, and then no taking apart of all that was imported, which takes 20 to 40 ms.

    Nearly all that an import makes stays: looking through it for garbage again and again takes 10 ms.
    What must happen at the end of a run, happens at the end of a block of its own.
    """
    gc.set_threshold(_OBJECTS)
    sys.setswitchinterval(_TURN)
    try:
        main()
    except SystemExit as end:
        if isinstance(end.code, int):
            sys.stderr.flush()
            os._exit(end.code)
        raise
    raise AssertionError("main ends by an exit")


def _main(words: list[str]) -> int:
    if words[:1] and words[0] in _HELP and len(words) > 1:
        # `gopherwhale --help docker.push`, as invoke has it.
        words = [words[1], words[0]]
    if not words or words[0] in (*_HELP, "--list", "-l"):
        return _list()
    if words[0] in ("--version", "-V"):
        from importlib.metadata import version  # noqa: PLC0415 -- only this flag pays for it

        sys.stdout.write(f"gopherwhale {version('gopherwhale')}\n")
        return ExitCode.GOOD
    try:
        # What is wrong in a later command is told before an earlier one has pushed anything.
        asked = [(_NAMED[name], _parse(name, rest)) for name, rest in _commands(words)]
    except UsageError as error:
        sys.stderr.write(f"gopherwhale: {error}\n")
        return int(error.exit_code)
    for command, flags in asked:
        if code := run(command, flags, _configuration):
            return code
    return ExitCode.GOOD


def _list() -> int:
    width = max(map(len, _NAMED))
    lines = [f"  {name:{width}}   {command.summary}" for name, command in _NAMED.items()]
    text = [_USAGE, "", *lines, "", "gopherwhale COMMAND --help shows a command's flags.", ""]
    sys.stdout.write("\n".join(text))
    return ExitCode.GOOD


def _commands(words: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Part a line at the words that name commands; what stands behind a flag is its value.

    Raises:
        UsageError: The first word names no command.
    """
    if words[0] not in _NAMED:
        close = closest(words[0], _NAMED, likeness=0.5)
        hint = f"did you mean {close}?" if close else "gopherwhale --list shows the commands"
        raise UsageError(f"there is no command {words[0][:100]!r}", hint=hint)
    name, rest = words[0], list[str]()
    valued = _valued(name)
    for before, word in itertools.pairwise(words):
        if word in _NAMED and before not in valued:
            yield name, rest
            name, rest, valued = word, [], _valued(word)
        else:
            rest.append(word)
    yield name, rest


def _valued(name: str) -> set[str]:
    return {f"--{flag.name}" for flag in _NAMED[name].flags if flag.kind in ("text", "list")}


def _parse(name: str, words: Sequence[str]) -> Mapping[str, Any]:
    parser = _Parser(prog=f"gopherwhale {name}", description=_NAMED[name].summary, allow_abbrev=False)
    positional = [flag for flag in _NAMED[name].flags if flag.kind == "words"]
    called = ("[--flags]", *(f"[{flag.name.upper()} ...]" for flag in positional))
    parser.usage = f"gopherwhale {name} {' '.join(called)}"
    for flag in _NAMED[name].flags:
        _add(parser, flag)
    return vars(parser.parse_intermixed_args(words))


def _add(parser: argparse.ArgumentParser, flag: Flag) -> None:
    text = flag.help.replace("%", "%%")
    if flag.kind == "words":
        parser.add_argument(flag.identifier, nargs="*", metavar=flag.name.upper(), help=text)
    elif flag.kind == "switch":
        parser.add_argument(f"--{flag.name}", action="store_true", help=text)
    else:
        action = "append" if flag.kind == "list" else "store"
        parser.add_argument(f"--{flag.name}", action=action, metavar="VALUE", help=text)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say a mistake as every other is said."""
        words = message.removeprefix(_UNKNOWN).split() if message.startswith(_UNKNOWN) else []
        flags = [word.partition("=")[0] for word in words if word.startswith("--")]
        close = closest(flags[0], self._option_string_actions) if flags else ""
        hint = f"did you mean {close}?" if close else f"{self.prog} --help shows its flags"
        raise UsageError(f"{self.prog.partition(' ')[2]}: {message}", hint=hint)


def _configuration() -> Mapping[str, Any]:
    """The part of invoke's configuration that is ours; without a file of it, invoke is not imported."""
    try:
        root = find_root(Path.cwd())
    except UsageError:
        root = Path.cwd()
    places = ["/etc/invoke", root / "invoke"]
    # Nobody may have told where it is, as in a container with a user of no name.
    with contextlib.suppress(RuntimeError):
        places.append(Path.home() / ".invoke")
    if not any(Path(f"{place}.{suffix}").exists() for place in places for suffix in _SUFFIXES):
        return {}
    from gopherwhale.tasks import configuration_of  # noqa: PLC0415

    return configuration_of(root)


if __name__ == "__main__":
    script()
