"""The commands of images and their flags, as data that every front end reads: invoke's tasks, nox's sessions.

A leaf that imports nothing but its own types, so that `invoke --list` and `nox -l` stay light.
"""

from __future__ import annotations

from typing import Final

from gopherwhale.flags import Command, Flag

_IMAGE: Final = Flag(
    name="image", kind="list", help="an image of this repository by name (repeatable; else all)"
)
FORMAT: Final = Flag(
    name="format", kind="text", help="table (the default) or json", choices=("table", "json")
)
_FORMATS: Final = Flag(
    name="format",
    kind="text",
    help="table (the default), json, github, sarif or junit",
    choices=("table", "json", "github", "sarif", "junit"),
)
_REPORT: Final = Flag(
    name="report",
    kind="list",
    help="FORMAT=FILE: a report in a file too; json, junit or sarif (repeatable)",
)
_INSECURE: Final = Flag(
    name="insecure",
    kind="list",
    help="a registry host to reach over plain HTTP (repeatable)",
    setting="insecure",
)
_TARGET: Final = (
    Flag(
        name="platform", kind="list", help="a platform, a list or a preset (repeatable)", setting="platforms"
    ),
    Flag(name="repository", kind="text", help="registry/name to push to", setting="repository"),
    Flag(name="tag", kind="list", help="a tag, instead of those of git (repeatable)", setting="tags"),
)
_BUILD: Final = (
    _IMAGE,
    *_TARGET,
    Flag(name="engine", kind="text", help="what builds: auto, buildx or go", setting="engine"),
    Flag(name="builder", kind="text", help="a buildx builder", setting="builder"),
    Flag(
        name="build-arg", kind="list", help="KEY=VALUE for the Dockerfile (repeatable)", setting="build_args"
    ),
    Flag(
        name="locked",
        kind="switch",
        help="refuse a base image that no digest pins",
        setting="locked",
    ),
    FORMAT,
)

_TAG_RULES: Final = (
    Flag(
        name="if-unmoved",
        kind="switch",
        help="move no tag that somebody else moved meanwhile",
        setting="if_unmoved",
    ),
    Flag(
        name="overwrite-tags",
        kind="switch",
        help="let a version's tag become another image",
        setting="overwrite_tags",
    ),
)
_TAGGING: Final = (
    Flag(
        name="also-push-to",
        kind="list",
        help="a further registry/name for the same tags (repeatable)",
        setting="also_push_to",
    ),
    *_TAG_RULES,
    Flag(
        name="allow-dirty",
        kind="switch",
        help="push a tree with uncommitted changes",
        setting="allow_dirty",
    ),
)

COMMANDS: Final = (
    Command(
        name="plan",
        summary="Show settings, tags and the exact commands; run nothing.",
        function="building:show_plan",
        flags=_BUILD,
    ),
    Command(
        name="build",
        summary="Build for this machine, verify, load it into Docker.",
        function="building:build",
        flags=_BUILD,
    ),
    Command(
        name="cross-build",
        summary="Build every platform into an OCI layout below dist/.",
        function="building:cross_build",
        flags=(
            *_BUILD,
            Flag(name="archive", kind="text", help="also write an OCI archive to this file"),
            Flag(name="docker-archive", kind="text", help="also write an archive for `docker load`"),
        ),
        own=("archive", "docker_archive"),
    ),
    Command(
        name="pin",
        summary="Pin base images: write the digests they have now.",
        function="pinning:pin",
        flags=(_INSECURE, FORMAT),
    ),
    Command(
        name="lint",
        summary="Find a Dockerfile's mistakes before anything is built.",
        function="linting:lint",
        flags=(
            Flag(name="path", kind="words", help="Dockerfiles or folders (else those of our images)"),
            Flag(name="fix", kind="switch", help="write the mended lines where that needs no thought"),
            Flag(name="online", kind="switch", help="ask registries what the digests of bases are"),
            _IMAGE,
            _INSECURE,
            _FORMATS,
            _REPORT,
        ),
        own=("path", "fix", "online"),
    ),
    Command(
        name="verify-arch",
        summary="Prove that each platform's image holds its own binary.",
        function="verifying:verify_arch",
        flags=(
            Flag(
                name="source",
                kind="words",
                help="oci:DIR, {oci,docker}-archive:FILE, docker-daemon:REF, [docker://]REF (else ours)",
            ),
            _IMAGE,
            Flag(name="platform", kind="list", help="judge these platforms alone (repeatable)"),
            Flag(
                name="expect",
                kind="text",
                help="the platforms that must be there; any: what the image declares",
            ),
            Flag(name="revision", kind="text", help="the commit it must be of; HEAD: this repository's"),
            Flag(name="all", kind="switch", help="judge every program of the image, not only what starts"),
            Flag(name="no-cache", kind="switch", help="read every layer, unchanged or not"),
            _INSECURE,
            _FORMATS,
            _REPORT,
        ),
        own=("source", "platform", "expect", "revision", "all", "no_cache"),
    ),
    Command(
        name="push",
        summary="Cross-build, verify, push those bytes; tags move last.",
        function="pushing:push",
        flags=(
            *_BUILD,
            _INSECURE,
            Flag(name="layout", kind="text", help="push the image of this layout, verified; build nothing"),
            Flag(name="untagged", kind="switch", help="push by digest alone; docker.merge tags the whole"),
            Flag(name="dry-run", kind="switch", help="build, verify, show what would be sent; send nothing"),
            *_TAGGING,
        ),
        own=("layout", "dry_run", "untagged"),
    ),
    Command(
        name="merge",
        summary="Make one image of untagged pushes; tags move last.",
        function="merging:merge",
        flags=(
            Flag(name="receipt", kind="words", help="receipts of `docker.push --untagged`, or their folders"),
            _IMAGE,
            *_TARGET,
            _INSECURE,
            *_TAGGING,
            FORMAT,
        ),
        own=("receipt",),
    ),
    Command(
        name="copy",
        summary="Promote an image by digest to other places, verified.",
        function="copying:copy",
        flags=(
            Flag(
                name="place",
                kind="words",
                help="the source as of verify-arch, then one reference or more to copy it to",
            ),
            Flag(
                name="expect",
                kind="text",
                help="the platforms that must be there (else those that the image declares)",
            ),
            Flag(name="referrers", kind="switch", help="copy what refers to it too: signatures, SBOMs"),
            _INSECURE,
            *_TAG_RULES,
            FORMAT,
        ),
        own=("place", "expect", "referrers"),
    ),
    Command(
        name="tags",
        summary="List the tags that a repository has.",
        function="listing_tags:show_tags",
        flags=(
            Flag(name="repository", kind="words", help="registry/name (else those of our images)"),
            _IMAGE,
            _INSECURE,
            FORMAT,
        ),
        own=("repository",),
    ),
    Command(
        name="login",
        summary="Log Docker in; the password comes by standard input.",
        function="logging_in:login",
        flags=(
            Flag(name="registry", kind="words", help="hosts, as ghcr.io (else those of our images)"),
            Flag(
                name="username",
                kind="text",
                help="whose password standard input holds (else GOPHERWHALE_REGISTRY, _USERNAME, _PASSWORD)",
            ),
            _IMAGE,
            FORMAT,
        ),
        own=("registry", "username"),
    ),
)
