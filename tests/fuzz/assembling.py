"""What the go engine reads of others: a base image's config, and what `go version -m` prints."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from typing import IO

from gopherwhale.errors import GopherwhaleError
from gopherwhale.oci.assemble import Process
from gopherwhale.oci.base import Base
from gopherwhale.oci.documents import OCI_CONFIG, OCI_MANIFEST, Descriptor, digest_of, encode
from gopherwhale.sbom.materials import read_go_version
from tests.fuzz.targets import Target

_PROCESS = Process(entrypoint=("/hello",))
_SAID = (
    b"hello: go1.27.3\n\tpath\ta.example/b\n\tmod\ta.example/b\tv1.0.0\n\tdep\tc\tv1\th1:A=\n\t=>\td\tv2\n"
)


class _Source:
    """A base of one image in memory, whose config is the input."""

    name = "base"

    def __init__(self, config: bytes) -> None:
        """Describe it."""
        self._blobs: dict[str, bytes] = {}
        described = self._put(config, OCI_CONFIG).to_document()
        manifest = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": described, "layers": []}
        self.root = self._put(encode(manifest), OCI_MANIFEST)

    def _put(self, data: bytes, media_type: str) -> Descriptor:
        found = Descriptor(media_type=media_type, digest=digest_of(data), size=len(data))
        self._blobs[found.digest] = data
        return found

    @contextlib.contextmanager
    def open_blob(self, descriptor: Descriptor) -> Iterator[IO[bytes]]:
        """Give a blob."""
        yield io.BytesIO(self._blobs[descriptor.digest])

    def confirm(self, descriptor: Descriptor) -> None:
        """See that a blob is there."""
        assert descriptor.digest in self._blobs


def _read_base(data: bytes) -> object:
    base = Base(_Source(data))
    image = base.of(base.platforms[0])
    return _PROCESS.to_document(base.platforms[0].os, image.config.get("config"))


def _configs() -> list[bytes]:
    process = {"Env": ["A=b"], "User": "1", "ExposedPorts": {"1/tcp": {}}, "Labels": {"a": "b"}}
    history = [{"created_by": "x", "empty_layer": True}]
    config = {"os": "linux", "architecture": "amd64", "config": process, "history": history}
    return [encode(config), encode({**config, "os.version": "10.0", "rootfs": {"diff_ids": []}})]


TARGETS = (
    Target(name="base-config", seeds=_configs, read=_read_base, refusals=(GopherwhaleError,)),
    Target(
        name="go-version",
        seeds=lambda: [_SAID],
        read=lambda data: read_go_version(data.decode(errors="replace"), "hello"),
        refusals=(GopherwhaleError,),
    ),
)
