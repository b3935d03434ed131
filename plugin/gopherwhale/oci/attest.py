"""Statements about an image, attached to it in its index as BuildKit does.

The layout is that of BuildKit's `docs/attestations/attestation-storage.md`: a manifest for the platform
`unknown/unknown`, told by annotations, whose layers are in-toto statements.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from gopherwhale.oci.documents import (
    ATTESTATION,
    OCI_CONFIG,
    OCI_MANIFEST,
    REFERENCE_DIGEST,
    REFERENCE_TYPE,
    Descriptor,
    encode,
)
from gopherwhale.oci.layout_writer import LayoutWriter
from gopherwhale.platforms import Platform

IN_TOTO: Final = "application/vnd.in-toto+json"
PREDICATE_TYPE: Final = "in-toto.io/predicate-type"
_STATEMENT: Final = "https://in-toto.io/Statement/v0.1"


def put_attestation(
    writer: LayoutWriter, subject: Descriptor, name: str, predicates: Mapping[str, Mapping[str, Any]]
) -> Descriptor:
    """Write an attestation manifest.

    Args:
        writer: The layout's transaction.
        subject: The image manifest that the statements are about.
        name: The subject's package URL.
        predicates: By predicate type.

    Returns:
        The manifest's descriptor, with the annotations that make it an attestation.
    """
    algorithm, _, encoded = subject.digest.partition(":")
    layers = []
    for kind, predicate in predicates.items():
        statement = {
            "_type": _STATEMENT,
            "predicateType": kind,
            "subject": [{"name": name, "digest": {algorithm: encoded}}],
            "predicate": predicate,
        }
        layers.append(replace(writer.put(encode(statement), IN_TOTO), annotations={PREDICATE_TYPE: kind}))
    nowhere = Platform(os="unknown", architecture="unknown")
    # The layers are no tars: each is its own diff_id.
    rootfs = {"type": "layers", "diff_ids": [layer.digest for layer in layers]}
    config = writer.put(encode({**nowhere.to_document(), "config": {}, "rootfs": rootfs}), OCI_CONFIG)
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": config.to_document(),
        "layers": [layer.to_document() for layer in layers],
    }
    annotations = {REFERENCE_DIGEST: subject.digest, REFERENCE_TYPE: ATTESTATION}
    return replace(writer.put(encode(manifest), OCI_MANIFEST), platform=nowhere, annotations=annotations)
