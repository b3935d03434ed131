"""The go engine with a real Go: against the buildx engine, before other readers, on real machines."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from gopherwhale.platforms import Platform
from tests.engine.conftest import Command, Testbed
from tests.engine.go_projects import CROSS_BUILD, Image, Make, images_of, index_of, load, make
from tests.engine.projects import PLATFORMS, Project

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("warm")]
__all__ = ["make"]

_BUNDLE: Final = "etc/ssl/certs/ca-certificates.crt"
_SAYS_WHERE: Final = """\
package main

import "runtime"

func main() { println(runtime.GOOS + "/" + runtime.GOARCH) }
"""
_EMULATORS: Final[Mapping[str, str]] = {
    "linux/amd64": "x86_64",
    "linux/arm/v5": "arm",
    "linux/arm/v6": "arm",
    "linux/arm/v7": "arm",
    "linux/arm64": "aarch64",
    "linux/loong64": "loongarch64",
    "linux/mips": "mips",
    "linux/mips64le": "mips64el",
    "linux/ppc64le": "ppc64le",
    "linux/riscv64": "riscv64",
    "linux/s390x": "s390x",
}


@pytest.mark.parametrize(
    ("time_zones", "module"), [("no", "github.com/acme/hello"), ("yes", "example.com/x/other/v2")]
)
def test_both_engines_make_the_same_image_of_the_scaffold(make: Make, time_zones: str, module: str) -> None:
    """Files, owners, modes, binaries, process, labels and annotations agree, platform by platform."""
    project = make(time_zones=time_zones, module=module)
    theirs = _built(project, "buildx")
    # The two take Mozilla's certificates from different places; the file is to stand the same way.
    (project.folder / ".git" / "bundle.pem").write_bytes(next(iter(theirs[1].values())).contents[_BUNDLE])
    ours = _built(project, "go", GOPHERWHALE_GO_CERTIFICATES=".git/bundle.pem")
    assert ours[0] == theirs[0]
    assert list(map(str, ours[1])) == list(map(str, theirs[1])) == PLATFORMS.split(",")
    for platform, image in ours[1].items():
        other = theirs[1][platform]
        assert _files(image) == _files(other)
        assert image.manifest.annotations == other.manifest.annotations
        assert image.config["config"] == other.config["config"]
        for member in ("architecture", "os", "variant", "created"):
            assert image.config.get(member) == other.config.get(member)
        zones = {path for path in image.files if path.startswith("usr/share/zoneinfo/")}
        assert ("usr/share/zoneinfo/Europe/Berlin" in zones) == (time_zones == "yes")


def _built(project: Project, engine: str, **variables: str) -> tuple[Mapping[str, str], dict[Any, Image]]:
    command = (sys.executable, "-m", "gopherwhale", "docker.cross-build", "--engine", engine)
    project.good(*command, GOPHERWHALE_DIST=f"dist/{engine}", **variables)
    layout = project.folder / "dist" / engine / "hello"
    return index_of(layout)[1].annotations, images_of(layout)


def _files(image: Image) -> dict[str, Any]:
    """The files of an image; Debian's zones differ from Go's in release, links and extra spellings."""
    return {path: facts for path, facts in image.files.items() if not path.startswith("usr/share/zoneinfo/")}


@pytest.mark.usefixtures("runtimes")
def test_every_platforms_binary_runs_under_its_emulator(
    testbed: Testbed, go_environment: Mapping[str, str], tmp_path: Path
) -> None:
    """What the image of each platform holds is a program of that platform, which says so itself."""
    folder = tmp_path / "hello"
    folder.mkdir()
    # Of the standard library it needs the runtime alone, which is there for every platform.
    (folder / "main.go").write_text(_SAYS_WHERE)
    (folder / "go.mod").write_text("module example.invalid/hello\n\ngo 1.24.0\n")
    project = Project(folder=folder, environment={**go_environment, "SOURCE_DATE_EPOCH": "0"})
    project.good(*CROSS_BUILD, "--platform", ",".join(_EMULATORS))
    images = images_of(folder / "dist" / "hello")
    assert list(map(str, images)) == list(_EMULATORS)
    for platform, image in images.items():
        assert platform is not None
        said = _run_emulated(testbed, platform, image, tmp_path)
        assert said == f"{platform.os}/{platform.architecture}\n"


def _run_emulated(testbed: Testbed, platform: Platform | None, image: Image, folder: Path) -> str:
    program = folder / "program"
    program.write_bytes(image.contents[image.config["config"]["Entrypoint"][0].lstrip("/")])
    program.chmod(0o755)
    name = f"qemu-{_EMULATORS[str(platform)]}-static"
    emulator = shutil.which(name, path=testbed.environment()["PATH"])
    assert emulator is not None, f"{name} is not there"
    done = subprocess.run([emulator, program], capture_output=True, text=True, check=True, timeout=120)
    # Go's println speaks to stderr.
    return done.stderr


def test_skopeo_and_umoci_read_the_layout(
    make: Make, skopeo: Command, testbed: Testbed, tmp_path: Path
) -> None:
    """Two independent readers take the layout as it is, digests and all."""
    project = make(kind="tool")
    project.good(*CROSS_BUILD)
    layout = project.folder / "dist" / "hello"
    for platform, image in images_of(layout).items():
        assert platform is not None
        variant = ("--override-variant", platform.variant) if platform.variant else ()
        chosen = ("--override-os", "linux", "--override-arch", platform.architecture, *variant)
        config = json.loads(skopeo(*chosen, "inspect", "--config", f"oci:{layout}"))
        assert config["rootfs"]["diff_ids"] == image.config["rootfs"]["diff_ids"]
        target = tmp_path / platform.slug
        skopeo("--insecure-policy", *chosen, "copy", f"oci:{layout}", f"oci:{target}:one")
        _umoci(testbed, "unpack", "--image", f"{target}:one", str(tmp_path / f"{platform.slug}-root"))
        unpacked = tmp_path / f"{platform.slug}-root" / "rootfs" / "hello"
        assert unpacked.read_bytes() == image.contents["hello"]


def _umoci(testbed: Testbed, *arguments: str) -> None:
    program = shutil.which("umoci", path=testbed.environment()["PATH"])
    assert program is not None, "umoci is not there"
    subprocess.run([program, *arguments], check=True, capture_output=True, timeout=120)


def test_docker_loads_and_runs_what_the_go_engine_made(make: Make, docker: Command) -> None:
    """`docker.build` with the go engine ends in an image that a real engine runs, user and all."""
    project = make(kind="tool")
    name = load(project)
    try:
        commit = project.good("git", "rev-parse", "HEAD").strip()
        assert commit in docker("run", "--rm", name, "-version")
        assert docker("image", "inspect", "--format", "{{.Config.User}}", name).strip() == "65532:65532"
    finally:
        docker("image", "rm", "--force", name)


def test_docker_loads_every_platform_from_one_archive(
    make: Make, docker: Command, skopeo: Command, tmp_path: Path
) -> None:
    """This machine's platform has the plain name and runs; each other one is known by its own name."""
    project = make(kind="tool", platforms="linux/amd64,linux/arm64")
    archive = tmp_path / "docker.tar"
    repository = ("--repository", "gopherwhale-archive", "--tag", "1")
    project.good(*CROSS_BUILD, *repository, "--docker-archive", str(archive))
    plain = "gopherwhale-archive:1"
    names = [plain, f"{plain}-linux-amd64", f"{plain}-linux-arm64"]
    try:
        docker("load", "--input", archive)
        assert ", linux/amd64, go" in docker("run", "--rm", plain, "-version")
        found = [docker("image", "inspect", "--format", "{{.Architecture}}", name).strip() for name in names]
        assert found == ["amd64", "amd64", "arm64"]
    finally:
        docker("image", "rm", "--force", *names)
    inspected = json.loads(skopeo("inspect", f"docker-archive:{archive}:{names[2]}"))
    assert inspected["Architecture"] == "arm64"


def test_a_vendored_repository_builds_without_any_module_proxy(make: Make) -> None:
    """A folder `vendor` is used as Go uses it; nothing is fetched."""
    project = make(kind="tool", platforms="linux/amd64")
    _add_module(project, "dependency")
    project.replace("go.mod", "\ngo 1.", "\nrequire example.invalid/dependency v0.0.0\n\ngo 1.")
    project.replace("go.mod", "\nrequire", "\nreplace example.invalid/dependency => ./dependency\n\nrequire")
    project.good("go", "mod", "vendor")
    shutil.rmtree(project.folder / "dependency")
    project.good(*CROSS_BUILD, GOPROXY="off")


def test_a_workspace_builds_with_its_own_modules(make: Make) -> None:
    """go.work joins modules of the repository, as it does for the go command."""
    project = make(kind="tool", platforms="linux/amd64")
    _add_module(project, "dependency")
    project.good("go", "work", "init", ".", "./dependency")
    project.good(*CROSS_BUILD, GOPROXY="off")


def _add_module(project: Project, name: str) -> None:
    folder = project.folder / name
    folder.mkdir()
    (folder / "go.mod").write_text(f"module example.invalid/{name}\n\ngo 1.24.0\n")
    (folder / "name.go").write_text(f'package {name}\n\nconst Name = "{name}"\n')
    (project.folder / "uses.go").write_text(
        f'package main\n\nimport "example.invalid/{name}"\n\nvar _ = {name}.Name\n'
    )
