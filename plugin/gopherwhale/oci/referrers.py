"""What refers to an image: signatures, SBOMs and attestations of others, by the referrers API or its tag.

distribution-spec 1.1, "Listing Referrers" and "Referrers Tag Schema". A registry without the API keeps an
index under a tag made of the digest, which each client brings up to date itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gopherwhale.errors import LayoutError, RegistryError
from gopherwhale.oci.documents import OCI_INDEX, Descriptor, Index, encode
from gopherwhale.oci.listing import gathered
from gopherwhale.oci.parsing import parse_index
from gopherwhale.oci.session import Session
from gopherwhale.references import Reference

if TYPE_CHECKING:
    from gopherwhale.oci.registry import RegistryClient

# The specification wants 404 of a registry that has no such API; these are seen too.
_NO_API: Final = frozenset({400, 404, 405, 406})
_TRIES: Final = 5


def fallback_tag(digest: str) -> str:
    """The tag of the index of what refers to a digest: `sha256-<hex>`, cut to a tag's length."""
    algorithm, _, encoded = digest.partition(":")
    return f"{algorithm[:32]}-{encoded[:64]}"


def from_api(session: Session, target: Reference, digest: str) -> list[Descriptor] | None:
    """What the referrers API lists for a digest; None where the registry has no such API.

    Raises:
        RegistryError: The registry fails, or lists what is no index or over `MAX_ENTRIES`.
    """

    def entries(body: bytes) -> dict[str, Descriptor]:
        return {entry.digest: entry for entry in parse_referrers(body, target).manifests}

    path = f"referrers/{digest}"
    found = gathered(session, target, path, entries, what="referrers", absent=_NO_API, digest=digest)
    return None if found is None else list(found.values())


def list_referrers(client: RegistryClient, target: Reference, digest: str) -> list[Descriptor]:
    """The descriptors of what refers to a digest.

    Raises:
        RegistryError: The registry fails.
        AuthenticationError: It refuses us.
    """
    found = from_api(client.session, target, digest)
    return list(_kept(client, target.with_tag(fallback_tag(digest)))[1]) if found is None else found


def add_referrer(client: RegistryClient, target: Reference, digest: str, entry: Descriptor) -> None:
    """See that a manifest, pushed already, is listed as a referrer of a digest.

    A registry with the API did so when the manifest was put. For one without, the tag's index is read, put
    with the entry, and read again: another client may have put its own between the two.

    Raises:
        RegistryError: The registry fails, or others keep overwriting the index.
    """
    if from_api(client.session, target, digest) is not None:
        return
    reference = target.with_tag(fallback_tag(digest))
    for _ in range(_TRIES):
        annotations, entries = _kept(client, reference)
        if any(known.digest == entry.digest for known in entries):
            return
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": [known.to_document() for known in (*entries, entry)],
            **({"annotations": dict(annotations)} if annotations else {}),
        }
        client.put_manifest(reference, encode(document), OCI_INDEX)
        if any(known.digest == entry.digest for known in _kept(client, reference)[1]):
            return
    raise RegistryError(
        f"{reference}: others keep overwriting the list of referrers", hint="push again when they are done"
    )


def _kept(client: RegistryClient, reference: Reference) -> tuple[dict[str, str], tuple[Descriptor, ...]]:
    if not client.head_manifest(reference):
        return {}, ()
    raw, _ = client.get_manifest(reference)
    index = parse_referrers(raw, reference)
    return dict(index.annotations), index.manifests


def parse_referrers(raw: bytes, target: Reference) -> Index:
    """Read a registry's list of referrers, which is an index.

    Raises:
        RegistryError: It is none.
    """
    try:
        return parse_index(raw, f"{target.name}: the list of referrers")
    except LayoutError as error:
        raise RegistryError(error.problem) from None
