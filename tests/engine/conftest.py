"""The real parts: Docker, registries, Go and skopeo, from the testbed that `invoke testbed.up` starts."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import bcrypt
import pytest

from gopherwhale.engines.go_run import cores
from gopherwhale.engines.memory import collecting_late
from gopherwhale.platforms import parse_many
from tasks._testbed import lifecycle
from tasks._testbed.places import Places
from tasks._testbed.processes import stop
from tasks._testbed.registry import start_registry
from tasks._testbed.state import State
from tests.conftest import AMBIENT, REQUIRE_ENGINE
from tests.engine import caches, ports, projects
from tests.engine.fetching import install
from tests.engine.fetching import run as run_once
from tests.engine.projects import Installed, Project
from tests.sharing import once
from tests.template.baking import bake

REPOSITORY: Final = Path(__file__).resolve().parents[2]
_CRANE: Final = "github.com/google/go-containerregistry/cmd/crane@v0.22.1"
_ORAS: Final = "oras.land/oras/cmd/oras@v1.3.6"


@dataclass(frozen=True, kw_only=True)
class Testbed:
    """A running testbed.

    Attributes:
        docker_host: The engine's address.
        docker_config: The shared DOCKER_CONFIG with the buildx plugin; log in with one of your own instead.
        bin_dirs: The folders in front of PATH: Docker's and Debian's unpacked tools, then Go's.
        registry: `127.0.0.1:PORT` of the registry shared by all; `registry` gives one to yourself.
        go_version: The Go version of the base image.
        base_images: The base image's names in the engine's store.
        folder: The testbed's own folder.
    """

    __test__ = False

    docker_host: str
    docker_config: Path
    bin_dirs: tuple[Path, ...]
    registry: str
    go_version: str
    base_images: tuple[str, ...]
    folder: Path

    @classmethod
    def of(cls, state: State, places: Places) -> Testbed:
        """Take what `up` wrote down."""
        return cls(
            docker_host=state.docker_host,
            docker_config=Path(state.docker_config),
            bin_dirs=tuple(map(Path, state.path)),
            registry=state.registry,
            go_version=state.go_version,
            base_images=state.base_images,
            folder=places.folder,
        )

    @property
    def golang(self) -> str:
        """The base image as a Dockerfile names it."""
        return next(name for name in self.base_images if "-" not in name)

    def environment(self, **changes: str) -> dict[str, str]:
        """Give the whole environment for a process that shall use this testbed."""
        path = os.pathsep.join((*map(str, self.bin_dirs), os.environ.get("PATH", os.defpath)))
        ours = {"PATH": path, "DOCKER_HOST": self.docker_host, "DOCKER_CONFIG": str(self.docker_config)}
        return dict(os.environ) | ours | changes


@dataclass(frozen=True, kw_only=True)
class Registry:
    """A registry of a test's own, on plain HTTP.

    Attributes:
        address: `127.0.0.1:PORT`.
        user: Who may use it; empty where everybody may.
        password: That user's.
        blobs: Where it keeps everything, for those who want to damage it.
        log: What it said.
    """

    address: str
    user: str = ""
    password: str = ""
    blobs: Path
    log: Path


class Command(Protocol):
    """A program of the testbed, bound to its environment."""

    def __call__(self, *arguments: str | Path, cwd: Path | None = None) -> str:
        """Run it to its end and give its standard output; its failure is the test's."""


@pytest.fixture(scope="session")
def testbed() -> Testbed:
    """Give the running testbed; skip where there is none, or fail where GOPHERWHALE_REQUIRE_ENGINE is set."""
    places = Places.find(REPOSITORY, AMBIENT)
    # One that is busy may not answer at once; one that is down says so at once.
    state = next(filter(None, (lifecycle.standing(places) for _ in range(3))), None)
    if state is None:
        reason = "no testbed is up: run `invoke testbed.up`"
        if AMBIENT.get(REQUIRE_ENGINE):
            pytest.fail(reason)
        pytest.skip(reason)
    return Testbed.of(state, places)


@pytest.fixture(scope="session", autouse=True)
def _first(testbed: Testbed) -> None:
    """Ask for the testbed before anything is made: without one a skip costs and downloads nothing."""
    assert testbed


@pytest.fixture
def registry_factory(testbed: Testbed, tmp_path: Path) -> Iterator[Callable[..., Registry]]:
    """Start fresh, empty registries: call it with user and password for one that wants a log-in."""
    stops: list[tuple[Path, str]] = []

    def start(user: str = "", password: str = "") -> Registry:
        folder = tmp_path / f"registry-{len(stops)}"
        folder.mkdir()
        htpasswd = folder / "htpasswd" if user else None
        if htpasswd is not None:
            hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()
            htpasswd.write_text(f"{user}:{hashed}\n", encoding="utf-8")
        pid_file, log = folder / "pid", folder / "log"
        stops.append((pid_file, str(folder / "registry.json")))
        program = shutil.which("docker-registry", path=testbed.environment()["PATH"])
        assert program is not None
        address, _ = start_registry(Path(program), folder, pid_file=pid_file, log=log, htpasswd=htpasswd)
        return Registry(address=address, user=user, password=password, blobs=folder / "blobs", log=log)

    try:
        yield start
    finally:
        for pid_file, mark in stops:
            stop(pid_file, mark, timeout=20)


@pytest.fixture
def registry(registry_factory: Callable[..., Registry]) -> Registry:
    """Give a fresh, empty registry that everybody may use."""
    return registry_factory()


@pytest.fixture
def auth_registry(registry_factory: Callable[..., Registry]) -> Registry:
    """Give a fresh, empty registry that wants a log-in, with a password that no other process shows."""
    return registry_factory("gopher", f"a pass:word {uuid.uuid4().hex}")


@pytest.fixture
def docker_config(testbed: Testbed, tmp_path: Path) -> Path:
    """Give a DOCKER_CONFIG of the test's own, with the buildx plugin and no log-in."""
    folder = tmp_path / "docker-config"
    shutil.copytree(testbed.docker_config / "cli-plugins", folder / "cli-plugins", symlinks=True)
    return folder


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Give the package as it is published, installed once for all."""
    return Installed.at(once(tmp_path_factory, "installed", projects.install))


@pytest.fixture(scope="session")
def docker(testbed: Testbed) -> Command:
    """Run the Docker client against the testbed's engine."""
    return _command("docker", testbed.environment)


@pytest.fixture(scope="session")
def skopeo(testbed: Testbed) -> Command:
    """Run skopeo, which is an independent reader of layouts and registries."""
    return _command("skopeo", testbed.environment)


@pytest.fixture(scope="session")
def crane(testbed: Testbed, go_environment: Mapping[str, str]) -> Command:
    """Run crane, built from the Go module proxy once and kept with the testbed; skip where there is none."""
    return _command(_from_proxy(_CRANE, testbed, go_environment), testbed.environment)


@pytest.fixture(scope="session")
def oras(testbed: Testbed, go_environment: Mapping[str, str]) -> Command:
    """Run oras, which makes and finds referrers; built like crane."""
    return _command(_from_proxy(_ORAS, testbed, go_environment), testbed.environment)


@pytest.fixture(scope="session")
def warm(
    testbed: Testbed, go_environment: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Have what the scaffold needs of Go's own packages compiled once, for Go here and for the builder's."""

    def fill(folder: Path) -> None:
        environment = {**go_environment, "CGO_ENABLED": "0"}
        made = bake(folder / "made", builder="debian", go_version=testbed.go_version)
        project = Project(folder=made, environment=environment)
        # This machine's last: for it, others compile from the first moment.
        platforms = parse_many([projects.PLATFORMS])[::-1]
        for platform in platforms:
            project.good("go", "build", "-trimpath", "-o", os.devnull, ".", **platform.go_environment())
        given = folder / "given"
        given.mkdir()
        caches.give(project, ["."], platforms, testbed.golang, given)

    once(tmp_path_factory, "warm", fill)


@pytest.fixture(scope="session")
def runtimes(go_environment: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with a small program for each of Go's ports, which is the runtime and little else."""
    return once(tmp_path_factory, "ports", lambda folder: ports.compile_all(folder, go_environment))


@pytest.fixture(scope="session")
def go_environment(testbed: Testbed) -> Mapping[str, str]:
    """Give an environment for Go itself, whose caches outlive the session, so that only the first is slow."""
    caches = testbed.folder / "go"
    return testbed.environment(
        GOCACHE=str(caches / "build"),
        GOMODCACHE=str(caches / "modules"),
        GOTOOLCHAIN="local",
        # Each worker has Go compile on every core.
        **collecting_late(AMBIENT, 2 * cores()),
    )


@pytest.fixture(scope="session")
def compiling(go_environment: Mapping[str, str]) -> Mapping[str, str]:
    """Give the same for Go's other commands: with -trimpath, as in all builds, they find those compiled."""
    return {**go_environment, "GOFLAGS": "-trimpath"}


@pytest.fixture(scope="session")
def tool(testbed: Testbed, compiling: Mapping[str, str]) -> Callable[[str], Path]:
    """Give a function that builds a tool from the Go module proxy into the testbed's folder, once."""

    def build(package: str) -> Path:
        path, _, version = package.partition("@")
        program = testbed.folder / "bin" / f"{path.rpartition('/')[2]}-{version}"
        # As `go run` in the new repository's own lint, which finds it fetched and compiled.
        built = {**compiling, "GOTOOLCHAIN": "auto", "GOFLAGS": "-mod=mod -trimpath"}
        said = install(package, program, built)
        assert not said, said
        return program

    return build


def _from_proxy(package: str, testbed: Testbed, go_environment: Mapping[str, str]) -> str:
    """A program's path, installed by Go where it is not yet; skip where the proxy does not give it."""
    path, _, version = package.partition("@")
    program = testbed.folder / "peers" / version / path.rpartition("/")[2]
    # Built as everything here is, so that what Go compiled for one serves the others.
    built = {"GOTOOLCHAIN": "auto", "GOFLAGS": "-trimpath", "CGO_ENABLED": "0"}
    if said := install(package, program, {**go_environment, **built}):
        pytest.skip(said)
    return str(program)


def _command(name: str, environment: Callable[[], dict[str, str]]) -> Command:
    def run(*arguments: str | Path, cwd: Path | None = None) -> str:
        done = run_once([name, *map(str, arguments)], cwd, environment())
        assert done.returncode == 0, f"{name} {' '.join(map(str, arguments))}: {done.stderr}"
        return done.stdout

    return run
