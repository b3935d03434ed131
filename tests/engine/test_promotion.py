"""Native runners and promotion on real registries, and the secrets that nobody gets to see there."""

from __future__ import annotations

import base64
import json
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from gopherwhale.errors import ExitCode
from gopherwhale.oci.documents import digest_of
from gopherwhale.oci.layout import Layout
from tests.engine import projects
from tests.engine.conftest import Command, Registry, Testbed
from tests.engine.guarded import IDENTITY, PASSWORD, USER, Guarded, docker_config, with_tokens
from tests.engine.projects import Project
from tests.engine.watching import watching

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("warm")]

DOCKER = (sys.executable, "-m", "gopherwhale")
PLATFORMS = ("linux/amd64", "linux/arm64")


@pytest.fixture(scope="module")
def project(
    testbed: Testbed, go_environment: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Project:
    """Give a repository whose image is built once, each platform by itself, as runners do."""
    made = projects.make(
        tmp_path_factory.mktemp("runner") / "made",
        dict(go_environment),
        testbed.go_version,
        "ghcr.io/acme/hello",
        platforms=",".join(PLATFORMS),
    )
    for platform in PLATFORMS:
        made.good(*DOCKER, "docker.cross-build", "--engine", "go", "--platform", platform)
        (made.folder / "dist" / "hello").rename(made.folder / "dist" / platform.replace("/", "-"))
    made.good(*DOCKER, "docker.cross-build", "--engine", "go")
    return made


def untagged(project: Project, folder: Path, repository: str, platform: str, **variables: str) -> Path:
    """What one runner does: its layout is pushed by digest; the receipt's path."""
    shutil.copytree(project.folder / "dist" / platform.replace("/", "-"), folder, dirs_exist_ok=True)
    flags = ("--layout", str(folder), "--platform", platform, "--repository", repository)
    project.good(*DOCKER, "docker.push", "--untagged", *flags, **variables)
    return folder / "receipt.json"


def test_runners_pushes_become_the_image_that_one_build_makes(
    project: Project,
    registry: Registry,
    registry_factory: Callable[..., Registry],
    skopeo: Command,
    tmp_path: Path,
) -> None:
    """Two runners push by digest, a third job merges; the index is, byte for byte, that of one whole build.

    Promoted to another registry it keeps its digest, and skopeo reads the same bytes from both.
    """
    repository = f"{registry.address}/acme/hello"
    paths = [untagged(project, tmp_path / p.replace("/", "-"), repository, p) for p in reversed(PLATFORMS)]
    assert not list(registry.blobs.glob("**/_manifests/tags/*"))
    whole = Layout(project.folder / "dist" / "hello").root.digest
    done = project.good(
        *DOCKER, "docker.merge", *map(str, paths), "--repository", repository, "--format", "json"
    )
    (image,) = json.loads(done)["images"]
    assert image["digest"] == whole
    tags = {path.name for path in registry.blobs.glob("**/_manifests/tags/*")}
    assert "latest" in tags
    other = registry_factory()
    place = f"{other.address}/prod/hello"
    copied = project.good(
        *DOCKER, "docker.copy", f"{repository}:latest", f"{place}:1.0.0", f"{place}:stable",
        "--expect", ",".join(PLATFORMS), "--format", "json",
    )  # fmt: skip
    assert json.loads(copied)["copies"][0]["digest"] == whole
    for reference in (f"{repository}:latest", f"{place}:1.0.0", f"{place}:stable"):
        raw = skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{reference}")
        assert digest_of(raw.encode()) == whole
    back = tmp_path / "back"
    skopeo("copy", "--all", "--src-tls-verify=false", f"docker://{place}:1.0.0", f"oci:{back}:x")
    assert Layout(back).root.digest == whole


def test_a_merge_that_lacks_a_runner_moves_no_tag(
    project: Project, registry: Registry, tmp_path: Path
) -> None:
    """One receipt of two: exit code 10, and the missing platform by name (oxsecurity/megalinter#8247)."""
    repository = f"{registry.address}/acme/hello"
    path = untagged(project, tmp_path / "one", repository, PLATFORMS[0])
    done = project.run(*DOCKER, "docker.merge", str(path), "--repository", repository)
    assert done.returncode == ExitCode.VERIFICATION
    assert "lack linux/arm64" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(registry.blobs.glob("**/_manifests/tags/*"))


@pytest.fixture(scope="module")
def guarded(testbed: Testbed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with with_tokens(testbed, tmp_path_factory.mktemp("guarded")) as running:
        yield running


def reached(guarded: Guarded) -> dict[str, str]:
    """The settings that reach a guarded registry, as a CI job's variables."""
    return {
        "GOPHERWHALE_SECURE": guarded.address,
        "GOPHERWHALE_CA_FILE": str(guarded.authority.certificate),
        "GOPHERWHALE_TOKEN_REALMS": guarded.realm,
    }


def ways(folder: Path, guarded: Guarded) -> dict[str, dict[str, str]]:
    """The ways in which a secret comes to us, each with the variables that it takes."""
    helper = folder / "docker-credential-canary"
    helper.write_text(
        f"#!{sys.executable}\nimport sys, json\nsys.stdin.read()\n"
        f"print(json.dumps({{'Username': {USER!r}, 'Secret': {PASSWORD!r}}}))\n"
    )
    helper.chmod(0o755)
    by_helper = folder / "by-helper"
    by_helper.mkdir()
    (by_helper / "config.json").write_text(json.dumps({"credHelpers": {guarded.address: "canary"}}))
    identity = docker_config(folder / "identity", guarded.address, identitytoken=IDENTITY)
    return {
        "helper": {"DOCKER_CONFIG": str(by_helper)},
        "identity": {"DOCKER_CONFIG": str(identity)},
        "job": {
            "GOPHERWHALE_REGISTRY": guarded.address,
            "GOPHERWHALE_USERNAME": USER,
            "GOPHERWHALE_PASSWORD": PASSWORD,
        },
    }


def needles(guarded: Guarded) -> list[str]:
    """Every form of every secret: as it is, as Basic has it, and the tokens that were given for it."""
    pair = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    return [PASSWORD, IDENTITY, pair, *guarded.service.tokens]


@pytest.mark.parametrize("way", ["helper", "identity", "job"])
def test_05_a_secret_is_in_no_argument_log_layout_or_receipt(
    project: Project, guarded: Guarded, tmp_path: Path, way: str
) -> None:
    """At the most verbose, in success and in failure: looked for wherever somebody else could read."""
    variables = {**reached(guarded), **ways(tmp_path, guarded)[way]}
    layout = tmp_path / "layout"
    shutil.copytree(project.folder / "dist" / PLATFORMS[0].replace("/", "-"), layout)
    repository = f"{guarded.address}/canary/{way}"
    with watching(tmp_path / "watch", project.environment, tmp_path) as watch:
        # invoke is what can be told to be verbose: it logs each step of its own and echoes each command.
        loud = (sys.executable, "-m", "invoke", "--debug", "--echo", "docker.push", "--layout", str(layout))
        flags = ("--platform", PLATFORMS[0], "--repository", repository, "--tag", "x")
        good = project.run(*loud, *flags, **variables, **watch.variables)
        kept, guarded.service.users, guarded.service.refresh_tokens = (
            (guarded.service.users, guarded.service.refresh_tokens),
            {},
            {},
        )
        refused = project.run(*loud, *flags, **variables, **watch.variables)
        guarded.service.users, guarded.service.refresh_tokens = kept
    assert good.returncode == 0, good.stderr
    assert refused.returncode == ExitCode.AUTHENTICATION, refused.stderr
    assert watch.saw("push" if way != "helper" else "docker-credential-canary"), "nothing was watched"
    said = (good.stdout, good.stderr, refused.stdout, refused.stderr, *watch.said())
    written = [path.read_bytes().decode(errors="replace") for path in layout.rglob("*") if path.is_file()]
    found = [needle for needle in needles(guarded) for text in (*said, *written) if needle in text]
    assert found == []
    # The search itself works: what is no secret is found where it must be.
    assert any(repository in text for text in said)
    assert any(repository in text for text in written)


def test_05_docker_login_takes_a_password_by_pipes_alone(
    project: Project, auth_registry: Registry, docker_config: Path, tmp_path: Path
) -> None:
    """From our standard input to Docker's configuration, which a push then reads; no argument holds it."""
    variables = {"DOCKER_CONFIG": str(docker_config)}
    with watching(tmp_path / "watch", project.environment, tmp_path) as watch:
        command = (*DOCKER, "docker.login", auth_registry.address, "--username", auth_registry.user)
        done = project.run(*command, standard_input=auth_registry.password, **variables, **watch.variables)
    assert done.returncode == 0, done.stderr
    assert f"logged in to {auth_registry.address}" in done.stdout
    assert auth_registry.address in (docker_config / "config.json").read_text()
    assert watch.saw("--password-stdin")
    assert not any(auth_registry.password in text for text in (done.stdout, done.stderr, *watch.said()))
    repository = f"{auth_registry.address}/acme/hello"
    untagged(project, tmp_path / "layout", repository, PLATFORMS[0], **variables)


def test_05_provenance_holds_no_variable_of_ours(testbed: Testbed, tmp_path: Path) -> None:
    """BuildKit's statement of how an image was made knows nothing of the job's credential."""
    (tmp_path / "go.mod").write_text("module example.invalid/x\n")
    (tmp_path / "Dockerfile").write_text('FROM scratch\nCOPY go.mod /go.mod\nENTRYPOINT ["/go.mod"]\n')
    (tmp_path / "gopherwhale.toml").write_text(
        'repository = "ghcr.io/acme/x"\nengine = "buildx"\nplatforms = ["linux/amd64"]\nprovenance = true\n'
    )
    names = ("GOPHERWHALE_REGISTRY", "GOPHERWHALE_USERNAME", "GOPHERWHALE_PASSWORD")
    secrets = dict(zip(names, ("ghcr.io", USER, PASSWORD), strict=True))
    made = Project(folder=tmp_path, environment=testbed.environment())
    made.good(*DOCKER, "docker.cross-build", **secrets)
    files = [path.read_bytes() for path in (tmp_path / "dist").rglob("*") if path.is_file()]
    assert any(b"slsa" in data for data in files), "there is no provenance"
    assert not any(PASSWORD.encode() in data for data in files)
