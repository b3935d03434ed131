from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gopherwhale.errors import LayoutError
from gopherwhale.oci import documents
from gopherwhale.oci.documents import (
    DOCKER_INDEX,
    MAX_DOCUMENT,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
    encode,
)
from gopherwhale.oci.parsing import parse_config, parse_descriptor, parse_index, parse_manifest
from gopherwhale.platforms import parse

DIGEST = "sha256:" + "a" * 64
CONFIG = {"mediaType": OCI_CONFIG, "digest": DIGEST, "size": 2}
LAYER = {"mediaType": OCI_LAYER, "digest": DIGEST, "size": 2}
MANIFEST: dict[str, Any] = {
    "schemaVersion": 2,
    "mediaType": OCI_MANIFEST,
    "config": CONFIG,
    "layers": [LAYER],
}
ENTRY = {
    "mediaType": OCI_MANIFEST,
    "digest": DIGEST,
    "size": 3,
    "platform": {"os": "linux", "architecture": "arm64"},
}
INDEX: dict[str, Any] = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [ENTRY]}


def test_an_index_tells_images_from_attestations_by_annotation() -> None:
    """`unknown/unknown` alone makes no attestation; BuildKit's annotation does."""
    unknown = {**ENTRY, "platform": {"os": "unknown", "architecture": "unknown"}}
    told = {**unknown, "annotations": {"vnd.docker.reference.type": "attestation-manifest"}}
    index = parse_index(encode({**INDEX, "manifests": [ENTRY, unknown, told]}), "index")
    assert next(entry.platform for entry in index.images) == parse("linux/arm64")
    assert len(index.images) == 2
    assert len(index.attestations) == 1


def test_a_document_keeps_its_exact_bytes() -> None:
    """A digest is of bytes: nothing is written again from its meaning."""
    raw = json.dumps(MANIFEST, indent=7).encode()
    assert parse_manifest(raw, "manifest").raw == raw


def test_a_config_says_how_the_image_starts() -> None:
    """Platform, entrypoint, user, labels and diff_ids are read; absent ones are empty."""
    config = parse_config(
        encode(
            {
                "os": "linux",
                "architecture": "aarch64",
                "config": {"Entrypoint": ["/x"], "Cmd": None, "User": "1:1", "Labels": {"a": "b", "A": "c"}},
                "rootfs": {"type": "layers", "diff_ids": [DIGEST]},
            }
        ),
        "config",
    )
    assert str(config.platform) == "linux/arm64"
    assert (config.entrypoint, config.command, config.user) == (("/x",), (), "1:1")
    assert config.labels == {"a": "b", "A": "c"}
    assert config.diff_ids == (DIGEST,)


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({**INDEX, "layers": [LAYER]}, "ambiguous"),
        ({**INDEX, "config": CONFIG}, "ambiguous"),
        ({**INDEX, "Manifests": []}, "ambiguous"),
        ({**INDEX, "mediaType": OCI_MANIFEST}, "media type"),
        ({**INDEX, "manifests": {}}, "no list 'manifests'"),
        ({**INDEX, "manifests": [3]}, "no object"),
        ({**INDEX, "manifests": [{**ENTRY, "platform": 3}]}, "platform that is no object"),
        ({**INDEX, "manifests": [{**ENTRY, "digest": "sha256:../../x"}]}, "unusable digest"),
        ({**INDEX, "manifests": [{**ENTRY, "digest": DIGEST.upper()}]}, "unusable digest"),
        ({**INDEX, "manifests": [{**ENTRY, "size": -1}]}, "unusable size"),
        ({**INDEX, "manifests": [{**ENTRY, "size": 2**63}]}, "unusable size"),
        ({**INDEX, "manifests": [{**ENTRY, "size": 1.0}]}, "unusable size"),
        ({**INDEX, "manifests": [{**ENTRY, "size": True}]}, "unusable size"),
        ({**INDEX, "manifests": [{**ENTRY, "annotations": {"a": 1}}]}, "map of strings"),
        ({**INDEX, "manifests": [{**ENTRY, "Digest": DIGEST}]}, "ambiguous"),
    ],
)
def test_an_index_that_could_mislead_is_refused(document: dict[str, Any], why: str) -> None:
    """Two readings, or a digest that leads elsewhere, stop it (CVE-2021-41190, CVE-2024-3727)."""
    with pytest.raises(LayoutError, match=why):
        parse_index(encode(document), "index")


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({**MANIFEST, "manifests": []}, "ambiguous"),
        ({**MANIFEST, "schemaVersion": 1, "fsLayers": []}, "schema 1"),
        ({**MANIFEST, "mediaType": OCI_INDEX}, "media type"),
        ({**MANIFEST, "config": None}, "no config"),
        ({**MANIFEST, "layers": "x"}, "no list 'layers'"),
    ],
)
def test_a_manifest_that_could_mislead_is_refused(document: dict[str, Any], why: str) -> None:
    """A manifest that is also something else, or is schema 1, stops the reading."""
    with pytest.raises(LayoutError, match=why):
        parse_manifest(encode(document), "manifest")


def test_what_the_descriptor_says_must_agree() -> None:
    """A document whose own media type differs from its descriptor's has two readings."""
    with pytest.raises(LayoutError, match="ambiguous"):
        parse_index(encode(INDEX), "index", DOCKER_INDEX)
    bare = {key: value for key, value in INDEX.items() if key != "mediaType"}
    assert parse_index(encode(bare), "index", DOCKER_INDEX).media_type == DOCKER_INDEX
    assert parse_index(encode(bare), "index").media_type == OCI_INDEX


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"{",
        b"\xff\xfe",
        b'{"a":1,"a":2}',
        b'{"a":NaN}',
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b'{"schemaVersion":' + b"9" * 5000 + b"}",
        b" " * (MAX_DOCUMENT + 1),
    ],
)
def test_what_is_no_sound_json_is_our_error(raw: bytes) -> None:
    """Truncated, doubled, endless, deep or huge documents end in one sentence."""
    with pytest.raises(LayoutError):
        parse_index(raw, "index")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["manifests", "config", "layers", "digest", "size", "mediaType", "platform", "os", "rootfs"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@pytest.mark.parametrize("reader", [parse_index, parse_manifest, parse_config])
@given(document=JSON)
def test_no_document_fails_but_with_our_error(
    reader: Callable[[bytes, str], object], document: object
) -> None:
    """Whatever JSON a stranger sends, it is read or refused."""
    try:
        reader(json.dumps(document).encode(), "it")
    except LayoutError:
        return


@given(st.binary(max_size=200))
def test_no_bytes_fail_but_with_our_error(raw: bytes) -> None:
    """Bytes that are no JSON are refused."""
    try:
        parse_manifest(raw, "it")
    except LayoutError:
        return


def test_a_descriptor_reads_back_as_itself() -> None:
    """What we write is what we read, without empty members."""
    descriptor = parse_descriptor({**ENTRY, "annotations": {"a": "b"}, "artifactType": "x/y"}, "it")
    assert parse_descriptor(descriptor.to_document(), "it") == descriptor
    assert set(parse_descriptor(LAYER, "it").to_document()) == {"mediaType", "digest", "size"}
    assert (
        documents.digest_of(b"") == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )
