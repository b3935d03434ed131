"""Baked repositories built by the go engine with a real Go, and the reading of what came out."""

from __future__ import annotations

import hashlib
import json
import sys
import tarfile
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from gopherwhale.oci.documents import Descriptor, Index, Manifest
from gopherwhale.oci.layout import Layout, walk
from gopherwhale.oci.source import check_blob, read_document
from gopherwhale.platforms import Platform
from gopherwhale.receipts import BUILT
from tests.engine import projects
from tests.engine.conftest import Testbed
from tests.engine.projects import Project

CROSS_BUILD: Final = (sys.executable, "-m", "gopherwhale", "docker.cross-build", "--engine", "go")
Make = Callable[..., Project]


@dataclass(frozen=True, kw_only=True)
class Image:
    """One platform's image, unpacked in memory.

    Attributes:
        manifest: As it stands in the layout.
        config: The JSON document.
        files: By path: kind and mode, owner, and the digest of the content.
        contents: By path, the bytes of regular files.
    """

    manifest: Manifest
    config: Mapping[str, Any]
    files: Mapping[str, tuple[str, int, int, int, str]]
    contents: Mapping[str, bytes]


@pytest.fixture
def make(testbed: Testbed, go_environment: Mapping[str, str], tmp_path: Path) -> Make:
    """Bake and commit a repository for the testbed's Go."""

    def bake(**answers: str) -> Project:
        return projects.make(
            tmp_path / "made", dict(go_environment), testbed.go_version, "ghcr.io/acme/hello", **answers
        )

    return bake


def load(project: Project, **variables: str) -> str:
    """Build with the go engine into Docker's store, under a name that no other test uses; the name."""
    name = f"gopherwhale-test/{uuid.uuid4().hex}"
    build = ("docker.build", "--engine", "go", "--repository", name, "--format", "json")
    shown = project.good(sys.executable, "-m", "gopherwhale", *build, **variables)
    (loaded,) = json.loads(shown)["images"][0]["loaded"]
    assert loaded == f"{name}:dev"
    return str(loaded)


def index_of(layout: Path) -> tuple[Descriptor, Index]:
    """The root of a layout and its index."""
    opened = Layout(layout)
    for descriptor, document in walk(opened):
        if isinstance(document, Index) and descriptor.digest == opened.root.digest:
            return descriptor, document
    pytest.fail(f"{layout} has no index at its root")


def images_of(layout: Path) -> dict[Platform | None, Image]:
    """Every platform's image, each blob checked against its digest."""
    opened = Layout(layout)
    found = {}
    for descriptor, document in walk(opened):
        if isinstance(document, Manifest) and not descriptor.is_attestation:
            found[descriptor.platform] = _image(opened, document)
    return found


def check_whole(layout: Path) -> str:
    """Check every blob that a layout refers to.

    Returns:
        The root's digest.
    """
    opened = Layout(layout)
    for _, document in walk(opened):
        if isinstance(document, Manifest):
            for part in (document.config, *document.layers):
                check_blob(opened, part)
    return opened.root.digest


def litter(folder: Path) -> list[str]:
    """What lies below `dist` that is neither a layout's own nor kept for the next build."""
    layout = folder / "hello"
    opened = Layout(layout)
    wanted = {"oci-layout", "index.json", ".lock", BUILT, f"blobs/sha256/{opened.root.digest[7:]}"}
    for descriptor, document in walk(opened):
        parts = (document.config, *document.layers) if isinstance(document, Manifest) else ()
        wanted |= {f"blobs/sha256/{part.digest[7:]}" for part in (descriptor, *parts)}
    found = {str(path.relative_to(layout)) for path in layout.rglob("*") if path.is_file()}
    kept = {path.relative_to(folder / ".go") for path in (folder / ".go").rglob("*") if path.is_file()}
    strays = [str(path) for path in kept if "tmp" in path.parts or path.name.startswith(".partial")]
    return sorted(found - wanted) + strays


def _image(layout: Layout, manifest: Manifest) -> Image:
    files: dict[str, tuple[str, int, int, int, str]] = {}
    contents: dict[str, bytes] = {}
    for descriptor in manifest.layers:
        check_blob(layout, descriptor)
        with layout.open_blob(descriptor) as stream, tarfile.open(fileobj=stream) as archive:
            for member in archive:
                data = b""
                if reader := archive.extractfile(member) if member.isfile() else None:
                    data = reader.read()
                    contents[member.name] = data
                digest = hashlib.sha256(data).hexdigest() if member.isfile() else member.linkname
                kind = member.type.decode()
                files[member.name] = (kind, member.mode, member.uid, member.gid, digest)
    config = json.loads(read_document(layout, manifest.config))
    return Image(manifest=manifest, config=config, files=files, contents=contents)
