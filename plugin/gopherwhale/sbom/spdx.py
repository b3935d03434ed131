"""Materials as an SPDX 2.3 document (https://spdx.github.io/spdx-spec/v2.3/)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from gopherwhale.sbom.materials import Materials, Module

PREDICATE: Final = "https://spdx.dev/Document"
_UNKNOWN: Final = "NOASSERTION"
_IMAGE, _BASE = "SPDXRef-Image", "SPDXRef-Base"


def document(materials: Materials) -> dict[str, Any]:
    """The JSON document."""
    numbers = {module: f"SPDXRef-Module-{n}" for n, module in enumerate(materials.modules, 1)}
    image = _package(_IMAGE, materials.name, materials.digest, materials.purl, "CONTAINER")
    packages = [image, *_programs(materials), *(_of_module(m, numbers[m]) for m in numbers)]
    if materials.base_digest:
        name = materials.base_name or materials.base_digest
        packages.append(_package(_BASE, name, materials.base_digest, materials.base_purl, "CONTAINER"))
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"{materials.name} {materials.platform}",
        "documentNamespace": f"https://spdx.org/spdxdocs/gopherwhale-{materials.identifier}",
        "creationInfo": {"created": materials.date, "creators": [f"Tool: gopherwhale-{materials.tool}"]},
        "packages": packages,
        "relationships": [
            {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}
            for one, kind, other in _relationships(materials, numbers)
        ],
    }


def _programs(materials: Materials) -> Iterator[dict[str, Any]]:
    for number, program in enumerate(materials.programs, 1):
        found = _package(
            f"SPDXRef-Program-{number}", program.package, program.module.version, "", "APPLICATION"
        )
        checksum = {"algorithm": "SHA256", "checksumValue": program.sha256}
        yield {**found, "packageFileName": program.path, "checksums": [checksum]}


def _of_module(module: Module, identifier: str) -> dict[str, Any]:
    found = _package(identifier, module.path, module.version, module.purl, "LIBRARY")
    # A checksum of go.sum is of a list of files, and no algorithm that SPDX knows.
    return {**found, **({"sourceInfo": f"go.sum: {module.checksum}"} if module.checksum else {})}


def _package(identifier: str, name: str, version: str, purl: str, purpose: str) -> dict[str, Any]:
    reference = {
        "referenceCategory": "PACKAGE-MANAGER",
        "referenceType": "purl",
        "referenceLocator": purl,
    }
    return {
        "SPDXID": identifier,
        "name": name,
        **({"versionInfo": version} if version else {}),
        "downloadLocation": _UNKNOWN,
        "filesAnalyzed": False,
        "licenseConcluded": _UNKNOWN,
        "licenseDeclared": _UNKNOWN,
        "copyrightText": _UNKNOWN,
        "primaryPackagePurpose": purpose,
        **({"externalRefs": [reference]} if purl else {}),
    }


def _relationships(materials: Materials, numbers: dict[Module, str]) -> Iterator[tuple[str, str, str]]:
    yield "SPDXRef-DOCUMENT", "DESCRIBES", _IMAGE
    if materials.base_digest:
        yield _IMAGE, "DESCENDANT_OF", _BASE
    for number, program in enumerate(materials.programs, 1):
        name = f"SPDXRef-Program-{number}"
        yield _IMAGE, "CONTAINS", name
        yield name, "GENERATED_FROM", numbers[program.module]
        for module in program.modules:
            yield name, "DEPENDS_ON", numbers[module]
