"""What one layer does to a file system: names, links, whiteouts, and the facts of its programs.

A layer is read once, in one pass, whatever number of platforms share it. Small programs are looked at in
memory, large ones in unnamed files that are gone when closed; nothing is unpacked under an image's own name.
"""

from __future__ import annotations

import hashlib
import mmap
import posixpath
import re
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from gopherwhale.dockerfile.shells import SHELLS
from gopherwhale.oci.documents import Descriptor
from gopherwhale.oci.layers import Limits, read_layer
from gopherwhale.oci.source import CHUNK, ImageSource
from gopherwhale.oci.tar import Bytes, Member
from gopherwhale.verify import facts, script
from gopherwhale.verify.facts import BinaryFacts
from gopherwhale.verify.reading import OpenFile, Window

ANY_X: Final = 0o111
_WHITEOUT: Final = ".wh."
# Of AUFS's own: runtimes pass over them, but for the mark of an opaque folder.
_META: Final = ".wh..wh."
_OPAQUE: Final = ".wh..wh..opq"
_WORTH_READING: Final = 1024**3
# A program up to this size is held: writing it to a file takes a fifth of the time. Four are read at once.
_IN_MEMORY: Final = 12 * 1024 * 1024
# Of one text, and of all texts of a layer together.
_MAX_TEXT: Final = 256 * 1024
_MAX_TEXTS: Final = 8 * 1024 * 1024
_LOOKED_UP: Final = re.compile(r"/etc/(group|passwd|ld\.so\.conf|ld\.so\.conf\.d/[^/]+|ld-musl-[^/]+\.path)")
_USERS: Final = re.compile(r"/etc/(group|passwd)")
TOO_LARGE: Final = BinaryFacts(format="other", problem="a program of more than 1 GiB, which is not read")


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """One name in an image.

    Attributes:
        kind: `file`, `folder`, `link` (symbolic), `other`, or `hard`, which only a layer has.
        mode: Its permission bits.
        owner: The numbers of its user and its group; None where these do not say who may do what.
        target: What a link names.
        facts: Of a file that has an execute bit or begins as a program does; None for every other.
        digest: Of a program's content.
        layer: The diff_id of the layer that it came with.
        text: The content of a script that may be run or is a shell's, and of the few files by which libraries
            and users are looked up.
        children: A folder's, in a file system.
    """

    kind: str
    mode: int = 0
    owner: tuple[int, int] | None = (0, 0)
    target: str = ""
    facts: BinaryFacts | None = None
    digest: str = ""
    layer: str = ""
    text: bytes = b""
    children: dict[str, Node] | None = None


class Contents(NamedTuple):
    """What a layer holds; every path is absolute and clean.

    Attributes:
        entries: Names and what they are, in the layer's order.
        whiteouts: What it removes of the layers below.
        opaque: Folders of which it hides what the layers below put there.
    """

    entries: tuple[tuple[str, Node], ...]
    whiteouts: tuple[str, ...]
    opaque: tuple[str, ...]


class _Room(threading.local):
    """Memory for one program, each thread's own and used again: fresh memory is a page fault every 4 KiB."""

    def __init__(self) -> None:
        self.held = mmap.mmap(-1, _IN_MEMORY)


_ROOM: Final = _Room()


def read_contents(
    source: ImageSource, layer: Descriptor, diff_id: str = "", limits: Limits | None = None
) -> Contents:
    """Read a layer; see `read_layer` for arguments and errors."""
    entries: list[tuple[str, Node]] = []
    # Dicts for sets that keep their order.
    whiteouts: dict[str, None] = {}
    opaque: dict[str, None] = {}
    room = _MAX_TEXTS
    for member, content in read_layer(source, layer, diff_id, limits):
        path = clean(member.name)
        folder, name = posixpath.split(path)
        if not name.startswith(_WHITEOUT):
            node = _node(member, content, path, diff_id, min(room, _MAX_TEXT))
            room -= len(node.text)
            entries.append((path, node))
        elif name == _OPAQUE:
            opaque[folder] = None
        elif not name.startswith(_META):
            whiteouts[posixpath.join(folder, name.removeprefix(_WHITEOUT))] = None
    return Contents(entries=tuple(entries), whiteouts=tuple(whiteouts), opaque=tuple(opaque))


def clean(name: str) -> str:
    """An absolute path without `.`, `..` and doubled slashes, inside the root."""
    return posixpath.normpath("/" + name).replace("//", "/")


def _node(member: Member, content: Bytes | None, path: str, layer: str, room: int) -> Node:
    if content is not None:
        return _file(member, content, path, layer, room)
    if member.kind in ("hard", "link"):
        target = clean(member.target) if member.kind == "hard" else member.target
        return Node(kind=member.kind, mode=member.mode, target=target, layer=layer)
    return plain(member.kind, member.mode, member.owner, layer)


def _file(member: Member, content: Bytes, path: str, layer: str, room: int) -> Node:
    mode, owner = member.mode, member.owner
    head = _whole(content.read, min(member.size, CHUNK))
    if facts.begins_as_program(head):
        known, digest = _inspect(head, content.read, member.size)
        return Node(kind="file", mode=mode, owner=owner, facts=known, digest=digest, layer=layer)
    if mode & ANY_X:
        known, digest = facts.read(head), f"sha256:{hashlib.sha256(head).hexdigest()}"
        is_kept = known.format == "script" or _LOOKED_UP.fullmatch(path)
        text = _kept(path, head, member.size, room) if is_kept else b""
        return Node(kind="file", mode=mode, owner=owner, facts=known, digest=digest, layer=layer, text=text)
    if _LOOKED_UP.fullmatch(path) or _is_for_a_shell(path, head):
        return Node(
            kind="file", mode=mode, owner=owner, layer=layer, text=_kept(path, head, member.size, room)
        )
    return plain("file", mode, owner, layer)


def _kept(path: str, head: bytes, size: int, room: int) -> bytes:
    """As much of a text as there is room for; of the users all or nothing, as who is not there matters."""
    text = head[:room]
    return b"" if _USERS.fullmatch(path) and len(text) < size else text


def _is_for_a_shell(path: str, head: bytes) -> bool:
    """Whether a shell may be told to read a file, which needs no execute bit for that."""
    if head[:2] != script.MAGIC:
        return path.endswith(".sh")
    words = " ".join(script.read(head)).split()
    return any(posixpath.basename(word) in SHELLS for word in words)


@lru_cache(maxsize=1024)
def plain(kind: str, mode: int, owner: tuple[int, int] | None, layer: str) -> Node:
    """A node that has nothing of its own; one for all that are alike."""
    return Node(kind=kind, mode=mode, owner=owner, layer=layer)


def _whole(read: Callable[[int], bytes], size: int) -> bytes:
    """All of so many bytes: one read may end anywhere, as in the middle of what a program begins with."""
    data = read(size)
    while len(data) < size and (more := read(size - len(data))):
        data += more
    return data


def _inspect(head: bytes, read: Callable[[int], bytes], size: int) -> tuple[BinaryFacts, str]:
    hasher = hashlib.sha256(head)
    if len(head) == size:
        return facts.read(head), f"sha256:{hasher.hexdigest()}"
    if size > _WORTH_READING:
        return TOO_LARGE, ""
    if size <= _IN_MEMORY:
        held, end = _ROOM.held, 0
        while head:
            held[end : end + len(head)] = head
            end += len(head)
            head = read(CHUNK)
            hasher.update(head)
        return facts.read(Window(held, 0, end)), f"sha256:{hasher.hexdigest()}"
    with tempfile.TemporaryFile(prefix="gopherwhale-", buffering=0) as file:
        file.write(head)
        while chunk := read(CHUNK):
            hasher.update(chunk)
            file.write(chunk)
        return facts.read(OpenFile(file.fileno(), size)), f"sha256:{hasher.hexdigest()}"
