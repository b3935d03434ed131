"""What the settings of the buildx engine do to a real build: several images, provenance, caches, secrets."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from gopherwhale.oci.documents import Manifest
from gopherwhale.oci.layout import Layout, walk
from tests.engine import projects
from tests.engine.conftest import Command, Registry, Testbed
from tests.engine.projects import Project

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("warm")]

Make = Callable[[str], Project]
TYPE: Final = "vnd.docker.reference.type"


@pytest.fixture
def make(testbed: Testbed, registry: Registry, tmp_path: Path) -> Make:
    """Give a repository with these lines in front of its gopherwhale.toml."""

    def bake(settings: str) -> Project:
        image = f"{registry.address}/acme/hello"
        project = projects.make(
            tmp_path / "repository",
            testbed.environment(),
            testbed.go_version,
            image,
            platforms="linux/amd64,linux/arm64",
            kind="tool",
        )
        file = project.folder / "gopherwhale.toml"
        file.write_text(settings + "\n" + file.read_text().replace(f'repository = "{image}"\n', ""))
        project.commit("settings")
        return project

    return bake


def command(project: Project, *words: str) -> Any:
    """The JSON of a command that must succeed."""
    return json.loads(project.good("gopherwhale", *words, "--format", "json"))


def raw(skopeo: Command, reference: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(
        skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{reference}")
    )
    return document


def test_several_images_of_one_repository_are_pushed_together(
    make: Make, registry: Registry, skopeo: Command
) -> None:
    """Each image has its own recipe, repository, layout and receipt, and one command pushes them all."""
    project = make(f'repository = "{registry.address}/acme/hello"')
    (project.folder / "Dockerfile.admin").write_text(
        (project.folder / "Dockerfile")
        .read_text()
        .replace('ENTRYPOINT ["/hello"]', 'ENTRYPOINT ["/hello", "-version"]')
    )
    with (project.folder / "gopherwhale.toml").open("a") as file:
        file.write(
            "\n[images.hello]\n"
            "\n[images.admin]\n"
            f'repository = "{registry.address}/acme/admin"\n'
            'dockerfile = "Dockerfile.admin"\n'
            'platforms = ["linux/arm64"]\n'
        )
    project.commit("two images")
    pushed = {image["name"]: image for image in command(project, "docker.push")["images"]}
    assert set(pushed) == {"hello", "admin"}
    for name, platforms in (("hello", 2), ("admin", 1)):
        receipt = json.loads((project.folder / "dist" / name / "receipt.json").read_text())
        assert receipt["digest"] == pushed[name]["digest"]
        index = raw(skopeo, f"{registry.address}/acme/{name}:latest")
        assert len(index["manifests"]) == platforms
    reference = f"docker://{registry.address}/acme/admin:latest"
    config = json.loads(
        skopeo("--override-arch=arm64", "inspect", "--config", "--tls-verify=false", reference)
    )
    assert config["config"]["Entrypoint"] == ["/hello", "-version"]


def test_provenance_is_an_attestation_beside_the_platforms(
    make: Make, registry: Registry, skopeo: Command
) -> None:
    """An attestation is counted apart, is no platform, and reaches the registry with its annotation."""
    project = make(f'repository = "{registry.address}/acme/hello"\nprovenance = true')
    pushed = command(project, "docker.push")["images"][0]
    report = command(project, "docker.verify-arch")["reports"][0]
    assert len(report["platforms"]) == 2
    assert not report["findings"]
    index = raw(skopeo, f"{registry.address}/acme/hello:latest")
    attestations = [e for e in index["manifests"] if e.get("annotations", {}).get(TYPE)]
    assert len(attestations) == 2
    statement = raw(skopeo, f"{registry.address}/acme/hello@{attestations[0]['digest']}")
    assert statement["layers"][0]["mediaType"] == "application/vnd.in-toto+json"
    receipt = json.loads((project.folder / "dist" / "hello" / "receipt.json").read_text())
    assert sum(bool(manifest["attestation"]) for manifest in receipt["manifests"]) == 2
    assert pushed["digest"] == receipt["digest"]


def test_a_secret_reaches_the_build_and_nothing_that_is_left(make: Make, tmp_path: Path) -> None:
    """BuildKit mounts the secret for one step; no blob, no output and no plan holds its text."""
    canary = "canary-5ba7c1"
    secret = tmp_path / "to,ken"
    secret.write_text(canary)
    project = make(f"""secrets = ['id=token,"src={secret}"']""")
    project.replace(
        "Dockerfile",
        "WORKDIR /src\n",
        "WORKDIR /src\nRUN --mount=type=secret,id=token,required=true wc -c < /run/secrets/token > /length\n",
    )
    project.replace("Dockerfile", "FROM scratch\n", "FROM scratch\nCOPY --from=build /length /length\n")
    done = project.run("gopherwhale", "docker.cross-build", "--platform", "linux/amd64")
    assert done.returncode == 0, done.stderr
    assert canary not in done.stdout + done.stderr + project.good("gopherwhale", "docker.plan")
    for file in (project.folder / "dist").rglob("*"):
        assert not file.is_file() or canary.encode() not in file.read_bytes()


def test_a_cache_that_was_written_is_read(make: Make, tmp_path: Path) -> None:
    """cache_to leaves BuildKit's cache in a folder, and cache_from names it to the next build."""
    cache = tmp_path / "cache"
    project = make(f'cache_to = "type=local,dest={cache}"')
    project.good("gopherwhale", "docker.cross-build", "--platform", "linux/amd64")
    assert (cache / "index.json").is_file()
    project.replace(
        "gopherwhale.toml",
        f'cache_to = "type=local,dest={cache}"',
        f'cache_from = ["type=local,src={cache}"]',
    )
    done = project.run("gopherwhale", "docker.cross-build", "--platform", "linux/amd64")
    assert done.returncode == 0, done.stderr
    assert "importing cache manifest" in done.stderr


def test_awkward_texts_arrive_as_they_are(make: Make) -> None:
    """Commas, quotes, dollars and line breaks in labels, annotations and arguments reach the documents."""
    text = 'one, "two", $three\nfour'
    project = make("")
    with (project.folder / "gopherwhale.toml").open("a") as file:
        file.write(f'\n[annotations]\n"com.example.text" = {json.dumps(text)}\n')
    project.replace("gopherwhale.toml", "[labels]\n", f'[labels]\n"com.example.text" = {json.dumps(text)}\n')
    built = command(project, "docker.cross-build", "--platform", "linux/amd64,linux/arm64")
    assert len(built["images"][0]["platforms"]) == 2
    layout = Layout(project.folder / "dist" / "hello")
    for _, document in walk(layout):
        assert document.annotations["com.example.text"] == text
        if isinstance(document, Manifest):
            with layout.open_blob(document.config) as stream:
                config = json.load(stream)
            assert config["config"]["Labels"]["com.example.text"] == text
