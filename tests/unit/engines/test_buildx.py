from __future__ import annotations

import csv
import itertools
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gopherwhale import engines, plan
from gopherwhale.errors import GopherwhaleError, MissingToolError, UsageError
from gopherwhale.oci.layout_writer import writing
from gopherwhale.settings import load
from tests.unit.test_plan import REVISION

if TYPE_CHECKING:
    # It takes most of a second to import: one worker of all pays it, when the first test needs it.
    from gopherwhale.engines.buildx import BuildxEngine


def buildx(environment: Mapping[str, str]) -> BuildxEngine:
    from gopherwhale.engines import buildx  # noqa: PLC0415

    return buildx.BuildxEngine(environment)


def image(root: Path = Path("/r/hello"), **flags: Any) -> plan.ImagePlan:
    resolved = load(root, flags={"repository": "acme/hello", **flags})
    return plan.make(resolved, REVISION, source_date=5).images[0]


def command(**flags: Any) -> list[str]:
    (found,) = buildx({}).commands(image(**flags))
    return found


def values(arguments: list[str], flag: str) -> list[str]:
    return [after for before, after in itertools.pairwise(arguments) if before == flag]


def test_one_command_builds_every_platform_into_a_layout_and_pushes_nothing() -> None:
    """The whole image is one buildx build whose output is an OCI layout."""
    arguments = command(platforms=["linux/amd64", "linux/arm/v7"], target="final", builder="big")
    assert arguments[:3] == ["docker", "buildx", "build"]
    assert values(arguments, "--platform") == ["linux/amd64,linux/arm/v7"]
    (output,) = values(arguments, "--output")
    assert output.startswith("type=oci,tar=false,dest=/r/hello/dist/.export/hello/layout")
    assert values(arguments, "--file") == ["/r/hello/Dockerfile"]
    assert values(arguments, "--target") == ["final"]
    assert values(arguments, "--builder") == ["big"]
    assert arguments[-1] == "/r/hello"
    assert not {"--push", "--load", "--tag"} & set(arguments)


def test_arguments_labels_and_annotations_are_those_of_the_plan() -> None:
    """Arguments reach the Dockerfile, labels the config, and annotations index and manifests."""
    arguments = command(build_args=["GO_VERSION=1.26.8"])
    assert f"COMMIT={REVISION.commit}" in values(arguments, "--build-arg")
    assert "GO_VERSION=1.26.8" in values(arguments, "--build-arg")
    assert "SOURCE_DATE_EPOCH=5" in values(arguments, "--build-arg")
    assert f"org.opencontainers.image.revision={REVISION.commit}" in values(arguments, "--label")
    (output,) = values(arguments, "--output")
    for level in ("annotation-index", "annotation-manifest"):
        assert f"{level}.org.opencontainers.image.revision={REVISION.commit}" in output


def test_one_platform_gives_an_index_too() -> None:
    """A single platform is no other kind of image."""
    assert "BUILDKIT_MULTI_PLATFORM=1" in values(command(platforms=["linux/arm64"]), "--build-arg")


def test_caches_secrets_and_attestations_are_passed_on() -> None:
    """Every setting of BuildKit's reaches its flag."""
    arguments = command(
        cache_from=["type=gha,scope=a", "acme/cache"],
        cache_to="type=gha,mode=max",
        secrets=["id=netrc,src=/x"],
        provenance=True,
        sbom=True,
    )
    assert values(arguments, "--cache-from") == ["type=gha,scope=a", "type=registry,ref=acme/cache"]
    assert values(arguments, "--cache-to") == ["type=gha,mode=max"]
    assert values(arguments, "--secret") == ["id=netrc,src=/x"]
    assert {"--provenance=true", "--sbom=true"} <= set(arguments)


def test_without_provenance_none_is_attached() -> None:
    """BuildKit's default would put `unknown/unknown` entries into the index (buildx#1509)."""
    assert {"--provenance=false", "--sbom=false"} <= set(command())


@pytest.mark.parametrize(
    "option",
    [
        "type=s3,secret_access_key=hunter2",
        "type=gha,token=hunter2",
        "type=azblob,secret_access_key=hunter2,x=y",
    ],
)
def test_a_credential_in_a_cache_option_is_refused_and_not_shown(option: str) -> None:
    """It would stand in argv for every process to read (CVE-2025-0495)."""
    for flags in ({"cache_to": option}, {"cache_from": [option]}):
        with pytest.raises(UsageError) as caught:
            command(**flags)
        assert "hunter2" not in str(caught.value)


@given(
    st.dictionaries(
        st.from_regex(r"[a-z.]{1,8}", fullmatch=True),
        st.text(st.characters(blacklist_categories=("Cs", "Cc")) | st.just("\n"), max_size=12),
        max_size=4,
    )
)
def test_any_annotation_survives_the_comma_separated_output(annotations: Mapping[str, str]) -> None:
    """Commas, quotes and line ends are quoted as BuildKit's CSV reader expects."""
    from gopherwhale.engines.options import fields  # noqa: PLC0415

    joined = ",".join(f"{key}={value}" for key, value in fields({"type": "oci", **annotations}).items())
    (row,) = list(csv.reader([joined], strict=True)) or [[]]
    assert dict(field.split("=", 1) for field in row) == {"type": "oci", **annotations}


def fake_docker(folder: Path, script: str) -> dict[str, str]:
    """A docker client that answers as the script says: the fault cannot be had from a real one."""
    path = folder / "docker"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


def test_without_a_client_the_error_says_so(tmp_path: Path) -> None:
    """No docker on PATH is exit code 14, not a traceback."""
    with pytest.raises(MissingToolError, match="no docker on PATH"):
        buildx({"PATH": str(tmp_path)}).check()


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ('echo "Cannot connect to the Docker daemon" >&2; exit 1', "Cannot connect"),
        ("echo '{}'", "no engine behind it"),
        ("""echo '{"ServerVersion":"28.0.0","ClientInfo":{"Plugins":[{"Name":"compose"}]}}'""", "no buildx"),
    ],
)
def test_an_engine_that_does_not_answer_is_named(tmp_path: Path, script: str, message: str) -> None:
    """The client is there, and the daemon or buildx is not: it is said which."""
    with pytest.raises(MissingToolError, match=message):
        buildx(fake_docker(tmp_path, script)).check()


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (
            'echo "Cannot connect to the Docker daemon" >&2; exit 1',
            "Docker does not answer: .*Cannot connect",
        ),
        ("""echo '{"ServerVersion":"20.10.0"}'""", ""),
        ("""echo '{"host":{"arch":"amd64"}}'""", ""),
        ("echo whatever", ""),
    ],
)
def test_whether_an_image_can_be_loaded_is_asked(tmp_path: Path, script: str, message: str) -> None:
    """It takes an engine that answers, of any age and make; without one, the message says what works."""
    environment = fake_docker(tmp_path, script)
    if not message:
        engines.ask_docker(environment)
        return
    with pytest.raises(MissingToolError, match=f"cannot be loaded: {message}") as caught:
        engines.ask_docker(environment)
    assert "docker.cross-build --docker-archive FILE" in caught.value.hint


_OLD_STORE = r"""
printf "%s\n" "$*" >>"$0.asked"
case "$*" in
*"buildx inspect gopherwhale"*)
    printf "Name: gopherwhale\nDriver: docker-container\n\nNodes:\nName: gopherwhale0\nEndpoint: default\n";;
*"buildx inspect"*) printf "Name: default\nDriver: docker\n\nNodes:\nName: default\nEndpoint: default\n";;
*"buildx ls"*) echo '{"Name":"default","Driver":"docker","Nodes":[]}'
    test ! -e "$0.own" || echo '{"Name":"gopherwhale","Driver":"docker-container","Nodes":[]}';;
*"buildx build"*--builder*) echo "#1 [linux/amd64 1/1] RUN false"; echo "ERROR: it ran" >&2; exit 1;;
*"buildx build"*) echo "ERROR: OCI exporter is not supported for the docker driver." >&2; exit 1;;
*info*) echo '{"ServerVersion":"26.1.5","DriverStatus":[["Backing Filesystem","extfs"]]}';;
esac"""


def attempt(folder: Path, **flags: Any) -> tuple[str, list[str], str]:
    """Build with a client of an old engine: the error, what the client was asked, what was said."""
    root = folder / "r"
    root.mkdir()
    said: list[str] = []
    with pytest.raises(GopherwhaleError) as caught, writing(root / "dist" / "hello") as writer:
        buildx(fake_docker(folder, _OLD_STORE)).build(image(root, **flags), writer, said.append, lambda: None)
    asked = (folder / "docker.asked").read_text().splitlines()
    words = {word for line in asked for word in ("inspect", "info", "build") if f"{word} " in f"{line} "}
    return str(caught.value), sorted(words), "\n".join(said)


def test_a_docker_that_cannot_export_a_layout_says_what_mends_it(tmp_path: Path) -> None:
    """Without the containerd image store, the one command that helps is printed (buildx#1996)."""
    error, _, _ = attempt(tmp_path)
    assert "docker buildx create --name gopherwhale --driver docker-container" in error


def test_the_builder_of_our_name_is_taken_where_docker_itself_cannot_export(tmp_path: Path) -> None:
    """Whoever ran that command builds with it from then on, and is told how to save the first attempt."""
    (tmp_path / "docker.own").touch()
    error, _, said = attempt(tmp_path)
    assert "could not build hello" in error
    assert "built with the builder gopherwhale" in said


def test_a_build_that_began_asks_docker_nothing(tmp_path: Path) -> None:
    """Where a step failed, Docker answers and its builder works: the step's own message is what counts."""
    error, asked, _ = attempt(tmp_path, builder="mine")
    assert "could not build hello" in error
    assert asked == ["build"]


def test_a_step_that_says_nothing_is_named_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A download that has come to a stand says nothing for hours: whoever waits is told what for."""
    from gopherwhale.engines import buildx as module  # noqa: PLC0415

    monkeypatch.setattr(module, "_SILENCE", 0.05)
    waited = "hello: BuildKit is at work, under way: linux/amd64 RUN go mod download ("
    seen = tmp_path / "seen"
    script = (
        'echo "#1 [linux/amd64 1/1] RUN go mod download"; n=0; '
        f'until [ -e "{seen}" ] || [ $n = 1000 ]; do n=$((n + 1)); sleep 0.02; done; exit 1'
    )

    def say(line: str) -> None:
        if line.startswith(waited):
            seen.touch()

    root = tmp_path / "r"
    root.mkdir()
    with pytest.raises(GopherwhaleError), writing(root / "dist" / "hello") as writer:
        buildx(fake_docker(tmp_path, script)).build(image(root), writer, say, lambda: None)
    assert seen.exists()
