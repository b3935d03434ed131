"""The rows that are tars, layers, packed streams and archives of whole images."""

from __future__ import annotations

import bz2
import io
from collections.abc import Callable, Mapping
from typing import Final

import pytest

from gopherwhale.errors import LayoutError
from gopherwhale.oci.documents import digest_of
from gopherwhale.oci.layers import decompress
from gopherwhale.oci.tar_source import open_docker_archive
from gopherwhale.verify.contents import Contents, read_contents
from gopherwhale.verify.opening import Opened, open_images
from tests.corpus.cases import Case
from tests.unit.verify.layers import Memory, contents_of

_HELLO: Final = b"Hello"


def check_tar(case: Case) -> None:
    """A tar is taken or refused as a layer, and one that claims too much is refused for that."""
    data = case.path.read_bytes()
    if case.path.suffix == ".bz2":
        data = bz2.decompress(data)
    if case.expected.startswith("ACCEPT"):
        contents_of(data)
        return
    with pytest.raises(LayoutError) as refusal:
        contents_of(data)
    assert (refusal.value.code == "beyond-bounds") == ("by size limit" in case.expected)


def check_packed(case: Case) -> None:
    """A packed stream is told by how it begins, and gives what was packed."""
    data = case.path.read_bytes()
    if "REJECT as layer" in case.expected or case.expected == "xz: same":
        with pytest.raises(LayoutError, match="is packed with"):
            _unpacked(data)
    elif case.path.name.startswith("content.tar"):
        source = Memory()
        plain = (case.path.parent / "content.tar").read_bytes()
        read = read_contents(source, source.put(data), digest_of(plain))
        assert [path for path, _ in read.entries] == ["/", "/bat", "/baz"]
    else:
        assert _unpacked(data).startswith(_HELLO)


def _unpacked(data: bytes) -> bytes:
    return b"".join(decompress(io.BytesIO(data), "test"))


def check_image(case: Case) -> None:
    """An archive of `docker save` opens, its layers read and checked; one that is none is refused."""
    if case.path.parent.name.startswith("layertar"):
        _check_layer(case, contents_of(case.path.read_bytes()))
        return
    if case.expected.startswith("two images"):
        for name in ("test_image_1", "test_image_2"):
            _opened(case, name)
    if "REJECT" in case.expected:
        with pytest.raises(LayoutError):
            open_docker_archive(case.path)
        return
    image = _opened(case, "bazel/v1/tarball:test_image_3" if case.path.stem == "test_link" else "")
    paths = {path for path, _ in image.system.items()}
    assert len(image.config.diff_ids) == len(image.manifest.layers)
    assert len(paths) > 1
    if case.path.stem == "whiteout_image":
        assert paths == {"/", "/bar.txt"}
    if case.path.stem == "whiteout_dir":
        assert paths == {"/", "/a", "/a/baz", "/b", "/b/bar"}
    if case.path.stem == "overwritten_file":
        nodes = dict(image.system.items())
        assert nodes["/foo.txt"].layer == image.config.diff_ids[1]


def _opened(case: Case, select: str) -> Opened:
    source = open_docker_archive(case.path, select)
    (image,) = open_images(source, [source.root])
    if isinstance(image, LayoutError):
        raise image
    return image


def _check_layer(case: Case, contents: Contents) -> None:
    names = [path for path, _ in contents.entries]
    if case.path.stem == "layer":
        assert names == ["/layer1.txt", "/layer2.txt", "/layer3.txt"]
    else:
        assert (contents.whiteouts, contents.opaque) == (("/layer2.txt",), ("/exdir",))
        assert names == ["/layer1.txt", "/layer3.txt", "/exdir"]


CHECKS: Final[Mapping[str, Callable[[Case], None]]] = {
    "tar": check_tar,
    "compression": check_packed,
    "image-tar": check_image,
}
