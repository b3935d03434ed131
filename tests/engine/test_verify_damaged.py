"""A real image, changed afterwards in its documents or its bytes, as no builder would make it."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from gopherwhale.oci.documents import OCI_INDEX, digest_of, encode
from gopherwhale.oci.layout import Layout
from gopherwhale.verify.codes import Severity
from gopherwhale.verify.findings import Report
from gopherwhale.verify.image import Wanted, verify_image
from tests.engine.conftest import Command, Testbed
from tests.unit.verify.judged import program

pytestmark = pytest.mark.engine

_PLATFORMS: Final = ("linux/amd64", "linux/arm/v7")
_RECIPE: Final = """\
FROM scratch
ARG TARGETPLATFORM
COPY ca.crt /etc/ssl/certs/ca-certificates.crt
COPY ${TARGETPLATFORM}/app /app
USER 1
ENTRYPOINT ["/app"]
"""
_COMMIT: Final = "a" * 40


class Image:
    """An image's documents, taken out of a layout to be changed and put back under their new digests.

    Attributes:
        index: The image's index, the entries' digests those of `manifests` once it is put back.
        manifests: In the index's order.
        configs: In the same order.
    """

    def __init__(self, folder: Path) -> None:
        """Read them."""
        self.folder = folder
        (root,) = json.loads((folder / "index.json").read_bytes())["manifests"]
        self.index = self._read(root)
        self.manifests = [self._read(entry) for entry in self.index["manifests"]]
        self.configs = [self._read(one["config"]) for one in self.manifests]

    def _read(self, descriptor: Mapping[str, Any]) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.blob(descriptor["digest"]).read_bytes())
        return document

    def blob(self, digest: str) -> Path:
        """Where a blob lies."""
        return self.folder / "blobs" / digest.replace(":", "/")

    def put(self, content: bytes, descriptor: dict[str, Any]) -> None:
        """Keep a blob, and let a descriptor name it."""
        descriptor.update(digest=digest_of(content), size=len(content))
        self.blob(descriptor["digest"]).write_bytes(content)

    def put_back(self) -> None:
        """Write every document, from the configs up."""
        for config, one, entry in zip(self.configs, self.manifests, self.index["manifests"], strict=False):
            self.put(encode(config), one["config"])
            self.put(encode(one), entry)
        root = {"mediaType": OCI_INDEX}
        self.put(encode(self.index), root)
        (self.folder / "index.json").write_bytes(encode({"schemaVersion": 2, "manifests": [root]}))

    @property
    def layer(self) -> Path:
        """The blob of the first platform's program."""
        return self.blob(self.manifests[0]["layers"][-1]["digest"])


def _entries(change: Callable[[list[dict[str, Any]]], object]) -> Callable[[Image], None]:
    def damage(image: Image) -> None:
        change(image.index["manifests"])
        image.put_back()

    return damage


def _raw(content: Callable[[Image], bytes]) -> Callable[[Image], None]:
    """Other bytes in the place of the first manifest, under their own digest."""

    def damage(image: Image) -> None:
        image.put(content(image), image.index["manifests"][0])
        root = {"mediaType": OCI_INDEX}
        image.put(encode(image.index), root)
        (image.folder / "index.json").write_bytes(encode({"schemaVersion": 2, "manifests": [root]}))

    return damage


def _nest(image: Image) -> None:
    inner = {"mediaType": OCI_INDEX}
    image.put(encode(image.index), inner)
    image.index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [inner]}
    image.manifests = image.configs = []
    image.put_back()


def _chart(image: Image) -> None:
    image.manifests[0]["config"]["mediaType"] = "application/vnd.cncf.helm.config.v1+json"
    image.manifests[0]["layers"] = []
    image.put_back()


def _change_byte(image: Image) -> None:
    # Of gzip's header: the system that it was made on, which nobody reads.
    content = bytearray(image.layer.read_bytes())
    content[9] ^= 1
    image.layer.write_bytes(content)


def _add_byte(image: Image) -> None:
    image.layer.write_bytes(image.layer.read_bytes() + b"x")


DAMAGES: Final[Mapping[str, Callable[[Image], None]]] = {
    "platform-duplicated": _entries(lambda entries: entries.append(copy.deepcopy(entries[0]))),
    "platform-unknown": _entries(
        lambda entries: entries[1].update(platform={"os": "unknown", "architecture": "unknown"})
    ),
    "platform-undeclared": _entries(lambda entries: entries[1].pop("platform")),
    "platform-disagrees": _entries(lambda entries: entries[1]["platform"].update(architecture="s390x")),
    "config-without-variant": _entries(lambda entries: entries[0]["platform"].update(variant="v2")),
    "not-an-image": _chart,
    "ambiguous": _raw(lambda image: encode({**image.manifests[0], "manifests": []})),
    "media-type-differs": _raw(lambda image: encode({**image.manifests[0], "mediaType": OCI_INDEX})),
    "schema-1": _raw(lambda _: encode({"schemaVersion": 1, "name": "a/b", "tag": "c", "fsLayers": []})),
    "damaged": _raw(lambda image: encode(image.manifests[0])[:-1]),
    "digest-differs": _change_byte,
    "size-differs": _add_byte,
    "blob-missing": lambda image: image.layer.unlink(),
    "nested-index": _nest,
    "beyond-bounds": _entries(lambda entries: entries.extend([copy.deepcopy(entries[0])] * 300)),
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, testbed: Testbed) -> Path:
    """The image as the real builder left it, and beside it one of a tree with changes."""
    folder = tmp_path_factory.mktemp("damaged")
    (folder / "Dockerfile").write_text(_RECIPE)
    (folder / "ca.crt").write_text("a certificate\n")
    for name, lines in (("good", {}), ("dirty", {"vcs.revision": _COMMIT, "vcs.modified": "true"})):
        for platform in _PLATFORMS:
            (folder / platform).mkdir(parents=True, exist_ok=True)
            (folder / platform / "app").write_bytes(program(platform, lines=lines))
            (folder / platform / "app").chmod(0o755)
        command = ["docker", "buildx", "build", "--quiet", "--provenance=false"]
        command += ["--platform", ",".join(_PLATFORMS), "--output", f"type=oci,tar=false,dest={name}", "."]
        done = subprocess.run(
            command, cwd=folder, env=testbed.environment(), capture_output=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
    return folder


def codes(report: Report) -> dict[str, Severity]:
    return {one.code: one.severity for one in report.all_findings}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_real_image_that_was_changed_gets_its_verdict(built: Path, tmp_path: Path, name: str) -> None:
    """Put back as it is, it is good; changed, it has the finding that its change deserves."""
    folder = shutil.copytree(built / "good", tmp_path / "image")
    Image(folder).put_back()
    assert codes(verify_image(Layout(folder), Wanted())) == {}
    DAMAGES[name](Image(folder))
    found = verify_image(Layout(folder), Wanted())
    assert name in codes(found), found.to_document()
    mild = {Severity.NOTICE, Severity.WARNING}
    assert found.ok == (codes(found)[name] in mild)


def test_a_tree_with_changes_is_told_where_a_commit_is_asked_for(built: Path) -> None:
    """The program says itself that it was built of more than the commit."""
    found = verify_image(Layout(built / "dirty"), Wanted(revision=_COMMIT))
    assert codes(found) == {"revision-modified": Severity.NOTICE}


@pytest.mark.parametrize("name", ["ambiguous", "digest-differs", "size-differs", "blob-missing", "damaged"])
def test_skopeo_takes_no_such_image_either(built: Path, tmp_path: Path, skopeo: Command, name: str) -> None:
    """An independent reader refuses to copy what is an error here."""
    folder = shutil.copytree(built / "good", tmp_path / "image")
    copy_it = ("--insecure-policy", "copy", "--all", f"oci:{folder}")
    Image(folder).put_back()
    skopeo(*copy_it, f"oci:{tmp_path / 'good'}")
    DAMAGES[name](Image(folder))
    with pytest.raises(AssertionError):
        skopeo(*copy_it, f"oci:{tmp_path / 'bad'}")
