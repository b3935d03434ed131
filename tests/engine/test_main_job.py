"""From an empty folder to a verified image in a registry, with real parts and the published package."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
import subprocess
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from gopherwhale.oci.documents import Manifest
from gopherwhale.oci.layout import Layout, walk
from gopherwhale.platforms import parse
from tests.engine import projects
from tests.engine.conftest import Command, Registry, Testbed
from tests.engine.projects import Installed, Project

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("warm")]

Make = Callable[..., Project]
THREE = projects.PLATFORMS.split(",")


@pytest.fixture
def make(testbed: Testbed, installed: Installed, registry: Registry, tmp_path: Path) -> Make:
    """Bake a repository whose image goes to a registry of the test's own."""

    def bake(**answers: str) -> Project:
        environment = installed.environment(testbed.environment(PYTHONWARNINGS="default"))
        image = f"{registry.address}/acme/hello"
        return projects.make(tmp_path / "repository", environment, testbed.go_version, image, **answers)

    return bake


def raw(skopeo: Command, reference: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(
        skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{reference}")
    )
    return document


def tags(registry: Registry) -> list[str]:
    try:
        with urllib.request.urlopen(
            f"http://{registry.address}/v2/acme/hello/tags/list", timeout=30
        ) as answer:
            return list(json.load(answer)["tags"] or [])
    except urllib.error.HTTPError as error:
        if error.code != HTTPStatus.NOT_FOUND:
            raise
        return []


def binary(project: Project, platform: str, target: Path) -> Path:
    """The program of one platform, taken out of the layout's last layer by the standard library."""
    layout = Layout(project.folder / "dist" / "hello")
    for descriptor, document in walk(layout):
        if isinstance(document, Manifest) and descriptor.platform == parse(platform):
            with layout.open_blob(document.layers[-1]) as stream, tarfile.open(fileobj=stream) as layer:
                member = layer.extractfile("hello")
                assert member is not None
                target.write_bytes(member.read())
    target.chmod(0o755)
    return target


@contextlib.contextmanager
def container(docker: Command, image: str) -> Iterator[str]:
    """Run an image with its port on loopback, and stop it by its id."""
    identifier = docker("run", "--detach", "--publish", "127.0.0.1::8080", image).strip()
    try:
        yield f"http://{docker('port', identifier, '8080').strip()}"
    finally:
        docker("rm", "--force", identifier)


def ask(address: str) -> dict[str, Any]:
    """What the service answers, once it is up."""
    for _ in range(600):
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:
                document: dict[str, Any] = json.load(answer)
                return document
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"{address} does not answer")


def test_four_commands_give_a_proven_image_in_a_registry(
    make: Make, registry: Registry, skopeo: Command, docker: Command, testbed: Testbed, tmp_path: Path
) -> None:
    """Bake, cross-build, verify, push; another reader finds platforms, labels and digests as promised."""
    project = make(time_zones="yes")
    commit = project.good("git", "rev-parse", "HEAD").strip()
    built = json.loads(project.good("invoke", "docker.cross-build", "--format", "json"))["images"][0]
    assert [entry["platform"] for entry in built["platforms"]] == THREE
    report = json.loads(project.good("invoke", "docker.verify-arch", "--format", "json"))["reports"][0]
    assert len(report["platforms"]) == 3
    pushed = json.loads(project.good("invoke", "docker.push", "--format", "json"))["images"][0]
    assert sorted(tags(registry)) == sorted(["latest", f"sha-{commit[:12]}"])

    receipt = json.loads((project.folder / "dist" / "hello" / "receipt.json").read_text())
    digest = skopeo(
        "inspect", "--tls-verify=false", "--format", "{{.Digest}}", f"docker://{registry.address}/acme/hello"
    )
    assert digest.strip() == receipt["digest"] == pushed["digest"]
    assert receipt["revision"] == commit
    assert [tag["reference"] for tag in receipt["tags"]] == pushed["tags"]

    index = raw(skopeo, f"{registry.address}/acme/hello:latest")
    found = [
        parse("/".join(entry["platform"].get(k, "") for k in ("os", "architecture", "variant")).rstrip("/"))
        for entry in index["manifests"]
    ]
    assert list(map(str, found)) == THREE
    prefix = "org.opencontainers.image."
    assert index["annotations"][f"{prefix}revision"] == commit
    for entry in index["manifests"]:
        manifest = raw(skopeo, f"{registry.address}/acme/hello@{entry['digest']}")
        assert manifest["annotations"][f"{prefix}revision"] == commit
        reference = f"docker://{registry.address}/acme/hello@{entry['digest']}"
        config = json.loads(skopeo("inspect", "--config", "--tls-verify=false", reference))
        assert config["architecture"] == entry["platform"]["architecture"]
        assert config["config"]["Entrypoint"] == ["/hello"]
        assert config["config"]["User"] == "65532:65532"
        assert config["config"]["Labels"][f"{prefix}revision"] == commit
        assert config["config"]["Labels"][f"{prefix}title"] == "hello"

    with container(docker, f"{registry.address}/acme/hello:latest") as address:
        answer = ask(f"{address}/version")
        assert (answer["os"], answer["arch"], answer["commit"]) == ("linux", "amd64", commit)
    arm64 = binary(project, "linux/arm64", tmp_path / "hello-arm64")
    emulator = shutil.which("qemu-aarch64-static", path=testbed.environment()["PATH"])
    assert emulator is not None
    said = subprocess.run(
        [emulator, arm64, "-version"], capture_output=True, text=True, check=True, timeout=60
    )
    assert "arm64" in said.stdout


def test_an_unchanged_push_sends_nothing_and_moves_the_tag_to_the_same_digest(
    make: Make, registry: Registry
) -> None:
    """The same commit gives the same bytes, and what the registry has is not sent again."""
    project = make()
    first = json.loads(project.good("invoke", "docker.push", "--format", "json"))["images"][0]
    second = json.loads(project.good("invoke", "docker.push", "--format", "json"))["images"][0]
    assert second["digest"] == first["digest"]
    assert (second["blobs_sent"], second["bytes_sent"]) == (0, 0)
    assert "latest" in tags(registry)


COMPILE = 'GOARCH="${TARGETARCH}"'
ALLOWED = "# gopherwhale: ignore={} verify has to find it by itself\n"
SABOTAGES = {
    "an argument's default hides BuildKit's value": (
        "ARG TARGETPLATFORM TARGETOS TARGETARCH TARGETVARIANT",
        f"{ALLOWED.format('platform-arg-default')}ARG TARGETPLATFORM TARGETOS TARGETARCH=amd64 TARGETVARIANT",
        "linux/amd64,linux/arm64",
        "linux/arm64",
    ),
    "the final stage copies one platform's binary": (
        "COPY --from=build /out/${TARGETPLATFORM}/hello /hello",
        "COPY --from=build /out/one /hello",
        "linux/amd64,linux/arm64",
        "linux/arm64",
    ),
    "GOARCH is written by hand": (
        f'&& CGO_ENABLED=0 GOOS="${{TARGETOS:-linux}}" {COMPILE}',
        f"{ALLOWED.format('goarch-by-hand')}    && CGO_ENABLED=0 GOOS=linux GOARCH=arm64",
        "linux/amd64,linux/arm64",
        "linux/amd64",
    ),
    "GOARM is missing": (
        'arm/v*) export GOARM="${TARGETVARIANT#v}" ;;',
        "arm/v*) ;;",
        "linux/arm/v6,linux/arm64",
        "linux/arm/v6",
    ),
}


@pytest.mark.parametrize("name", SABOTAGES)
def test_a_sabotaged_dockerfile_is_named_and_never_published(
    make: Make, registry: Registry, name: str
) -> None:
    """Each way of putting the wrong binary under a platform is found before anything is pushed."""
    old, new, platforms, victim = SABOTAGES[name]
    project = make(kind="tool", platforms=platforms)
    project.replace("Dockerfile", old, new)
    if "/out/one" in new:
        one = "    && CGO_ENABLED=0 GOOS=linux GOARCH=amd64 go build -trimpath -o /out/one .\n"
        project.replace("Dockerfile", 'hello" .\n', f'hello" . \\\n{ALLOWED.format("goarch-by-hand")}{one}')
    project.commit("sabotage")
    built = project.run("invoke", "docker.cross-build")
    assert built.returncode == 0, built.stderr
    verified = project.run("invoke", "docker.verify-arch", "--format", "json")
    assert verified.returncode == 10, verified.stderr
    report = json.loads(verified.stdout)["reports"][0]
    named = [
        finding
        for finding in (*report["findings"], *(f for p in report["platforms"] for f in p["findings"]))
        if finding["severity"] == "error"
    ]
    assert any(victim in (finding["platform"], *finding["found"].split()) for finding in named), named
    assert all(finding["remedy"] for finding in named)
    pushed = project.run("invoke", "docker.push")
    assert pushed.returncode == 10, pushed.stderr
    assert "Traceback" not in pushed.stderr
    assert "nothing was pushed" in pushed.stderr
    assert tags(registry) == []


def test_a_change_of_the_sources_downloads_no_module_again(make: Make) -> None:
    """The modules are a layer of their own: BuildKit finds it in its cache."""
    project = make(kind="tool", platforms="linux/amd64")
    project.good("invoke", "docker.cross-build")
    with (project.folder / "main.go").open("a") as source:
        source.write("\n// A change.\n")
    again = project.run("invoke", "docker.cross-build")
    assert again.returncode == 0, again.stderr
    lines = again.stderr.splitlines()
    number = next(line.split()[0] for line in lines if "go mod download" in line and line.startswith("#"))
    assert f"{number} CACHED" in lines
    compiled = next(line.split()[0] for line in lines if "go build" in line and line.startswith("#"))
    assert f"{compiled} CACHED" not in lines


def test_docker_build_loads_an_image_that_runs(make: Make, docker: Command, registry: Registry) -> None:
    """The host's platform is verified, loaded into Docker's store, tagged, and serves."""
    project = make()
    loaded = json.loads(project.good("invoke", "docker.build", "--format", "json"))["images"][0]["loaded"]
    assert loaded == [f"{registry.address}/acme/hello:dev"]
    try:
        assert "linux/amd64" in docker("inspect", "--format", "{{.Os}}/{{.Architecture}}", loaded[0])
        with container(docker, loaded[0]) as address:
            assert ask(f"{address}/version")["arch"] == "amd64"
    finally:
        docker("rmi", "--force", loaded[0])
    assert not (project.folder / "dist" / "hello").exists()


def test_the_command_that_runs_is_the_one_that_the_plan_shows(
    make: Make, testbed: Testbed, tmp_path: Path
) -> None:
    """docker.plan prints what reaches the Docker client, argument for argument."""
    project = make(kind="tool", platforms="linux/amd64")
    planned = json.loads(project.good("invoke", "docker.plan", "--format", "json"))["commands"]["hello"]
    log, folder = tmp_path / "argv", tmp_path / "bin"
    folder.mkdir()
    client = shutil.which("docker", path=testbed.environment()["PATH"])
    wrapper = folder / "docker"
    wrapper.write_text(
        f'#!/bin/sh\nprintf \'%s\\0\' "$@" >> "{log}"\nprintf \'\\n\' >> "{log}"\nexec "{client}" "$@"\n'
    )
    wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)
    path = f"{folder}{os.pathsep}{project.environment['PATH']}"
    project.good("invoke", "docker.cross-build", PATH=path)
    ran = [line.strip("\0").split("\0") for line in log.read_text().splitlines()]
    builds = [["docker", *arguments] for arguments in ran if arguments[:2] == ["buildx", "build"]]
    assert builds == planned


def test_nox_does_the_same_from_a_script_of_its_own(make: Make, registry: Registry) -> None:
    """Nox makes its environment from the noxfile's header, and the session pushes as the laptop does."""
    project = make(kind="tool", platforms="linux/amd64,linux/arm64")
    listed = project.good("nox", "-l")
    assert "docker-push" in listed
    done = project.run("nox", "-s", "docker-push", "--", "--tag", "from-nox")
    assert done.returncode == 0, done.stdout + done.stderr
    assert tags(registry) == ["from-nox"]


def test_the_lists_of_a_baked_repository_read_well(make: Make) -> None:
    """Invoke and the console script list every command, with nothing but the package installed."""
    project = make()
    for command in ("invoke", "gopherwhale"):
        shown = project.good(command, "--list")
        assert all(
            f"docker.{name}" in shown for name in ("build", "cross-build", "plan", "push", "verify-arch")
        )


def test_a_failing_build_leaves_the_old_layout(make: Make) -> None:
    """A compiler's error is exit code 11, shows the compiler's words, and costs nothing that stood."""
    project = make(kind="tool", platforms="linux/amd64")
    project.good("invoke", "docker.cross-build")
    before = (project.folder / "dist" / "hello" / "index.json").read_bytes()
    with (project.folder / "main.go").open("a") as source:
        source.write("\nfunc broken() { return 1 }\n")
    done = project.run("invoke", "docker.cross-build")
    assert done.returncode == 11
    assert "too many return values" in done.stderr
    assert "Traceback" not in done.stderr
    assert (project.folder / "dist" / "hello" / "index.json").read_bytes() == before
    project.good("invoke", "docker.verify-arch")
    assert not (project.folder / "dist" / ".export").exists()


def test_a_dirty_tree_is_not_pushed_unless_allowed(make: Make, registry: Registry) -> None:
    """What is published can be found in git, or says that it cannot."""
    project = make(kind="tool", platforms="linux/amd64")
    (project.folder / "notes.txt").write_text("x")
    refused = project.run("invoke", "docker.push")
    assert refused.returncode == 2
    assert "notes.txt" in refused.stderr
    assert tags(registry) == []
    project.good("invoke", "docker.push", "--allow-dirty")
    receipt = json.loads((project.folder / "dist" / "hello" / "receipt.json").read_text())
    assert receipt["dirty"] is True


def test_an_archive_and_a_registry_are_verified_like_the_layout(
    make: Make, registry: Registry, tmp_path: Path
) -> None:
    """One check for every place that an image can be in."""
    project = make(kind="tool", platforms="linux/amd64,linux/arm64")
    archive = tmp_path / "image.tar"
    project.good("invoke", "docker.cross-build", "--archive", str(archive))
    project.good("invoke", "docker.push")
    reference = f"{registry.address}/acme/hello:latest"
    shown = json.loads(
        project.good(
            *("invoke", "docker.verify-arch", "--format", "json"),
            *("oci:dist/hello", f"oci-archive:{archive}", f"docker://{reference}"),
        )
    )
    assert len({report["digest"] for report in shown["reports"]}) == 1
    assert len(shown["reports"]) == 3
    refused = project.run("invoke", "docker.verify-arch", str(archive), "--expect", "linux/amd64,linux/s390x")
    assert refused.returncode == 10
    assert "linux/s390x" in refused.stdout


def test_a_registry_that_wants_a_login_gets_docker_s_credentials(
    make: Make, auth_registry: Registry, docker_config: Path
) -> None:
    """Without a log-in it is exit code 13 and one hint; with Docker's own log-in the push succeeds."""
    project = make(kind="tool", platforms="linux/amd64")
    target = ("--repository", f"{auth_registry.address}/acme/hello")
    refused = project.run("invoke", "docker.push", *target, DOCKER_CONFIG=str(docker_config))
    assert refused.returncode == 13
    assert "docker login" in refused.stderr
    login = subprocess.run(
        ["docker", "login", "--username", auth_registry.user, "--password-stdin", auth_registry.address],
        env={**project.environment, "DOCKER_CONFIG": str(docker_config)},
        input=auth_registry.password, text=True, capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert login.returncode == 0, login.stderr
    done = project.run("invoke", "docker.push", *target, DOCKER_CONFIG=str(docker_config))
    assert done.returncode == 0, done.stderr
    assert auth_registry.password not in done.stdout + done.stderr
