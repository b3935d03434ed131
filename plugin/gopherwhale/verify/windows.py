r"""Where a Windows container finds its program: drive letters, `\`, PATHEXT, names in any case.

A Windows layer has the files of `C:\` below `Files/`; an image without a base of Microsoft's may have them at
the top.
"""

from __future__ import annotations

import re
from typing import Final

from gopherwhale.oci.documents import ImageConfig
from gopherwhale.verify.filesystem import FileSystem, NotRunnable

_SUFFIXES: Final = ("", ".com", ".exe", ".bat", ".cmd")
_DEFAULT_PATH: Final = r"C:\Windows\System32;C:\Windows"
_DRIVE: Final = re.compile(r"[A-Za-z]:")


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
        anchored = _DRIVE.match(word) or word.startswith(("\\", "/"))
        for folder in [""] if anchored else self._folders:
            for suffix in _SUFFIXES:
                found = self._names.get(self._place(f"{folder}\\{word}{suffix}"))
                if found is not None:
                    return self._system.resolve(found)
        raise NotRunnable("entrypoint-missing", f"{word} is not in the image")

    def _place(self, name: str) -> str:
        plain = _DRIVE.sub("", name.lower()).replace("\\", "/")
        parts = [part for part in plain.split("/") if part not in ("", ".")]
        return "/".join([self._root, *parts])
