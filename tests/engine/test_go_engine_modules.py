"""Repositories of many shapes, built by the go engine with a real Go."""

from __future__ import annotations

import io
import json
import subprocess
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from gopherwhale.errors import ExitCode
from tests.engine.go_projects import CROSS_BUILD, images_of
from tests.engine.projects import Project
from tests.servers.certificates import Authority
from tests.servers.recording import Asked, Reply, recording

pytestmark = pytest.mark.engine

SETTINGS = """\
platforms = ["linux/amd64", "linux/arm64"]

[images.one.go]
packages = ["./cmd/one"]

[images.both.go]
packages = ["./cmd/one", "./cmd/two=/usr/bin/two"]
entrypoint = ["/one"]
"""
PRIVATE = "example.invalid/private"


@pytest.fixture
def project(go_environment: Mapping[str, str], tmp_path: Path) -> Project:
    """A module with two small programs, not under git."""
    folder = tmp_path / "several"
    for name in ("one", "two"):
        (folder / "cmd" / name).mkdir(parents=True)
        text = f'package main\n\nfunc main() {{ println("I am {name}") }}\n'
        (folder / "cmd" / name / "main.go").write_text(text)
    (folder / "go.mod").write_text("module example.invalid/several\n\ngo 1.24.0\n")
    (folder / "gopherwhale.toml").write_text(SETTINGS)
    return Project(folder=folder, environment={**go_environment, "SOURCE_DATE_EPOCH": "0"})


def test_several_images_are_built_in_one_run_and_a_program_is_linked_once(project: Project) -> None:
    """The second image takes the first one's binary; each image holds its own programs, which run."""
    project.good(*CROSS_BUILD, "--image", "one")
    binaries = sorted((project.folder / "dist" / ".go").glob("*/one"))
    # Go moves a fresh link into place, and only touches what is up to date.
    before = [path.stat().st_ino for path in binaries]
    project.good(*CROSS_BUILD)
    assert [path.stat().st_ino for path in binaries] == before
    assert len(binaries) == 2
    one, both = (images_of(project.folder / "dist" / name) for name in ("one", "both"))
    for platform, image in both.items():
        assert {"one", "usr/bin/two"} <= image.contents.keys()
        assert image.contents["one"] == one[platform].contents["one"]
        assert "usr/bin/two" not in one[platform].contents
    native = next(image for platform, image in both.items() if str(platform) == "linux/amd64")
    for path, said in (("one", "I am one"), ("usr/bin/two", "I am two")):
        program = project.folder / "program"
        program.write_bytes(native.contents[path])
        program.chmod(0o755)
        done = subprocess.run([program], capture_output=True, text=True, check=True, timeout=60)
        assert done.stderr.strip() == said


def test_the_toolchain_line_is_gos_to_follow(project: Project) -> None:
    """GOTOOLCHAIN decides what a newer `toolchain` or `go` line leads to; the error is Go's, exit 11."""
    module = project.folder / "go.mod"
    module.write_text("module example.invalid/several\n\ngo 1.24.0\n\ntoolchain go1.99.0\n")
    command = (*CROSS_BUILD, "--image", "one", "--platform", "linux/amd64")
    project.good(*command, GOTOOLCHAIN="local")
    wanted = project.run(*command, GOTOOLCHAIN="auto", GOPROXY="off")
    assert wanted.returncode == ExitCode.BUILD
    assert "go1.99.0" in wanted.stderr
    module.write_text("module example.invalid/several\n\ngo 1.99.0\n")
    refused = project.run(*command, GOTOOLCHAIN="local")
    assert refused.returncode == ExitCode.BUILD
    assert "linux/amd64: go: go.mod requires go >= 1.99.0" in refused.stderr


def test_a_private_module_is_fetched_with_the_users_own_netrc(project: Project, tmp_path: Path) -> None:
    """GOPROXY, GONOSUMDB, NETRC and the CA reach Go untouched; the password reaches nothing else."""
    authority = Authority(tmp_path / "ca")
    context = authority.issue("server").server_context()
    with recording(_module, tls=context) as server:
        netrc = tmp_path / "netrc"
        # Go compares with the port, since it has GOAUTH.
        netrc.write_text(f"machine {server.address} login gopher password canary-7f3a\n")
        variables = {
            "GOPROXY": server.url,
            "GONOSUMDB": PRIVATE,
            "NETRC": str(netrc),
            "SSL_CERT_FILE": str(authority.certificate),
            "GOMODCACHE": str(tmp_path / "modules"),
            "GOFLAGS": "-modcacherw",
        }
        main = project.folder / "cmd" / "one" / "main.go"
        main.write_text(f'package main\n\nimport "{PRIVATE}"\n\nfunc main() {{ println(private.Name) }}\n')
        project.good("go", "get", f"{PRIVATE}@v1.0.0", **variables)
        # The build itself is to fetch it once more, into an empty cache.
        built = {**variables, "GOMODCACHE": str(tmp_path / "empty")}
        server.seen.clear()
        done = project.run(*CROSS_BUILD, "--image", "one", GOPHERWHALE_GO_FLAGS="-modcacherw", **built)
        assert done.returncode == 0, done.stderr
        assert server.saw_a_credential
    shown = [done.stdout, done.stderr]
    shown += [
        path.read_bytes().decode(errors="replace") for path in (project.folder / "dist").rglob("*.json")
    ]
    assert not any("canary-7f3a" in text for text in shown)
    image = next(iter(images_of(project.folder / "dist" / "one").values()))
    assert b"a private module" in image.contents["one"]


def _module(asked: Asked) -> Reply:
    """A module proxy of one module (`go help goproxy`), for those who log in."""
    if not asked.authorization:
        return Reply(status=401, headers=(("WWW-Authenticate", "Basic"),))
    archive = io.BytesIO()
    source = 'package private\n\nconst Name = "a private module"\n'
    with zipfile.ZipFile(archive, "w") as writer:
        writer.writestr(f"{PRIVATE}@v1.0.0/go.mod", f"module {PRIVATE}\n")
        writer.writestr(f"{PRIVATE}@v1.0.0/private.go", source)
    bodies = {
        "list": b"v1.0.0\n",
        "v1.0.0.info": json.dumps({"Version": "v1.0.0", "Time": "2024-01-01T00:00:00Z"}).encode(),
        "v1.0.0.mod": f"module {PRIVATE}\n".encode(),
        "v1.0.0.zip": archive.getvalue(),
    }
    prefix, _, name = asked.path.rpartition("/")
    known = prefix == f"/{PRIVATE}/@v" and name in bodies
    return Reply(body=bodies[name]) if known else Reply(status=404)
