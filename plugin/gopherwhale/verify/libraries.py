"""Where a program's loader looks for its libraries, and whether the image has them there.

glibc: ld.so(8), and Debian's multiarch folders, which its loader has built in; musl: ldso/dynlink.c, "path
search". What is wanted is a loader's answer without its cache, so that the folders are those the cache is
made of.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final

from gopherwhale.verify.contents import Node
from gopherwhale.verify.facts import BinaryFacts
from gopherwhale.verify.filesystem import FileSystem, NotRunnable

_TRIPLETS: Final[Mapping[str, tuple[str, ...]]] = {
    "386": ("i386-linux-gnu",),
    "amd64": ("x86_64-linux-gnu", "x86_64-linux-gnux32"),
    "arm": ("arm-linux-gnueabihf", "arm-linux-gnueabi"),
    "arm64": ("aarch64-linux-gnu",),
    "loong64": ("loongarch64-linux-gnu",),
    "mips": ("mips-linux-gnu",),
    "mips64": ("mips64-linux-gnuabi64",),
    "mips64le": ("mips64el-linux-gnuabi64",),
    "mipsle": ("mipsel-linux-gnu",),
    "ppc64": ("powerpc64-linux-gnu",),
    "ppc64le": ("powerpc64le-linux-gnu",),
    "riscv64": ("riscv64-linux-gnu",),
    "s390x": ("s390x-linux-gnu",),
}
_FOLDERS: Final = (
    "/lib64",
    "/usr/lib64",
    "/lib",
    "/usr/lib",
    "/lib32",
    "/usr/lib32",
    "/libx32",
    "/usr/libx32",
)
_RISCV: Final = ("/lib64/lp64d", "/usr/lib64/lp64d", "/lib64/lp64", "/usr/lib64/lp64")
_MUSL_FOLDERS: Final = ("/lib", "/usr/local/lib", "/usr/lib")
# musl's loader is these libraries itself, whatever the name ends with.
_MUSL_OWN: Final = re.compile(r"lib(c|pthread|rt|m|dl|util|xnet)\..*")
# The driver's, which NVIDIA's container toolkit puts into a container when it starts.
_LENT: Final = re.compile(r"lib(cuda|nvcuvid|nvidia-[a-z0-9-]+)\.so(\..*)?")
_GCOMPAT: Final = "/lib/libgcompat.so.0"
_MAX_INCLUDES: Final = 64
_MAX_LINES: Final = 1000
# Of one kind, and of all together: each library is looked for in every one of them.
_MAX_FOLDERS: Final = 256
_MAX_ALL_FOLDERS: Final = 1024


def _is_musl(system: FileSystem, program: BinaryFacts) -> bool:
    """Whether musl loads a program: with Alpine's gcompat it does so under the name of glibc's loader."""
    try:
        real = system.resolve(program.interpreter)
    except NotRunnable:
        real = program.interpreter
    names = (posixpath.basename(program.interpreter), posixpath.basename(real))
    return any("musl" in name for name in names) or system.has(_GCOMPAT)


class Loader:
    """What looks for the libraries of one program.

    Args:
        system: The image's files.
        program: What is started.
        library_path: The image's LD_LIBRARY_PATH.
    """

    def __init__(self, system: FileSystem, program: BinaryFacts, library_path: str) -> None:
        """Gather the folders that hold for every library."""
        self._program = program
        self._musl = _is_musl(system, program)
        asked = re.split("[:;]", library_path, maxsplit=_MAX_FOLDERS)[:_MAX_FOLDERS] if library_path else ()
        self._asked = [folder or "/" for folder in asked]
        if self._musl:
            self._usual = _musl(system)
            return
        triplets = _TRIPLETS.get(program.architecture, ())
        multiarch = [f"{prefix}/{triplet}" for triplet in triplets for prefix in ("/lib", "/usr/lib")]
        wide = _RISCV if program.architecture == "riscv64" else ()
        self._usual = [*_configured(system), *multiarch, *wide, *_FOLDERS]

    @property
    def reads_versions(self) -> bool:
        """Whether it looks at symbol versions before it starts the program: musl's does not."""
        return not self._musl

    def gives(self, name: str) -> bool:
        """Whether a library need not be in the image: the loader itself is it, or the machine lends it."""
        own = name == posixpath.basename(self._program.interpreter)
        return own or (self._musl and bool(_MUSL_OWN.fullmatch(name))) or bool(_LENT.fullmatch(name))

    def folders(self, path: str, facts: BinaryFacts) -> tuple[str, ...]:
        """Every folder in which the libraries of a file are looked for, in order.

        The program's run paths count for its libraries too: DT_RPATH is handed on, and whoever gives
        DT_RUNPATH alone to the program breaks nothing that we could prove here.
        """
        run_paths = (*facts.run_paths[:_MAX_FOLDERS], *self._program.run_paths[:_MAX_FOLDERS])
        own = [_expanded(folder, path, self._program) for folder in run_paths]
        return tuple(dict.fromkeys([*own, *self._asked, *self._usual]))[:_MAX_ALL_FOLDERS]


def find(system: FileSystem, name: str, places: Sequence[str]) -> Iterator[tuple[str, Node]]:
    """Each file of a library's name in some folders, links followed."""
    for folder in [""] if "/" in name else places:
        try:
            path = system.resolve(posixpath.join("/", folder, name))
        except NotRunnable:
            continue
        node = system.node(path)
        if node and node.kind == "file":
            yield path, node


def _expanded(folder: str, path: str, program: BinaryFacts) -> str:
    wide = "lib64" if program.bits == 64 else "lib"  # noqa: PLR2004 -- bits
    for name, text in (("ORIGIN", posixpath.dirname(path)), ("LIB", wide), ("PLATFORM", "")):
        folder = folder.replace(f"${{{name}}}", text).replace(f"${name}", text)
    return posixpath.normpath(posixpath.join("/", folder))


def _musl(system: FileSystem) -> list[str]:
    for path, text in _texts(system).items():
        if fnmatchcase(path, "/etc/ld-musl-*.path"):
            return [folder for folder in re.split("[:\n]", text) if folder]
    return list(_MUSL_FOLDERS)


def _texts(system: FileSystem) -> dict[str, str]:
    """The files that configure a loader."""
    texts = system.texts.items()
    return {path: text.decode(errors="replace") for path, text in texts if path.startswith("/etc/ld")}


def _configured(system: FileSystem) -> list[str]:
    """The folders of /etc/ld.so.conf and of what it includes."""
    texts = _texts(system)
    found: list[str] = []
    waiting, read = ["/etc/ld.so.conf"], 0
    while waiting and read < _MAX_INCLUDES:
        path, read = waiting.pop(0), read + 1
        for line in texts.get(path, "").splitlines()[:_MAX_LINES]:
            words = line.partition("#")[0].split()
            if words[:1] == ["include"] and len(words) > 1:
                pattern = posixpath.join(posixpath.dirname(path), words[1])
                waiting += sorted(name for name in texts if fnmatchcase(name, pattern))
            elif words and words[0].startswith("/"):
                found.append(words[0].partition("=")[0])
    return found
