from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest
from jsonschema import Draft4Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from gopherwhale.oci.documents import Manifest
from gopherwhale.oci.layout import walk
from tests.conftest import AMBIENT
from tests.unit.engines.test_go_engine import Bench, bench
from tests.unit.oci.images import make_layout

__all__ = ["bench"]

_DEFAULT: Final = Path(__file__).resolve().parents[4] / "shared" / "cases"
SCHEMAS: Final = Path(AMBIENT.get("GOPHERWHALE_CASES", _DEFAULT)) / "imagespec-schema"

pytestmark = pytest.mark.skipif(
    not SCHEMAS.is_dir(),
    reason="the image specification's schemas are not here; GOPHERWHALE_CASES names them",
)


def errors(document: Any, name: str) -> list[str]:
    """What the specification's own schema has against a document."""

    def retrieve(address: str) -> Resource[Any]:
        file = SCHEMAS / address.rsplit("/", 1)[-1]
        return Resource.from_contents(json.loads(file.read_bytes()), default_specification=DRAFT4)

    registry: Registry[Any] = Registry(retrieve=retrieve)  # type: ignore[call-arg] # attrs' alias
    schema = json.loads((SCHEMAS / name).read_bytes())
    checker = Draft4Validator(schema, registry=registry, format_checker=FormatChecker())
    return [error.message for error in checker.iter_errors(document)]


def test_every_document_is_valid_under_the_specifications_schemas(bench: Bench) -> None:
    """Layout file, index.json, index, manifests and configs, upon a base, attested, every key in use."""
    make_layout(bench.root / "base", {"linux/amd64": b"a", "linux/arm/v7": b"b"})
    bench.environment["FAKE_MODULES"] = r"\tpath\texample.com/hello"
    bench.build(
        sbom=True,
        go={
            "base": "oci:base",
            "args": ["x"],
            "entrypoint": ["/hello"],
            "env": {"A": "b"},
            "expose": ["8080", "53/udp"],
            "stop_signal": "SIGINT",
        },
        annotations={"a": "b"},
    )
    folder = bench.layout.path
    assert errors(json.loads((folder / "oci-layout").read_bytes()), "image-layout-schema.json") == []
    assert errors(json.loads((folder / "index.json").read_bytes()), "image-index-schema.json") == []
    for _, document in walk(bench.layout):
        kind = "manifest" if isinstance(document, Manifest) else "index"
        assert errors(json.loads(document.raw), f"image-{kind}-schema.json") == []
        if isinstance(document, Manifest):
            config = json.loads(bench.blob(document.config.digest))
            assert errors(config, "config-schema.json") == []


def test_the_schemas_do_refuse() -> None:
    """A wrong document is caught, references between the schemas included."""
    assert errors({"imageLayoutVersion": "2"}, "image-layout-schema.json")
    wrong = {"schemaVersion": 2, "manifests": [{"mediaType": "x", "size": 1, "digest": "md5"}]}
    assert len(errors(wrong, "image-index-schema.json")) >= 2
    assert errors({"architecture": "arm", "os": "linux", "rootfs": {}}, "config-schema.json")
