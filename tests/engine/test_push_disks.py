"""Number 17 with real file systems: a layout where nothing can be written, and one where nothing fits."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gopherwhale.errors import ExitCode
from gopherwhale.oci.layout import Layout
from tests.engine.conftest import Testbed
from tests.engine.push_images import PLATFORMS, image, lacking, tags_of
from tests.faults.proxy import Proxy, proxying

pytestmark = pytest.mark.engine

_SIZE = "4m"


@dataclass(frozen=True, kw_only=True)
class Disk:
    """A Go repository on a file system of its own, its image in dist/, and where that is pushed to."""

    folder: Path
    proxy: Proxy
    registry: str
    repository: str

    @property
    def layout(self) -> Path:
        """Where `docker.cross-build` would put the image."""
        return self.folder / "dist" / "hello"

    def remount(self, options: str) -> None:
        """Change how it is mounted."""
        subprocess.run(["mount", "-o", f"remount,{options}", self.folder], check=True, timeout=60)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A user's command."""
        program = Path(sys.executable).with_name("gopherwhale")
        environment = {**os.environ, "XDG_CACHE_HOME": str(self.folder / ".cache")}
        return subprocess.run(
            [program, *words],
            cwd=self.folder, env=environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    def files(self) -> dict[str, bytes]:
        """Every file, byte for byte."""
        return {str(path): path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}

    def refuses(self, why: str, *words: str) -> None:
        """The command fails in its own words, asks no registry, and leaves every file as it was."""
        before = self.files()
        done = self.run(*words)
        assert done.returncode == ExitCode.USAGE, done.stderr
        assert why in done.stderr
        assert "Traceback" not in done.stderr
        assert self.proxy.seen == []
        assert self.files() == before


@pytest.fixture
def disk(testbed: Testbed, tmp_path: Path) -> Iterator[Disk]:
    """Mount one of a few megabytes; skip where this user may not."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True, timeout=60).returncode:
        pytest.skip("this user may not mount a tmpfs")
    try:
        with proxying(testbed.registry) as proxy:
            name = f"disks/{uuid.uuid4().hex}/hello"
            made = Disk(folder=folder, proxy=proxy, registry=testbed.registry, repository=name)
            (folder / "go.mod").write_text("module example.invalid/hello\n")
            listed = ", ".join(f'"{platform}"' for platform in PLATFORMS)
            settings = f'repository = "{proxy.address}/{name}"\nplatforms = [{listed}]\nengine = "go"\n'
            (folder / "gopherwhale.toml").write_text(settings)
            image(made.layout, "disk", 50_000)
            yield made
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True, timeout=60)


def test_17_nothing_is_sent_from_a_file_system_that_is_read_only(disk: Disk) -> None:
    """A push could keep neither notes nor receipt, and a build no image: both say so before they begin.

    What only reads, works: the image is verified where it lies, and copied from there.
    """
    disk.remount("ro")
    push = ("docker.push", "--layout", "dist/hello", "--tag", "1.0.0")
    disk.refuses("Read-only file system; no tag has moved", *push)
    disk.refuses("Read-only file system", "docker.cross-build")
    assert disk.run("docker.verify-arch").returncode == ExitCode.GOOD
    place = f"{disk.proxy.address}/{disk.repository}"
    done = disk.run("docker.copy", "oci:dist/hello", f"{place}:copied")
    assert done.returncode == ExitCode.GOOD, done.stderr
    assert lacking(disk.registry, disk.repository, "copied") == []
    disk.remount("rw")
    assert disk.run(*push).returncode == ExitCode.GOOD
    assert tags_of(disk.registry, disk.repository) == {"copied", "1.0.0"}


def test_17_nothing_is_sent_from_a_disk_that_is_full(disk: Disk) -> None:
    """The notes do not fit: no request, no litter, the layout as it was; with room the push is whole."""
    digest = Layout(disk.layout).root.digest
    filler = disk.folder / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as stream:
        while True:
            stream.write(bytes(4096))
    push = ("docker.push", "--layout", "dist/hello", "--tag", "1.0.0")
    disk.refuses("No space left on device; no tag has moved", *push)
    filler.unlink()
    assert disk.run(*push).returncode == ExitCode.GOOD
    assert Layout(disk.layout).root.digest == digest
    assert lacking(disk.registry, disk.repository, "1.0.0") == []
    assert not list(disk.layout.rglob(".partial-*"))
