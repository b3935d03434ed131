"""What a base brings to an image: its shell and its C libraries."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from gopherwhale.verify.contents import Node
from gopherwhale.verify.filesystem import FileSystem, NotRunnable
from gopherwhale.verify.reached import MACHINE_CODE

_SHELLS: Final = ("/bin/sh", "/bin/bash", "/bin/busybox", "/busybox/sh", "/usr/bin/env", "/bin/ls")
_C_LIBRARY: Final = re.compile(
    r".*/(ld-linux[^/]*\.so[^/]*|ld-musl-[^/]*|ld64\.so[^/]*|ld\.so\.1|libc\.so\.6|libc-2[^/]*\.so|libc\.musl-[^/]*)"
)


def shells(system: FileSystem) -> Iterator[str]:
    """The shells, or what every base has beside one, that are programs."""
    for path in _SHELLS:
        try:
            found = system.executable(path)
        except NotRunnable:
            continue
        node = system.node(found)
        if node and node.facts and node.facts.format in MACHINE_CODE:
            yield found


def c_libraries(known: Iterable[tuple[str, Node]]) -> Iterator[str]:
    """The C libraries and their loaders among the files that have facts."""
    for path, node in known:
        if node.facts and node.facts.format == "ELF" and _C_LIBRARY.fullmatch(path):
            yield path
