"""Images in a tar: an OCI archive, or what `docker save` writes, in its old form and in Docker 25's.

Before 25 it wrote each layer as a plain tar beside a config, and no manifest; one is made here, whose digests
are of the bytes in the archive. Since 25 there is a layout in the same tar, which is used where it names the
image.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from gopherwhale.errors import LayoutError, UsageError
from gopherwhale.oci import strict_json
from gopherwhale.oci.documents import (
    DOCKER_CONFIG,
    INDEX_TYPES,
    MAX_DOCUMENT,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
    Descriptor,
    Index,
    digest_of,
    encode,
)
from gopherwhale.oci.layout import IMAGE_NAME, VERSION, blob_path, choose_root
from gopherwhale.oci.parsing import parse_config, parse_index
from gopherwhale.oci.source import check_blob, read_index, read_manifest
from gopherwhale.oci.tar_file import TarFile
from gopherwhale.references import is_digest
from gopherwhale.references import parse as parse_reference

_MANIFEST: Final = "manifest.json"
_INDEX: Final = "index.json"
_VERSION: Final = "oci-layout"
# The file names of before are no promise: ggcr rewrote configs under their old names.
_BY_DIGEST: Final = re.compile(r"blobs/sha256/([0-9a-f]{64})")
_PACKED: Final = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd")


@dataclass(frozen=True, kw_only=True)
class TarSource:
    """An image in a tar, open for reading; see `ImageSource`.

    Attributes:
        file: The tar.
        name: What to call it in messages.
        root: The descriptor of its index or manifest.
        documents: Blobs that are not in the tar, by digest.
        members: Names of blobs that do not stand in a layout's place, by digest.
    """

    file: TarFile
    name: str
    root: Descriptor
    documents: Mapping[str, bytes] = field(default_factory=dict)
    members: Mapping[str, str] = field(default_factory=dict)

    @contextlib.contextmanager
    def open_blob(self, descriptor: Descriptor) -> Iterator[IO[bytes]]:
        """Open a blob of the archive; see `ImageSource.open_blob`."""
        if descriptor.digest in self.documents:
            yield io.BytesIO(self.documents[descriptor.digest])
            return
        name = self.members.get(descriptor.digest) or _blob(descriptor.digest)
        if name not in self.file:
            raise LayoutError(f"{self.name} lacks the blob {descriptor.digest}", code="blob-missing")
        with self.file.open(name) as stream:
            yield stream

    def confirm(self, descriptor: Descriptor) -> None:
        """Read a blob and check it; see `ImageSource.confirm`."""
        check_blob(self, descriptor)


def open_archive(path: Path) -> TarSource:
    """Open an archive of either kind, told by what is in it.

    Raises:
        LayoutError: It is neither, is damaged, or does not hold exactly one image.
    """
    file = TarFile(path)
    return _open_docker(file, "", f"docker-archive:{path}") if _MANIFEST in file else _open_oci(file, "")


def open_oci_archive(path: Path, select: str = "") -> TarSource:
    """Open an OCI archive.

    Args:
        path: The file.
        select: A tag or a digest that picks one image of several.

    Raises:
        LayoutError: It is none, is damaged, or does not hold exactly the one image that is asked for.
    """
    return _open_oci(TarFile(path), select)


def open_docker_archive(path: Path, select: str = "", name: str = "") -> TarSource:
    """Open what `docker save` wrote.

    Args:
        path: The file.
        select: A reference that picks one image of several.
        name: What to call it in messages; the file where it is empty.

    Raises:
        LayoutError: It is none, is damaged, or does not hold exactly the one image that is asked for.
    """
    return _open_docker(TarFile(path), select, name or f"docker-archive:{path}")


def _open_oci(file: TarFile, select: str) -> TarSource:
    index = _layout_index(file)
    return TarSource(
        file=file, name=f"oci-archive:{file.path}", root=choose_root(index, select, str(file.path))
    )


def _layout_index(file: TarFile) -> Index:
    for name in (_VERSION, _INDEX):
        if name not in file:
            hint = "is it one of `docker save`? write docker-archive:FILE" if _MANIFEST in file else ""
            raise LayoutError(f"{file.path} is not an OCI archive: it has no {name}", hint=hint)
    version = strict_json.load_json(file.read(_VERSION, MAX_DOCUMENT), f"{file.path}: {_VERSION}")
    if version.get("imageLayoutVersion") != VERSION:
        raise LayoutError(f"{file.path} holds a layout of an unknown version")
    return parse_index(file.read(_INDEX, MAX_DOCUMENT), f"{file.path}: {_INDEX}")


def _open_docker(file: TarFile, select: str, name: str) -> TarSource:
    if _MANIFEST not in file:
        hint = "write oci-archive:FILE" if _INDEX in file else "make one with `docker save`"
        raise LayoutError(f"{file.path} is no archive of `docker save`: it has no {_MANIFEST}", hint=hint)
    what = f"{file.path}: {_MANIFEST}"
    # It is a list; our reader takes objects, as every document of the image specification is one.
    wrapped = b'{"images":' + file.read(_MANIFEST, MAX_DOCUMENT) + b"}"
    images = strict_json.objects(strict_json.load_json(wrapped, what), "images", what)
    chosen = _choose([_image(image, what) for image in images], select, str(file.path))
    return _of_layout(file, chosen, name) or _of_parts(file, chosen, name)


@dataclass(frozen=True)
class _Image:
    config: str
    layers: tuple[str, ...]
    names: tuple[str, ...]


def _image(document: object, what: str) -> _Image:
    if not isinstance(document, dict):
        raise LayoutError(f"{what} holds an image that is no object")
    return _Image(
        strict_json.text(document, "Config", what),
        strict_json.texts(document, "Layers", what),
        strict_json.texts(document, "RepoTags", what),
    )


def _choose(images: Sequence[_Image], select: str, where: str) -> _Image:
    wanted = _canonical(select)
    found = [
        image
        for image in images
        if not select or select in image.config or any(_canonical(name) == wanted for name in image.names)
    ]
    if len(found) != 1:
        names = ", ".join(name for image in images for name in image.names[:2])
        asked = f" named {select!r}" if select else ""
        many = f"{len(found)} images" if found else "no image"
        raise LayoutError(f"{where} holds {many}{asked}", hint=f"name one of: {names[:500]}" if names else "")
    return found[0]


def _canonical(name: str) -> str:
    """A name with nothing left to a default, so that `hello` is `docker.io/library/hello:latest`."""
    try:
        reference = parse_reference(name)
    except UsageError:
        return name
    return str(reference if reference.tag or reference.digest else reference.with_tag("latest"))


def _of_layout(file: TarFile, image: _Image, name: str) -> TarSource | None:
    """The image by the layout in the same tar, with those of its platforms that were saved; None without."""
    names = {_canonical(one) for one in image.names}
    try:
        entries = _layout_index(file).images
    except LayoutError:
        # Docker 25 without containerd's store wrote an index that is none.
        return None
    roots = {one.digest: one for one in entries if _canonical(one.annotations.get(IMAGE_NAME, "")) in names}
    if len(roots) != 1:
        return None
    root = next(iter(roots.values()))
    source = TarSource(file=file, name=name, root=root)
    if root.media_type not in INDEX_TYPES:
        return source if _is_whole(source, root) else None
    index = read_index(source, root)
    saved = [entry for entry in index.manifests if _is_whole(source, entry)]
    if len(saved) == len(index.manifests) or not saved:
        return source if saved else None
    rows = [entry.to_document() for entry in saved]
    raw = encode({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": rows})
    root = Descriptor(media_type=OCI_INDEX, digest=digest_of(raw), size=len(raw))
    part = f"{name} ({len(saved)} of {len(index.manifests)} entries are stored)"
    return TarSource(file=file, name=part, root=root, documents={root.digest: raw})


def _is_whole(source: TarSource, entry: Descriptor) -> bool:
    if _blob(entry.digest) not in source.file or entry.media_type in INDEX_TYPES:
        return False
    manifest = read_manifest(source, entry)
    return all(_blob(part.digest) in source.file for part in (manifest.config, *manifest.layers))


def _of_parts(file: TarFile, image: _Image, name: str) -> TarSource:
    """The image by `manifest.json` alone."""
    raw = file.read(image.config, MAX_DOCUMENT)
    digest = digest_of(raw)
    if (said := _BY_DIGEST.fullmatch(image.config)) and f"sha256:{said[1]}" != digest:
        raise LayoutError(f"{file.path}: {image.config} holds another config", code="digest-differs")
    config = parse_config(raw, f"{file.path}: config")
    if len(config.diff_ids) != len(image.layers):
        raise LayoutError(
            f"{file.path} has {len(image.layers)} layers, but its config names {len(config.diff_ids)}"
        )
    layers, members = [], {}
    for member, diff_id in zip(image.layers, config.diff_ids, strict=True):
        layer = _layer(file, member, diff_id)
        layers.append(layer.to_document())
        members[layer.digest] = member
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": Descriptor(media_type=DOCKER_CONFIG, digest=digest, size=len(raw)).to_document(),
        "layers": layers,
    }
    manifest = encode(document)
    root = Descriptor(media_type=OCI_MANIFEST, digest=digest_of(manifest), size=len(manifest))
    return TarSource(
        file=file, name=name, root=root, documents={root.digest: manifest, digest: raw}, members=members
    )


def _layer(file: TarFile, member: str, diff_id: str) -> Descriptor:
    """A layer's descriptor: a plain one's digest is its diff_id, which whoever reads it checks."""
    if not is_digest(diff_id):
        raise LayoutError(f"{file.path}: the config names the unusable diff_id {diff_id[:100]!r}")
    digest = diff_id
    if file.read(member, 3).startswith(_PACKED):
        with file.open(member) as stream:
            digest = f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"  # type: ignore[arg-type]
    return Descriptor(media_type=OCI_LAYER, digest=digest, size=file.size(member))


def _blob(digest: str) -> str:
    return str(blob_path(Path(), digest))
