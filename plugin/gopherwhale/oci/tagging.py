"""Moving tags: whether they may be moved, all of them or none, and back where one cannot be."""

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


def move_tags(
    moves: Sequence[tuple[Reference, str]],
    digest: str,
    document: Index | Manifest,
    client: RegistryClient,
    rules: TagRules,
) -> list[PushedTag]:
    """Let tags point at an image; a tag that does already is left alone.

    Args:
        moves: Each tag, and what it pointed at when this run looked.
        digest: The image.
        document: Its root, whose exact bytes are put.
        client: The registry client.
        rules: Asked once more, for all tags before the first is moved.

    Raises:
        UsageError: A version's tag would be overwritten.
        RegistryError: A registry failed; the tags moved before it were set back as far as the message says.
    """
    for reference, _ in moves:
        if rules.watches(reference.tag):
            rules.check(reference, client.head_manifest(reference), digest)
    moved: list[tuple[Reference, str]] = []
    for reference, before in moves:
        if before == digest:
            continue
        # From here on it may have moved, even where the answer says that it has not.
        moved.append((reference, before))
        try:
            client.put_manifest(reference, document.raw, document.media_type)
        except GopherwhaleError as error:
            raise _with_note(error, _set_back(moved, digest, client)) from None
    return [
        PushedTag(reference=str(reference), digest=digest, previous=before) for reference, before in moves
    ]


def _set_back(moved: Sequence[tuple[Reference, str]], digest: str, client: RegistryClient) -> str:
    stuck = []
    for reference, before in reversed(moved):
        try:
            if client.head_manifest(reference) == digest and not _restore(reference, before, client):
                stuck.append(str(reference))
        except GopherwhaleError:
            stuck.append(str(reference))
    if stuck:
        return f"these tags point at the new image and could not be set back: {', '.join(stuck)}"
    return "no tag has moved"


def _restore(reference: Reference, before: str, client: RegistryClient) -> bool:
    if not before:
        return client.delete_manifest(reference)
    raw, media_type = client.get_manifest(reference.with_digest(before))
    client.put_manifest(reference, raw, media_type)
    return True


def _with_note(error: GopherwhaleError, note: str) -> GopherwhaleError:
    return type(error)(f"{error.problem}; {note}", hint=error.hint)
