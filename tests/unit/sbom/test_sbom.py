from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gopherwhale.errors import BuildError, GopherwhaleError
from gopherwhale.oci.attest import IN_TOTO, PREDICATE_TYPE
from gopherwhale.oci.documents import Index, Manifest
from gopherwhale.oci.layout import walk
from gopherwhale.oci.parsing import parse_config
from gopherwhale.platforms import parse
from gopherwhale.sbom import cyclonedx, spdx
from gopherwhale.sbom.materials import Materials, Module, Program, read_go_version
from gopherwhale.verify.image import verify_image
from tests.unit.engines.test_go_engine import Bench, bench
from tests.unit.oci.images import make_layout

__all__ = ["bench"]

SAID = """\
hello: go1.27.3 X:nocoverageredesign
\tpath\tgithub.com/Acme/hello/cmd/serve
\tmod\tgithub.com/Acme/hello\t(devel)\t
\tdep\tgithub.com/a/old\tv1.0.0
\t=>\t./local\t(devel)\t
\tdep\tgithub.com/b/b\tv68.0.0+incompatible\th1:AAAA=
\tdep\tgithub.com/c/c\tv1.0.0
\t=>\tgithub.com/d/fork\tv1.1.0\th1:BBBB=
\tbuild\t-ldflags="-X a=\tb"
\tbuild\tGOOS=linux
"""
MODULES = (
    Module(path="github.com/a/old", version=""),
    Module(path="github.com/b/b", version="v68.0.0+incompatible", checksum="h1:AAAA="),
    Module(path="github.com/d/fork", version="v1.1.0", checksum="h1:BBBB="),
    Module(path="stdlib", version="go1.27.3"),
)
LONE = f"pkg:oci/hello@sha256%3A{'b' * 64}?arch=arm&os=linux"
MAIN = Module(path="github.com/Acme/hello", version="")


def materials(**changes: Any) -> Materials:
    program = Program(
        path="/serve",
        package="github.com/Acme/hello/cmd/serve",
        sha256="a" * 64,
        module=MAIN,
        modules=MODULES,
    )
    values: dict[str, Any] = {
        "name": "registry.example.com:5000/acme/hello",
        "digest": f"sha256:{'b' * 64}",
        "platform": parse("linux/arm/v7"),
        "created": 86400,
        "base_name": "gcr.io/base/static:nonroot",
        "base_digest": f"sha256:{'c' * 64}",
        "programs": (program,),
        "tool": "1.0",
    }
    return Materials(**{**values, **changes})


def check_spdx(document: Mapping[str, Any]) -> None:
    """What SPDX's own tools have against a document is a failure."""
    # They take most of a second to import, and one worker of all pays it here.
    from spdx_tools.spdx.parser.jsonlikedict.json_like_dict_parser import JsonLikeDictParser  # noqa: PLC0415
    from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document  # noqa: PLC0415

    parsed = JsonLikeDictParser().parse(dict(document))  # type: ignore[no-untyped-call] # the tools have no types
    assert [message.validation_message for message in validate_full_spdx_document(parsed)] == []


def check_cyclonedx(document: Mapping[str, Any]) -> None:
    """What CycloneDX's own schema has against a document is a failure."""
    from cyclonedx.schema import SchemaVersion  # noqa: PLC0415
    from cyclonedx.validation.json import JsonStrictValidator  # noqa: PLC0415

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(document)) is None


def test_what_go_says_is_read_with_its_replacements() -> None:
    """A replaced module is the one that was compiled; one of a folder here keeps its name, unversioned."""
    assert read_go_version(SAID, "hello") == ("github.com/Acme/hello/cmd/serve", MAIN, MODULES)


@pytest.mark.parametrize("said", ["", "hello: not a Go executable", "hello: go1.2\n\tbuild\tx=y\n"])
def test_a_binary_without_build_information_is_refused(said: str) -> None:
    """There is nothing to make an SBOM of."""
    with pytest.raises(BuildError, match="hello has no build information"):
        read_go_version(said, "hello")


@given(st.text(st.sampled_from("\tpathmodep=> v1.0\n:"), max_size=80))
@settings(deadline=None, max_examples=100)
def test_no_output_of_go_brings_us_down(said: str) -> None:
    """Whatever is printed, it is read or refused in our words."""
    with contextlib.suppress(GopherwhaleError):
        assert read_go_version(said, "hello")[2]


@pytest.mark.parametrize("changes", [{}, {"base_name": "", "base_digest": ""}, {"base_name": ""}])
@pytest.mark.parametrize(
    ("make", "check"), [(spdx.document, check_spdx), (cyclonedx.document, check_cyclonedx)]
)
def test_documents_are_valid_before_public_judges(
    make: Callable[[Materials], dict[str, Any]],
    check: Callable[[Mapping[str, Any]], None],
    changes: dict[str, Any],
) -> None:
    """spdx-tools and CycloneDX's schema accept them, and two of the same image do not differ."""
    document = make(materials(**changes))
    check(document)
    assert document == make(materials(**changes))
    assert document != make(materials(digest=f"sha256:{'d' * 64}"))


def test_the_judges_do_refuse() -> None:
    """A wrong document is caught."""
    with pytest.raises(AssertionError):
        check_spdx({**spdx.document(materials()), "relationships": []} | {"dataLicense": "MIT"})
    with pytest.raises(AssertionError):
        check_cyclonedx({**cyclonedx.document(materials()), "bomFormat": "x"})


@pytest.mark.parametrize(
    ("purl", "expected"),
    [
        (MODULES[1].purl, "pkg:golang/github.com/b/b@v68.0.0%2Bincompatible"),
        (MODULES[3].purl, "pkg:golang/stdlib@1.27.3"),
        (MAIN.purl, "pkg:golang/github.com/acme/hello"),
        (
            materials().purl,
            f"{LONE}&repository_url=registry.example.com%3A5000/acme/hello",
        ),
        (materials(name="hello").purl, LONE),
        (
            materials().base_purl,
            f"pkg:oci/static@sha256%3A{'c' * 64}?repository_url=gcr.io/base/static",
        ),
    ],
)
def test_package_urls_are_those_of_their_specification(purl: str, expected: str) -> None:
    """Types golang and oci of the purl-spec."""
    assert purl == expected


@pytest.fixture
def built(bench: Bench) -> Bench:
    """An image upon a base, with its SBOM."""
    make_layout(bench.root / "base", {"linux/amd64": b"a", "linux/arm/v7": b"b"})
    bench.environment["FAKE_MODULES"] = "\\n".join(SAID.splitlines()[1:]).replace("\t", "\\t")
    bench.build(sbom=True, go={"base": "oci:base"})
    return bench


def statements(bench: Bench) -> list[tuple[str, dict[str, Any]]]:
    """Every statement, with the digest of the image manifest that its manifest is attached to."""
    found = []
    for descriptor, document in walk(bench.layout):
        if descriptor.is_attestation and isinstance(document, Manifest):
            for layer in document.layers:
                statement = json.loads(bench.blob(layer.digest))
                assert layer.media_type == IN_TOTO
                assert layer.annotations[PREDICATE_TYPE] == statement["predicateType"]
                found.append((descriptor.annotations["vnd.docker.reference.digest"], statement))
    return found


def test_an_sbom_is_attached_as_buildkit_would(built: Bench) -> None:
    """Behind the images, for unknown/unknown, told by annotations; each says which image it is about."""
    index = next(document for _, document in walk(built.layout) if isinstance(document, Index))
    images = [str(entry.platform) for entry in index.images]
    assert images == ["linux/amd64", "linux/arm/v7"]
    assert [str(entry.platform) for entry in index.manifests[2:]] == ["unknown/unknown"] * 2
    assert [digest for digest, _ in statements(built)] == [
        entry.digest for entry in index.images for _ in range(2)
    ]
    for digest, statement in statements(built):
        assert statement["subject"][0]["digest"] == {"sha256": digest.removeprefix("sha256:")}
    for _, document in walk(built.layout):
        if isinstance(document, Manifest):
            config = parse_config(built.blob(document.config.digest), "config")
            assert len(config.diff_ids) == len(document.layers)


def test_attached_documents_are_valid_and_name_modules_and_base(built: Bench) -> None:
    """Both formats, with what Go said of the binary."""
    kinds = [statement["predicateType"] for _, statement in statements(built)]
    assert kinds == [spdx.PREDICATE, cyclonedx.PREDICATE] * 2
    for _, statement in statements(built):
        predicate = statement["predicate"]
        text = json.dumps(predicate)
        assert "pkg:golang/github.com/d/fork@v1.1.0" in text
        assert "pkg:oci/image@sha256" in text
        check = check_spdx if statement["predicateType"] == spdx.PREDICATE else check_cyclonedx
        check(predicate)


def test_an_image_with_an_sbom_is_the_same_each_time(built: Bench) -> None:
    """Nothing in it is random; without the setting there is none, and the images are the same ones."""
    before = built.layout.root.digest
    images = [entry.digest for entry in _index(built).images]
    built.build(sbom=True, go={"base": "oci:base"})
    assert built.layout.root.digest == before
    built.build(go={"base": "oci:base"})
    assert [entry.digest for entry in _index(built).manifests] == images


def _index(bench: Bench) -> Index:
    return next(document for _, document in walk(bench.layout) if isinstance(document, Index))


def test_the_judge_of_images_tells_attestations_apart(built: Bench) -> None:
    """The verifier counts them, and takes none of them for an image."""
    report = verify_image(built.layout)
    assert report.attestations == 2
    assert len(report.platforms) == 2


def test_a_program_that_go_cannot_read_is_a_failed_build(built: Bench) -> None:
    """The layout stands as it was."""
    before = built.layout.root.digest
    built.environment["FAKE_MODULES"] = ""
    with pytest.raises(BuildError, match="hello has no build information"):
        built.build(sbom=True)
    assert built.layout.root.digest == before
    assert Path(built.root / "dist" / "hello").is_dir()
