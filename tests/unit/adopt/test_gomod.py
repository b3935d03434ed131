from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gopherwhale.adopt.gomod import ModFile, inside, newer, parse

WORK = """
go 1.24 // newest

use (
	./app // the program
	"./lib one"
	./app
)
use ../outside
replace example.com/x v1.2.3 => ./local/x
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("module example.com/a\n\ngo 1.22\n", ModFile(module="example.com/a", go="1.22")),
        ('module "example.com/a"\n', ModFile(module="example.com/a")),
        ("module `example.com/a`", ModFile(module="example.com/a")),
        ("// module no\nmodule a/b // yes\ngo 1.21rc2", ModFile(module="a/b", go="1.21rc2")),
        (
            "module a\r\ngo 1.23.4\r\ntoolchain go1.24.1\r\n",
            ModFile(module="a", go="1.23.4", toolchain="1.24.1"),
        ),
        ("module a\ntoolchain default\ngo banana", ModFile(module="a")),
        ("module (\n\ta\n)\nmodule b\n", ModFile(module="a")),
        ("replace x => ../y\nreplace z => w v1.0.0\n", ModFile(replaced=("../y",))),
        ("replace (\n x => ./x\n y v1 => ./y // z\n)\n", ModFile(replaced=("./x", "./y"))),
        ("require (\n go 1.2\n module x\n)\nmodule y", ModFile(module="y", required=("go", "module"))),
        ("require a.b/c v1.2.3 // indirect\nrequire x/y v0\n", ModFile(required=("a.b/c", "x/y"))),
        (WORK, ModFile(go="1.24", used=("./app", "./lib one", "../outside"), replaced=("./local/x",))),
        ("", ModFile()),
        ("(((((", ModFile()),
        ('module "unended\ngo 1.20', ModFile(module='"', go="1.20")),
    ],
)
def test_what_a_module_file_says(text: str, expected: ModFile) -> None:
    """Verbs alone and in blocks, comments, both kinds of strings, and what is no module file at all."""
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("base", "folder", "expected"),
    [
        (".", ".", "."),
        (".", "./a/b/", "a/b"),
        ("a/b", "../c", "a/c"),
        ("a", "..", "."),
        (".", "../x", None),
        ("a", "../../x", None),
        (".", "/etc", None),
        (".", "a\\b", None),
        (".", "a/../../..", None),
    ],
)
def test_a_folder_outside_of_the_repository_is_none(base: str, folder: str, expected: str | None) -> None:
    """A go.mod may name any folder of the machine; only those of the repository count."""
    assert inside(base, folder) == expected


def test_the_newer_of_two_versions() -> None:
    """Versions are compared as numbers, and none at all is the oldest."""
    assert newer("1.9", "1.10") == "1.10"
    assert newer("1.27.3", "1.27") == "1.27.3"
    assert newer("", "1.2") == "1.2"
    assert newer("1.2", "") == "1.2"


_PIECES = st.sampled_from(
    [
        "module",
        "go",
        "use",
        "replace",
        "=>",
        "(",
        ")",
        "\n",
        '"',
        "`",
        "//",
        "./x",
        "../..",
        "1.22",
        "\\",
        "é",
        "\x00",
    ]
)


@settings(max_examples=60)
@given(st.one_of(st.text(max_size=200), st.lists(_PIECES, max_size=60).map(" ".join)))
@example("use (\n" * 50)
def test_nothing_in_a_module_file_breaks_the_reader(text: str) -> None:
    """Whatever it holds, a file is read to its end, and no folder it names is outside."""
    found = parse(text)
    for folder in (*found.used, *found.replaced):
        place = inside(".", folder)
        assert place is None or (".." not in place.split("/") and not place.startswith("/"))
