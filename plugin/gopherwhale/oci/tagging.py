"""Moving tags: whether they may be moved, all of a run's or none, and back where one cannot be."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gopherwhale.errors import GopherwhaleError, RegistryError, UsageError
from gopherwhale.oci.documents import Index, Manifest
from gopherwhale.oci.registry import RegistryClient
from gopherwhale.references import Reference

# One release, by Semantic Versioning 2.0.0 with Go's leading v; 1.2 and 1 follow the releases.
_VERSION: Final = re.compile(r"v?\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?")


@dataclass(frozen=True, kw_only=True)
class PushedTag:
    """A tag, the digest that it points at now, and the one before; empty where there was none."""

    reference: str
    digest: str
    previous: str = ""


@dataclass(frozen=True, kw_only=True)
class TagRules:
    """When a tag may be moved.

    Attributes:
        overwrite: Also a version's tag that points at another digest.
        unmoved: Full references -> the digest at which each must still point; None: any will do.
    """

    overwrite: bool = False
    unmoved: Mapping[str, str] | None = None

    def check(self, reference: Reference, now: str, wanted: str) -> None:
        """Refuse to move a tag.

        Args:
            reference: The tag.
            now: What it points at, or empty.
            wanted: What it is to point at.

        Raises:
            UsageError: It is a version's, and another image has it.
            RegistryError: It has moved since we looked.
        """
        if now == wanted:
            return
        if now and not self.overwrite and _VERSION.fullmatch(reference.tag):
            raise UsageError(
                f"{reference} is released already, as {now}; nothing was tagged",
                hint="give the new image a new version, or push with --overwrite-tags",
            )
        before = (self.unmoved or {}).get(str(reference), now)
        if now != before:
            raise RegistryError(
                f"{reference} was moved by somebody else meanwhile, from {before or 'nothing'} to"
                f" {now or 'nothing'}; nothing was tagged",
                hint="look at what is there, then push again",
            )

    def watches(self, tag: str) -> bool:
        """Whether a tag is worth a look right before it is moved."""
        return self.unmoved is not None or (not self.overwrite and _VERSION.fullmatch(tag) is not None)


@dataclass(frozen=True, kw_only=True)
class Move:
    """A tag that is to point at an image.

    Attributes:
        reference: The tag.
        before: What it pointed at when this run looked; empty where there was none.
        digest: The image.
        document: Its root, whose exact bytes are put.
    """

    reference: Reference
    before: str
    digest: str
    document: Index | Manifest


def move_tags(moves: Sequence[Move], client: RegistryClient, rules: TagRules) -> list[PushedTag]:
    """Let tags point at their images, of whatever number; a tag that does already is left alone.

    Args:
        moves: Every tag of the run, in every repository.
        client: The registry client.
        rules: Asked once more, for all tags before the first is moved.

    Raises:
        UsageError: A version's tag would be overwritten.
        RegistryError: A registry failed; the tags moved before it were set back as far as the message says.
    """
    for move in moves:
        if rules.watches(move.reference.tag):
            rules.check(move.reference, client.head_manifest(move.reference), move.digest)
    moved: list[Move] = []
    for move in moves:
        if move.before == move.digest:
            continue
        # From here on it may have moved, even where the answer says that it has not.
        moved.append(move)
        try:
            client.put_manifest(move.reference, move.document.raw, move.document.media_type)
        except GopherwhaleError as error:
            raise _with_note(error, _set_back(moved, client)) from None
    return [
        PushedTag(reference=str(move.reference), digest=move.digest, previous=move.before) for move in moves
    ]


def _set_back(moved: Sequence[Move], client: RegistryClient) -> str:
    stuck, strange = [], []
    for move in reversed(moved):
        try:
            now = client.head_manifest(move.reference)
            if now not in (move.before, move.digest):
                strange.append(f"{move.reference} points at {now or 'nothing'}")
            elif now == move.digest and not _restore(move, client):
                stuck.append(str(move.reference))
        except GopherwhaleError:
            stuck.append(str(move.reference))
    notes = [f"{one}, which is neither the new image nor what it was" for one in reversed(strange)]
    if stuck:
        names = ", ".join(reversed(stuck))
        notes.append(f"these tags point at the new image and could not be set back: {names}")
    return "; ".join(notes) or "no tag has moved"


def _restore(move: Move, client: RegistryClient) -> bool:
    if not move.before:
        return client.delete_manifest(move.reference)
    raw, media_type = client.get_manifest(move.reference.with_digest(move.before))
    client.put_manifest(move.reference, raw, media_type)
    return True


def _with_note(error: GopherwhaleError, note: str) -> GopherwhaleError:
    return type(error)(f"{error.problem}; {note}", hint=error.hint)
