"""Small images for tests of a push, and what a registry holds of them, asked with nothing of ours."""

from __future__ import annotations

import hashlib
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Final

from gopherwhale.oci.layout import Layout
from tests.unit.oci.images import make_layout
from tests.unit.verify.judged import program

PLATFORMS: Final = ("linux/amd64", "linux/arm64", "linux/arm/v7")
ACCEPT: Final = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json"


def image(folder: Path, mark: str = "", size: int = 50_000) -> Layout:
    """A layout of three platforms, each a program with `size` bytes of its own behind it."""
    fill = hashlib.shake_128(mark.encode()).digest(size)
    return Layout(make_layout(folder, {name: program(name) + fill for name in PLATFORMS}))


def ask(address: str, path: str, method: str = "GET") -> tuple[int, bytes]:
    """One request to a registry's API: the status and the body."""
    request = urllib.request.Request(f"http://{address}/v2/{path}", method=method, headers={"Accept": ACCEPT})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def tags_of(address: str, repository: str) -> set[str]:
    """The tags of a repository; none where it is not there."""
    status, body = ask(address, f"{repository}/tags/list")
    return set(json.loads(body)["tags"] or []) if status == 200 else set()


def digest_at(address: str, repository: str, reference: str) -> str:
    """The digest of the bytes that a tag points at, or empty."""
    status, body = ask(address, f"{repository}/manifests/{reference}")
    return f"sha256:{hashlib.sha256(body).hexdigest()}" if status == 200 else ""


def lacking(address: str, repository: str, reference: str) -> list[str]:
    """What a repository lacks of an image: digests that are not there, or not what they say."""
    status, body = ask(address, f"{repository}/manifests/{reference}")
    if status != 200:
        return [reference]
    document: dict[str, Any] = json.loads(body)
    missing = []
    for child in document.get("manifests", []):
        missing += lacking(address, repository, child["digest"])
    for part in [*document.get("layers", []), *([document["config"]] if "config" in document else [])]:
        status, data = ask(address, f"{repository}/blobs/{part['digest']}")
        if status != 200 or f"sha256:{hashlib.sha256(data).hexdigest()}" != part["digest"]:
            missing.append(part["digest"])
    return missing


def blobs_of(layout: Layout) -> set[str]:
    """The digests of an image's layers and configs."""
    index = json.loads(_blob(layout, layout.root.digest))
    found: set[str] = set()
    for child in index["manifests"]:
        manifest = json.loads(_blob(layout, child["digest"]))
        found |= {part["digest"] for part in (*manifest["layers"], manifest["config"])}
    return found


def same_bytes(ours: Path, theirs: Path) -> bool:
    """Whether one layout holds every blob of another, byte for byte."""
    return all(
        (theirs / blob.relative_to(ours)).read_bytes() == blob.read_bytes()
        for blob in (ours / "blobs").glob("*/*")
    )


def present(address: str, repository: str, digests: set[str]) -> set[str]:
    """Those of some blobs which a repository has."""
    return {
        digest for digest in digests if ask(address, f"{repository}/blobs/{digest}", method="HEAD")[0] == 200
    }


def _blob(layout: Layout, digest: str) -> bytes:
    return (layout.path / "blobs" / digest.replace(":", "/")).read_bytes()
