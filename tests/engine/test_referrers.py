"""What refers to an image goes with it, whether registries have the referrers API; oras and crane judge."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gopherwhale.access import Access
from gopherwhale.errors import ExitCode
from gopherwhale.oci.layout import Layout
from gopherwhale.oci.push import bring
from gopherwhale.oci.registry import RegistryClient
from gopherwhale.references import Reference
from tests.engine.conftest import Command, Registry, Testbed
from tests.engine.fetching import fetched
from tests.engine.push_images import ask, digest_at, image, lacking, tags_of
from tests.faults.proxy import Fault, Reply, Request, proxying

pytestmark = pytest.mark.engine

SIGNATURE, SBOM = "application/vnd.example.signature", "application/spdx+json"
PLAIN = ("--plain-http",)
_SOURCE = Path(__file__).with_name("referrers_registry") / "main.go"
_MODULE = (
    "module example.invalid/referrers\n\ngo 1.24\n\nrequire github.com/google/go-containerregistry v0.22.1\n"
)


@pytest.fixture(scope="module")
def with_api(testbed: Testbed, go_environment: Mapping[str, str]) -> Iterator[str]:
    """Serve go-containerregistry's registry, which has the API: distribution's has not."""
    folder = testbed.folder / "peers" / "referrers-v0.22.1"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(_SOURCE, folder)
    (folder / "go.mod").write_text(_MODULE)
    # As crane and oras are built, of the same modules.
    flags = {"GOFLAGS": "-mod=mod -trimpath", "GOTOOLCHAIN": "auto", "CGO_ENABLED": "0"}
    environment = {**go_environment, **flags}
    built = fetched(["go", "build", "-o", "registry", "."], folder, environment)
    if built.returncode:
        pytest.skip(f"go build: {built.stderr.strip()[-200:]}")
    with subprocess.Popen([folder / "registry"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


@dataclass(frozen=True, kw_only=True)
class Signed:
    """An image whose index is signed, one of whose manifests has an SBOM, which is signed too."""

    layout: Layout
    place: str
    index: str
    manifest: str
    sbom: str


@pytest.fixture
def signed(
    request: pytest.FixtureRequest, with_api: str, registry: Registry, oras: Command, tmp_path: Path
) -> Signed:
    """Push the image with ours, and let oras attach what refers to it; the parameter says where."""
    address = with_api if request.param == "api" else registry.address
    place = f"{address}/source/{tmp_path.name}".lower()
    layout = image(tmp_path / "layout", "signed", 10_000)
    name = place.partition("/")[2]
    with RegistryClient.from_environment({}, Access()) as client:
        bring(layout, Reference(registry=address, repository=name), ["1"], client=client).tag()
    index = layout.root.digest
    manifest = json.loads(ask(address, f"{name}/manifests/1")[1])["manifests"][1]["digest"]
    attach(oras, tmp_path, f"{place}@{index}", SIGNATURE)
    sbom = attach(oras, tmp_path, f"{place}@{manifest}", SBOM)
    attach(oras, tmp_path, f"{place}@{sbom}", SIGNATURE)
    return Signed(layout=layout, place=place, index=index, manifest=manifest, sbom=sbom)


def attach(oras: Command, folder: Path, subject: str, kind: str) -> str:
    """Let oras attach a file to a subject; the digest of the manifest that refers to it."""
    (folder / "file").write_text(f"{kind} of {subject.rpartition('@')[2]}\n")
    words = ("attach", *PLAIN, "--format", "json", "--artifact-type", kind, subject, "file:text/plain")
    return str(json.loads(oras(*words, cwd=folder))["digest"])


def discovered(oras: Command, subject: str) -> list[tuple[str, str]]:
    """What oras finds that refers to a subject: digests and types."""
    found: Any = json.loads(oras("discover", *PLAIN, "--format", "json", "--depth", "1", subject))
    entries = found.get("referrers") or found.get("manifests") or []
    return sorted((one["digest"], one["artifactType"]) for one in entries)


def copied(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A user's `docker.copy`."""
    command = [sys.executable, "-m", "gopherwhale", "docker.copy", *words, "--expect", "any"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("target", ["api", "tag"])
@pytest.mark.parametrize("signed", ["api", "tag"], indirect=True)
def test_a_copy_takes_along_what_refers_to_an_image(
    signed: Signed,
    target: str,
    with_api: str,
    registry_factory: Callable[..., Registry],
    oras: Command,
    crane: Command,
    tmp_path: Path,
) -> None:
    """From and to a registry with the API and one without: all by digest, found by oras, whole for crane."""
    address = with_api if target == "api" else registry_factory().address
    place = f"{address}/prod/{tmp_path.name}-{target}".lower()
    done = copied(
        tmp_path, f"{signed.place}:1", f"{place}:1", f"{place}:stable", "--referrers", "--format", "json"
    )
    assert done.returncode == 0, done.stderr
    (one,) = json.loads(done.stdout)["copies"]
    assert (one["digest"], one["referrers"]) == (signed.index, 3)
    whole = {signed.index: SIGNATURE, signed.manifest: SBOM, signed.sbom: SIGNATURE}
    for subject, kind in whole.items():
        ((digest, listed),) = discovered(oras, f"{place}@{subject}")
        assert [digest] == [one for one, _ in discovered(oras, f"{signed.place}@{subject}")]
        # The other registry's own list names the config's type in place of the artifact's.
        assert target == "api" or listed == kind
        assert crane("digest", "--insecure", f"{place}@{digest}").strip() == digest
        oras("pull", *PLAIN, "--output", tmp_path / "pulled", f"{place}@{digest}")
        assert (tmp_path / "pulled" / "file").read_text() == f"{kind} of {subject}\n"
    assert crane("digest", "--insecure", f"{place}:stable").strip() == signed.index
    crane("validate", "--insecure", "--remote", f"{place}:1")
    again = copied(tmp_path, f"{signed.place}:1", f"{place}:1", "--referrers", "--format", "json")
    assert json.loads(again.stdout)["copies"][0]["bytes_sent"] == 0
    assert len(discovered(oras, f"{place}@{signed.index}")) == 1


@pytest.mark.parametrize("signed", ["tag"], indirect=True)
def test_a_referrer_that_cannot_be_copied_moves_no_tag(
    signed: Signed, registry_factory: Callable[..., Registry], tmp_path: Path
) -> None:
    """The image is there by digest, its SBOM is refused: no tag says that both are; the next run goes on."""
    other = registry_factory()

    def script(request: Request) -> Fault | None:
        refused = request.kind == "PUT manifest" and signed.sbom in request.path
        return Fault(reply=Reply(403)) if refused else None

    with proxying(other.address, script) as proxy:
        words = (f"{signed.place}:1", f"{proxy.address}/prod/x:1", "--referrers")
        done = copied(tmp_path, *words)
        assert done.returncode == ExitCode.AUTHENTICATION
        assert "refuses access to prod/x" in done.stderr
        assert "Traceback" not in done.stderr
        assert "1" not in tags_of(other.address, "prod/x")
        proxy.script = lambda _request: None
        assert copied(tmp_path, *words).returncode == 0
    assert digest_at(other.address, "prod/x", "1") == signed.index
    assert lacking(other.address, "prod/x", signed.sbom) == []
