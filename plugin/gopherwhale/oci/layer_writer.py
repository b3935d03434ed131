"""Layers written deterministically: a tar of sorted entries, gzipped in parallel, straight into a layout.

A layer's bytes depend on its content alone: every time is 1970-01-01, so that the same certificates are the
same layer in every release. The compressed bytes depend on the release of libdeflate or zstd as well, the
digest of the unpacked tar (the diff_id) does not.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from gopherwhale.files import write_atomically
from gopherwhale.oci.compress import Compression, compress, facts, media_type
from gopherwhale.oci.documents import encode
from gopherwhale.oci.layout_writer import LayoutWriter

_READ: Final = 1024 * 1024
_TAR_BLOCK: Final = 512
_FORMAT: Final = 1
_MAX_CACHE: Final = 4 * 1024 * 1024
_FOLDER_MODE: Final = 0o755


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One file or folder of a layer.

    Attributes:
        path: From the image's root, without a slash in front.
        content: Bytes, a file to read, or None for a folder or a link.
        mode: Permission bits.
        uid: Owner.
        gid: Owning group.
        link: What it points to, where it is a symbolic link.
        records: Further PAX records of its tar header.
    """

    path: str
    content: bytes | Path | None
    mode: int
    uid: int = 0
    gid: int = 0
    link: str = ""
    records: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.content is None and not self.link


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A layer that stands in a layout.

    Attributes:
        digest: Of the compressed blob.
        size: Of the compressed blob, in bytes.
        diff_id: The digest of the unpacked tar (image-spec, "Layer DiffID").
        media_type: Of the blob.
        reused: Whether it stood there already.
    """

    digest: str
    size: int
    diff_id: str
    media_type: str
    reused: bool = field(default=False, compare=False)


class LayerCache:
    """Which content gave which layer, kept in a file beside the layouts.

    A layer counts as known only while the layout still holds its blob; a damaged file counts as empty.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        """Read what is known."""
        self._path = path
        self._known = _read_cache(path)
        self._used: dict[str, dict[str, Any]] = {}

    def find(self, fingerprint: str, writer: LayoutWriter) -> Layer | None:
        """The layer of some content, if the layout holds it."""
        try:
            layer = Layer(**self._known[fingerprint], reused=True)
            if not writer.has(layer.digest, layer.size):
                return None
        except (KeyError, TypeError):
            return None
        self._used[fingerprint] = self._known[fingerprint]
        return layer

    def add(self, fingerprint: str, layer: Layer) -> None:
        """Remember a layer."""
        document = asdict(layer)
        del document["reused"]
        self._used[fingerprint] = document

    def save(self) -> None:
        """Write down what this run used; what it did not use is forgotten."""
        if self._used != self._known:
            write_atomically(self._path, encode(self._used))


def with_folders(entries: Iterable[Entry], known: Mapping[str, Entry] | None) -> tuple[Entry, ...]:
    """Add the folders that entries stand in, in the order of a sorted tar.

    Args:
        entries: What a layer holds.
        known: The image's folders whose mode or owner was chosen, by path: each layer that has something in
            one says so again, or that choice would be lost. None above a base, where a folder that says
            nothing of itself is left out: one of the base that is a symbolic link, as Debian's /bin, would
            become an empty folder, and another's mode or owner would be lost.

    Returns:
        Every folder before what it holds; folders that nobody chose belong to root, mode 0755.
    """
    found = {entry.path: entry for entry in entries}
    for folder in {folder for path in found for folder in folders_above(path)}:
        plain = Entry(path=folder, content=None, mode=_FOLDER_MODE)
        if known is not None:
            found.setdefault(folder, known.get(folder, plain))
        elif found.get(folder) == plain:
            del found[folder]
    return tuple(found[path] for path in sorted(found, key=lambda path: path.split("/")))


def folders_above(path: str) -> Iterator[str]:
    """Every folder that a path of a layer stands in, the nearest first."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def write_layer(
    entries: Iterable[Entry],
    writer: LayoutWriter,
    cache: LayerCache,
    pool: ThreadPoolExecutor,
    compression: Compression,
    folders: Mapping[str, Entry] | None,
) -> Layer:
    """Put a layer of some files into a layout, unless it is there already.

    Args:
        entries: Files, and folders whose mode or owner matters.
        writer: The layout's transaction.
        cache: What is known of earlier layers.
        pool: Where blocks are compressed; not the pool that this very call runs in.
        compression: How the blob is compressed.
        folders: What is known of the image's folders; see `with_folders`.

    Raises:
        OSError: A file cannot be read or changes meanwhile, or the layout cannot be written.
    """
    ordered = with_folders(entries, folders)
    before = _states(ordered)
    fingerprint = _fingerprint(ordered, compression)
    if known := cache.find(fingerprint, writer):
        return known
    whole, packed, size = hashlib.sha256(), hashlib.sha256(), 0
    with writer.partial() as stream:
        for piece in compress(_tar(ordered), compression, pool, whole.update):
            packed.update(piece)
            size += len(piece)
            stream.write(piece)
        # Read twice: the layer of the second reading must not be known by the first one's fingerprint.
        if changed := [path for path, state in _states(ordered).items() if state != before[path]]:
            raise OSError(f"{changed[0]} changed while it was read")
        digest = f"sha256:{packed.hexdigest()}"
        writer.keep(stream, digest)
    diff_id = f"sha256:{whole.hexdigest()}"
    layer = Layer(digest=digest, size=size, diff_id=diff_id, media_type=media_type(compression))
    cache.add(fingerprint, layer)
    return layer


def _read_cache(path: Path) -> dict[str, dict[str, Any]]:
    try:
        if path.stat().st_size > _MAX_CACHE:
            return {}
        document = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _fingerprint(entries: Iterable[Entry], compression: Compression) -> str:
    """The digest of everything that decides a layer's compressed bytes."""
    content = [
        [
            *(entry.path, entry.mode, entry.uid, entry.gid, entry.link, dict(entry.records)),
            _content_digest(entry.content),
        ]
        for entry in entries
    ]
    return hashlib.sha256(json.dumps([_FORMAT, *facts(compression), content]).encode()).hexdigest()


def _states(entries: Iterable[Entry]) -> dict[Path, tuple[int, int, int]]:
    """What tells of each file whether it is still the same one."""
    files = [entry.content for entry in entries if isinstance(entry.content, Path)]
    facts = {path: path.stat() for path in files}
    return {path: (one.st_ino, one.st_size, one.st_mtime_ns) for path, one in facts.items()}


def _content_digest(content: bytes | Path | None) -> str:
    if content is None:
        return ""
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    with content.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _tar(entries: Iterable[Entry]) -> Iterator[bytes]:
    for entry in entries:
        size = 0
        if isinstance(entry.content, bytes):
            size = len(entry.content)
        elif entry.content is not None:
            size = entry.content.stat().st_size
        yield _header(entry, size)
        if isinstance(entry.content, bytes):
            yield entry.content
        elif entry.content is not None:
            yield from _read_exactly(entry.content, size)
        yield b"\0" * (-size % _TAR_BLOCK)
    yield b"\0" * (2 * _TAR_BLOCK)


def _header(entry: Entry, size: int) -> bytes:
    info = tarfile.TarInfo(entry.path)
    if entry.link:
        info.type, info.linkname = tarfile.SYMTYPE, entry.link
    elif entry.content is None:
        info.type, info.name = tarfile.DIRTYPE, f"{entry.path}/"
    info.size, info.mode, info.mtime = size, entry.mode, 0
    info.uid, info.gid, info.uname, info.gname = entry.uid, entry.gid, "", ""
    info.pax_headers = dict(entry.records)
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def _read_exactly(path: Path, size: int) -> Iterator[bytes]:
    left = size
    with path.open("rb") as stream:
        while left and (chunk := stream.read(min(left, _READ))):
            left -= len(chunk)
            yield chunk
        if left or stream.read(1):
            raise OSError(f"{path} changed while it was read")
