"""What a push notes beside its layout while it runs: a second one goes on from there, without a build."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, Final, Self

from gopherwhale import settings  # noqa: TID251 -- with the pipeline
from gopherwhale.errors import GopherwhaleError, UsageError
from gopherwhale.files import read_bounded, write_atomically
from gopherwhale.oci.documents import encode  # noqa: TID251 -- with the pipeline
from gopherwhale.oci.layout import Layout  # noqa: TID251 -- with the pipeline
from gopherwhale.oci.strict_json import MAX_DOCUMENT, load_json  # noqa: TID251 -- with the pipeline
from gopherwhale.plan import ImagePlan, Plan  # noqa: TID251 -- with the pipeline

NAME: Final = "unfinished-push.json"
# Where an image goes and what points at it change none of its bytes.
_ELSEWHERE: Final = frozenset({"repository", "also_push_to", "tags"})


@dataclass(kw_only=True)
class Notes:
    """The notes of a push under way: what of the image is in its place, by repository."""

    path: Path
    document: dict[str, Any]
    _lock: Lock = field(default_factory=Lock)

    @classmethod
    def begin(cls, image: ImagePlan, plan: Plan, digest: str) -> Self:
        """Note that a push of the image's layout has begun.

        Args:
            image: What is pushed.
            plan: Of the run.
            digest: Of the image's root.

        Raises:
            UsageError: The layout's folder cannot be written; nothing was sent.
        """
        notes = cls(
            path=image.layout / NAME,
            document={
                "schema": 1,
                "image": image.name,
                "digest": digest,
                "plan": fingerprint(image, plan),
                "repositories": {place.name: [] for place in image.repositories},
            },
        )
        notes._write()
        return notes

    def done(self, repository: str, digest: str) -> None:
        """Note that a blob or a document is in its place."""
        with self._lock:
            self.document["repositories"][repository].append(digest)
            self._write()

    def end(self) -> None:
        """Forget it: the receipt says all from here on."""
        self.path.unlink(missing_ok=True)

    def _write(self) -> None:
        try:
            # Read by the next run alone, which does without: no disk is waited for.
            write_atomically(self.path, encode(self.document) + b"\n", sync=False)
        except OSError as error:
            raise UsageError(
                f"cannot write {self.path}: {error.strerror or error}; no tag has moved",
                hint="a push keeps its notes and its receipt beside the layout",
            ) from None


def goes_on(image: ImagePlan, plan: Plan) -> bool:
    """Whether the image's layout is this plan's, left by a push that did not end.

    A dirty tree, or one without git, may hold anything: it is always built.
    """
    if plan.revision is None or plan.revision.dirty:
        return False
    try:
        noted = load_json(read_bounded(image.layout / NAME, MAX_DOCUMENT), NAME)
        standing = Layout(image.layout).root.digest
    except GopherwhaleError:
        return False
    return (noted.get("plan"), noted.get("digest")) == (fingerprint(image, plan), standing)


def fingerprint(image: ImagePlan, plan: Plan) -> str:
    """A digest of whatever decides the image's bytes."""
    chosen = settings.plain(image.settings)
    document = {
        "revision": plan.revision.commit if plan.revision else "",
        "settings": {key: value for key, value in chosen.items() if key not in _ELSEWHERE},
        "platforms": [str(platform) for platform in image.platforms],
        "labels": dict(image.labels),
        "annotations": dict(image.annotations),
        "build_args": dict(image.build_args),
        "source_date": image.source_date,
    }
    return hashlib.sha256(encode(document)).hexdigest()
