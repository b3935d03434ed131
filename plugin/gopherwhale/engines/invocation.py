"""What one build by buildx is called with, as python-on-whales wants it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from gopherwhale.engines import options
from gopherwhale.errors import UsageError
from gopherwhale.plan import ImagePlan

_SECRET_ATTRIBUTE: Final = re.compile(
    r"(?:^|,)\s*\"?(session_token|token|ghtoken|password|\w*secret\w*)=", re.IGNORECASE
)


def arguments(image: ImagePlan, builder: str) -> dict[str, Any]:
    """What python-on-whales is called with: plain data, so that a test can read it.

    Args:
        image: What is built.
        builder: A buildx builder; empty for the current one.

    Raises:
        UsageError: A cache option holds a credential.
    """
    settings = image.settings
    export = export_folder(image)
    for option in (*settings.cache_from, settings.cache_to):
        if _SECRET_ATTRIBUTE.search(option):
            raise UsageError(
                "a cache option holds a credential, which every process on this machine could read",
                hint="give it to the builder by its environment instead (AWS_..., ACTIONS_RUNTIME_TOKEN)",
            )
    return {
        "context_path": image.root / settings.context,
        "file": image.root / settings.dockerfile,
        "target": settings.target or None,
        "builder": builder or None,
        "platforms": [str(platform) for platform in image.platforms],
        # One platform must give an index too, or it would be another kind of image.
        "build_args": {**image.build_args, "BUILDKIT_MULTI_PLATFORM": "1"},
        "labels": dict(image.labels),
        "output": options.fields(_output(image, export / "layout")),
        "metadata_file": export / "metadata.json",
        "provenance": settings.provenance,
        "sbom": settings.sbom,
        "secrets": list(settings.secrets),
        "cache_from": [options.attributes(text) for text in settings.cache_from],
        "cache_to": options.attributes(settings.cache_to) if settings.cache_to else None,
        "progress": "plain",
        "stream_logs": True,
    }


def _output(image: ImagePlan, layout: Path) -> dict[str, str]:
    annotations: dict[str, str] = {}
    for level in ("annotation-index", "annotation-manifest"):
        annotations |= {f"{level}.{key}": value for key, value in image.annotations.items()}
    # rewrite-timestamp clamps the files' times to SOURCE_DATE_EPOCH, which the build argument alone does not.
    return {"type": "oci", "tar": "false", "dest": str(layout), "rewrite-timestamp": "true", **annotations}


def export_folder(image: ImagePlan) -> Path:
    """Where BuildKit exports to.

    Always the same, so that a plan can show it, and beside the layout, so that blobs move by renaming.
    """
    return image.layout.parent / ".export" / image.layout.name
