from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gopherwhale.adopt import survey
from gopherwhale.adopt.survey import find_root, look
from gopherwhale.errors import UsageError
from tests.unit.adopt.repositories import LIBRARY, MAIN, MOD, Tree, write

WORKSPACE: Tree = {
    "go.work": "go 1.24\nuse (\n\t./app\n\t./lib\n\t../elsewhere\n)\n",
    "app/go.mod": "module example.com/app\n",
    "app/main.go": MAIN,
    "app/cmd/tool/main.go": MAIN,
    "lib/go.mod": "module example.com/lib\nreplace example.com/x => ../x\n",
    "lib/lib.go": LIBRARY,
    "x/go.mod": "module example.com/x\n",
    "unused/go.mod": "module example.com/unused\n",
    "unused/main.go": MAIN,
}


@pytest.mark.parametrize(
    ("tree", "packages"),
    [
        ({"main.go": MAIN}, ["."]),
        ({"lib.go": LIBRARY, "cmd/a/main.go": MAIN, "cmd/b/b.go": MAIN}, ["./cmd/a", "./cmd/b"]),
        ({"main.go": MAIN, "cmd/a/main.go": MAIN}, [".", "./cmd/a"]),
        ({"doc.go": "package main\n", "run.go": MAIN}, ["."]),
        ({"a_test.go": MAIN, "lib.go": LIBRARY}, []),
        ({"gen.go": f"//go:build ignore\n\n{MAIN}", "lib.go": LIBRARY}, []),
        ({"main_windows.go": MAIN}, []),
        ({"vendor/x/main.go": MAIN, "testdata/main.go": MAIN, ".x/main.go": MAIN, "_x/main.go": MAIN}, []),
        ({"a/vendor/x/main.go": MAIN, "a/b/testdata/c/main.go": MAIN}, []),
        ({"nested/go.mod": "module other\n", "nested/main.go": MAIN, "main.go": MAIN}, ["."]),
        ({"a b/main.go": MAIN, "ünï/main.go": MAIN}, ["./a b", "./ünï"]),
        ({"main.go/x.go": MAIN}, ["./main.go"]),
    ],
)
def test_which_programs_are_found(tmp_path: Path, tree: Tree, packages: list[str]) -> None:
    """Main packages that take part in a build for linux, outside of what the go command passes by."""
    found = look(write(tmp_path, {"go.mod": MOD, **tree}))
    assert [program.package for program in found.programs] == packages


def test_a_workspace(tmp_path: Path) -> None:
    """Its modules are those that it uses and those which replace others; programs know their module."""
    found = look(write(tmp_path, WORKSPACE))
    assert found.workspace
    assert found.outside == ("../elsewhere",)
    assert list(found.modules) == ["app", "lib", "x"]
    assert [(program.folder, program.module, program.import_path) for program in found.programs] == [
        ("app", "app", "example.com/app"),
        ("app/cmd/tool", "app", "example.com/app/cmd/tool"),
    ]


@pytest.mark.parametrize(
    ("start", "root"),
    [(".", "."), ("app", "."), ("app/cmd/tool", "."), ("unused", "unused"), ("x", "x")],
)
def test_the_folder_to_adopt(tmp_path: Path, start: str, root: str) -> None:
    """The workspace where it uses the module, else the module itself."""
    write(tmp_path, WORKSPACE)
    assert find_root(tmp_path / start) == tmp_path / root


def test_no_go_repository_is_told(tmp_path: Path) -> None:
    """A folder without go.mod and go.work is refused with what to do."""
    with pytest.raises(UsageError, match="not in a Go repository"):
        find_root(tmp_path)


def test_modules_further_down_are_named(tmp_path: Path) -> None:
    """Above the modules of a repository one is told where they are, and how to join them."""
    write(tmp_path, {"a/go.mod": MOD, "b/c/go.mod": MOD, "a/vendor/go.mod": MOD})
    with pytest.raises(UsageError, match="modules are in a, b/c: change into one"):
        find_root(tmp_path)


def test_what_else_is_there(tmp_path: Path) -> None:
    """Vendoring, embedded papers, a Dockerfile in another place, a licence and workflows."""
    main = "// Hello says hello.\npackage main\n\n//go:embed *.md LICENSE\nvar f string\n\nfunc main() {}\n"
    tree = {
        "go.mod": MOD,
        "main.go": main,
        "vendor/modules.txt": "",
        "build/Dockerfile": "FROM scratch\n",
        "LICENSE": "Permission is hereby granted, free of charge, to any person x without restriction",
        ".github/workflows/test.yml": "",
    }
    found = look(write(tmp_path, tree))
    assert found.vendored
    assert found.embedded == ("LICENSE", "README.md")
    assert found.dockerfile == "build/Dockerfile"
    assert found.license == "MIT"
    assert found.has_workflows
    assert found.programs[0].summary == "Hello says hello"
    bare = look(write(tmp_path / "bare", {"go.mod": MOD, "main.go": MAIN, "LICENSE": "Do what you like"}))
    assert (bare.vendored, bare.embedded, bare.dockerfile, bare.license, bare.has_workflows) == (
        *(False, (), "", "none", False),
    )


def test_a_program_of_c_alone_is_marked(tmp_path: Path) -> None:
    """Images are built without cgo, so a main function beside `import "C"` is none to ship."""
    tree = {"go.mod": MOD, "main.go": 'package main\n\nimport "C"\n\nfunc main() {}\n'}
    assert [program.cgo for program in look(write(tmp_path, tree)).programs] == [True]


def test_links_are_not_followed(tmp_path: Path) -> None:
    """Neither a file nor a folder behind a link is looked at, nor a module that one leads to."""
    outside = write(tmp_path / "outside", {"main.go": MAIN, "go.mod": "module outside\n"})
    root = write(
        tmp_path / "inside", {"go.work": "use ./link\nuse ./a\n", "a/go.mod": MOD, "a/lib.go": LIBRARY}
    )
    (root / "a/linked.go").symlink_to(outside / "main.go")
    (root / "link").symlink_to(outside)
    (root / "a/loop").symlink_to(root)
    found = look(root)
    assert list(found.modules) == ["a"]
    assert found.programs == ()


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bound holds, and says what to do."""
    monkeypatch.setattr(survey, "_MAX_FILES", 2)
    with pytest.raises(UsageError, match="over 2 Go files"):
        look(write(tmp_path, {"go.mod": MOD, "a.go": "", "b.go": "", "c.go": ""}))


_NAMES = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="/\x00"), min_size=1, max_size=12
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    name=_NAMES.filter(lambda name: name not in (".", "..")),
    source=st.binary(max_size=80),
    mod=st.binary(max_size=80),
)
def test_nothing_in_a_repository_breaks_the_survey(
    tmp_path_factory: pytest.TempPathFactory, name: str, source: bytes, mod: bytes
) -> None:
    """Any name and any bytes are looked at without a failure."""
    root = tmp_path_factory.mktemp("any")
    (root / name).mkdir()
    (root / "go.mod").write_bytes(mod)
    (root / name / "x.go").write_bytes(source)
    assert look(root).root == root
