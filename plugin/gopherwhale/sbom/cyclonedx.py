"""Materials as a CycloneDX 1.6 document (https://cyclonedx.org/docs/1.6/json/)."""

from __future__ import annotations

from typing import Any, Final

from gopherwhale.sbom.materials import Materials, Module, Program

PREDICATE: Final = "https://cyclonedx.org/bom"


def document(materials: Materials) -> dict[str, Any]:
    """The JSON document."""
    base = [_base(materials)] if materials.base_digest else []
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{materials.identifier}",
        "version": 1,
        "metadata": {
            "timestamp": materials.date,
            "tools": {
                "components": [{"type": "application", "name": "gopherwhale", "version": materials.tool}]
            },
            "component": {
                "type": "container",
                "bom-ref": materials.purl,
                "name": materials.name,
                "version": materials.digest,
                "purl": materials.purl,
            },
        },
        "components": [
            *(_program(program) for program in materials.programs),
            *(_module(module) for module in materials.modules),
            *base,
        ],
        "dependencies": _dependencies(materials),
    }


def _program(program: Program) -> dict[str, Any]:
    return {
        "type": "application",
        "bom-ref": program.path,
        "name": program.package,
        **({"version": program.module.version} if program.module.version else {}),
        "hashes": [{"alg": "SHA-256", "content": program.sha256}],
        "properties": [{"name": "gopherwhale:path", "value": program.path}],
    }


def _module(module: Module) -> dict[str, Any]:
    checksum = [{"name": "gopherwhale:go.sum", "value": module.checksum}] if module.checksum else []
    return {
        "type": "library",
        "bom-ref": module.purl,
        "name": module.path,
        **({"version": module.version} if module.version else {}),
        "purl": module.purl,
        **({"properties": checksum} if checksum else {}),
    }


def _base(materials: Materials) -> dict[str, Any]:
    return {
        "type": "container",
        "bom-ref": materials.base_purl,
        "name": materials.base_name or materials.base_digest,
        "version": materials.base_digest,
        "purl": materials.base_purl,
    }


def _dependencies(materials: Materials) -> list[dict[str, Any]]:
    base = [materials.base_purl] if materials.base_digest else []
    programs = [program.path for program in materials.programs]
    return [
        {"ref": materials.purl, "dependsOn": [*programs, *base]},
        *(
            {
                "ref": program.path,
                "dependsOn": sorted({module.purl for module in (program.module, *program.modules)}),
            }
            for program in materials.programs
        ),
    ]
