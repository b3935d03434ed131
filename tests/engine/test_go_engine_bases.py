"""The go engine upon base images: in a real registry, on disk, and against BuildKit's own FROM."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gopherwhale.errors import ExitCode
from tests.engine.conftest import Command, Registry
from tests.engine.go_projects import CROSS_BUILD, Make, images_of, index_of, load, make
from tests.engine.projects import Project

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("warm")]
__all__ = ["make"]

PLATFORMS = "linux/amd64,linux/arm64"


@pytest.fixture
def based(make: Make, registry: Registry) -> tuple[Project, str, Path]:
    """A repository, and a base for two platforms in a registry and in a layout on disk."""
    project = make(platforms=PLATFORMS)
    base = f"{registry.address}/base:1"
    go = {"user": "7:7", "env": "THEIRS=1\nBOTH=theirs", "working_dir": "/srv", "tmp": "true"}
    variables = upon("scratch", **go)
    push = ("docker.push", "--engine", "go", "--repository", f"{registry.address}/base", "--tag", "1")
    project.good(sys.executable, "-m", "gopherwhale", *push, GOPHERWHALE_DIST="dist/base", **variables)
    layout = project.folder / "dist" / "base" / "base"
    return project, base, layout


def upon(base: str, **go: str) -> dict[str, str]:
    """The variables of a build upon a base."""
    return {
        "GOPHERWHALE_GO_BASE": base,
        **{f"GOPHERWHALE_GO_{key.upper()}": text for key, text in go.items()},
    }


def test_a_base_gives_the_image_that_buildkit_would_make_of_it(
    based: tuple[Project, str, Path], docker: Command
) -> None:
    """Layers, process and history's length are those of a Dockerfile with the same FROM; Docker runs it."""
    project, base, layout = based
    settings = upon(base, env="OURS=1\nBOTH=ours", certificates="none")
    project.good(*CROSS_BUILD, **settings)
    ours = images_of(project.folder / "dist" / "hello")
    # Below dist nothing makes the tree dirty.
    context = project.folder / "dist" / "context"
    for platform, image in ours.items():
        (context / str(platform)).mkdir(parents=True)
        (context / str(platform) / "hello").write_bytes(image.contents["hello"])
    (context / "Dockerfile").write_text(
        f"FROM {base}\nARG TARGETPLATFORM\nCOPY --chmod=755 $TARGETPLATFORM/hello /hello\n"
        'ENV OURS=1 BOTH=ours\nEXPOSE 8080\nENTRYPOINT ["/hello"]\n'
    )
    places = {"CONTEXT": "dist/context", "DOCKERFILE": "dist/context/Dockerfile", "DIST": "dist/buildx"}
    variables = {f"GOPHERWHALE_{key}": text for key, text in places.items()}
    project.good(*CROSS_BUILD[:-1], "buildx", **variables)
    theirs = images_of(project.folder / "dist" / "buildx" / "hello")
    bases = images_of(layout)
    for platform, image in ours.items():
        other, below = theirs[platform], bases[platform]
        lower = len(below.manifest.layers)
        assert image.manifest.layers[:lower] == below.manifest.layers
        assert [one.digest for one in other.manifest.layers[:lower]] == [
            one.digest for one in below.manifest.layers
        ]
        assert image.files == other.files
        assert _process(image.config) == _process(other.config)
        assert image.config["config"]["User"] == "7:7"
    _check_annotations(project, base, layout)
    name = load(project, **settings)
    try:
        assert ", linux/" in docker("run", "--rm", name, "-version")
        inspected = json.loads(docker("image", "inspect", name))[0]
        assert inspected["Config"]["WorkingDir"] == "/srv"
    finally:
        docker("image", "rm", "--force", name)


def _process(config: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config["config"].items() if key not in ("ArgsEscaped", "OnBuild")}


def _check_annotations(project: Project, base: str, layout: Path) -> None:
    descriptor, index = index_of(layout)
    _, ours = index_of(project.folder / "dist" / "hello")
    prefix = "org.opencontainers.image.base"
    assert ours.annotations[f"{prefix}.name"] == base
    assert ours.annotations[f"{prefix}.digest"] == descriptor.digest
    digests = [
        image.manifest.annotations[f"{prefix}.digest"]
        for image in images_of(project.folder / "dist" / "hello").values()
    ]
    assert digests == [entry.digest for entry in index.images]


def test_a_pinned_base_is_built_upon_without_its_registry(based: tuple[Project, str, Path]) -> None:
    """`docker.pin` writes the digest; a locked build asks nobody, and a layout on disk gives the same."""
    project, base, layout = based
    settings = project.folder / "gopherwhale.toml"
    settings.write_text(settings.read_text().replace("[go]\n", f'[go]\nbase = "{base}" # ours\n'))
    refused = project.run(*CROSS_BUILD, "--locked")
    assert refused.returncode == ExitCode.USAGE
    assert "docker.pin" in refused.stderr
    project.good(sys.executable, "-m", "gopherwhale", "docker.pin")
    digest = index_of(layout)[0].digest
    assert f'base = "{base}@{digest}" # ours\n' in settings.read_text()
    project.good(*CROSS_BUILD, "--locked")
    layers = [image.manifest.layers for image in images_of(project.folder / "dist" / "hello").values()]
    shutil.rmtree(project.folder / "dist" / "hello")
    # Nobody listens there: whatever asked the registry would fail.
    offline = {"HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9", "NO_PROXY": ""}
    text = settings.read_text()
    settings.write_text(text.replace(base, "127.0.0.1:9/base:1"))
    project.good(*CROSS_BUILD, "--locked", **offline)
    again = [image.manifest.layers for image in images_of(project.folder / "dist" / "hello").values()]
    assert again == layers
    settings.write_text(text.replace(f"{base}@{digest}", f"oci:{layout.relative_to(project.folder)}"))
    project.good(*CROSS_BUILD)
    assert [i.manifest.layers for i in images_of(project.folder / "dist" / "hello").values()] == layers


def test_a_platform_which_the_base_lacks_is_named(based: tuple[Project, str, Path]) -> None:
    """The error says what the base has, and no layout is left."""
    project, base, _ = based
    done = project.run(*CROSS_BUILD, "--platform", "linux/amd64,linux/s390x", **upon(base))
    assert done.returncode == ExitCode.USAGE
    assert f"gopherwhale: the base {base} has no linux/s390x" in done.stderr
    assert "it has linux/amd64, linux/arm64" in done.stderr
    assert not (project.folder / "dist" / "hello").exists()
    missing = project.run(*CROSS_BUILD, **upon(base.replace("base:1", "absent:1")))
    assert missing.returncode == ExitCode.REGISTRY
    assert "Traceback" not in missing.stderr
