"""A push against crane and skopeo: the same layout to the same registry, near and far; one blob of 1 GiB."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from bench.harness import PEAK, Comparison, Contender, Target
from bench.measuring import Command
from bench.workbench import Workbench
from gopherwhale.oci.documents import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, Descriptor, encode
from gopherwhale.oci.layout import REF_NAME, blob_path
from gopherwhale.oci.layout_writer import LayoutWriter, writing
from gopherwhale.platforms import parse
from tests.faults.proxy import Fault, proxying
from tests.unit.oci.images import layer, put_image, put_index
from tests.unit.verify.judged import program

_MEBIBYTE: Final = 1024 * 1024
_BINARY: Final = 10_000_000
# A registry of the same continent.
_FAR: Final = 0.025
_TWO: Final = ("linux/amd64", "linux/arm64")
_EIGHT: Final = (
    *_TWO,
    *("linux/arm/v7", "linux/386", "linux/ppc64le", "linux/s390x", "linux/riscv64", "linux/loong64"),
)
_OURS, _CRANE, _SKOPEO = "gopherwhale: docker.push --layout", "crane push", "skopeo copy --all"


def comparisons(bench: Workbench) -> Iterator[Comparison]:
    """Two and eight platforms of a binary of 10 MB, new and unchanged, near and far; one blob of 1 GiB."""
    for platforms in (_TWO, _EIGHT):
        count = len(platforms)
        folder = _repository(bench, f"pushing-{count}", platforms)
        fill = partial(_fill, folder / "image", platforms)
        fill()
        near = _contenders(bench, folder, bench.registry, fill)
        yield _comparison(f"push-{count}", f"Pushing {count} platforms of a binary of 10 MB", near, 1.0)
        again = _contenders(bench, folder, bench.registry)
        yield _comparison(f"push-{count}-again", f"The same {count} platforms, there already", again, 0.5)
        with ExitStack() as stack:
            proxy = stack.enter_context(proxying(bench.registry, lambda _request: Fault(delay=_FAR)))
            far = _contenders(bench, folder, proxy.address, fill)
            title = f"Pushing {count} platforms, {_FAR * 1000:.0f} ms from the registry"
            yield _comparison(f"push-{count}-far", title, far, 1.0)
        shutil.rmtree(folder)
    yield _large(bench)


def _comparison(name: str, title: str, contenders: list[Contender], at_most: float) -> Comparison:
    targets = [Target(of=_OURS, to=other, at_most=at_most) for other in (_CRANE, _SKOPEO)]
    return Comparison(name=name, title=title, contenders=contenders, targets=targets, rounds=5)


def _contenders(
    bench: Workbench, folder: Path, registry: str, fill: Callable[[], None] | None = None
) -> list[Contender]:
    """Each pushes to a repository of its own.

    Where the image is to be new, `fill` makes another for each round and each of them: skopeo remembers
    where it saw a blob, and has the registry mount it from there.
    """

    def ours(place: str) -> Command:
        arguments = ("docker.push", "--layout", "image", "--tag", "bench", "--repository", place)
        return bench.ours(*arguments, folder=folder, XDG_CACHE_HOME=str(bench.scratch("cache")))

    def crane(place: str) -> Command:
        return bench.peer("crane", "push", "--insecure", "--index", "image", f"{place}:bench", folder=folder)

    def skopeo(place: str) -> Command:
        options = ("copy", "--all", "--dest-tls-verify=false", "oci:image")
        return bench.peer("skopeo", *options, f"docker://{place}:bench", folder=folder)

    made = [(_OURS, ours), (_CRANE, crane), (_SKOPEO, skopeo)]
    return [_turning(name, command, registry, fill) for name, command in made]


def _turning(
    name: str, command: Callable[[str], Command], registry: str, fill: Callable[[], None] | None
) -> Contender:
    run = os.urandom(6).hex()
    commands = [command(f"{registry}/bench/{run}")]

    def before(number: int) -> None:
        if fill:
            fill()
            commands[0] = command(f"{registry}/bench/{run}-{number}")

    return Contender(name=name, commands=commands, before=before)


def _fill(image: Path, platforms: tuple[str, ...]) -> None:
    """A layout whose programs do not compress, as those of Go do not much; another one each time."""
    with writing(image) as writer:
        entries = [
            put_image(
                writer,
                parse(platform),
                [layer({"app": program(platform) + os.urandom(_BINARY)}), layer({"ca.pem": bytes(200_000)})],
                "/app",
            )
            for platform in platforms
        ]
        writer.commit(put_index(writer, entries), {REF_NAME: "bench"})


def _repository(bench: Workbench, name: str, platforms: tuple[str, ...]) -> Path:
    folder = bench.scratch(name)
    (folder / "go.mod").write_text("module example.invalid/bench\n")
    listed = ", ".join(f'"{platform}"' for platform in platforms)
    (folder / "gopherwhale.toml").write_text(
        f'repository = "registry.example/bench"\nplatforms = [{listed}]\n'
    )
    return folder


def _large(bench: Workbench) -> Comparison:
    """One blob beside which nothing else counts: its bytes must pass through, and never be held."""
    size = (64 if bench.quick else 1024) * _MEBIBYTE
    folder = _repository(bench, "pushing-large", ("linux/amd64",))

    def fill() -> None:
        with writing(folder / "image") as writer:
            entry = put_image(writer, parse("linux/amd64"), [layer({"app": program("linux/amd64")})], "/app")
            writer.commit(put_index(writer, [_with_ballast(writer, entry, size)]), {REF_NAME: "bench"})

    fill()
    return Comparison(
        name="push-large",
        title=f"One blob of {size // _MEBIBYTE} MiB",
        contenders=_contenders(bench, folder, bench.registry, fill),
        targets=[Target(of=_OURS, at_most=100 * _MEBIBYTE, metric=PEAK)],
        rounds=1,
        warm_up=False,
    )


def _with_ballast(writer: LayoutWriter, entry: Descriptor, size: int) -> Descriptor:
    """The image with one more layer of random bytes, written as they come."""
    head = tarfile.TarInfo("ballast")
    head.size = size
    with writer.partial() as stream:
        hasher = hashlib.sha256()
        blocks = (os.urandom(_MEBIBYTE) for _ in range(size // _MEBIBYTE))
        for part in (head.tobuf(tarfile.GNU_FORMAT), *blocks, bytes(2 * tarfile.BLOCKSIZE)):
            hasher.update(part)
            stream.write(part)
        digest = f"sha256:{hasher.hexdigest()}"
        whole = stream.tell()
        writer.keep(stream, digest)
    ballast = Descriptor(media_type=OCI_LAYER, digest=digest, size=whole)
    manifest = json.loads(blob_path(writer.path, entry.digest).read_bytes())
    config = json.loads(blob_path(writer.path, manifest["config"]["digest"]).read_bytes())
    config["rootfs"]["diff_ids"].append(digest)
    manifest["config"] = writer.put(encode(config), OCI_CONFIG).to_document()
    manifest["layers"].append(ballast.to_document())
    return replace(writer.put(encode(manifest), OCI_MANIFEST), platform=entry.platform)
