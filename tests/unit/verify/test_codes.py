"""Each code once: an image that has the fault, and that nothing but the fault is said to be wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

import pytest

from gopherwhale.oci.documents import OCI_INDEX, OCI_MANIFEST, Descriptor, digest_of, encode
from gopherwhale.platforms import parse_many
from gopherwhale.verify.codes import CODES
from gopherwhale.verify.findings import Report, Severity
from gopherwhale.verify.image import Wanted, verify_image
from tests.unit.verify.judged import (
    LOADERS,
    alone,
    code,
    codes,
    files,
    judge,
    library,
    named,
    program,
    put,
)
from tests.unit.verify.layers import Memory, tar

AMD, ARM, V6, V7 = "linux/amd64", "linux/arm64", "linux/arm/v6", "linux/arm/v7"
LABEL: Final = "org.opencontainers.image.revision"
COMMIT: Final = "0123456789abcdef0123456789abcdef01234567"
GOOD: Final = program(AMD)


def app(content: bytes, platform: str = AMD, **process: Any) -> Report:
    return alone(platform, files({"/app": content}), **process)


def index(change: Callable[[list[dict[str, Any]]], None]) -> Report:
    """A good index for two platforms, with its entries changed."""
    memory = Memory()
    entries = [put(memory, name, files({"/app": program(name)})).to_document() for name in (AMD, ARM)]
    change(entries)
    memory.root = memory.put(
        encode({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}), OCI_INDEX
    )
    return verify_image(memory)


def manifest(change: Callable[[dict[str, Any], Memory], bytes | None]) -> Report:
    """A good image whose manifest is changed, or replaced by bytes under its own digest."""
    memory = Memory()
    entry = put(memory, AMD, files({"/app": GOOD}))
    document = json.loads(memory.blobs[entry.digest])
    raw = change(document, memory)
    changed = memory.put(encode(document) if raw is None else raw, OCI_MANIFEST, AMD)
    memory.put_index([changed])
    return verify_image(memory)


def blob(change: Callable[[bytes], bytes]) -> Report:
    """A good image, with other bytes under the digest of its last layer."""
    memory = Memory()
    layer = files({"/app": GOOD})
    memory.put_index([put(memory, AMD, layer)])
    memory.blobs[digest_of(layer)] = change(layer)
    return verify_image(memory)


def shared_layer() -> Report:
    memory = Memory()
    tools = files({"/tool": code("amd64")})
    memory.put_index([put(memory, one, tools, files({"/app": program(one)})) for one in (AMD, ARM)])
    return verify_image(memory)


def linked(**at: bytes) -> Report:
    """A program with a loader, beside files of other names."""
    binary = program(AMD, interpreter=LOADERS["amd64"].encode(), needed=["libx.so.1"])
    named_files = {name.replace("_", "/"): data for name, data in at.items()}
    return app_with(binary, {LOADERS["amd64"]: library("amd64"), **named_files})


def app_with(binary: bytes, others: dict[str, bytes], **process: Any) -> Report:
    return alone(AMD, files({"/app": binary, **others}), **process)


def commit(**lines: str) -> bytes:
    return program(AMD, lines=lines)


def nested() -> Report:
    memory = Memory()
    inner = memory.put_index([put(memory, AMD, files({"/app": GOOD}))])
    memory.put_index([inner])
    return verify_image(memory)


def artifact(_: dict[str, Any], memory: Memory) -> bytes:
    config = memory.put(b"{}", "application/vnd.example.chart.config")
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config.to_document()}
    return encode({**document, "layers": []})


def ambiguous(document: dict[str, Any], _: Memory) -> None:
    document["manifests"] = []


def missing_blob() -> Report:
    memory = Memory()
    good = put(memory, AMD, files({"/app": GOOD}))
    memory.put_index([good])
    source = memory.open_blob

    def without(descriptor: Descriptor) -> Any:
        if descriptor.digest == good.digest:
            from gopherwhale.errors import LayoutError  # noqa: PLC0415

            raise LayoutError("it is not there", code="blob-missing")
        return source(descriptor)

    memory.open_blob = without  # type: ignore[method-assign]
    return verify_image(memory)


UNKNOWN: Final = {"os": "unknown", "architecture": "unknown"}
FAULTS: Final[dict[str, Callable[[], Report]]] = {
    "wrong-machine": lambda: app(program(ARM)),
    "wrong-class": lambda: app(program("linux/mips"), "linux/mips64"),
    "wrong-byte-order": lambda: app(program("linux/ppc64"), "linux/ppc64le"),
    "wrong-os": lambda: app(program("windows/amd64")),
    "variant-too-new": lambda: app(program(V7), V6),
    "variant-older": lambda: app(program(V6), V7),
    "build-info-disagrees": lambda: app(program(AMD, lines={"GOARCH": "arm64"})),
    "not-a-program": lambda: app(b"no program"),
    "malformed": lambda: app(GOOD[:40]),
    "cut-short": lambda: app(GOOD[:-1]),
    "cannot-tell": lambda: app(code("arm"), V7),
    "entrypoint-missing": lambda: app(GOOD, Entrypoint=["/other"]),
    "entrypoint-folder": lambda: alone(AMD, tar(("app", "folder"))),
    "entrypoint-not-executable": lambda: alone(AMD, files({"/app": GOOD}, 0o644)),
    "entrypoint-loop": lambda: app_with(b"#!/b\n", {"/b": b"#!/app\n"}),
    "user-unknown": lambda: app(GOOD, User="nobody"),
    "user-not-permitted": lambda: alone(AMD, files({"/app": GOOD}, 0o700)),
    "health-missing": lambda: app(GOOD, Healthcheck={"Test": ["CMD-SHELL", "curl -f http://localhost"]}),
    "interpreter-missing": lambda: app(b"#!/bin/sh\nexec /x\n"),
    "interpreter-wrong": lambda: app_with(
        program(AMD, interpreter=b"/lib/ld"), {"/lib/ld": library("arm64")}
    ),
    "library-missing": linked,
    "library-wrong": lambda: linked(_lib_libx_so_1=b"", **{"_usr_lib_libx.so.1": library("arm64")}),
    "library-too-old": lambda: app_with(
        program(
            AMD, interpreter=LOADERS["amd64"].encode(), needed=["libc.so.6"], asks={"libc.so.6": ["G_2.4"]}
        ),
        {LOADERS["amd64"]: library("amd64"), "/lib/libc.so.6": library("amd64", defines=["G_2.3"])},
    ),
    "library-elsewhere": lambda: linked(**{"_opt_x_libx.so.1": library("amd64")}),
    "wrong-base": lambda: app_with(GOOD, {"/bin/sh": code("arm64")}),
    "platform-missing": lambda: app(GOOD, wanted=Wanted(platforms=parse_many([f"{AMD},{ARM}"]))),
    "platform-unexpected": lambda: app(GOOD, wanted=Wanted(platforms=parse_many([ARM]))),
    "platform-duplicated": lambda: index(lambda entries: entries.append(entries[0])),
    "platform-unknown": lambda: index(lambda entries: entries[1].update(platform=UNKNOWN)),
    "platform-undeclared": lambda: index(lambda entries: entries[1].pop("platform")),
    "platform-disagrees": lambda: index(lambda entries: entries[1]["platform"].update(architecture="s390x")),
    "config-without-variant": lambda: index(lambda entries: entries[0]["platform"].update(variant="v2")),
    "same-binary": lambda: judge({AMD: {"/app": GOOD}, ARM: {"/app": GOOD}}),
    "same-binary-variant": lambda: judge({V6: {"/app": program(V6)}, V7: {"/app": program(V6)}}),
    "same-build-id": lambda: judge(
        {one: {"/app": program(one, go_build_id=b"one/build")} for one in (AMD, ARM)}
    ),
    "same-layers": lambda: judge({AMD: {"/app": GOOD}, ARM: {"/app": GOOD}}),
    "same-layer": shared_layer,
    "not-an-image": lambda: manifest(artifact),
    "revision": lambda: app(GOOD, wanted=Wanted(revision=COMMIT), Labels={LABEL: "f" * 40}),
    "revision-modified": lambda: app(
        commit(**{"vcs.revision": COMMIT, "vcs.modified": "true"}), wanted=Wanted(revision=COMMIT)
    ),
    "root-user": lambda: app(GOOD, User=""),
    "no-ca-certificates": lambda: app(GOOD, certificates=False),
    "entrypoint-world-writable": lambda: alone(AMD, files({"/app": GOOD}, 0o777)),
    "ambiguous": lambda: manifest(ambiguous),
    "media-type-differs": lambda: manifest(lambda document, _: document.update(mediaType=OCI_INDEX)),
    "digest-differs": lambda: blob(lambda layer: layer[:-1] + b"x"),
    "size-differs": lambda: blob(lambda layer: layer + b"x"),
    "blob-missing": missing_blob,
    "schema-1": lambda: manifest(lambda _, __: encode({"schemaVersion": 1, "fsLayers": []})),
    "nested-index": nested,
    "beyond-bounds": lambda: index(lambda entries: entries.extend([entries[0]] * 300)),
    "damaged": lambda: manifest(lambda _, __: b"no JSON"),
}
# What cannot be but said beside the fault.
BESIDE: Final = {
    "same-binary": {"wrong-machine", "same-layers"},
    "same-layers": {"wrong-machine", "same-binary"},
    "same-binary-variant": {"variant-older"},
    "platform-disagrees": {"wrong-machine"},
    "config-without-variant": {"variant-older"},
    "platform-unknown": {"platform-disagrees", "wrong-os"},
    "platform-unexpected": {"platform-missing"},
}


def test_every_code_has_a_case() -> None:
    """Whoever adds a code shows an image that has it."""
    assert FAULTS.keys() == CODES.keys()


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_found_and_nothing_else(name: str) -> None:
    """An image with one fault has that finding, with its severity and all that a reader needs."""
    report = FAULTS[name]()
    assert codes(report) - BESIDE.get(name, set()) == {name}
    found = named(report, name)
    assert found.severity is CODES[name].severity
    assert found.expected
    assert found.found
    assert found.remedy
    assert report.ok == (found.severity is not Severity.ERROR)


def test_a_good_image_has_no_finding() -> None:
    """The image that all of these are made from."""
    assert codes(judge({AMD: {"/app": GOOD}, ARM: {"/app": program(ARM)}})) == set()
