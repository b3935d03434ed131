"""Copy what refers to an image: each referrer with all that it holds, listed at its new place too."""

from __future__ import annotations

from gopherwhale.errors import RegistryError
from gopherwhale.oci.documents import Descriptor
from gopherwhale.oci.layout import walk
from gopherwhale.oci.push import Choices, bring
from gopherwhale.oci.referrers import add_referrer, list_referrers
from gopherwhale.oci.registry import RegistryClient, RegistrySource
from gopherwhale.references import Reference

_MAX_REFERRERS = 1000


def copy_referrers(
    source: RegistrySource, target: Reference, client: RegistryClient, choices: Choices
) -> int:
    """Copy what refers to an image's index and to its manifests.

    Args:
        source: The image.
        target: The repository that has it already.
        client: For both.
        choices: As of the push.

    Returns:
        How many there were.

    Raises:
        RegistryError: A registry failed, or there are over a thousand.
        LayoutError: A referrer is damaged.
    """
    found: list[tuple[str, Descriptor]] = []
    for descriptor, _ in walk(source):
        entries = list_referrers(client, source.reference, descriptor.digest)
        found += [(descriptor.digest, entry) for entry in entries]
        if len(found) > _MAX_REFERRERS:
            raise RegistryError(f"{source.name}: over {_MAX_REFERRERS} referrers")
    for subject, entry in found:
        one = RegistrySource(client, source.reference.with_digest(entry.digest))
        bring(one, target, (), client=client, choices=choices)
        add_referrer(client, target, subject, entry)
    return len(found)
