"""An image's file system, put together in memory from its layers; nothing is ever unpacked to disk by name.

Whiteouts and opaque folders as in the image specification's layer chapter. Contents of executables are
spooled to unnamed temporary files, so that a large layer costs disk and no memory.
"""

from __future__ import annotations

import hashlib
import itertools
import mmap
import posixpath
import re
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import IO, Final

from gopherwhale.errors import LayoutError
from gopherwhale.oci.documents import ImageConfig, Manifest
from gopherwhale.oci.layers import Limits, read_layer
from gopherwhale.oci.source import CHUNK, ImageSource
from gopherwhale.verify import facts
from gopherwhale.verify.facts import BinaryFacts

DEFAULT_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_WHITEOUT: Final = ".wh."
_OPAQUE: Final = ".wh..wh..opq"
_MAX_LINKS: Final = 40
_ANY_X: Final = 0o111
# As much of every file is read at first: all of a usual script.
_HEAD: Final = 64 * 1024
_MAX_TEXT: Final = 256 * 1024
_PROGRAMS: Final = (b"\x7fELF", b"MZ")
_LOOKED_UP: Final = re.compile(r"/etc/(passwd|ld\.so\.conf|ld\.so\.conf\.d/[^/]+|ld-musl-[^/]+\.path)")
_WORTH_READING: Final = 1024 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Node:
    """One name in the image.

    Attributes:
        kind: `file`, `folder`, `link` or `other`.
        mode: Permissions.
        target: A link's.
        facts: Of what can be run, and of what is loaded to run (a library needs no execute bit).
        digest: Of the content that the facts are of.
        layer: The diff_id of the layer it came with.
        text: The content of a script, and of the few files by which libraries and users are looked up.
    """

    kind: str
    mode: int = 0
    target: str = ""
    facts: BinaryFacts | None = None
    digest: str = ""
    layer: str = ""
    text: bytes = b""


class NotRunnable(Exception):  # noqa: N818 -- becomes a finding
    """A path that cannot be run; `code` is the finding's code."""

    def __init__(self, code: str, found: str) -> None:
        """Keep both."""
        super().__init__(found)
        self.code, self.found = code, found


class FileSystem:
    """Paths to nodes, as a container would see them."""

    def __init__(self) -> None:
        """An empty root."""
        self._nodes: dict[str, Node] = {"/": Node(kind="folder", mode=0o755)}

    def has(self, path: str) -> bool:
        """Whether something stands at a path, links followed."""
        try:
            return self.resolve(path) in self._nodes
        except NotRunnable:
            return False

    def node(self, path: str) -> Node | None:
        """What stands at a resolved path."""
        return self._nodes.get(path)

    def items(self) -> Iterator[tuple[str, Node]]:
        """Every path and what stands there, links not followed."""
        return iter(self._nodes.items())

    def resolve(self, path: str) -> str:
        """Follow every link, inside the root and at most 40 times, as Linux does.

        Raises:
            NotRunnable: The links go round, or a part is missing.
        """
        parts, done, links = path.split("/")[::-1], "/", 0
        while parts:
            part = parts.pop()
            if part in ("", "."):
                continue
            if part == "..":
                done = posixpath.dirname(done)
                continue
            here = posixpath.join(done, part)
            node = self._nodes.get(here)
            if node is None:
                raise NotRunnable("entrypoint-missing", f"{here} does not exist")
            if node.kind != "link":
                done = here
                continue
            links += 1
            if links > _MAX_LINKS:
                raise NotRunnable("entrypoint-loop", f"the links of {path} go round")
            done = "/" if node.target.startswith("/") else done
            parts += node.target.split("/")[::-1]
        return done

    def executable(self, path: str) -> str:
        """Resolve a path that is to be run.

        Raises:
            NotRunnable: It is missing, a folder, not a file, or has no execute bit.
        """
        found = self.resolve(path)
        node = self._nodes[found]
        if node.kind == "folder":
            raise NotRunnable("entrypoint-folder", f"{found} is a folder")
        if node.kind != "file" or not node.mode & _ANY_X:
            raise NotRunnable("entrypoint-not-executable", f"{found} has mode {node.mode:04o}")
        return found

    def entrypoint(self, config: ImageConfig) -> str:
        """The program that a container of this image starts.

        Raises:
            NotRunnable: There is none, or it cannot be run.
        """
        words = config.entrypoint or config.command
        if not words or not words[0]:
            raise NotRunnable("entrypoint-missing", "the image names no entrypoint and no command")
        if "/" in words[0]:
            return self.executable(posixpath.join("/", config.working_dir or "/", words[0]))
        paths = [entry.partition("=")[2] for entry in config.environment if entry.startswith("PATH=")]
        problem = NotRunnable("entrypoint-missing", f"{words[0]} is not on the image's PATH")
        for folder in (paths[-1] if paths else DEFAULT_PATH).split(":"):
            try:
                return self.executable(posixpath.join("/", config.working_dir or "/", folder, words[0]))
            except NotRunnable as error:
                if error.code != "entrypoint-missing":
                    problem = error
        raise problem

    def apply(self, members: Iterable[tuple[tarfile.TarInfo, IO[bytes] | None]], layer: str = "") -> None:
        """Put one layer, of that diff_id, on top of what is there."""
        fresh: set[str] = set()
        for member, content in members:
            path = _clean(member.name)
            folder, name = posixpath.split(path)
            if name == _OPAQUE:
                self._remove(folder, keep=fresh, itself=False)
            elif name.startswith(_WHITEOUT):
                self._remove(posixpath.join(folder, name.removeprefix(_WHITEOUT)), keep=fresh, itself=True)
            elif path != "/":
                self._put(path, replace(self._node(member, content, path), layer=layer))
                fresh.add(path)

    def _put(self, path: str, node: Node) -> None:
        below = self._nodes.get(path)
        if below is not None and below.kind == "folder" and node.kind != "folder":
            self._remove(path, keep=set(), itself=True)
        parent = posixpath.dirname(path)
        while parent not in self._nodes:
            self._nodes[parent] = Node(kind="folder", mode=0o755)
            parent = posixpath.dirname(parent)
        self._nodes[path] = node

    def _remove(self, path: str, *, keep: set[str], itself: bool) -> None:
        prefix = path.rstrip("/") + "/"
        gone = [name for name in self._nodes if name.startswith(prefix) or (itself and name == path)]
        for name in gone:
            if name not in keep and name != "/":
                del self._nodes[name]

    def _node(self, member: tarfile.TarInfo, content: IO[bytes] | None, path: str) -> Node:
        mode = member.mode & 0o7777
        if member.isdir():
            return Node(kind="folder", mode=mode)
        if member.issym():
            return Node(kind="link", target=member.linkname)
        if member.islnk():
            return self._nodes.get(_clean(member.linkname), Node(kind="other"))
        if content is None:
            return Node(kind="other", mode=mode)
        head = content.read(_HEAD)
        if not mode & _ANY_X and not head.startswith(_PROGRAMS):
            text = head + content.read(_MAX_TEXT) if _LOOKED_UP.fullmatch(path) else b""
            return Node(kind="file", mode=mode, text=text)
        known, digest = _inspect(head, content, member.name)
        text = head if known.format == "script" else b""
        return Node(kind="file", mode=mode, facts=known, digest=digest, text=text)


def read_image(
    source: ImageSource, manifest: Manifest, config: ImageConfig, limits: Limits | None = None
) -> FileSystem:
    """Put an image's file system together, every layer's digest and diff_id checked.

    Raises:
        LayoutError: A layer is damaged, or the config does not name as many layers as the manifest.
    """
    if len(config.diff_ids) != len(manifest.layers):
        raise LayoutError(
            f"{source.name}: {len(manifest.layers)} layers, but the config names {len(config.diff_ids)}"
        )
    system = FileSystem()
    for layer, diff_id in zip(manifest.layers, config.diff_ids, strict=True):
        system.apply(read_layer(source, layer, diff_id, limits), diff_id)
    return system


def _clean(name: str) -> str:
    # A leading "/" added first keeps every ".." inside the root.
    return posixpath.normpath("/" + name).replace("//", "/")


def _inspect(head: bytes, content: IO[bytes], name: str) -> tuple[BinaryFacts, str]:
    hasher, size = hashlib.sha256(), 0
    with tempfile.TemporaryFile(prefix="gopherwhale-") as file:
        for chunk in itertools.chain([head], iter(lambda: content.read(CHUNK), b"")):
            hasher.update(chunk)
            size += len(chunk)
            if size > _WORTH_READING:
                raise LayoutError(
                    f"{name[:80]!r} is an executable of more than {_WORTH_READING} bytes",
                    code="beyond-bounds",
                )
            file.write(chunk)
        file.flush()
        digest = f"sha256:{hasher.hexdigest()}"
        if not size:
            return BinaryFacts(format="other"), digest
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return facts.read(data), digest
