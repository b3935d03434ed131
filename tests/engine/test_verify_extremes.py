"""Images made to be too much, judged by the whole command in a process whose memory is bounded."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from gopherwhale.oci.documents import OCI_INDEX, Descriptor, digest_of, encode
from gopherwhale.oci.layout_writer import writing
from gopherwhale.platforms import parse
from tests.unit.oci.images import layer, make_layout, put_image, put_index
from tests.unit.verify.judged import code, program
from tests.unit.verify.layers import tar

pytestmark = pytest.mark.engine

_AMD: Final = parse("linux/amd64")
_MANY: Final = 100_000
_DEEP: Final = 1000
_MEMORY: Final = 1 << 30
_SECONDS: Final = 120.0


def _many(name: Callable[[int], str]) -> bytes:
    """A tar of empty files, written by hand: the library takes a second for each ten thousand."""
    empty = tarfile.TarInfo("").tobuf(tarfile.USTAR_FORMAT)
    start, end = empty[100:148], empty[156:]
    rest = sum(start) + sum(end) + 8 * ord(" ")

    def headers() -> Iterator[bytes]:
        for number in range(_MANY):
            raw = name(number).encode()
            yield raw.ljust(100, b"\0") + start + b"%06o\0 " % (rest + sum(raw)) + end

    return b"".join(headers()) + bytes(1024)


def entries(folder: Path) -> None:
    """10^5 files, a layer that removes their folders, and a program of another machine behind it all."""
    files = _many(lambda number: f"d{number % 100}/f{number}")
    removed = layer({f".wh.d{number}": b"" for number in range(100)})
    with writing(folder) as writer:
        image = put_image(writer, _AMD, [files, removed, layer({"app": code("s390x")})], "/app")
        writer.commit(put_index(writer, [image]), {})


def folders(folder: Path) -> None:
    """The program a thousand folders deep, behind a link."""
    place = f"{'d/' * _DEEP}app"
    layers = [layer({place: code("s390x")}), tar(("app", "link", f"/{place}"))]
    with writing(folder) as writer:
        writer.commit(put_index(writer, [put_image(writer, _AMD, layers, "/app")]), {})


def links(folder: Path) -> None:
    """A thousand links, each of which leads through the next one twice."""
    chain = tar(*((f"l{number}", "link", f"l{number + 1}/l{number + 1}") for number in range(_DEEP)))
    layers = [chain, layer({"app": program("linux/amd64")})]
    with writing(folder) as writer:
        writer.commit(put_index(writer, [put_image(writer, _AMD, layers, "/l0")]), {})


def indexes(folder: Path) -> None:
    """An index in an index, a thousand times."""
    make_layout(folder, {"linux/amd64": program("linux/amd64")})
    index = folder / "index.json"
    for _ in range(_DEEP):
        inner = index.read_bytes()
        (folder / "blobs" / digest_of(inner).replace(":", "/")).write_bytes(inner)
        entry = Descriptor(media_type=OCI_INDEX, digest=digest_of(inner), size=len(inner))
        document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry.to_document()]}
        index.write_bytes(encode(document))


def verify(folder: Path, *arguments: str) -> tuple[int, Any]:
    """Exit code and document of the whole command, which may take no more than a GiB and two minutes."""
    command = [sys.executable, "-m", "gopherwhale", "docker.verify-arch", *arguments, "--format", "json"]
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "GOPHERWHALE_NO_CACHE": "1"},
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY)),
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (entries, "wrong-machine"),
        (folders, "wrong-machine"),
        (links, "entrypoint-loop"),
        (indexes, "nested-index"),
    ],
    ids=["entries", "folders", "links", "indexes"],
)
def test_14_what_is_too_much_is_judged_within_bounds(
    tmp_path: Path, make: Callable[[Path], None], found: str
) -> None:
    """Exit code 10 with the finding that it deserves, in bounded memory and time, and no traceback."""
    make(tmp_path / "layout")
    status, document = verify(tmp_path, "oci:layout", "--expect", "any", "--all")
    (report,) = document["reports"]
    codes = [one["code"] for one in report["findings"]]
    codes += [one["code"] for platform in report["platforms"] for one in platform["findings"]]
    assert status == 10
    assert found in codes
