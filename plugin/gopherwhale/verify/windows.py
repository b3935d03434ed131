r"""Where a Windows container finds its program: drive letters, `\`, PATHEXT, names in any case.

A Windows layer has the files of `C:\` below `Files/`; an image without a base of Microsoft's may have them at
the top.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from gopherwhale.oci.documents import ImageConfig
from gopherwhale.verify.filesystem import FileSystem, NotRunnable

_SUFFIXES: Final = ("", ".com", ".exe", ".bat", ".cmd")
_DEFAULT_PATH: Final = r"C:\Windows\System32;C:\Windows"
_SHELL: Final = re.compile(r"/(cmd|powershell|pwsh)\.exe$", re.IGNORECASE)
_WORD: Final = re.compile(r'"([^"]+)"|([^\s"&|;]+)')
_MOST_WORDS: Final = 64
_DRIVE: Final = re.compile(r"[A-Za-z]:")


def _words(line: str) -> list[str]:
    """A command line in words, as far as programs are named in it."""
    return [quoted or bare for quoted, bare in _WORD.findall(line)] or [line]


class WindowsFiles:
    """An image's files by their Windows names.

    Args:
        system: The image's files.
        config: For its working folder and PATH.
    """

    def __init__(self, system: FileSystem, config: ImageConfig) -> None:
        """Index the names without regard to case."""
        self._names = {path.lower(): path for path, node in system.items() if node.kind != "folder"}
        self._system = system
        self._root = "/files" if system.node("/Files") else ""
        variables = dict(entry.partition("=")[::2] for entry in config.environment)
        path = next((text for name, text in variables.items() if name.upper() == "PATH"), _DEFAULT_PATH)
        self._folders = [config.working_dir or "\\", *path.split(";")]

    def program(self, word: str) -> str:
        r"""The path of a program that is named as `app`, `app.exe` or `C:\app.exe`.

        Raises:
            NotRunnable: It is not there.
        """
        if found := self._find(word):
            return found
        raise NotRunnable("entrypoint-missing", f"{word} is not in the image")

    def _find(self, word: str) -> str:
        anchored = _DRIVE.match(word) or word.startswith(("\\", "/"))
        for folder in [""] if anchored else self._folders:
            for suffix in _SUFFIXES:
                found = self._names.get(self._place(f"{folder}\\{word}{suffix}"))
                if found is not None:
                    return self._system.resolve(found)
        return ""

    def programs(self, words: Sequence[str]) -> tuple[str, ...]:
        """The paths of what a command line starts: its program and, of a shell's, what that is told to run.

        The shell form of a Dockerfile makes one word of a whole line (`ArgsEscaped`).

        Raises:
            NotRunnable: The program is not there.
        """
        try:
            first = self.program(words[0])
        except NotRunnable:
            words = [*_words(words[0]), *words[1:]]
            first = self.program(words[0])
        if not _SHELL.search(first):
            return (first,)
        behind = [word for text in words[1:] for word in _words(text)][:_MOST_WORDS]
        return (first, *(path for word in behind if (path := self._find(word))))

    def _place(self, name: str) -> str:
        plain = _DRIVE.sub("", name.lower()).replace("\\", "/")
        parts = [part for part in plain.split("/") if part not in ("", ".")]
        return "/".join([self._root, *parts])
