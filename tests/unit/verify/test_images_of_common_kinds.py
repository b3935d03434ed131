"""Correct images of the kinds that people publish: none of them is told wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import pytest

from gopherwhale.oci.documents import ATTESTATION, OCI_MANIFEST, REFERENCE_TYPE, encode
from gopherwhale.platforms import normalise, parse
from gopherwhale.verify import contents
from gopherwhale.verify.findings import Report, Severity
from gopherwhale.verify.image import Wanted, verify_image
from tests.unit.verify.binaries import pe
from tests.unit.verify.judged import LOADERS, MUSL, code, codes, files, library, program, put
from tests.unit.verify.layers import Memory, tar

BOTH: Final = ("linux/amd64", "linux/arm64")
MUSL_C: Final = "libc.musl-{}.so.1"
TRIPLETS: Final = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}
Layers = Callable[[str], list[bytes]]


def debian(one: str) -> bytes:
    """A base as Debian's: merged /usr, a loader behind links, a shell, libraries without execute bits."""
    loader, triplet = LOADERS[one], TRIPLETS[one]
    shell = code(one, interpreter=loader.encode(), needed=["libc.so.6"], pie=True, kind=3)
    contents = {
        "usr/bin/dash": shell,
        "usr/bin/env": shell,
        "usr/bin/tini": program(f"linux/{one}"),
        f"usr/lib/{triplet}/ld-2.so": library(one),
        f"usr/lib/{triplet}/libc.so.6": library(one, loader.rpartition("/")[2], interpreter=loader.encode()),
        f"usr/lib/{triplet}/libz.so.1.3": library(one, "libc.so.6"),
        "etc/passwd": b"root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n",
    }
    rows: list[tuple[str | int, ...]] = [
        ("bin", "link", "usr/bin"),
        ("lib", "link", "usr/lib"),
        ("lib64", "link", "usr/lib64"),
        ("usr/bin/sh", "link", "dash"),
        (f"usr{loader}", "link", f"/lib/{triplet}/ld-2.so"),
        (f"usr/lib/{triplet}/libz.so.1", "link", "libz.so.1.3"),
        *((name, "file", 0o644 if ".so" in name else 0o755) for name in contents),
    ]
    return tar(*rows, contents=contents)


def alpine(one: str) -> bytes:
    """A base as Alpine's: everything is busybox, and the C library is the loader."""
    loader = MUSL[one]
    busybox = code(one, interpreter=loader.encode(), needed=[f"libc.musl-{one}.so.1"], pie=True, kind=3)
    contents = {"bin/busybox": busybox, loader.lstrip("/"): library(one), "usr/lib/libz.so.1": library(one)}
    return tar(
        ("bin/sh", "link", "/bin/busybox"),
        (f"lib/libc.musl-{one}.so.1", "link", loader.rpartition("/")[2]),
        *((name,) for name in contents),
        contents=contents,
    )


def cgo(one: str, loader: str, *needed: str, **parts: Any) -> bytes:
    return program(f"linux/{one}", interpreter=loader.encode(), needed=needed, **parts)


def of(base: Callable[[str], bytes], contents: Callable[[str], Mapping[str, bytes]]) -> Layers:
    return lambda one: [base(one), files(contents(one))]


def plain(one: str) -> Mapping[str, bytes]:
    return {"/app": program(f"linux/{one}")}


SCRIPT: Final = b'#!/bin/sh\nset -e\n[ "$1" ] || set -- app\ncd /data && exec "$@" --config /etc/app.conf\n'
CHOOSES: Final = (
    b'#!/bin/sh\ncase "$(uname -m)" in x86_64) exec /bin/app-amd64;; *) exec /bin/app-arm64;; esac\n'
)


def stored(_: str) -> Mapping[str, bytes]:
    return {f"/bin/app-{one}": program(f"linux/{one}") for one in ("amd64", "arm64")} | {"/run": CHOOSES}


KINDS: Final[Mapping[str, tuple[Layers, Mapping[str, Any]]]] = {
    "scratch and static": (lambda one: [files(plain(one))], {}),
    "a base, and the program static": (of(debian, plain), {}),
    "distroless with a C library": (
        of(debian, lambda one: {"/app": cgo(one, LOADERS[one], "libc.so.6", "libz.so.1")}),
        {},
    ),
    "musl": (
        of(
            alpine,
            lambda one: {"/app": cgo(one, MUSL[one], f"libc.musl-{one}.so.1", "libz.so.1", "libm.so.6")},
        ),
        {},
    ),
    "glibc's name for musl's loader": (
        lambda one: [
            alpine(one),
            tar((LOADERS[one].lstrip("/"), "link", f"/lib/libc.musl-{one}.so.1")),
            files({"/app": cgo(one, LOADERS[one], "libc.so.6", "libpthread.so.0", "libz.so.1")}),
        ],
        {},
    ),
    "gcompat": (
        of(
            alpine,
            lambda one: {
                "/app": cgo(one, LOADERS[one], "libc.so.6"),
                LOADERS[one]: code(one, interpreter=MUSL[one].encode(), kind=3, pie=True),
                "/lib/libgcompat.so.0": library(one),
            },
        ),
        {},
    ),
    "a run path": (
        of(
            debian,
            lambda one: {
                "/opt/app/bin/app": cgo(one, LOADERS[one], "libown.so", runpath="$ORIGIN/../lib"),
                "/opt/app/lib/libown.so": library(one, "libc.so.6"),
            },
        ),
        {"Entrypoint": ["/opt/app/bin/app"]},
    ),
    "a configured folder of libraries": (
        of(
            debian,
            lambda one: {
                "/app": cgo(one, LOADERS[one], "libown.so"),
                "/srv/lib/libown.so": library(one),
                "/etc/ld.so.conf": b"include /etc/ld.so.conf.d/*.conf\n",
                "/etc/ld.so.conf.d/own.conf": b"# ours\n/srv/lib\n",
            },
        ),
        {},
    ),
    "LD_LIBRARY_PATH": (
        of(debian, lambda one: {"/app": cgo(one, LOADERS[one], "libown.so"), "/o/libown.so": library(one)}),
        {"Env": ["LD_LIBRARY_PATH=/o"]},
    ),
    "libraries of two machines": (
        of(
            debian,
            lambda one: {
                "/app": cgo(one, LOADERS[one], "libown.so"),
                "/usr/lib/libown.so": library("386"),
                f"/usr/lib/{TRIPLETS[one]}/libown.so": library(one),
                "/usr/lib/ld-linux.so.2": library("386"),
                "/usr/lib/i386-linux-gnu/libc.so.6": library("386"),
            },
        ),
        {},
    ),
    "a driver of the machine's": (
        of(debian, lambda one: {"/app": cgo(one, LOADERS[one], "libc.so.6", "libcuda.so.1")}),
        {},
    ),
    "a script": (
        of(alpine, lambda one: {"/run": SCRIPT, "/bin/app": program(f"linux/{one}")}),
        {"Entrypoint": ["/run"], "Cmd": ["app"]},
    ),
    "env in the first line": (
        of(debian, lambda one: {"/run": b"#!/usr/bin/env -S sh -e\nexec /app\n", **plain(one)}),
        {"Entrypoint": ["/run"]},
    ),
    "a script that chooses by machine": (of(alpine, stored), {"Entrypoint": ["/run"]}),
    "the shell form": (of(debian, plain), {"Entrypoint": ["/bin/sh", "-c", "exec /app --port=$PORT"]}),
    "a builtin of the shell": (of(debian, plain), {"Entrypoint": ["sh", "-c", "cd /srv && /app"]}),
    "a launcher": (of(debian, plain), {"Entrypoint": ["tini", "--"], "Cmd": ["/app", "serve", "/data"]}),
    "a launcher of a launcher of its name": (
        of(debian, plain),
        {"Entrypoint": ["tini", "--", "tini"], "Cmd": ["--", "env", "A=b", "env", "/app"]},
    ),
    "a launcher with options": (
        of(debian, plain),
        {"Entrypoint": ["tini", "-p", "SIGTERM", "/app"]},
    ),
    "a command and no entrypoint": (
        of(alpine, lambda one: {"/usr/local/bin/app": program(f"linux/{one}")}),
        {"Entrypoint": None, "Cmd": ["app", "/missing/file"]},
    ),
    "a working folder": (of(debian, plain), {"Entrypoint": ["./app"], "WorkingDir": "/"}),
    "programs of other machines beside": (
        of(debian, lambda one: {**plain(one), "/assets/s390x": code("s390x"), "/assets/x.exe": pe()}),
        {},
    ),
}


def image(layers: Layers, process: Mapping[str, Any]) -> Report:
    memory = Memory()
    memory.put_index([put(memory, one, *layers(parse(one).architecture), **process) for one in BOTH])
    return verify_image(memory, Wanted(platforms=[parse(one) for one in BOTH]))


def test_a_program_that_is_too_large_to_be_read_is_not_told_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not looked at cannot be told, and is counted so."""
    monkeypatch.setattr(contents, "_WORTH_READING", 1536 * 1024)
    memory = Memory()
    memory.put_index([put(memory, BOTH[0], files({"/app": program(BOTH[0]) + bytes(2 * 1024 * 1024)}))])
    report = verify_image(memory)
    assert (codes(report), report.ok, report.undecided) == ({"cannot-tell"}, True, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_correct_image_has_no_finding(kind: str) -> None:
    """Nothing at all is said of it, and its program is what the report shows."""
    report = image(*KINDS[kind])
    assert [finding for finding in report.all_findings if finding.code != "same-layer"] == []
    assert report.undecided == 0
    for one in report.platforms:
        assert one.facts is not None
        assert one.facts.platform == one.platform
        assert one.facts.go_version


@pytest.mark.parametrize(
    ("content", "platform"),
    [
        (program("linux/amd64")[:-200] + b"UPX!" + bytes(196), "linux/amd64"),
        (code("arm"), "linux/arm/v7"),
        (code("amd64", data=b"rust"), "linux/amd64"),
    ],
    ids=["packed", "C for arm", "C for amd64"],
)
def test_what_cannot_be_told_fails_nothing(content: bytes, platform: str) -> None:
    """A packed program and one of another language are no errors; the former are counted apart."""
    memory = Memory()
    memory.put_index([put(memory, platform, files({"/app": content}))])
    report = verify_image(memory)
    assert report.ok
    assert codes(report) <= {"cannot-tell"}
    assert report.undecided == len(report.all_findings)
    assert report.count(Severity.NOTICE) == 0


@pytest.mark.parametrize(
    ("paths", "words"),
    [
        (["app.exe"], ["/app.exe"]),
        (["app.exe"], ["C:\\app.exe"]),
        (["Files/app.exe"], ["\\app.exe"]),
        (["Files/Program Files/App/App.exe"], ["c:\\program files\\app\\app"]),
        (["Files/tools/app.exe"], ["app"]),
        (["Files/Windows/System32/cmd.exe"], ["cmd", "/S", "/C", "app.exe"]),
        (["Files/start.cmd"], ["start.cmd"]),
    ],
)
def test_a_windows_program_is_found_as_windows_does(paths: list[str], words: list[str]) -> None:
    """Drive letters, backslashes, any case, PATH and PATHEXT, with Files and without."""
    exe = program("windows/amd64")
    contents = {path: b"@echo off" if path.endswith("cmd") else exe for path in paths}
    layer = tar(*((path, "file", 0o644) for path in paths), contents=contents)
    memory = Memory()
    process: dict[str, Any] = {
        "Entrypoint": words,
        "Env": ["Path=C:\\Windows\\System32;C:\\tools"],
        "User": "",
    }
    memory.put_index([put(memory, "windows/amd64", layer, **process)])
    report = verify_image(memory)
    assert codes(report) == set()
    assert report.platforms[0].entrypoint == f"/{paths[0]}"


@pytest.mark.parametrize(
    "process",
    [
        {"Cmd": ["cmd /S /C app.exe serve"], "ArgsEscaped": True},
        {"Cmd": ["cmd", "/S", "/C", "app serve"]},
        {"Entrypoint": ["powershell -Command $ErrorActionPreference = 'Stop'; C:\\srv\\app.exe"]},
        {"Entrypoint": ['"C:\\srv\\app.exe" serve']},
        {"Entrypoint": ["app"], "Cmd": ["other"]},
    ],
)
@pytest.mark.parametrize("right", [True, False])
def test_what_a_shell_of_windows_runs_is_judged(process: dict[str, Any], *, right: bool) -> None:
    """The shell form is one word, whole: the shell is in the base, and the program behind it counts."""
    shell = pe()
    contents = {f"/Files/Windows/System32/{name}.exe": shell for name in ("cmd", "powershell")}
    contents["/Files/srv/app.exe"] = program("windows/amd64" if right else "windows/arm64")
    contents["/Files/srv/other.exe"] = program("windows/arm64")
    memory = Memory()
    whole = {"Entrypoint": None, "WorkingDir": "C:\\srv", **process}
    memory.put_index([put(memory, "windows/amd64", files(contents), **whole)])
    report = verify_image(memory)
    assert codes(report) == (set() if right else {"build-info-disagrees"})
    assert report.platforms[0].program == "/Files/srv/app.exe"


def test_two_versions_of_windows_are_two_platforms() -> None:
    """`os.version` tells them apart, and both may hold one program."""
    memory = Memory()
    entry = put(memory, "windows/amd64", files({"/app": program("windows/amd64")}))
    memory.put_index([replace(entry, os_version=version) for version in ("10.0.17763.1", "10.0.20348.1")])
    assert codes(verify_image(memory)) == set()


def test_an_attestation_and_a_signature_are_counted_and_not_judged() -> None:
    """Number 11: an annotation tells an attestation, and a config's type another artifact."""
    memory = Memory()
    good = put(memory, "linux/amd64", files({"/app": program("linux/amd64")}))
    unknown = normalise("unknown", "unknown")
    marked = replace(good, platform=unknown, annotations={REFERENCE_TYPE: ATTESTATION})
    config = memory.put(b"{}", "application/vnd.oci.empty.v1+json").to_document()
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": []}
    signature = memory.put(encode(document), OCI_MANIFEST)
    memory.put_index([good, marked, signature])
    report = verify_image(memory, Wanted(platforms=[parse("linux/amd64")]))
    assert codes(report) == set()
    assert report.attestations == 2


@pytest.mark.parametrize("platform", [None, "unknown/unknown"])
@pytest.mark.parametrize("kind", ["config", "manifest"])
def test_an_artifact_beside_images_is_counted_by_what_it_is(platform: str | None, kind: str) -> None:
    """SOCI's index, and what an older ORAS put: no image by its config, or of no manifest's type."""
    memory = Memory()
    good = put(memory, "linux/amd64", files({"/app": program("linux/amd64")}))
    config = memory.put(b"{}", "application/vnd.amazon.soci.index.v2+json").to_document()
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": []}
    own = OCI_MANIFEST if kind == "config" else "application/vnd.oci.artifact.manifest.v1+json"
    entry = memory.put(encode({**document, "mediaType": own}), own)
    named = normalise(*platform.split("/")) if platform else None
    memory.put_index([good, replace(entry, platform=named)])
    report = verify_image(memory, Wanted(platforms=[parse("linux/amd64")]))
    assert (codes(report), report.attestations) == (set(), 1)


def test_an_image_for_unknown_stays_an_image() -> None:
    """What could be run is judged, whatever platform it is declared for."""
    memory = Memory()
    entry = put(memory, "linux/amd64", files({"/app": program("linux/amd64")}))
    memory.put_index([replace(entry, platform=normalise("unknown", "unknown"))])
    assert "platform-unknown" in codes(verify_image(memory))


def test_an_annotation_hides_no_image() -> None:
    """Number 11: an entry with a platform of its own is judged, whatever it calls itself."""
    memory = Memory()
    wrong = put(memory, "linux/arm64", files({"/app": program("linux/amd64")}))
    memory.put_index([replace(wrong, annotations={REFERENCE_TYPE: ATTESTATION})])
    assert codes(verify_image(memory)) == {"wrong-machine"}
