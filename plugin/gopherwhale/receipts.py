"""Receipts of builds and pushes: JSON of ours that travels, and is a stranger's where it arrives.

What a receipt says is a claim: `docker.merge` holds it to the plan here, and to the registry afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gopherwhale import platforms
from gopherwhale.dates import rfc3339
from gopherwhale.errors import GopherwhaleError, LayoutError, UsageError, VerificationError
from gopherwhale.files import read_bounded, write_atomically

# With the pipeline, it stands above these.
from gopherwhale.oci.documents import encode  # noqa: TID251
from gopherwhale.oci.strict_json import MAX_DOCUMENT, load_json, objects, text  # noqa: TID251
from gopherwhale.plan import ImagePlan, Plan  # noqa: TID251
from gopherwhale.platforms import Platform
from gopherwhale.references import is_digest

if TYPE_CHECKING:
    # What speaks to a registry costs 70 ms to import, and whoever builds pushes nothing.
    from gopherwhale.oci.push import PushResult  # noqa: TID251

SCHEMA: Final = 1
# Beside a layout: what was pushed from it, and what was built into it.
PUSHED: Final = "receipt.json"
BUILT: Final = "build-receipt.json"


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """What one push says that it published.

    Attributes:
        path: Where it was read.
        image: The image's name in its repository of sources.
        repository: Registry and name.
        digest: Of the root that was pushed.
        revision: The commit, or empty.
        dirty: Whether the tree had changes.
        images: The manifests by platform, attestations left out.
    """

    path: Path
    image: str
    repository: str
    digest: str
    revision: str
    dirty: bool
    images: tuple[tuple[Platform, str], ...]


def read(path: Path) -> Receipt:
    """Read a receipt, or the one in a folder that a push left.

    Raises:
        UsageError: It cannot be read, or is no receipt of a push.
    """
    file = path / PUSHED if path.is_dir() else path
    data = read_bounded(file, MAX_DOCUMENT)
    try:
        return _receipt(file, load_json(data, str(file)))
    except LayoutError as error:
        raise UsageError(error.problem, hint="name a receipt.json that docker.push left") from None


def _receipt(file: Path, document: dict[str, Any]) -> Receipt:
    what = str(file)
    if document.get("schema") != SCHEMA or not text(document, "pushed", what):
        raise LayoutError(f"{file} is not the receipt of a push")
    digest = text(document, "digest", what)
    entries = [entry for entry in objects(document, "manifests", what) if isinstance(entry, dict)]
    found: list[tuple[Platform, str]] = []
    for entry in entries:
        name, child = text(entry, "platform", what), text(entry, "digest", what)
        if not is_digest(child):
            raise LayoutError(f"{file} holds the unusable digest {child[:100]!r}")
        if name and entry.get("attestation") is not True:
            found.append((_platform(name, what), child))
    if not is_digest(digest):
        raise LayoutError(f"{file} holds the unusable digest {digest[:100]!r}")
    return Receipt(
        path=file,
        image=text(document, "image", what),
        repository=text(document, "repository", what),
        digest=digest,
        revision=text(document, "revision", what),
        dirty=document.get("dirty") is not False,
        images=tuple(found),
    )


def _platform(name: str, what: str) -> Platform:
    try:
        return platforms.parse(name)
    except GopherwhaleError as error:
        raise LayoutError(f"{what}: {error.problem}") from None


def write_built(image: ImagePlan, plan: Plan, digest: str) -> Path:
    """Note beside a layout what it is: the image, the commit and the platforms, for who pushes it elsewhere.

    Raises:
        UsageError: It cannot be written; the layout stands.
    """
    revision = plan.revision
    document = {
        "schema": SCHEMA,
        "image": image.name,
        "repository": image.repository.name if image.repository else "",
        "digest": digest,
        "platforms": [str(platform) for platform in image.platforms],
        "revision": image.revision,
        "dirty": bool(revision and revision.dirty),
        "source_date": image.source_date,
    }
    path = image.layout / BUILT
    try:
        write_atomically(path, encode(document) + b"\n")
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from None
    return path


def receipt_of(image: ImagePlan, plan: Plan, result: PushResult, now: float) -> dict[str, Any]:
    """What a push published, as JSON can hold it; `now` in seconds since 1970."""
    revision = plan.revision
    return {
        "schema": SCHEMA,
        "image": image.name,
        "repository": result.repository,
        "also": list(result.also),
        "digest": result.digest,
        "mediaType": result.media_type,
        "size": result.size,
        "tags": [{"reference": tag.reference, "digest": tag.digest} for tag in result.tags],
        "manifests": [
            {
                "digest": manifest.digest,
                "mediaType": manifest.media_type,
                "size": manifest.size,
                "platform": manifest.platform,
                "attestation": manifest.attestation,
            }
            for manifest in result.manifests
        ],
        "platforms": [str(platform) for platform in image.platforms],
        "revision": image.revision,
        "dirty": bool(revision and revision.dirty),
        "source_date": image.source_date,
        "pushed": rfc3339(now),
        "blobs_sent": result.blobs_sent,
        "blobs_present": result.blobs_present,
        "bytes_sent": result.bytes_sent,
        "seconds": round(result.seconds, 3),
    }


def built_of(layout: Path, digest: str) -> tuple[str, bool]:
    """What the image of a layout was built of, as far as its build noted that.

    Returns:
        The commit, or empty where nobody noted it or the tree had changes; and whether it had.
    """
    try:
        document = load_json(read_bounded(layout / BUILT, MAX_DOCUMENT), BUILT)
        revision = text(document, "revision", BUILT)
    except GopherwhaleError:
        return "", False
    if document.get("digest") != digest:
        return "", False
    dirty = document.get("dirty") is not False
    return "" if dirty else revision, dirty


def check(receipts: Sequence[Receipt], image: ImagePlan, plan: Plan) -> None:
    """Refuse receipts that are not this image's, of this commit, one for each platform and no more.

    Raises:
        VerificationError: They are not; the message says which one, and what it is of
            (oxsecurity/megalinter#8247, danny-avila/LibreChat#15444).
    """
    for receipt in receipts:
        _check_origin(receipt, image, plan)
    by_platform: dict[Platform, Receipt] = {}
    for receipt in receipts:
        for platform, _ in receipt.images:
            if platform in by_platform:
                first = by_platform[platform].path
                raise VerificationError(
                    f"{image.name}: {platform} is in {first} and in {receipt.path}; nothing was tagged"
                )
            by_platform[platform] = receipt
    missing = [str(wanted) for wanted in image.platforms if wanted not in by_platform]
    extra = [str(platform) for platform in by_platform if platform not in image.platforms]
    if missing or extra:
        parts = [f"lack {', '.join(missing)}"] if missing else []
        parts += [f"bring {', '.join(extra)}, which nobody asked for"] if extra else []
        raise VerificationError(
            f"{image.name}: the receipts {' and '.join(parts)}; nothing was tagged",
            hint=f"the setting `platforms` wants exactly: {', '.join(map(str, image.platforms))}",
        )


def _check_origin(receipt: Receipt, image: ImagePlan, plan: Plan) -> None:
    wanted = image.repository.name if image.repository else ""
    if receipt.repository != wanted:
        raise VerificationError(
            f"{receipt.path} is of {receipt.repository[:200]}, not of {wanted}; nothing was tagged"
        )
    if not image.revision or receipt.revision != image.revision:
        raise VerificationError(
            f"{receipt.path} is of the commit {receipt.revision[:64] or '(none)'},"
            f" not of {image.revision or '(none)'}; nothing was tagged",
            hint="push and merge from one commit",
        )
    if receipt.dirty and not plan.allow_dirty:
        raise VerificationError(
            f"{receipt.path} is of a tree with uncommitted changes; nothing was tagged",
            hint="push again from a clean tree, or merge with --allow-dirty",
        )
