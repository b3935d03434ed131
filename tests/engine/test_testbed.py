from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.conftest import AMBIENT
from tests.engine.conftest import REPOSITORY, Command, Registry, Testbed

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("warm")]

_GO = """package main

import "fmt"

func main() { fmt.Println("hello") }
"""
_DOCKERFILE = """ARG GO_VERSION
FROM --platform=$BUILDPLATFORM golang:${GO_VERSION} AS build
WORKDIR /src
COPY main.go .
ARG TARGETOS TARGETARCH TARGETVARIANT
RUN --mount=type=cache,target=/root/.cache/go-build \\
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH GOARM=${TARGETVARIANT#v} \\
    go build -trimpath -o /hello main.go
FROM scratch
COPY --from=build /hello /hello
ENTRYPOINT ["/hello"]
"""


def _invoke(*arguments: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "invoke", *arguments],
        cwd=REPOSITORY,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _ours(testbed: Testbed) -> dict[str, str]:
    return dict(AMBIENT) | {"GOPHERWHALE_TESTBED": str(testbed.folder)}


def _oci(docker: Command, testbed: Testbed, folder: Path, platforms: str) -> Path:
    (folder / "main.go").write_text(_GO, encoding="utf-8")
    (folder / "Dockerfile").write_text(_DOCKERFILE, encoding="utf-8")
    layout = folder / "layout"
    docker(
        *("buildx", "build", "--platform", platforms, "--provenance=false"),
        *("--build-arg", f"GO_VERSION={testbed.go_version}"),
        *("--output", f"type=oci,tar=false,dest={layout}", folder),
    )
    return layout


def test_a_second_up_says_that_it_stands_already_and_changes_nothing(testbed: Testbed) -> None:
    """`up` on a standing testbed is a no-op: the state file keeps every byte."""
    before = (testbed.folder / "state.json").read_bytes()
    again = _invoke("testbed.up", environment=_ours(testbed))
    assert (again.returncode, again.stdout) == (0, "the testbed is up already\n")
    assert (testbed.folder / "state.json").read_bytes() == before


def test_status_names_the_engine_and_the_registry(testbed: Testbed) -> None:
    """`status` says how to reach what stands."""
    asked = _invoke("testbed.status", environment=_ours(testbed))
    assert asked.returncode == 0
    assert testbed.docker_host in asked.stdout
    assert testbed.registry in asked.stdout


def test_exported_lines_lead_a_shell_to_the_engine(testbed: Testbed) -> None:
    """`status --export` gives lines which a shell evaluates to this engine's variables."""
    lines = _invoke("testbed.status", "--export", environment=_ours(testbed)).stdout
    script = f'{lines}\nprintf "%s" "$DOCKER_HOST"; command -v docker-registry >&2'
    shell = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=30, check=True)
    assert shell.stdout == testbed.docker_host
    assert shell.stderr.startswith(str(testbed.folder))


def test_status_of_an_empty_folder_is_down(tmp_path: Path) -> None:
    """`status` where nothing was ever started says so in one line with exit code 14 and makes no folder."""
    folder = tmp_path / "nothing"
    asked = _invoke("testbed.status", environment=dict(AMBIENT) | {"GOPHERWHALE_TESTBED": str(folder)})
    assert (asked.returncode, asked.stderr) == (14, "the testbed is down: run `invoke testbed.up`\n")
    assert not folder.exists()


def test_the_bridge_keeps_its_address_whatever_joins_it(testbed: Testbed) -> None:
    """Where it changes, another container's connection stands still for ever, as a download in CI did."""
    bridge = json.loads((testbed.folder / "state.json").read_bytes())["bridge"]
    name = f"gwl{os.getpid()}"
    low = ("ip", "link", "add", "name", name, "address", "02:00:00:00:00:01", "type", "veth")
    before = _address(bridge)
    subprocess.run(low, timeout=20, check=True)
    try:
        subprocess.run(("ip", "link", "set", name, "master", bridge), timeout=20, check=True)
        assert _address(name) < before == _address(bridge)
    finally:
        subprocess.run(("ip", "link", "delete", name), timeout=20, check=True)


def _address(interface: str) -> str:
    return Path("/sys/class/net", interface, "address").read_text(encoding="ascii").strip()


def test_three_platforms_are_built_into_a_layout(docker: Command, testbed: Testbed, tmp_path: Path) -> None:
    """The engine exports one OCI layout with an image for each platform, from the local base image."""
    layout = _oci(docker, testbed, tmp_path, "linux/amd64,linux/arm64,linux/arm/v7")
    top = json.loads((layout / "index.json").read_bytes())
    digest = top["manifests"][0]["digest"].removeprefix("sha256:")
    index = json.loads((layout / "blobs/sha256" / digest).read_bytes())
    platforms = [
        tuple(image["platform"].get(key) for key in ("os", "architecture", "variant"))
        for image in index["manifests"]
    ]
    assert platforms == [("linux", "amd64", None), ("linux", "arm64", None), ("linux", "arm", "v7")]


def test_an_image_comes_back_from_the_registry_as_it_went(
    docker: Command, skopeo: Command, testbed: Testbed, registry: Registry, tmp_path: Path
) -> None:
    """What skopeo copies from a layout to a fresh registry is read back as the same index."""
    layout = _oci(docker, testbed, tmp_path, "linux/amd64,linux/arm64")
    there = f"docker://{registry.address}/team/hello:1"
    skopeo("copy", "--all", "--dest-tls-verify=false", f"oci:{layout}", there)
    assert json.loads(skopeo("inspect", "--raw", "--tls-verify=false", there)) == json.loads(
        skopeo("inspect", "--raw", f"oci:{layout}")
    )


def test_a_registry_with_a_log_in_refuses_strangers(
    docker: Command, skopeo: Command, testbed: Testbed, auth_registry: Registry, tmp_path: Path
) -> None:
    """The registry with htpasswd takes an image from its user and shows it to nobody else."""
    layout = _oci(docker, testbed, tmp_path, "linux/amd64")
    there = f"docker://{auth_registry.address}/hello:1"
    credentials = f"{auth_registry.user}:{auth_registry.password}"
    skopeo("copy", "--dest-tls-verify=false", f"--dest-creds={credentials}", f"oci:{layout}", there)
    with pytest.raises(AssertionError, match="authentication required"):
        skopeo("inspect", "--tls-verify=false", there)


def test_the_unpacked_tools_are_there(testbed: Testbed) -> None:
    """Here umoci and the emulator for arm64, which other tests need, stand in front of PATH."""
    names = {program.name for folder in testbed.bin_dirs for program in folder.iterdir()}
    assert {"docker", "umoci", "qemu-aarch64-static", "qemu-arm-static", "go"} <= names


def test_go_runs_in_its_environment(go_environment: Mapping[str, str], testbed: Testbed) -> None:
    """The Go on PATH is the base image's."""
    asked = subprocess.run(
        ["go", "version"], env=go_environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert f"go{testbed.go_version} " in asked.stdout
