"""The go engine's SBOM before BuildKit's own reader, in a real registry and in a real Docker."""

from __future__ import annotations

import json
import sys

import pytest

from tests.engine.conftest import Command, Registry
from tests.engine.go_projects import Make, make

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("warm")]
__all__ = ["make"]


def test_buildx_shows_the_sbom_that_the_go_engine_attached(
    make: Make, registry: Registry, docker: Command
) -> None:
    """It is found where BuildKit would have put it, for each platform; the image still loads and runs."""
    project = make(platforms="linux/amd64,linux/arm64")
    image = ("--repository", f"{registry.address}/hello", "--tag", "1")
    push = (sys.executable, "-m", "gopherwhale", "docker.push", "--engine", "go", *image)
    project.good(*push, GOPHERWHALE_SBOM="true")
    name = f"{registry.address}/hello:1"
    shown = json.loads(docker("buildx", "imagetools", "inspect", name, "--format", "{{ json .SBOM }}"))
    assert sorted(shown) == ["linux/amd64", "linux/arm64"]
    for found in shown.values():
        packages = {package["name"]: package for package in found["SPDX"]["packages"]}
        assert packages["stdlib"]["versionInfo"].startswith("go1.")
        assert found["SPDX"]["spdxVersion"] == "SPDX-2.3"
    try:
        assert ", linux/" in docker("run", "--rm", name, "-version")
    finally:
        docker("image", "rm", "--force", name)
