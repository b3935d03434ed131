"""The one path: engine, layout, verify, push, tags last, receipt.

The steps are here; what an engine is, is said here too, as a Protocol. Adapters implement it and call this
module, never the other way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from gopherwhale.errors import LayoutError, VerificationError

# The pipeline stands above these and says so line by line; an adapter has no such line.
from gopherwhale.oci.documents import Descriptor  # noqa: TID251
from gopherwhale.oci.layout import REF_NAME, Layout  # noqa: TID251
from gopherwhale.oci.layout_writer import LayoutWriter, writing  # noqa: TID251
from gopherwhale.plan import ImagePlan  # noqa: TID251
from gopherwhale.platforms import Platform
from gopherwhale.settings_model import VerifySettings
from gopherwhale.verify.codes import Severity  # noqa: TID251

if TYPE_CHECKING:
    # What speaks to a registry costs 70 ms to import, and a build pushes nothing.
    from gopherwhale.verify.cache import LayerCache  # noqa: TID251
    from gopherwhale.verify.findings import Report  # noqa: TID251
    from gopherwhale.verify.image import Wanted  # noqa: TID251
    from gopherwhale.verify.policy import Rule  # noqa: TID251

Say = Callable[[str], None]
Meanwhile = Callable[[], None]


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

    def build(self, image: ImagePlan, writer: LayoutWriter, say: Say, meanwhile: Meanwhile) -> Built:
        """Put every blob of the image into the layout; `cross_build` commits it.

        Args:
            image: What to build.
            writer: The layout's transaction.
            say: Takes each line of progress.
            meanwhile: Called once other processes are at work and this one would only wait.

        Raises:
            BuildError: A platform could not be built.
            MissingToolError: The engine is not there.
        """
        ...

    def commands(self, image: ImagePlan) -> list[list[str]]:
        """The commands that `build` would run, as argument lists, running none of them."""
        ...


def cross_build(image: ImagePlan, engine: Engine, say: Say, meanwhile: Meanwhile = lambda: None) -> Built:
    """Build an image's platforms into its layout, in one transaction.

    Args:
        image: What to build.
        engine: What builds it.
        say: Takes each line of progress.
        meanwhile: What to do while compilers are at work, as importing what the steps after this one need.

    Returns:
        What was built; the layout at `image.layout` now holds it.

    Raises:
        GopherwhaleError: As the engine's; the layout then stands as it was.
    """
    names = ", ".join(map(str, image.platforms))
    say(f"{image.name}: building {names} with the {engine.name} engine")
    with writing(image.layout, say, image.timeout) as writer:
        built = engine.build(image, writer, say, meanwhile)
        tag = {REF_NAME: image.tags[0]} if image.tags else {}
        writer.commit(built.root, tag)
    return built


def layout_of(image: ImagePlan, built: Built) -> Layout:
    """The layout of what was built, once for whoever verifies and moves it: both then see one image.

    Args:
        image: Whose layout.
        built: What the engine left there, or stood there.

    Raises:
        LayoutError: The layout is damaged or missing, or another build has put its own image there since.
    """
    layout = Layout(image.layout)
    if layout.root.digest != built.root.digest:
        raise LayoutError(
            f"{image.layout} holds another image than the one that was built: {layout.root.digest}",
            hint="does another build write there? run this again when that is done",
        )
    return layout


def verify(
    image: ImagePlan,
    layout: Layout,
    say: Say,
    cache: LayerCache | None = None,
    meanwhile: Meanwhile = lambda: None,
) -> Report:
    """Verify an image against its plan: platforms, and the revision where the plan has one.

    Args:
        image: What it must be.
        layout: What it is, as of `layout_of`.
        say: Takes lines of progress.
        cache: What was found in layers before; their bytes are held to their digests all the same.
        meanwhile: What to do while layers are read.

    Raises:
        LayoutError: The layout is damaged.
    """
    from gopherwhale.verify.image import verify_image  # noqa: PLC0415, TID251

    held = wanted(image, revision=image.revision)
    return verify_image(layout, held, cache=cache, say=say, meanwhile=meanwhile)


def wanted(image: ImagePlan, *, revision: str = "") -> Wanted:
    """What an image's settings hold it against."""
    from gopherwhale.verify.image import Wanted  # noqa: PLC0415, TID251

    return Wanted(
        platforms=image.platforms,
        revision=revision,
        everything=image.settings.verify.all,
        policy=policy(image.settings.verify),
    )


def policy(chosen: VerifySettings) -> tuple[Rule, ...]:
    """What settings weigh otherwise."""
    from gopherwhale.verify.policy import Rule  # noqa: PLC0415, TID251

    return tuple(
        Rule(
            code=rule.code,
            severity=Severity(rule.severity),
            reason=rule.reason,
            platform=rule.platform,
            path=rule.path,
        )
        for rule in chosen.policy
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


def standing(image: ImagePlan) -> Built:
    """The image's layout as a build that took no work.

    Raises:
        LayoutError: There is none.
    """
    work = tuple(
        PlatformWork(platform=platform, cached=0, built=0, seconds=0.0) for platform in image.platforms
    )
    return Built(root=Layout(image.layout).root, engine="none", seconds=0.0, work=work)
