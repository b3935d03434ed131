"""What was found in layers before, so that an unchanged layer is not read twice.

A layer is named by its digest, and its contents follow from its bytes alone; so an entry is written only
when digest, size and diff_id were checked, and is found only by all three. It also names the code that made
it: another version of our readers finds nothing. Every entry carries its own checksum; one that is damaged,
foreign or too large counts as absent. Whoever uses an entry still asks the source whether it has the layer
(`ImageSource.confirm`).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Self

from gopherwhale import oci, verify
from gopherwhale.files import PARTIAL, write_atomically
from gopherwhale.oci.documents import Descriptor
from gopherwhale.verify.contents import Contents, Node, plain
from gopherwhale.verify.facts import BinaryFacts

OFF: Final = "GOPHERWHALE_NO_CACHE"
_FOLDER: Final = "gopherwhale/layers"
_SUFFIX: Final = ".json"
_MAX_ENTRY: Final = 16 * 1024 * 1024
_MAX_TOTAL: Final = 128 * 1024 * 1024
_OTHERS_MAY_WRITE: Final = 0o022
_CHECKSUM: Final = 64
_CODE: Final = threading.Lock()


@dataclass(frozen=True)
class LayerCache:
    """A folder of entries, one a layer."""

    folder: Path

    @classmethod
    def of_user(cls, environment: Mapping[str, str]) -> Self | None:
        """The user's own, or None where it is turned off, has no place, or others could write to it.

        Args:
            environment: `GOPHERWHALE_NO_CACHE` turns it off; `XDG_CACHE_HOME`, else `HOME`, says where it is.
        """
        if environment.get(OFF):
            return None
        base = environment.get("XDG_CACHE_HOME", "")
        if not base.startswith("/"):
            home = environment.get("HOME", "")
            if not home.startswith("/"):
                return None
            base = f"{home}/Library/Caches" if sys.platform == "darwin" else f"{home}/.cache"
        folder = Path(base) / _FOLDER
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = folder.lstat()
        except OSError:
            return None
        mine = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
        return cls(folder) if mine and not found.st_mode & _OTHERS_MAY_WRITE else None

    def get(self, layer: Descriptor, diff_id: str) -> Contents | None:
        """What was found in a layer, or None where nothing sound is kept."""
        path = self._path(layer, diff_id)
        try:
            with path.open("rb") as stream:
                raw = stream.read(_MAX_ENTRY + 1)
            checksum, body = raw[:_CHECKSUM], raw[_CHECKSUM:]
            if len(raw) > _MAX_ENTRY or hashlib.sha256(body).hexdigest().encode() != checksum:
                return None
            document = json.loads(body)
            if document["key"] != _key(layer, diff_id):
                return None
            os.utime(path)
            return _contents(document, diff_id)
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None

    def put(self, layer: Descriptor, diff_id: str, contents: Contents) -> None:
        """Keep what was found, where it can be kept; a full disk or a read-only folder is no failure."""
        document = {"key": _key(layer, diff_id), **_document(contents)}
        body = json.dumps(document, separators=(",", ":")).encode()
        if len(body) + _CHECKSUM > _MAX_ENTRY:
            return
        with contextlib.suppress(OSError):
            checksum = hashlib.sha256(body).hexdigest().encode()
            write_atomically(self._path(layer, diff_id), checksum + body, sync=False)
            self._sweep()

    def _path(self, layer: Descriptor, diff_id: str) -> Path:
        key = json.dumps(_key(layer, diff_id)).encode()
        return self.folder / f"{hashlib.sha256(key).hexdigest()}{_SUFFIX}"

    def _sweep(self) -> None:
        """Remove what was not used for the longest time, beyond the bound on all entries together."""
        names = [*self.folder.glob(f"*{_SUFFIX}"), *self.folder.glob(f"{PARTIAL}*")]
        found = [(path, path.stat()) for path in names if path.exists()]
        total = 0
        for path, status in sorted(found, key=lambda pair: -pair[1].st_mtime):
            total += status.st_size
            if total > _MAX_TOTAL:
                path.unlink(missing_ok=True)


def _key(layer: Descriptor, diff_id: str) -> list[Any]:
    # The first of several threads reads the code for all.
    with _CODE:
        return [_code(), layer.digest, layer.size, diff_id]


@lru_cache(maxsize=1)
def _code() -> str:
    """A digest of the code that reads layers and programs: what it found is its own."""
    hasher = hashlib.sha256()
    for package in (oci, verify):
        for folder in package.__path__:
            for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
                if entry.name.endswith(".py"):
                    hasher.update(entry.name.encode() + b"\0" + Path(entry).read_bytes())
    return hasher.hexdigest()


def _document(contents: Contents) -> dict[str, Any]:
    rows = [
        [
            path,
            node.kind,
            node.mode,
            node.owner,
            node.target,
            node.digest,
            # JSON has no bytes: each is a character of the same number.
            node.text.decode("latin-1"),
            node.facts.to_document() if node.facts else None,
        ]
        for path, node in contents.entries
    ]
    return {"entries": rows, "whiteouts": contents.whiteouts, "opaque": contents.opaque}


def _contents(document: Mapping[str, Any], layer: str) -> Contents:
    return Contents(
        entries=tuple((row[0], _node(row, layer)) for row in document["entries"]),
        whiteouts=tuple(document["whiteouts"]),
        opaque=tuple(document["opaque"]),
    )


def _node(row: Sequence[Any], layer: str) -> Node:
    _, kind, mode, numbers, target, digest, text, facts = row
    owner = (numbers[0], numbers[1]) if numbers else None
    if not (target or text or facts):
        return plain(kind, mode, owner, layer)
    known = BinaryFacts.from_document(facts) if facts else None
    content = text.encode("latin-1")
    return Node(
        kind=kind,
        mode=mode,
        owner=owner,
        target=target,
        digest=digest,
        facts=known,
        layer=layer,
        text=content,
    )
