"""The SBOM of a platform's image: read from its binaries by Go itself, attached as BuildKit would."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Final

from gopherwhale.errors import BuildError
from gopherwhale.oci.attest import put_attestation
from gopherwhale.oci.base import BASE_NAME
from gopherwhale.oci.documents import Descriptor
from gopherwhale.oci.layout_writer import LayoutWriter
from gopherwhale.plan import ImagePlan
from gopherwhale.sbom import cyclonedx, spdx
from gopherwhale.sbom.materials import Materials, Program, read_go_version

_TIMEOUT: Final = 120


def attest(
    image: ImagePlan,
    manifest: Descriptor,
    programs: tuple[Program, ...],
    writer: LayoutWriter,
    annotations: Mapping[str, str],
    base_digest: str,
) -> Descriptor:
    """Attach the SBOM of one platform's image, in both formats.

    Args:
        image: What was built.
        manifest: Of the platform, with its platform.
        programs: Its binaries.
        writer: The layout's transaction.
        annotations: Of the image; they name its base.
        base_digest: The digest of the base's manifest, or empty.

    Returns:
        The attestation's descriptor, for the index.
    """
    assert manifest.platform is not None, "put_image sets it"  # noqa: S101 -- for the type checker
    materials = Materials(
        name=image.repository.name if image.repository else image.name,
        digest=manifest.digest,
        platform=manifest.platform,
        created=image.source_date,
        base_name=annotations.get(BASE_NAME, "") if base_digest else "",
        base_digest=base_digest,
        programs=programs,
        tool=version("gopherwhale"),
    )
    predicates = {
        spdx.PREDICATE: spdx.document(materials),
        cyclonedx.PREDICATE: cyclonedx.document(materials),
    }
    return put_attestation(writer, manifest, materials.purl, predicates)


def read_program(go: Path, file: Path, path: str, environment: Mapping[str, str]) -> Program:
    """Ask Go which modules are in a binary.

    Args:
        go: The go command.
        file: The binary.
        path: Its place in the image, absolute.
        environment: For the go command.

    Raises:
        BuildError: Go cannot tell.
    """
    try:
        done = subprocess.run(
            [go, "version", "-m", file],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BuildError(f"`go version -m {file}` did not end within {_TIMEOUT} s") from None
    if done.returncode:
        raise BuildError(f"go cannot read {file}: {done.stderr.strip()[:400]}")
    package, module, modules = read_go_version(done.stdout, file.name)
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return Program(path=path, package=package, sha256=digest, module=module, modules=modules)
