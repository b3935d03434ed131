"""Open an image and judge it: every platform's final file system against what the index declares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gopherwhale.errors import LayoutError
from gopherwhale.oci.documents import (
    INDEX_TYPES,
    Descriptor,
    ImageConfig,
    Manifest,
    parse_index,
)
from gopherwhale.oci.source import ImageSource, read_document
from gopherwhale.platforms import Platform
from gopherwhale.verify import judge
from gopherwhale.verify.cache import LayerCache
from gopherwhale.verify.facts import BinaryFacts
from gopherwhale.verify.filesystem import FileSystem, NotRunnable
from gopherwhale.verify.findings import Finding, PlatformReport, Report
from gopherwhale.verify.fits import fits
from gopherwhale.verify.opening import Opened, open_images

Say = Callable[[str], None]
_MAX_IMAGES = 256


@dataclass(frozen=True, kw_only=True)
class _Judged:
    report: PlatformReport
    binary: str
    undecided: bool


def verify_image(
    source: ImageSource,
    *,
    expected: Sequence[Platform] | None = None,
    revision: str = "",
    cache: LayerCache | None = None,
    say: Say | None = None,
) -> Report:
    """Verify an image.

    Args:
        source: Where it is.
        expected: The platforms that must be there, exactly; None for whatever the image declares.
        revision: The commit that it must be of; empty for any.
        cache: What was found in layers before; None to read all of them.
        say: Takes lines of progress, from several threads.

    Returns:
        The report; findings are not raised.

    Raises:
        LayoutError: The image is damaged or ambiguous, or breaks a bound.
    """
    root = source.root
    entries, attestations = _entries(source, root)
    if say:
        say(f"reading {len(entries)} images of {source.name}")
    judged = []
    for found in open_images(source, entries, cache=cache, say=say):
        if isinstance(found, LayoutError):
            raise found
        judged.append(_judge_one(found, revision))
    declared = [found.report.platform for found in judged]
    binaries = [
        (found.report.platform, found.report.entrypoint, found.binary) for found in judged if found.binary
    ]
    return Report(
        source=source.name,
        digest=root.digest,
        platforms=tuple(found.report for found in judged),
        findings=(*judge.judge_set(declared, expected), *judge.judge_sameness(binaries)),
        attestations=attestations,
        undecided=sum(found.undecided for found in judged),
    )


def _entries(source: ImageSource, root: Descriptor) -> tuple[list[Descriptor], int]:
    if root.media_type not in INDEX_TYPES:
        return [root], 0
    index = parse_index(read_document(source, root), f"{source.name}: {root.digest}", root.media_type)
    if len(index.manifests) > _MAX_IMAGES:
        raise LayoutError(f"{source.name} has more than {_MAX_IMAGES} entries")
    nested = [entry for entry in index.images if entry.media_type in INDEX_TYPES]
    if nested:
        raise LayoutError(
            f"{source.name} holds an index in its index, {nested[0].digest}: runtimes do not read that"
        )
    return list(index.images), len(index.attestations)


def _judge_one(image: Opened, revision: str) -> _Judged:
    entry, declared, manifest, config, system = (
        image.entry,
        image.declared,
        image.manifest,
        image.config,
        image.system,
    )
    findings = [
        *judge.judge_unknown(entry),
        *judge.judge_config(declared, config),
        *judge.judge_revision(declared, config, revision),
    ]
    path, facts, binary, more, undecided = _judge_entrypoint(declared, config, system)
    return _Judged(
        report=PlatformReport(
            platform=declared,
            digest=entry.digest,
            size=_size(manifest),
            entrypoint=path,
            facts=facts,
            findings=(*findings, *more),
        ),
        binary=binary,
        undecided=undecided,
    )


def _judge_entrypoint(
    declared: Platform, config: ImageConfig, system: FileSystem
) -> tuple[str, BinaryFacts | None, str, list[Finding], bool]:
    """The entrypoint's path, facts, digest and findings, following scripts to what runs them."""
    findings: list[Finding] = []
    path = ""
    try:
        path = system.entrypoint(config)
        for _ in range(4):
            node = system.node(path)
            facts = node.facts if node else None
            if node is None or facts is None:
                break
            if facts.format != "script" or not facts.interpreter:
                present = not facts.interpreter or system.has(facts.interpreter)
                findings += fits(declared, path, facts)
                findings += judge.judge_interpreter(declared, path, facts, present=present)
                unsure = any(finding.code == "cannot-tell" for finding in findings)
                return path, facts, node.digest, findings, unsure
            path = system.executable(facts.interpreter)
        findings.append(
            judge.entrypoint_finding(declared, "entrypoint-loop", path, "scripts that run each other")
        )
    except NotRunnable as problem:
        findings.append(judge.entrypoint_finding(declared, problem.code, path, problem.found))
    return path, None, "", findings, False


def _size(manifest: Manifest) -> int:
    return manifest.config.size + sum(layer.size for layer in manifest.layers)
