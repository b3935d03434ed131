"""What a user may name as an image, opened and judged."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from gopherwhale import engines
from gopherwhale.access import Access
from gopherwhale.app.sources import open_source
from gopherwhale.errors import GopherwhaleError, LayoutError
from gopherwhale.oci.archive import write_archive
from gopherwhale.oci.layout import Layout
from gopherwhale.oci.registry import RegistryClient
from gopherwhale.platforms import parse, parse_many
from gopherwhale.verify.image import Wanted, verify_image
from tests.unit.oci.images import make_layout
from tests.unit.verify.binaries import elf
from tests.unit.verify.judged import MACHINES, files, program, put
from tests.unit.verify.layers import Memory


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A layout, its archives, and names with colons in them."""
    folder = tmp_path_factory.mktemp("sources")
    layout = Layout(make_layout(folder / "layout", {"linux/amd64": elf()}))
    write_archive(layout, folder / "oci.tar")
    write_archive(layout, folder / "docker.tar", names=["example.com/hello:1"])
    shutil.copytree(folder / "layout", folder / "odd:name")
    return folder


@pytest.fixture
def client() -> RegistryClient:
    """A client that is never used to speak."""
    return RegistryClient.from_environment({}, Access())


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("oci:layout", "oci:HERE/layout"),
        ("oci:layout:latest", "oci:HERE/layout"),
        ("oci:layout@DIGEST", "oci:HERE/layout"),
        ("oci:odd:name", "oci:HERE/odd:name"),
        ("oci:odd:name:latest", "oci:HERE/odd:name"),
        ("layout", "oci:HERE/layout"),
        ("./layout", "oci:HERE/layout"),
        ("oci-archive:oci.tar", "oci-archive:HERE/oci.tar"),
        ("oci-archive:oci.tar@DIGEST", "oci-archive:HERE/oci.tar"),
        ("oci-archive:docker.tar", "oci-archive:HERE/docker.tar"),
        ("docker-archive:docker.tar", "docker-archive:HERE/docker.tar"),
        ("docker-archive:docker.tar:example.com/hello:1", "docker-archive:HERE/docker.tar"),
        ("layout:latest", "oci:HERE/layout"),
        ("layout@DIGEST", "oci:HERE/layout"),
        ("./layout:latest", "oci:HERE/layout"),
        ("oci.tar", "oci-archive:HERE/oci.tar"),
        ("docker.tar", "docker-archive:HERE/docker.tar"),
        ("docker://example.com/hello:1", "docker://example.com/hello:1"),
        ("hello", "docker://docker.io/library/hello"),
    ],
)
def test_each_kind_of_source_opens(place: Path, client: RegistryClient, text: str, name: str) -> None:
    """Layouts and archives by path, tag or digest, and references; relative to where the user stands."""
    digest = Layout(place / "layout").root.digest
    with open_source(text.replace("DIGEST", digest), place, lambda: client, {}) as source:
        assert source.name == name.replace("HERE", str(place))
        if not name.startswith("docker://"):
            assert source.root.digest == digest


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("oci:", "names no path"),
        ("oci:layout:other", "no image named 'other'"),
        ("oci-archive:layout", "is not a file"),
        ("docker-archive:oci.tar", "write oci-archive:FILE"),
        ("docker-archive:docker.tar:other", "no image named 'other'"),
        ("./none", "neither a folder nor a file"),
        ("oci:none", "there is no .*none"),
        ("oci-archive:none.tar", "there is no .*none.tar"),
        ("docker-archive:none.tar:name", "there is no .*none.tar"),
        ("docker-daemon:UPPER", "is not an image reference"),
        ("docker://", "is not an image reference"),
        ("-flag", "is not an image reference"),
        ("hello\nworld", "is not an image reference"),
        ("hello:" + "a" * 129, "is not a legal tag"),
        ("hello@sha256:../../x", "is not a digest"),
    ],
)
def test_15_what_is_no_source_is_said_so(place: Path, client: RegistryClient, text: str, why: str) -> None:
    """Malformed names and digests, missing paths and wrong kinds are told, and no command sees them."""
    with pytest.raises(GopherwhaleError, match=why), open_source(text, place, lambda: client, {}):
        pass


def test_an_image_of_docker_s_store_is_read_from_its_archive(
    place: Path, client: RegistryClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Docker hands out one archive, which is gone when it was read."""
    written: list[Path] = []

    def save(name: str, archive: Path, environment: Mapping[str, str], timeout: int, bound: int) -> None:
        assert (name, dict(environment), timeout > 0, bound > 0) == ("example.com/hello:1", {}, True, True)
        shutil.copy(place / "docker.tar", archive)
        written.append(archive)

    monkeypatch.setattr(engines, "save", save)
    with open_source("docker-daemon:example.com/hello:1", place, lambda: client, {}) as source:
        assert source.name == "docker-daemon:example.com/hello:1"
        assert verify_image(source).platforms[0].entrypoint == "/app"
        assert written[0].stat().st_mode & 0o077 == 0 or written[0].parent.stat().st_mode & 0o077 == 0
    assert not written[0].parent.exists()


def test_only_the_platforms_that_are_asked_for_are_read() -> None:
    """What `--platform` leaves out costs nothing and gives no finding."""
    memory = Memory()
    names = ["linux/amd64", "linux/arm64", "linux/arm/v7"]
    entries = [put(memory, name, files({"/app": program(name)})) for name in names]
    memory.put_index(entries)
    memory.blobs[entries[0].digest] = b"damaged"
    wanted = parse_many(names[1:])
    report = verify_image(memory, Wanted(platforms=wanted, only=wanted))
    assert [str(one.platform) for one in report.platforms] == names[1:]
    assert report.ok
    assert not memory.opened[entries[0].digest]


def test_a_platform_that_is_asked_for_and_missing_is_an_error() -> None:
    """Nothing is not good."""
    memory = Memory()
    memory.put_index([put(memory, "linux/amd64", files({"/app": program("linux/amd64")}))])
    wanted = [parse("linux/s390x")]
    report = verify_image(memory, Wanted(platforms=wanted, only=wanted))
    assert [finding.code for finding in report.findings] == ["platform-missing"]
    assert "amd64" in MACHINES


def test_an_image_without_an_index_is_of_its_config_s_platform() -> None:
    """A lone manifest declares nothing: its config says whether it was asked for."""
    memory = Memory()
    entry = put(memory, "linux/arm64", files({"/app": program("linux/arm64")}))
    memory.root = entry
    assert len(verify_image(memory, Wanted(only=[parse("linux/arm64")])).platforms) == 1
    assert verify_image(memory, Wanted(only=[parse("linux/amd64")])).platforms == ()


def test_a_layout_that_is_unreadable_is_an_error_of_ours(tmp_path: Path, client: RegistryClient) -> None:
    """A file in place of a folder is told by what it lacks."""
    (tmp_path / "image").write_bytes(b"text")
    with (
        pytest.raises(LayoutError, match="is not a tar archive"),
        open_source("image", tmp_path, lambda: client, {}),
    ):
        pass


def test_registries_are_reached_by_the_defaults_where_nothing_says_otherwise(tmp_path: Path) -> None:
    """Outside of a repository the settings are not even imported, and would say the same."""
    from gopherwhale import settings  # noqa: PLC0415
    from gopherwhale.app.request import Request, access_of  # noqa: PLC0415
    from gopherwhale.console import Console  # noqa: PLC0415

    console = Console(out=io.StringIO(), err=io.StringIO())
    request = Request(start=tmp_path, environment={}, console=console, flags={"insecure": []})
    assert access_of(request) == Access() == settings.load(tmp_path).access()
    request = Request(start=tmp_path, environment={"GOPHERWHALE_INSECURE": "example.com"}, console=console)
    assert access_of(request).insecure == ("example.com",)


def test_verifying_anyone_s_image_imports_no_settings() -> None:
    """What the check does not need, it does not pay for: neither settings nor Docker's SDK."""
    found = "[name for name in ('msgspec', 'pydantic', 'docker') if name in sys.modules]"
    code = f"import sys, gopherwhale.app.verifying; print({found})"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout == "[]\n"


def test_a_machine_s_report_pays_for_no_table(tmp_path: Path) -> None:
    """A layout's report as JSON imports neither rich nor what speaks to registries."""
    layout = make_layout(tmp_path / "layout", {"linux/amd64": program("linux/amd64")})
    words = ["docker.verify-arch", f"oci:{layout}", "--expect", "any", "--format", "json"]
    found = "[name for name in ('rich', 'urllib3', 'msgspec') if name in sys.modules]"
    code = f"""
import sys
from gopherwhale.__main__ import main
try:
    main({words})
except SystemExit as end:
    sys.stderr.write(f"{{end.code}} {{{found}}}")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stderr.endswith("0 []")
