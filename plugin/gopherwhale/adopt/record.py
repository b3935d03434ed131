"""`.gopherwhale.json`: what a repository was made from, as the template's hook writes it.

It comes with a repository that may be a stranger's: its values are checked, and no code that it names is run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from gopherwhale.errors import UsageError
from gopherwhale.files import read_bounded

NAME: Final = ".gopherwhale.json"
_MAX_BYTES: Final = 1024 * 1024
_BLOB = re.compile(r"[0-9a-f]{40}")
_MAX_SHOWN: Final = 80


@dataclass(frozen=True, kw_only=True)
class Record:
    """What a repository was made from.

    Attributes:
        template: Where the template was fetched from; empty for the one of this package, or a folder.
        commit: Its commit; may be empty.
        answers: By question, and `_shape`.
        files: By path: the id, as a git blob, of what the template made of the file.
        texts: By such an id, the text of those that git has nowhere: an update merged them with the user's.
    """

    template: str
    commit: str
    answers: Mapping[str, Any]
    files: Mapping[str, str]
    texts: Mapping[str, str] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """As the template's hook writes it."""
        document = {
            "template": self.template,
            "commit": self.commit,
            "answers": dict(self.answers),
            "files": dict(sorted(self.files.items())),
            **({"texts": dict(sorted(self.texts.items()))} if self.texts else {}),
        }
        return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()

    def only(self, paths: Mapping[str, Any] | set[str]) -> Record:
        """The same for these files alone."""
        return replace(self, files={path: blob for path, blob in self.files.items() if path in paths})


def parse(data: bytes, where: str) -> Record:
    """Read a record.

    Raises:
        UsageError: It is not one.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{where} is not sound JSON: {error}") from None
    fields = {"template": str, "commit": str, "answers": dict, "files": dict}
    if not isinstance(document, dict) or not all(
        isinstance(document.get(name), kind) for name, kind in fields.items()
    ):
        raise UsageError(f"{where} is no record of gopherwhale's", hint="restore it from git")
    for path, blob in document["files"].items():
        if not is_inside(path) or not isinstance(blob, str) or not _BLOB.fullmatch(blob):
            raise UsageError(f"{where} names a file that cannot be: {path[:_MAX_SHOWN]!a}")
    texts = document.get("texts", {})
    if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
        raise UsageError(f"{where} is no record of gopherwhale's", hint="restore it from git")
    return Record(texts=texts, **{name: document[name] for name in fields})


def load(root: Path) -> Record | None:
    """The record of a repository; None where it has none.

    Raises:
        UsageError: It is not one.
    """
    path = root / NAME
    return parse(read_bounded(path, _MAX_BYTES), str(path)) if path.exists() else None


def is_inside(path: str) -> bool:
    """Whether a path names a file below the repository, outside of git's own folder."""
    parts = path.split("/")
    return (
        not {"", ".", ".."} & set(parts)
        and parts[0].lower() != ".git"
        and path.isprintable()
        and "\\" not in path
    )
