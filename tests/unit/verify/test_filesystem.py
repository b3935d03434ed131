"""Number 13 of the reliability notes: what a container starts, through links, whiteouts and upper layers."""

from __future__ import annotations

from typing import Any

import pytest

from gopherwhale.errors import LayoutError
from gopherwhale.oci.documents import ImageConfig
from gopherwhale.oci.parsing import parse_config
from gopherwhale.verify.filesystem import NotRunnable
from tests.unit.verify.layers import system_of, tar

APP = ("app",)


def config(*entrypoint: str, path: str = "", folder: str = "") -> ImageConfig:
    """A config that starts something."""
    import json  # noqa: PLC0415

    process: dict[str, Any] = {"Entrypoint": list(entrypoint), "WorkingDir": folder}
    if path:
        process["Env"] = [f"PATH={path}"]
    return parse_config(json.dumps({"os": "linux", "architecture": "amd64", "config": process}).encode(), "x")


@pytest.mark.parametrize(
    ("layers", "started", "found"),
    [
        ([tar(APP)], "/app", "/app"),
        ([tar(("./app",))], "/app", "/app"),
        ([tar(("bin/app",), ("app", "link", "bin/app"))], "/app", "/bin/app"),
        ([tar(("opt/x/app",), ("a/b", "link", "/opt/x/app"), ("c", "link", "a/b"))], "/c", "/opt/x/app"),
        ([tar(("opt/app",), ("bin", "link", "opt"))], "/bin/app", "/opt/app"),
        ([tar(("opt/app",), ("a/bin", "link", "../../../../opt"))], "/a/bin/app", "/opt/app"),
        ([tar(APP, ("copy", "hard", "app"))], "/copy", "/copy"),
        ([tar(APP), tar(("copy", "hard", "/app"))], "/copy", "/copy"),
        ([tar(APP, ("s", "link", "app")), tar(("copy", "hard", "s"))], "/copy", "/app"),
        ([tar(("app", "file", 0o644)), tar(("app", "file", 0o755))], "/app", "/app"),
        ([tar(("app/x",)), tar(APP)], "/app", "/app"),
        ([tar(APP), tar(("app/x",))], "/app/x", "/app/x"),
        ([tar(APP), tar((".wh.app",), APP)], "/app", "/app"),
        ([tar(APP), tar(APP, (".wh.app",))], "/app", "/app"),
        ([tar(("d/a",)), tar(("d/b",), ("d/.wh..wh..opq",))], "/d/b", "/d/b"),
        ([tar(("usr/lib/a",), ("lib", "link", "usr/lib")), tar(("lib/b",))], "/usr/lib/b", "/usr/lib/b"),
        ([tar(("lib", "link", "/usr/lib")), tar(("lib/b",))], "/lib/b", "/usr/lib/b"),
        ([tar(("d", "folder"), ("d/a",)), tar(("d", "folder", 0o700))], "/d/a", "/d/a"),
        ([tar(("../../app",))], "/app", "/app"),
        ([tar(APP, (".wh..wh.plnk", "folder"))], "/app", "/app"),
    ],
)
def test_13_a_program_is_found_where_a_container_would_find_it(
    layers: list[bytes], started: str, found: str
) -> None:
    """Links, hard links into this layer and lower ones, replacing and whiteouts lead to the right file."""
    assert system_of(*layers).entrypoint(config(started)) == found


@pytest.mark.parametrize(
    ("layers", "started", "code"),
    [
        ([tar(APP)], "/other", "entrypoint-missing"),
        ([tar(APP)], "/app/x", "entrypoint-missing"),
        ([tar(APP), tar((".wh.app",))], "/app", "entrypoint-missing"),
        ([tar(("d/e/app",)), tar((".wh.d",))], "/d/e/app", "entrypoint-missing"),
        ([tar(("d/a",)), tar(("d/.wh..wh..opq",), ("d/b",))], "/d/a", "entrypoint-missing"),
        ([tar(("d/a",)), tar(("d", "link", "e"))], "/d/a", "entrypoint-missing"),
        ([tar(("d/a",)), tar(("d",))], "/d/a", "entrypoint-missing"),
        ([tar(("lib", "link", "usr"), ("usr/a",)), tar(("lib/.wh.a",))], "/usr/a", "entrypoint-missing"),
        ([tar(("app", "folder"))], "/app", "entrypoint-folder"),
        ([tar(("app", "link", "/"))], "/app", "entrypoint-folder"),
        ([tar(("app", "file", 0o644))], "/app", "entrypoint-not-executable"),
        ([tar(("app", "fifo"))], "/app", "entrypoint-not-executable"),
        ([tar(("app", "hard", "nothing"))], "/app", "entrypoint-not-executable"),
        ([tar(("d", "folder"), ("app", "hard", "d"))], "/app", "entrypoint-not-executable"),
        ([tar(("app", "link", "app"))], "/app", "entrypoint-loop"),
        ([tar(("a", "link", "b"), ("b", "link", "a"))], "/a", "entrypoint-loop"),
        ([tar(("a", "link", "a/b"))], "/a", "entrypoint-loop"),
        ([tar(APP)], "", "entrypoint-missing"),
    ],
)
def test_13_what_cannot_be_started_says_why(layers: list[bytes], started: str, code: str) -> None:
    """Missing, removed, a folder, not executable and a loop are told apart."""
    with pytest.raises(NotRunnable) as problem:
        system_of(*layers).entrypoint(config(started))
    assert problem.value.code == code


@pytest.mark.parametrize(
    ("started", "path", "folder", "found"),
    [
        ("app", "", "", "/usr/bin/app"),
        ("app", "/opt:/usr/bin", "", "/opt/app"),
        ("app", "/data:/opt", "", "/opt/app"),
        ("app", "sbin", "/srv", "/srv/sbin/app"),
        ("./app", "", "/opt", "/opt/app"),
        ("../opt/app", "", "/srv", "/opt/app"),
    ],
)
def test_13_a_name_without_a_folder_is_looked_up_on_the_image_s_path(
    started: str, path: str, folder: str, found: str
) -> None:
    """PATH, its default, relative parts of it and the working folder count as in a container."""
    layer = tar(("usr/bin/app",), ("opt/app",), ("data/app", "file", 0o644), ("srv/sbin/app",))
    assert system_of(layer).entrypoint(config(started, path=path, folder=folder)) == found


def test_13_a_layer_whose_names_lead_through_a_loop_is_refused() -> None:
    """A runtime could not unpack it either."""
    with pytest.raises(LayoutError, match="links of /a go round"):
        system_of(tar(("a", "link", "a")), tar(("a/b",)))


def test_13_a_hard_link_to_a_folder_makes_no_circle() -> None:
    """Every name comes once, whatever a layer links to what."""
    system = system_of(tar(("d/e",), ("d/f", "hard", "d"), ("d/g", "link", ".")))
    assert [path for path, _ in system.items()] == ["/", "/d", "/d/e", "/d/f", "/d/g"]


def test_a_name_s_layer_is_told() -> None:
    """Two platforms with the same lower layer can be told from two with the same upper one."""
    system = system_of(tar(("a",)), tar(("b",)))
    a, b = system.node("/a"), system.node("/b")
    assert a is not None
    assert b is not None
    assert a.layer.startswith("sha256:")
    assert a.layer != b.layer


def test_a_script_s_text_is_kept_and_a_library_needs_no_execute_bit() -> None:
    """What is loaded to run is read like what is run; another file without the bit is not read."""
    from tests.unit.verify.binaries import elf  # noqa: PLC0415

    files = {
        "run.sh": b"#!/bin/sh\nexec app\n",
        "lib.so": elf(kind=3),
        "data": b"text",
        "etc/passwd": b"root:x",
    }
    rows = [("run.sh",), ("lib.so", "file", 0o644), ("data", "file", 0o644), ("etc/passwd", "file", 0o644)]
    system = system_of(tar(*rows, contents=files))
    script, library, data, accounts = (system.node(f"/{name}") for name in files)
    assert script is not None
    assert (script.text, script.facts and script.facts.format) == (files["run.sh"], "script")
    assert library is not None
    assert library.facts is not None
    assert library.facts.kind == "shared object"
    assert data is not None
    assert (data.facts, data.text) == (None, b"")
    assert accounts is not None
    assert accounts.text == b"root:x"
