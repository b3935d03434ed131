"""The rows that are image layouts, and the schemas of what a layout holds."""

from __future__ import annotations

import json
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import pytest

from gopherwhale.errors import LayoutError
from gopherwhale.oci.archive import write_archive
from gopherwhale.oci.documents import MAX_DOCUMENT, Manifest
from gopherwhale.oci.layout import REF_NAME, Layout, blob_path, walk
from gopherwhale.oci.parsing import parse_index
from gopherwhale.oci.source import ImageSource, check_blob, read_document
from gopherwhale.oci.tar_file import TarFile
from gopherwhale.oci.tar_source import open_docker_archive
from gopherwhale.verify.opening import Opened, open_images
from tests.corpus.cases import Case
from tests.unit.engines.test_go_schema import errors
from tests.unit.oci.images import make_layout
from tests.unit.verify.binaries import elf

_SCHEMAS: Final = {
    "index.json": "image-index-schema.json",
    "oci-layout": "image-layout-schema.json",
    "Index": "image-index-schema.json",
    "Manifest": "image-manifest-schema.json",
}


def check_layout(case: Case) -> None:
    """Each image of a layout opens or is refused as the row says, every blob checked."""
    name = case.path.name
    if name.startswith("layout-ggcr-test_index_one"):
        assert [str(image.declared) for image in _images(Layout(case.path))] != [""]
    elif name.startswith("layout-ggcr"):
        _check_ggcr(case.path)
    else:
        _check_regclient(case.path)


def _check_ggcr(path: Path) -> None:
    # The second has a media type that nobody knows: said so, and no crash.
    for tag in ("1", "2") if name_of(path, "2") else ("1",):
        with pytest.raises(LayoutError) as refusal:
            list(walk(Layout(path, tag)))
        assert refusal.value.code == "media-type-differs"
    with pytest.raises(LayoutError, match="holds"):
        Layout(path)


def _check_regclient(path: Path) -> None:
    index = parse_index((path / "index.json").read_bytes(), "index.json")
    for entry in index.manifests:
        layout = Layout(path, entry.digest)
        for descriptor, document in walk(layout):
            check_blob(layout, descriptor)
            for part in (document.config, *document.layers) if isinstance(document, Manifest) else ():
                if blob_path(path, part.digest).exists():
                    check_blob(layout, part)
    for tag, platforms in {
        "v1": ["linux/amd64", "linux/arm64"],
        "v2": ["linux/amd64", "linux/arm64", "linux/arm/v7"],
        "v3": ["linux/amd64", "linux/arm64", "linux/arm/v6", "linux/arm/v7"],
    }.items():
        if name_of(path, tag):
            found = _images(Layout(path, tag))
            assert sorted(str(image.declared) for image in found) == sorted(platforms)
    if name_of(path, "a-docker"):
        layout = Layout(path, "a-docker")
        (refused,) = open_images(layout, [layout.root])
        assert isinstance(refused, LayoutError)


def name_of(path: Path, tag: str) -> bool:
    """Whether a layout has something of that tag."""
    index = parse_index((path / "index.json").read_bytes(), "index.json")
    return any(entry.annotations.get(REF_NAME) == tag for entry in index.manifests)


def _images(layout: Layout) -> list[Opened]:
    root = layout.root
    entries = [root]
    if "index" in root.media_type:
        entries = list(parse_index(read_document(layout, root), "index").images)
    found = open_images(layout, entries)
    assert all(isinstance(image, Opened) for image in found), found
    return [image for image in found if isinstance(image, Opened)]


def check_schema(case: Case) -> None:
    """What we write into layouts and archives, and make for archives without manifests, is valid.

    The go engine's own documents are held to the same schemas in tests/unit/engines/test_go_schema.py.
    """
    assert {path.name for path in case.path.glob("*.json")} >= set(_SCHEMAS.values())
    with tempfile.TemporaryDirectory() as folder:
        layout = Layout(make_layout(Path(folder) / "made", {"linux/amd64": elf()}))
        archive = Path(folder) / "image.tar"
        write_archive(layout, archive, names=["example.com/hello:1"])
        documents = [(name, (layout.path / name).read_bytes()) for name in ("index.json", "oci-layout")]
        file = TarFile(archive)
        documents += [(name, file.read(name, MAX_DOCUMENT)) for name in ("index.json", "oci-layout")]
        walked = [*walk(layout), *walk(_without_layout(archive, Path(folder) / "old.tar"))]
        documents += [(type(document).__name__, document.raw) for _, document in walked]
        assert [errors(json.loads(raw), _SCHEMAS[name]) for name, raw in documents] == [[]] * 7


def _without_layout(archive: Path, target: Path) -> ImageSource:
    """The same archive as Docker wrote it before 25, whose manifest we make."""
    with tarfile.open(archive) as old, tarfile.open(target, "w") as new:
        for member in old:
            if member.name not in ("index.json", "oci-layout"):
                new.addfile(member, old.extractfile(member))
    return open_docker_archive(target)


CHECKS: Final[Mapping[str, Callable[[Case], None]]] = {
    "oci-layout": check_layout,
    "json-schema": check_schema,
}
