from __future__ import annotations

import fcntl
import json
import os
import zipfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gopherwhale import engines
from gopherwhale import plan as planning
from gopherwhale.engines import go_run, memory
from gopherwhale.engines.go import GoEngine
from gopherwhale.errors import BuildError, MissingToolError, UsageError
from gopherwhale.oci.documents import Index, Manifest
from gopherwhale.oci.layout import Layout, blob_path, walk
from gopherwhale.oci.layout_writer import writing
from gopherwhale.oci.parsing import parse_config
from gopherwhale.oci.source import ImageSource
from gopherwhale.pipeline import Built, cross_build
from gopherwhale.references import Reference
from gopherwhale.settings import load
from tests.unit.test_plan import REVISION

# Stands in for the go command: its "binary" says what it was told.
_GO = """#!/bin/sh
[ "$1" = env ] && { echo "$FAKE_GOROOT$GOTOOLCHAIN"; pwd > "$FAKE_LOG.folder"; exit 0; }
[ "$1" = version ] && { printf "$3: go1.2.3\\n$FAKE_MODULES"; exit 0; }
echo "$GOARCH" >> "$FAKE_LOG"
echo "$GOGC" >> "$FAKE_LOG.collecting"
[ "$GOARCH" = "$FAKE_BROKEN" ] && { echo '# example.com/hello'; echo 'main.go:1: broken'; exit 1; }
while [ $# -gt 1 ]; do [ "$1" = -o ] && out=$2; shift; done
[ "$GOOS" = windows ] && end=.exe
printf 'for %s %s' "$GOOS/$GOARCH$GOARM" "$FAKE_CONTENT" > "${out}hello$end"
"""
_PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


@dataclass(kw_only=True)
class Bench:
    """A repository, and a go command that the test wrote."""

    root: Path
    environment: dict[str, str]
    said: list[str] = field(default_factory=list)

    def plan(self, source_date: int = 5, **flags: Any) -> planning.ImagePlan:
        """Give the plan of its image."""
        settings = load(
            self.root, flags={"repository": "acme/hello", "platforms": "linux/amd64,linux/arm/v7", **flags}
        )
        return planning.make(settings, REVISION, source_date=source_date).images[0]

    def build(self, source_date: int = 5, **flags: Any) -> Built:
        """Build its layout."""
        engine = GoEngine(self.environment)
        return cross_build(self.plan(source_date, **flags), engine, self.said.append)

    @property
    def layout(self) -> Layout:
        """Open its layout."""
        return Layout(self.root / "dist" / "hello")

    def blob(self, digest: str) -> bytes:
        """Read a blob of the layout."""
        return blob_path(self.layout.path, digest).read_bytes()

    def manifests(self) -> list[Manifest]:
        """Read the manifests in the index's order."""
        return [document for _, document in walk(self.layout) if isinstance(document, Manifest)]

    def files(self) -> Mapping[str, bytes]:
        """Read every file of the layout."""
        folder = self.root / "dist" / "hello"
        return {
            str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()
        }


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    root, tools = tmp_path / "hello", tmp_path / "tools"
    root.mkdir()
    tools.mkdir()
    (root / "go.mod").write_text("module example.com/hello\n")
    (root / "main.go").write_text("package main\n")
    (tools / "go").write_text(_GO)
    (tools / "go").chmod(0o755)
    path = os.pathsep.join((str(tools), os.environ["PATH"]))
    return Bench(root=root, environment={"PATH": path, "FAKE_LOG": str(tmp_path / "log"), "GOARCH": "mips"})


def test_each_platform_has_its_own_binary_and_shares_the_rest(bench: Bench) -> None:
    """The index lists the platforms in order; certificates are one layer for all of them."""
    built = bench.build()
    index = [document for _, document in walk(bench.layout) if isinstance(document, Index)][-1]
    assert [str(entry.platform) for entry in index.manifests] == ["linux/amd64", "linux/arm/v7"]
    first, second = bench.manifests()
    assert first.layers[0] == second.layers[0]
    assert first.layers[1] != second.layers[1]
    assert (built.engine, [work.built for work in built.work]) == ("go", [2, 2])


def test_labels_stand_in_the_config_and_annotations_on_index_and_manifests(bench: Bench) -> None:
    """What the plan says stands where the buildx engine puts it."""
    bench.build()
    image = bench.plan()
    index = [document for _, document in walk(bench.layout) if isinstance(document, Index)][-1]
    assert index.annotations == image.annotations
    for manifest in bench.manifests():
        assert manifest.annotations == image.annotations
        config = parse_config(bench.blob(manifest.config.digest), "config")
        assert config.labels == image.labels
        assert config.user == "65532:65532"
        assert config.entrypoint == ("/hello",)
        assert config.created == "1970-01-01T00:00:05Z"
        history = json.loads(config.raw)["history"]
        assert len(history) == len(config.diff_ids) == len(manifest.layers)
        assert [entry["created_by"].startswith("gopherwhale: ") for entry in history] == [True, True]


def test_the_surroundings_do_not_choose_the_platform(bench: Bench) -> None:
    """An ambient GOARCH never reaches the compiler."""
    bench.build()
    assert sorted(Path(bench.environment["FAKE_LOG"]).read_text().split()) == ["amd64", "arm"]


@pytest.mark.parametrize(
    ("ours", "build_env", "expected"), [("", {}, "off"), ("50", {}, "50"), ("50", {"GOGC": "7"}, "7")]
)
def test_go_collects_late_unless_told_otherwise(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, ours: str, build_env: dict[str, str], expected: str
) -> None:
    """A compiler's garbage goes with it; what the surroundings say stands, and the settings above all."""
    monkeypatch.setattr(memory, "available", lambda: 64 * 1024**3)
    bench.environment["GOGC"] = ours
    bench.build(go={"build_env": build_env})
    assert set(Path(bench.environment["FAKE_LOG"] + ".collecting").read_text().split()) == {expected}


def test_the_same_commit_gives_the_same_index_and_writes_no_layer_again(bench: Bench) -> None:
    """A second build reuses every layer and ends in the same digest."""
    first, second = bench.build(), bench.build()
    assert first.root == second.root
    assert [(work.cached, work.built) for work in second.work] == [(2, 0), (2, 0)]


def test_what_was_damaged_in_a_layout_is_written_anew(bench: Bench) -> None:
    """Blobs whose bytes somebody changed are not taken for what they are called: a build mends them."""
    first = bench.build()
    before = bench.files()
    for blob in (bench.root / "dist" / "hello" / "blobs" / "sha256").iterdir():
        blob.write_bytes(b"x" * blob.stat().st_size)
    second = bench.build()
    assert (second.root, bench.files()) == (first.root, before)
    assert [work.cached for work in second.work] == [0, 0]


def test_a_layout_that_was_copied_is_taken_as_it_is(bench: Bench) -> None:
    """Times of its files that are not ours make no layer anew."""
    bench.build()
    for blob in (bench.root / "dist" / "hello" / "blobs" / "sha256").iterdir():
        os.utime(blob)
    assert [work.built for work in bench.build().work] == [0, 0]


def test_a_later_commit_of_the_same_content_keeps_its_layers(bench: Bench) -> None:
    """The date of the commit is in config and labels, never in a layer."""
    first = bench.build()
    before = [manifest.layers for manifest in bench.manifests()]
    second = bench.build(source_date=86400)
    assert first.root != second.root
    assert [manifest.layers for manifest in bench.manifests()] == before


def test_no_more_runs_at_once_than_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """A CI that gives a job three cores of many has three compilers' memory in mind; macOS does not tell."""
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: {0, 1, 5}, raising=False)
    assert go_run.cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    assert go_run.cores() == 64


def test_a_failing_platform_is_named_and_the_old_layout_stands(bench: Bench) -> None:
    """The compiler's output is shown under the platform's name, and not one byte of the layout changes."""
    bench.build()
    before = bench.files()
    bench.environment |= {"FAKE_BROKEN": "arm", "FAKE_CONTENT": "new"}
    with pytest.raises(BuildError, match=r"linux/arm/v7: main\.go:1: broken"):
        bench.build()
    assert "linux/arm/v7: main.go:1: broken" in bench.said
    assert bench.files() == before
    assert not (bench.root / "dist" / ".go" / "tmp").exists()


def test_a_go_that_leaves_no_binary_is_a_failed_build(bench: Bench) -> None:
    """Success without a result is an error that names the package."""
    with pytest.raises(BuildError, match="left no serve"):
        bench.build(go={"packages": ["example.com/serve"]})


def test_what_this_engine_cannot_attach_is_said(bench: Bench) -> None:
    """A setting of BuildKit's alone is not passed by in silence."""
    bench.build(provenance=True)
    assert bench.said.count("warning: provenance is BuildKit's, and the go engine attaches none") == 1


def test_windows_is_refused_before_anything_runs(bench: Bench) -> None:
    """An image for Windows needs a base that has it."""
    with pytest.raises(UsageError, match="windows/amd64"):
        bench.build(platforms="linux/amd64,windows/amd64")
    assert not Path(bench.environment["FAKE_LOG"]).exists()


def test_time_zones_come_from_the_toolchain(bench: Bench, tmp_path: Path) -> None:
    """The zones are a layer between certificates and binary; a toolchain without them is named."""
    goroot = tmp_path / "goroot"
    with pytest.raises(MissingToolError, match=r"zoneinfo\.zip"):
        bench.build(go={"time_zones": True})
    (goroot / "lib" / "time").mkdir(parents=True)
    with zipfile.ZipFile(goroot / "lib" / "time" / "zoneinfo.zip", "w") as archive:
        archive.writestr("Europe/Berlin", b"TZif")
    bench.environment["FAKE_GOROOT"] = str(tmp_path)
    # What chooses the toolchain that compiles chooses its zones: the settings, and the go.mod in the folder.
    bench.build(go={"time_zones": True, "build_env": {"GOTOOLCHAIN": "/goroot"}})
    assert [len(manifest.layers) for manifest in bench.manifests()] == [3, 3]
    assert Path(bench.environment["FAKE_LOG"] + ".folder").read_text().strip() == str(bench.root)


def test_certificates_can_be_a_file_or_none(bench: Bench) -> None:
    """A PEM file of the repository is taken as it is; a file of another kind is refused."""
    (bench.root / "own.pem").write_text(_PEM)
    bench.build(go={"certificates": "own.pem"})
    assert "own.pem" in bench.blob(bench.manifests()[0].config.digest).decode()
    bench.build(go={"certificates": "none"})
    assert [len(manifest.layers) for manifest in bench.manifests()] == [1, 1]
    with pytest.raises(UsageError, match="not a file of certificates"):
        bench.build(go={"certificates": "go.mod"})


def test_the_commands_are_shown_and_none_is_run(bench: Bench) -> None:
    """A plan shows what would be typed, environment included."""
    commands = GoEngine(bench.environment).commands(bench.plan())
    assert commands[1][:5] == ["env", "CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm", "GOARM=7"]
    assert commands[1][-2:] == [f"{bench.root}/dist/.go/linux-arm-v7/", "."]
    assert not (bench.root / "dist").exists()


def test_what_a_killed_build_left_goes_with_the_next(bench: Bench) -> None:
    """Go's temporary files, half a list of layers and half a blob are swept."""
    leftovers = [
        bench.root / "dist" / ".go" / ".partial-x",
        bench.root / "dist" / ".go" / "tmp" / "go-build1" / "x",
        bench.root / "dist" / "hello" / "blobs" / "sha256" / ".partial-x",
    ]
    for leftover in leftovers:
        leftover.parent.mkdir(parents=True, exist_ok=True)
        leftover.write_text("half")
    bench.build()
    assert not any(leftover.exists() for leftover in leftovers)
    assert not (bench.root / "dist" / ".go" / "tmp").exists()


def test_a_local_build_shares_the_binaries(bench: Bench) -> None:
    """`docker.build` has a layout of its own, not a second set of binaries."""
    image = bench.plan()
    local = image.for_local_use(image.platforms[0])
    command = GoEngine(bench.environment).commands(local)[0]
    assert f"{bench.root}/dist/.go/linux-amd64/" in command


def test_a_folder_that_cannot_be_written_is_our_error(bench: Bench) -> None:
    """A file where a folder must be ends in one line, not in a traceback."""
    (bench.root / "dist").mkdir()
    (bench.root / "dist" / ".go").write_text("")
    image = bench.plan()
    with writing(image.layout) as writer, pytest.raises(UsageError, match=r"cannot build hello: .*\.go"):
        GoEngine(bench.environment).build(image, writer, bench.said.append, lambda: None)


def no_registry(reference: Reference) -> AbstractContextManager[ImageSource]:
    """Stand in where no registry may be asked."""
    pytest.fail(f"{reference} was asked for")


@pytest.fixture
def choose(bench: Bench) -> Callable[..., str]:
    """Choose an engine where there is no Docker: its line, or its error."""

    def run(name: str, path: str, *, dockerfile: bool = True) -> str:
        engine = engines.choose(name, {"PATH": path}, bench.said.append, no_registry, dockerfile=dockerfile)
        return f"{engine.name}: {bench.said[-1]}"

    return run


def test_auto_takes_go_where_there_is_no_docker(choose: Callable[..., str], tmp_path: Path) -> None:
    """The line says which engine was taken and why."""
    said = choose("auto", str(tmp_path / "tools"))
    assert said == "go: engine: go (there is no docker on PATH; Go is on PATH)"
    assert choose("go", str(tmp_path / "tools")) == "go: engine: go (it is set; Go is on PATH)"


def test_auto_takes_go_where_there_is_no_dockerfile(choose: Callable[..., str], tmp_path: Path) -> None:
    """Whether Docker answers or not, which is not asked: there is nothing that it could build."""
    said = choose("auto", str(tmp_path / "tools"), dockerfile=False)
    assert said == "go: engine: go (there is no Dockerfile; Go is on PATH)"


def test_without_docker_and_go_both_ways_out_are_named(
    choose: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 14, with what to install for either engine."""
    monkeypatch.setattr("gopherwhale.engines.toolchain._packaged", lambda: None)
    with pytest.raises(
        MissingToolError, match=r"(?s)no docker on PATH, and there is no Go.*gopherwhale\[go\]"
    ):
        choose("auto", str(tmp_path))
    with pytest.raises(MissingToolError, match=r"(?s)there is no Dockerfile, and there is no Go.*\[go\]"):
        choose("auto", str(tmp_path), dockerfile=False)
    with pytest.raises(MissingToolError, match="no docker on PATH") as caught:
        choose("buildx", str(tmp_path))
    assert "Go" not in str(caught.value)
    with pytest.raises(MissingToolError, match="there is no Go"):
        choose("go", str(tmp_path))


def test_a_plan_describes_the_engine_that_would_build(bench: Bench) -> None:
    """`go` where it is set, or where Docker or a Dockerfile is not there."""
    docker = bench.root / "with docker" / "docker"
    docker.parent.mkdir()
    docker.touch(mode=0o755)
    with_docker, without = ({"PATH": str(folder)} for folder in (docker.parent, bench.root))
    assert [described(bench, name, without) for name in ("go", "auto")] == ["env", "env"]
    assert [described(bench, name, with_docker) for name in ("go", "auto")] == ["env", "env"]
    (bench.root / "Dockerfile").write_text("FROM scratch\n")
    assert [described(bench, name, without) for name in ("go", "auto")] == ["env", "env"]
    assert [described(bench, name, with_docker) for name in ("go", "auto")] == ["env", "docker"]


def described(bench: Bench, name: str, environment: Mapping[str, str]) -> str:
    """The first command of a plan."""
    return engines.describe(bench.plan(engine=name), environment)[0][0]


def test_a_build_waits_for_the_one_before_it_and_not_for_ever(bench: Bench) -> None:
    """Two builds never write the same binaries at once; the second says so, and gives up in time."""
    (bench.root / "dist" / ".go").mkdir(parents=True)
    with (bench.root / "dist" / ".go" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(UsageError, match="has not ended within 1 s"):
            bench.build(timeout=1)
    assert f"waiting for another build in {bench.root} to end" in bench.said
    bench.build()


def test_a_build_of_the_same_image_is_waited_for_aloud_and_not_for_ever(bench: Bench) -> None:
    """Whoever holds the layout is named, and the limit of time counts."""
    bench.build()
    layout = bench.root / "dist" / "hello"
    with (layout / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(UsageError, match="hello has not ended within 1 s"):
            bench.build(timeout=1)
    assert f"waiting for another build of {layout} to end" in bench.said
    assert bench.layout.root
