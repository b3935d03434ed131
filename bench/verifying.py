"""verify-arch against what people do by hand, platform by platform: export and file(1), or docker cp."""

from __future__ import annotations

import hashlib
import os
import shutil
import statistics
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import zstandard

from bench.harness import PEAK, Comparison, Contender, Target
from bench.measuring import Command, run
from bench.workbench import Workbench
from gopherwhale.oci.documents import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, Descriptor, encode
from gopherwhale.oci.layout_writer import LayoutWriter, writing
from gopherwhale.platforms import parse
from tests.unit.oci.images import layer, put_image, put_index
from tests.unit.verify.judged import program

_TWO: Final = ("linux/amd64", "linux/arm64")
_EIGHT: Final = (
    *_TWO,
    *("linux/386", "linux/arm/v6", "linux/arm/v7", "linux/ppc64le", "linux/riscv64", "linux/s390x"),
)
_MEBIBYTE: Final = 1024 * 1024
_BINARY: Final = 10 * _MEBIBYTE
_PROGRAM: Final = 32
_OURS, _AGAIN, _START = "gopherwhale: verify-arch", "gopherwhale: unchanged", "gopherwhale: its start alone"
_CRANE, _DOCKER = "crane export | tar | file", "docker pull + create + cp + file"
_OWN: Final = "own_seconds"


def comparisons(bench: Workbench) -> Iterator[Comparison]:
    """Two and eight platforms in a registry, read anew and unchanged; 1 GiB in a layout."""
    for platforms in (_TWO, _EIGHT):
        count = len(platforms)
        name = _published(bench, platforms)
        yield Comparison(
            name=f"verify-{count}",
            title=f"Checking {count} platforms of a binary of 10 MB in a registry",
            contenders=[
                _ours(bench, name, _OURS, "--no-cache"),
                Contender(name=_CRANE, commands=_exports(bench, name, platforms)),
                _docker(bench, name, platforms),
            ],
            targets=[
                Target(of=_OURS, to=_CRANE, at_most=0.5),
                Target(of=_OURS, to=_DOCKER, at_most=0.1),
            ],
        )
        yield _unchanged(bench, name, count)
    yield _large(bench)


def _ours(bench: Workbench, source: str, name: str, *flags: str) -> Contender:
    folder = bench.scratch("anywhere")
    arguments = ("docker.verify-arch", source, "--expect", "any", *flags)
    command = bench.ours(*arguments, folder=folder, XDG_CACHE_HOME=str(bench.scratch("cache")))
    return Contender(name=name, commands=[command])


def _exports(bench: Workbench, name: str, platforms: tuple[str, ...]) -> list[Command]:
    crane = bench.peers.find("crane")
    script = (
        '"$1" export --insecure --platform "$2" "$3" - | tar -xOf - app > program && file --brief program'
    )
    folder = bench.scratch("exports")
    return [
        bench.command("/bin/sh", "-ec", script, "sh", crane, platform, name, folder=folder)
        for platform in platforms
    ]


def _docker(bench: Workbench, name: str, platforms: tuple[str, ...]) -> Contender:
    docker = bench.peers.find("docker")
    script = (
        '"$1" pull --quiet --platform "$2" "$3" > /dev/null;'
        ' made=$("$1" create --platform "$2" "$3"); "$1" cp --quiet "$made:/app" program;'
        ' "$1" rm "$made" > /dev/null; file --brief program'
    )
    folder = bench.scratch("pulls")

    def before(_round: int) -> None:
        # What an earlier round pulled would make the next one free.
        bench.peers.ask(docker, "image", "rm", "--force", name)

    commands = [
        bench.command("/bin/sh", "-ec", script, "sh", docker, platform, name, folder=folder)
        for platform in platforms
    ]
    return Contender(name=_DOCKER, commands=commands, before=before)


def _unchanged(bench: Workbench, name: str, count: int) -> Comparison:
    again = _ours(bench, name, _AGAIN)
    start = bench.ours("--help", "docker.verify-arch", folder=bench.scratch("anywhere"))

    def own() -> Mapping[str, float]:
        """What a run takes beyond the start of the program, in pairs."""
        pairs = [(run(again.commands).seconds, run([start]).seconds) for _ in range(5)]
        return {_OWN: statistics.median(ours - alone for ours, alone in pairs)}

    return Comparison(
        name=f"verify-{count}-unchanged",
        title=f"The same {count} platforms once more, nothing changed",
        contenders=[
            Contender(name=_AGAIN, commands=again.commands, facts=own),
            Contender(name=_START, commands=[start]),
        ],
        targets=[Target(of=_AGAIN, at_most=0.3, metric=_OWN)],
    )


def _published(bench: Workbench, platforms: tuple[str, ...]) -> str:
    """An image of programs that compress as Go's do: behind each header stands Go's own code."""
    code = (Path(bench.peers.ask("go", "env", "GOROOT")) / "bin" / "go").read_bytes()[:_BINARY]
    folder = bench.scratch("published")
    shutil.rmtree(folder)
    with writing(folder) as writer:
        entries = [
            put_image(writer, parse(one), [layer({"app": program(one) + os.urandom(64) + code})], "/app")
            for one in platforms
        ]
        writer.commit(put_index(writer, entries), {"org.opencontainers.image.ref.name": "bench"})
    name = f"{bench.registry}/bench-verify/{os.urandom(6).hex()}:1"
    skopeo = bench.peers.find("skopeo")
    options = ("copy", "--all", "--quiet", "--dest-tls-verify=false")
    bench.peers.ask(skopeo, *options, f"oci:{folder}:bench", f"docker://{name}")
    return name


def _large(bench: Workbench) -> Comparison:
    """A layer of 1 GiB passes through in one go: what it holds must not."""
    size = 64 if bench.quick else 1024
    folder = bench.scratch("large")
    shutil.rmtree(folder)
    with writing(folder) as writer:
        packed, plain = _put_large(writer, size)
        config = {
            **parse(_TWO[0]).to_document(),
            "config": {"Entrypoint": ["/app"]},
            "rootfs": {"type": "layers", "diff_ids": [plain]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": writer.put(encode(config), OCI_CONFIG).to_document(),
            "layers": [packed.to_document()],
        }
        entry = replace(writer.put(encode(manifest), OCI_MANIFEST), platform=parse(_TWO[0]))
        writer.commit(put_index(writer, [entry]))
    return Comparison(
        name="verify-1-gib",
        title=f"A layout of one platform whose layer unpacks to {size} MiB",
        contenders=[_ours(bench, f"oci:{folder}", _OURS, "--no-cache")],
        targets=[Target(of=_OURS, at_most=100 * _MEBIBYTE, metric=PEAK)],
    )


def _put_large(writer: LayoutWriter, mebibytes: int) -> tuple[Descriptor, str]:
    """A layer of a program of 32 MiB and of data, which does not compress; its descriptor and diff_id."""
    packer = zstandard.ZstdCompressor(level=1).compressobj()
    plain, packed, written = hashlib.sha256(), hashlib.sha256(), 0
    with writer.partial() as stream:
        for piece in _pieces(mebibytes):
            plain.update(piece)
            data = packer.compress(piece)
            packed.update(data)
            written += stream.write(data)
        data = packer.flush()
        packed.update(data)
        written += stream.write(data)
        digest = f"sha256:{packed.hexdigest()}"
        writer.keep(stream, digest)
    layer_of = Descriptor(media_type=f"{OCI_LAYER}+zstd", digest=digest, size=written)
    return layer_of, f"sha256:{plain.hexdigest()}"


def _pieces(mebibytes: int) -> Iterator[bytes]:
    noise, start = os.urandom(_MEBIBYTE), program(_TWO[0])
    for name, size in (("app", _PROGRAM), ("data", mebibytes - _PROGRAM // 2)):
        head = tarfile.TarInfo(name)
        head.size, head.mode = size * _MEBIBYTE, 0o755
        yield head.tobuf(tarfile.GNU_FORMAT)
        yield (start if name == "app" else b"").ljust(_MEBIBYTE, b"\1")
        for _ in range(size - 1):
            yield noise
    yield bytes(1024)
