"""Copy what refers to an image: each referrer with all that it holds, listed at its new place too."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from gopherwhale.errors import RegistryError
from gopherwhale.oci.documents import Descriptor, Index, Manifest
from gopherwhale.oci.layout import walk
from gopherwhale.oci.push import Choices, bring
from gopherwhale.oci.referrers import add_referrer, list_referrers
from gopherwhale.oci.registry import RegistryClient, RegistrySource
from gopherwhale.oci.strict_json import load_json, text
from gopherwhale.oci.transport import Say
from gopherwhale.references import Reference

_MAX_REFERRERS: Final = 1000


def copy_referrers(
    source: RegistrySource, target: Reference, client: RegistryClient, choices: Choices, say: Say
) -> int:
    """Copy what refers to an image's index and to its manifests, and what refers to that again.

    Args:
        source: The image.
        target: The repository that has it already.
        client: For both.
        choices: As of the push.
        say: Takes lines of progress.

    Returns:
        How many there were.

    Raises:
        RegistryError: A registry failed, or there are over a thousand.
        LayoutError: A referrer is damaged.
    """
    found = _find(source, client)
    for subject, entry in found:
        say(f"{entry.digest} ({entry.artifact_type or entry.media_type}) refers to {subject}")
        one = RegistrySource(client, source.reference.with_digest(entry.digest))
        brought = bring(one, target, (), client=client, say=say, choices=choices)
        add_referrer(client, target, subject, _described(*brought.content.root))
    return len(found)


def _described(descriptor: Descriptor, document: Index | Manifest) -> Descriptor:
    """The entry of a list of referrers, by the document itself: registries list it in ways of their own."""
    what = descriptor.digest
    kind = text(load_json(document.raw, what), "artifactType", what)
    if not kind and isinstance(document, Manifest):
        kind = document.config.media_type
    return replace(descriptor, artifact_type=kind, annotations=document.annotations)


def _find(source: RegistrySource, client: RegistryClient) -> list[tuple[str, Descriptor]]:
    """Each subject with what refers to it: a signature may be of an SBOM that is of a manifest."""
    found: list[tuple[str, Descriptor]] = []
    waiting = [descriptor.digest for descriptor, _ in walk(source)]
    seen = set(waiting)
    for subject in waiting:
        entries = list_referrers(client, source.reference, subject)
        found += [(subject, entry) for entry in entries]
        if len(found) > _MAX_REFERRERS:
            raise RegistryError(f"{source.name}: over {_MAX_REFERRERS} referrers")
        # What it grows by is gone through too.
        waiting += [entry.digest for entry in entries if entry.digest not in seen]
        seen |= {entry.digest for entry in entries}
    return found
