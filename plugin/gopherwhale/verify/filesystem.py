"""An image's file system, put together in memory from its layers, as a container would see it.

Whiteouts and opaque folders as in the image specification's layer chapter: they hide what lower layers put
there, never what stands in their own. A name's folders are looked up through links, as containerd does, and a
link never leads out of the root.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Final, NamedTuple

from gopherwhale.errors import LayoutError
from gopherwhale.oci.documents import ImageConfig
from gopherwhale.verify.contents import ANY_X, Contents, Node

DEFAULT_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_MAX_LINKS: Final = 40
_MAX_NODES: Final = 2_000_000
# Nobody's PATH has as many; each program is looked for in all of them.
_MAX_FOLDERS: Final = 256

# The folders from the root to a node, and the node, by name.
_Trail = list[tuple[str, Node]]


class NotRunnable(Exception):  # noqa: N818 -- becomes a finding
    """A path that cannot be run; `code` is the finding's code."""

    def __init__(self, code: str, found: str) -> None:
        """Keep both."""
        super().__init__(found)
        self.code, self.found = code, found


class Step(NamedTuple):
    """A path and what stands there."""

    path: str
    node: Node


class FileSystem:
    """Paths to nodes, as a container would see them."""

    def __init__(self) -> None:
        """An empty root."""
        self._root = _folder(Node(kind="folder", mode=0o755))
        self._nodes = 0
        self._folders: dict[str, Node] = {}

    def has(self, path: str) -> bool:
        """Whether something stands at a path, links followed."""
        try:
            self._trail(path)
        except NotRunnable:
            return False
        return True

    def node(self, path: str) -> Node | None:
        """What stands at a path, links followed; None where nothing does."""
        try:
            return self._trail(path)[-1][1]
        except NotRunnable:
            return None

    def resolve(self, path: str) -> str:
        """Follow every link, inside the root and at most 40 times, as Linux does.

        Raises:
            NotRunnable: The links go round, or a part is missing.
        """
        return _joined(self._trail(path))

    def way(self, path: str) -> list[Step]:
        """What is passed on the way to a path, the root first and what stands there last, links followed.

        Raises:
            NotRunnable: The links go round, or a part is missing.
        """
        trail = self._trail(path)
        return [Step(_joined(trail[: at + 1]), node) for at, (_, node) in enumerate(trail)]

    def depth(self, folder: str) -> int:
        """How many folders stand above one, links followed; 0 where it is not there."""
        try:
            return len(self._trail(folder)) - 1
        except NotRunnable:
            return 0

    def items(self) -> Iterator[tuple[str, Node]]:
        """Every path and what stands there, links not followed, in the order of their names."""
        stack: list[tuple[str, Node]] = [("", self._root)]
        while stack:
            path, node = stack.pop()
            yield path or "/", node
            if node.children is not None:
                stack += [(f"{path}/{name}", node.children[name]) for name in sorted(node.children)[::-1]]

    @cached_property
    def texts(self) -> Mapping[str, bytes]:
        """The texts that are kept, by path. Every layer has to be in place."""
        return {path: node.text for path, node in self.items() if node.text}

    @cached_property
    def libraries(self) -> Mapping[str, Sequence[str]]:
        """Every path of what is named as a library, by its last part. Every layer has to be in place."""
        places: dict[str, list[str]] = {}
        for path, node in self.items():
            if node.kind in ("file", "link") and ".so" in path:
                places.setdefault(posixpath.basename(path), []).append(path)
        return places

    def executable(self, path: str) -> str:
        """Resolve a path that is to be run.

        Raises:
            NotRunnable: It is missing, a folder, not a file, or has no execute bit.
        """
        trail = self._trail(path)
        found, node = _joined(trail), trail[-1][1]
        if node.kind == "folder":
            raise NotRunnable("entrypoint-folder", f"{found} is a folder")
        if node.kind != "file" or not node.mode & ANY_X:
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
        return self.lookup(words[0], config)

    def lookup(self, program: str, config: ImageConfig) -> str:
        """Find a program as a container does: by its path, else on the image's PATH.

        Raises:
            NotRunnable: It is not there, or cannot be run.
        """
        start = posixpath.join("/", config.working_dir or "/")
        if "/" in program:
            return self.executable(posixpath.join(start, program))
        paths = [entry.partition("=")[2] for entry in config.environment if entry.startswith("PATH=")]
        problem = NotRunnable("entrypoint-missing", f"{program} is not on the image's PATH")
        folders = (paths[-1] if paths else DEFAULT_PATH).split(":", _MAX_FOLDERS)[:_MAX_FOLDERS]
        for folder in dict.fromkeys(folders):
            try:
                return self.executable(posixpath.join(start, folder, program))
            except NotRunnable as error:
                if error.code != "entrypoint-missing":
                    problem = error
        raise problem

    def apply(self, layer: Contents) -> None:
        """Put one layer on top of what is there.

        Raises:
            LayoutError: A name leads through links that go round, or the image has too many names.
        """
        self._nodes += len(layer.entries)
        if self._nodes > _MAX_NODES:
            raise LayoutError(f"the image has more than {_MAX_NODES} files", code="beyond-bounds")
        self._folders = {}
        for path in layer.opaque:
            if (node := self.node(path)) is not None and node.children is not None:
                node.children.clear()
        for path in layer.whiteouts:
            folder, name = posixpath.split(path)
            if (node := self.node(folder)) is not None and node.children is not None:
                node.children.pop(name, None)
        for path, node in layer.entries:
            if path != "/":
                self._put(path, node)

    def _put(self, path: str, node: Node) -> None:
        folder, name = posixpath.split(path)
        children = self._place(folder).children
        assert children is not None, "a place is a folder"  # noqa: S101 -- what `_place` gives
        below = children.get(name)
        if node.kind == "hard":
            node = self._linked(node.target)
        elif node.kind == "folder":
            kept = below.children if below is not None else None
            node = replace(node, children={} if kept is None else kept)
        if node.kind == "link" or (below is not None and below.kind in ("folder", "link")):
            self._folders = {}
        children[name] = node

    def _linked(self, target: str) -> Node:
        """What a hard link names, in this layer or below; a folder cannot be linked so."""
        folder, name = posixpath.split(target)
        parent = self.node(folder)
        node = parent.children.get(name) if parent is not None and parent.children is not None else None
        return node if node is not None and node.kind != "folder" else Node(kind="other")

    def _place(self, folder: str) -> Node:
        """The folder that a layer's name stands in, made where it is missing, remembered by its name."""
        found = self._folders.get(folder)
        if found is None:
            try:
                found = self._trail(folder, make=True)[-1][1]
            except NotRunnable as problem:
                raise LayoutError(f"a layer puts a file below {folder[:200]!r}: {problem.found}") from None
            self._folders[folder] = found
        return found

    def _trail(self, path: str, *, make: bool = False) -> _Trail:
        parts, links = path.split("/")[::-1], 0
        trail: _Trail = [("", self._root)]
        while parts:
            part = parts.pop()
            if part in ("", "."):
                continue
            if part == "..":
                del trail[max(1, len(trail) - 1) :]
                continue
            node = _child(trail, part, make=make)
            if node is None:
                raise NotRunnable(
                    "entrypoint-missing", f"{_joined([*trail, (part, self._root)])} does not exist"
                )
            if node.kind != "link":
                trail.append((part, node))
                continue
            links += 1
            if links > _MAX_LINKS:
                raise NotRunnable("entrypoint-loop", f"the links of {path} go round")
            if node.target.startswith("/"):
                del trail[1:]
            parts += node.target.split("/")[::-1]
        return trail


def build(layers: Sequence[Contents]) -> FileSystem:
    """Put a file system together, the lowest layer first.

    Raises:
        LayoutError: The layers break a bound, or a name leads nowhere.
    """
    system = FileSystem()
    for layer in layers:
        system.apply(layer)
    return system


def _child(trail: _Trail, part: str, *, make: bool) -> Node | None:
    children = trail[-1][1].children
    node = children.get(part) if children is not None else None
    if (
        children is None
        or not make
        or (node is not None and (node.children is not None or node.kind == "link"))
    ):
        return node
    # Missing, or a file where a folder is needed: what a layer puts below it takes its place.
    children[part] = made = _folder(Node(kind="folder", mode=0o755))
    return made


def _folder(node: Node) -> Node:
    return replace(node, children={})


def _joined(trail: _Trail) -> str:
    return "/".join(name for name, _ in trail) or "/"
