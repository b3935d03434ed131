"""One image in every place where an image can be, put there by other tools, and found to be the same."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from gopherwhale.oci.layout import Layout
from tests.engine.conftest import Command, Registry, Testbed
from tests.unit.oci.images import make_layout
from tests.unit.verify.judged import program

pytestmark = pytest.mark.engine

_PLATFORM: Final = "linux/amd64"
_SECONDS: Final = 300.0
Verify = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A layout with one image of one platform."""
    path = tmp_path_factory.mktemp("made") / "layout"
    return make_layout(path, {_PLATFORM: program(_PLATFORM)})


@pytest.fixture
def verify(testbed: Testbed, tmp_path: Path) -> Verify:
    """Run `docker.verify-arch` outside of any repository; its one report."""

    def run(*arguments: str, code: int = 0) -> dict[str, Any]:
        command = [sys.executable, "-m", "gopherwhale", "docker.verify-arch", *arguments, "--format", "json"]
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env=testbed.environment(XDG_CACHE_HOME=str(tmp_path / "cache")),
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        assert done.returncode == code, done.stderr
        report: dict[str, Any] = json.loads(done.stdout)["reports"][0]
        return report

    return run


@pytest.fixture
def loaded(docker: Command, skopeo: Command, layout: Path, tmp_path: Path) -> Iterator[str]:
    """The image in Docker's own store, under a name that no other test uses."""
    name = f"gopherwhale-test/{uuid.uuid4().hex}:1"
    archive = tmp_path / "load.tar"
    skopeo("copy", f"oci:{layout}:latest", f"docker-archive:{archive}:{name}")
    docker("load", "--input", archive)
    try:
        yield name
    finally:
        docker("rmi", "--force", name)


def same(report: dict[str, Any]) -> bool:
    """Whether it is the image that was made."""
    (found,) = report["platforms"]
    return (found["platform"], found["entrypoint"]) == (_PLATFORM, "/app")


def test_an_archive_that_skopeo_wrote_is_read(
    skopeo: Command, layout: Path, tmp_path: Path, verify: Verify
) -> None:
    """docker-archive in its old form and oci-archive, by scheme and by path alone."""
    skopeo("copy", f"oci:{layout}:latest", f"docker-archive:{tmp_path}/old.tar:example.com/hello:1")
    skopeo("copy", f"oci:{layout}:latest", f"oci-archive:{tmp_path}/oci.tar:1")
    for source in (
        f"docker-archive:{tmp_path}/old.tar",
        f"docker-archive:{tmp_path}/old.tar:example.com/hello:1",
        f"{tmp_path}/old.tar",
        f"oci-archive:{tmp_path}/oci.tar",
        f"oci-archive:{tmp_path}/oci.tar:1",
        f"{tmp_path}/oci.tar",
    ):
        assert same(verify(source)), source


def test_docker_s_own_store_and_what_it_saves_are_read(
    docker: Command, loaded: str, tmp_path: Path, verify: Verify
) -> None:
    """docker-daemon streams what `docker save` writes; a name that Docker does not know is a mistake."""
    assert same(verify(f"docker-daemon:{loaded}"))
    docker("save", "--output", tmp_path / "saved.tar", loaded)
    assert same(verify(f"docker-archive:{tmp_path}/saved.tar"))
    assert same(verify(str(tmp_path / "saved.tar")))
    done = subprocess.run(
        [sys.executable, "-m", "gopherwhale", "docker.verify-arch", "docker-daemon:no-such/image:1"],
        cwd=tmp_path,
        env=None,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    assert done.returncode in (2, 14)
    assert "Traceback" not in done.stderr


def test_a_registry_s_second_run_reads_no_layer_and_misses_none(
    skopeo: Command, registry: Registry, layout: Path, verify: Verify
) -> None:
    """Unchanged digests are not fetched again; a blob that the registry lost is found all the same."""
    name = f"{registry.address}/hello:1"
    skopeo("copy", "--dest-tls-verify=false", f"oci:{layout}:latest", f"docker://{name}")
    assert same(verify(f"docker://{name}"))
    # The config is read each time; the layer once.
    assert _read_blobs(registry, 2) == 2
    assert same(verify(name))
    assert _read_blobs(registry, 3) == 3
    (layer,) = _layers(layout)
    for blob in registry.blobs.rglob(layer[7:]):
        if blob.is_dir():
            shutil.rmtree(blob)
    report = verify(name, code=10)
    assert [found["code"] for found in report["platforms"][0]["findings"]] == ["blob-missing"]


def _read_blobs(registry: Registry, awaited: int) -> int:
    """How many blobs were read, by a log in which a request stands once it has been answered."""
    deadline = time.monotonic() + 20
    while (found := registry.log.read_text(encoding="utf-8").count('"GET /v2/hello/blobs/')) < awaited:
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)
    return found


def _layers(layout: Path) -> list[str]:
    root = Layout(layout)
    index = json.loads((layout / "blobs" / "sha256" / root.root.digest[7:]).read_bytes())
    manifest = (layout / "blobs" / "sha256" / index["manifests"][0]["digest"][7:]).read_bytes()
    return [layer["digest"] for layer in json.loads(manifest)["layers"]]
