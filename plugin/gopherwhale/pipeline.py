"""The one path: engine, layout, verify, push, tags last, receipt.

The steps are here; what an engine is, is said here too, as a Protocol. Adapters implement it and call this
module, never the other way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

from gopherwhale.errors import UsageError, VerificationError

# The pipeline stands above these and says so line by line; an adapter has no such line.
from gopherwhale.oci.documents import Descriptor, encode  # noqa: TID251
from gopherwhale.oci.files import write_atomically  # noqa: TID251
from gopherwhale.oci.layout import REF_NAME, Layout, LayoutWriter, writing  # noqa: TID251
from gopherwhale.plan import ImagePlan, Plan  # noqa: TID251
from gopherwhale.platforms import Platform
from gopherwhale.verify.codes import Severity  # noqa: TID251

if TYPE_CHECKING:
    # What speaks to a registry costs 70 ms to import, and a build pushes nothing.
    from gopherwhale.oci.push import PushResult  # noqa: TID251
    from gopherwhale.oci.registry import RegistryClient  # noqa: TID251
    from gopherwhale.verify.findings import Report  # noqa: TID251
    from gopherwhale.verify.image import Wanted  # noqa: TID251

RECEIPT: Final = "receipt.json"
Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class PlatformWork:
    """What an engine did for one platform: steps found in the cache, steps run, seconds of work."""

    platform: Platform
    cached: int
    built: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Built:
    """What an engine left in a layout.

    Attributes:
        root: The image's index.
        engine: The engine's name.
        seconds: From its start to the layout.
        work: By platform, in the plan's order.
    """

    root: Descriptor
    engine: str
    seconds: float
    work: tuple[PlatformWork, ...]


class Engine(Protocol):
    """Something that builds an image's platforms into its layout."""

    name: str

    def build(self, image: ImagePlan, writer: LayoutWriter, say: Say) -> Built:
        """Put every blob of the image into the layout; `cross_build` commits it.

        Raises:
            BuildError: A platform could not be built.
            MissingToolError: The engine is not there.
        """
        ...

    def commands(self, image: ImagePlan) -> list[list[str]]:
        """The commands that `build` would run, as argument lists, running none of them."""
        ...


def cross_build(image: ImagePlan, engine: Engine, say: Say) -> Built:
    """Build an image's platforms into its layout, in one transaction.

    Args:
        image: What to build.
        engine: What builds it.
        say: Takes each line of progress.

    Returns:
        What was built; the layout at `image.layout` now holds it, checked from end to end.

    Raises:
        GopherwhaleError: As the engine's; the layout then stands as it was.
    """
    names = ", ".join(map(str, image.platforms))
    say(f"{image.name}: building {names} with the {engine.name} engine")
    with writing(image.layout) as writer:
        built = engine.build(image, writer, say)
        tag = {REF_NAME: image.tags[0]} if image.tags else {}
        writer.commit(built.root, tag)
    return built


def verify(image: ImagePlan, say: Say) -> Report:
    """Verify an image's layout against its plan: platforms, and the revision where the plan has one.

    Raises:
        LayoutError: The layout is damaged or missing.
    """
    from gopherwhale.verify.image import verify_image  # noqa: PLC0415, TID251

    return verify_image(Layout(image.layout), wanted(image, revision=image.revision), say=say)


def wanted(image: ImagePlan, *, revision: str = "") -> Wanted:
    """What an image's settings hold it against."""
    from gopherwhale.verify.image import Wanted  # noqa: PLC0415, TID251
    from gopherwhale.verify.policy import Rule  # noqa: PLC0415, TID251

    rules = [
        Rule(
            code=rule.code,
            severity=Severity(rule.severity),
            reason=rule.reason,
            platform=rule.platform,
            path=rule.path,
        )
        for rule in image.settings.verify.policy
    ]
    return Wanted(
        platforms=image.platforms,
        revision=revision,
        everything=image.settings.verify.all,
        policy=tuple(rules),
    )


def check_may_push(plan: Plan) -> None:
    """Refuse a push that could not be repeated or has nowhere to go, before anything is built.

    Raises:
        UsageError: The tree is dirty, or an image has no repository or no tag.
    """
    revision = plan.revision
    if revision and revision.dirty and not plan.allow_dirty:
        raise UsageError(
            f"the tree has uncommitted changes: {', '.join(revision.dirty)}",
            hint="commit or stash them, or push with --allow-dirty",
        )
    for image in plan.images:
        if image.repository is None:
            raise UsageError(
                f"the image {image.name!r} has no repository to be pushed to",
                hint='set `repository = "registry/name"` in gopherwhale.toml, or give --repository',
            )
        if not image.tags:
            raise UsageError(
                f"the image {image.name!r} has no tag",
                hint="commit first (tags come from git), or give --tag",
            )


def refuse_unless_verified(report: Report) -> None:
    """Stop where a report holds an error.

    Raises:
        VerificationError: It does; the message counts and names the first.
    """
    errors = [finding for finding in report.all_findings if finding.severity is Severity.ERROR]
    if errors:
        first = errors[0]
        raise VerificationError(
            f"{report.source}: {len(errors)} finding(s), nothing was pushed; first, {first.code}"
            f" ({first.platform or 'image'}): expected {first.expected}, found {first.found}",
            hint=first.remedy,
        )


def publish(image: ImagePlan, plan: Plan, client: RegistryClient, say: Say) -> PushResult:
    """Push an image's layout as it is and write the receipt.

    Raises:
        RegistryError: The registry failed; no tag has moved.
        AuthenticationError: The registry refuses us.
    """
    from gopherwhale.oci.push import push  # noqa: PLC0415, TID251

    assert image.repository is not None, "check_may_push comes first"  # noqa: S101 -- for the type checker
    result = push(Layout(image.layout), image.repository, image.tags, client=client, say=say)
    receipt = receipt_of(image, plan, result, datetime.now(UTC))
    write_atomically(image.layout / RECEIPT, encode(receipt) + b"\n")
    return result


def receipt_of(image: ImagePlan, plan: Plan, result: PushResult, now: datetime) -> dict[str, Any]:
    """What a push published, as JSON can hold it."""
    revision = plan.revision
    return {
        "schema": 1,
        "image": image.name,
        "repository": result.repository,
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
        "pushed": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "blobs_sent": result.blobs_sent,
        "blobs_present": result.blobs_present,
        "bytes_sent": result.bytes_sent,
        "seconds": round(result.seconds, 3),
    }
