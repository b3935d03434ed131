from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gopherwhale.adopt.gosource import holds, is_built, read

DOC = """// Copyright somebody.

//go:build linux

// Command hello greets the world. It does no more.
//
// Really.
package main

import "fmt"

func main() { fmt.Println("hello") }
"""


@pytest.mark.parametrize(
    ("text", "package", "has_main"),
    [
        ("package main\nfunc main() {}", "main", True),
        (DOC, "main", True),
        ("/* package no */ package main; func main ( ) {}", "main", True),
        ("// package no\npackage lib\nfunc main() {}", "lib", False),
        ("package main\n// func main() {}\n", "main", False),
        ("package main\n/*\nfunc main() {}\n*/\n", "main", False),
        ("package main\nvar s = `\nfunc main() {}\n`\n", "main", False),
        ('package main\nvar s = "func main() {}"\n', "main", False),
        ("package main\nfunc f() {\n\tfunc main() {}\n}\n", "main", False),
        ("package main\nfunc (t T) main() {}\nfunc mainly() {}\nfunc main(x int) {}\n", "main", False),
        ("package main\nvar r = '{'\nvar q = '\\''\nfunc main() {}", "main", True),
        ('package main\nvar s = "\\"{"\nfunc main() {}', "main", True),
        ("package main\nvar s = `{{{`\nfunc main() {}", "main", True),
        ("package main_test\nfunc main() {}", "main_test", False),
        ("", "", False),
        ("/* never ended package main func main() {}", "", False),
        ("package main\nvar s = `never ended func main() {}", "main", False),
    ],
)
def test_a_program_is_told_from_what_looks_like_one(text: str, package: str, *, has_main: bool) -> None:
    """Only the package clause and a function at the top level count, never comments or strings."""
    found = read(text)
    assert (found.package, found.has_main) == (package, has_main)


@pytest.mark.parametrize(
    ("name", "text", "built"),
    [
        ("a.go", "package main", True),
        ("a_test.go", "package main", False),
        ("_a.go", "package main", False),
        (".a.go", "package main", False),
        ("a_windows.go", "package main", False),
        ("a_linux.go", "package main", True),
        ("a_unix.go", "package main", True),
        ("a_linux_amd64.go", "package main", True),
        ("a_linux_arm64.go", "package main", False),
        ("a_windows_amd64.go", "package main", False),
        ("linux.go", "package main", True),
        ("windows.go", "package main", True),
        ("a_windows_x.go", "package main", True),
        ("a.go", "//go:build ignore\n\npackage main", False),
        ("a.go", "// +build ignore\n\npackage main", False),
        ("a.go", "//+build linux darwin\n\npackage main", True),
        ("a.go", "// +build linux,cgo darwin\n\npackage main", False),
        ("a.go", "// +build linux\n// +build cgo\n\npackage main", False),
        ("a.go", "// +build ignore\n//go:build linux\n\npackage main", True),
        ("a.go", "package main\n\n//go:build ignore\n", True),
        ("a.go", "/*\n//go:build ignore\n*/\npackage main", True),
    ],
)
def test_which_files_are_built_for_linux(name: str, text: str, *, built: bool) -> None:
    """File names and constraints of both forms decide as `go list` would for linux/amd64 without cgo."""
    assert is_built(name, text) is built


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("linux", True),
        ("!linux", False),
        ("!!linux", True),
        ("linux && !cgo", True),
        ("windows || linux && amd64", True),
        ("(windows || linux) && cgo", False),
        ("!(windows || darwin)", True),
        ("go1.18 && unix && gc", True),
        ("tools", False),
        ("mytag || (unix && (amd64 || arm64))", True),
        ("linux &&", True),
        ("", True),
        ("(" * 2000, True),
        ("!" * 400 + "linux", True),
    ],
)
def test_constraint_expressions(expression: str, *, value: bool) -> None:
    """The operators bind as Go binds them; an unsound expression hides no program."""
    assert holds(expression) is value


@pytest.mark.parametrize(
    ("text", "summary"),
    [
        (DOC, "Command hello greets the world"),
        ("/*\nHello says hello.\nMore.\n*/\npackage main", "Hello says hello"),
        ("// A licence.\n\npackage main", ""),
        ("package main // behind", ""),
        ("//go:generate x\npackage main", ""),
    ],
)
def test_the_summary_is_the_first_sentence_of_the_package_comment(text: str, summary: str) -> None:
    """A licence's header, parted by an empty line, is none."""
    assert read(text).summary == summary


def test_embedded_patterns() -> None:
    """Each pattern of each line, without quotes and without `all:`."""
    text = (
        'package x\n//go:embed a.txt "b c.txt" `d`\n//go:embed all:static\nvar f embed.FS\n  //go:embed no\n'
    )
    assert read(text).embedded == ("a.txt", "b c.txt", "d", "static")


_PIECES = st.sampled_from(
    [
        "package main",
        "func main()",
        "{",
        "}",
        "`",
        '"',
        "'",
        "\\",
        "//",
        "/*",
        "*/",
        "\n",
        "//go:build ",
        "(",
        "!",
        "&&",
        *("||", "linux", "//go:embed ", 'import "C"', "é", "\x00"),
    ]
)


@settings(max_examples=60)
@given(st.one_of(st.text(max_size=300), st.lists(_PIECES, max_size=80).map("".join)))
@example("//go:build " + "(" * 400 + "\npackage main")
def test_nothing_in_a_source_file_breaks_the_reader(text: str) -> None:
    """Whatever a file holds, it is read to its end."""
    read(text)
    is_built("a.go", text)
