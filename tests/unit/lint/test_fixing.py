from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gopherwhale.dockerfile.syntax import parse
from gopherwhale.lint import builds
from gopherwhale.lint.builds import Setting
from gopherwhale.lint.findings import Edit
from gopherwhale.lint.fixing import apply, fix
from gopherwhale.lint.linter import lint
from gopherwhale.lint.view import Surroundings
from tasks._lint_examples import EXAMPLES, GOOD
from tests.unit.dockerfile.test_syntax import TEXTS

BAD = """\
ARG TARGETOS
FROM golang:1 AS build
COPY . .
RUN go mod download
RUN GOOS=$TARGETOS \\
    go build -a -o /app .
FROM --platform=$BUILDPLATFORM scratch
COPY --from=build /app /app
ENTRYPOINT ["/app"]
"""
MENDED = """\
FROM --platform=$BUILDPLATFORM golang:1 AS build
COPY go.mod go.sum* ./
RUN go mod download
COPY . .
ARG TARGETOS
ARG TARGETARCH
ARG TARGETVARIANT
RUN --mount=type=cache,target=/root/.cache/go-build CGO_ENABLED=0 GOOS=$TARGETOS \\
    GOARCH=${TARGETARCH} GOARM=${TARGETVARIANT#v} go build -o /app .
FROM scratch
COPY --from=build /app /app
USER 65532:65532
ENTRYPOINT ["/app"]
"""


def test_mistakes_that_hide_each_other_are_mended_in_turn() -> None:
    """A mended line shows the next mistake, until the file is good."""
    changed, left = fix("Dockerfile", BAD)
    assert changed == {"Dockerfile": MENDED}
    assert left.findings == ()
    assert fix("Dockerfile", MENDED)[0] == {}


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_endings_and_marks_stay(ending: str, mark: str) -> None:
    """Nothing but the mended lines changes."""
    text = mark + BAD.replace("\n", ending)
    assert fix("Dockerfile", text)[0] == {"Dockerfile": mark + MENDED.replace("\n", ending)}


@pytest.mark.parametrize(("before", "after"), [(None, ".git\n"), ("x", "x\n.git"), ("x\n", "x\n.git\n")])
def test_the_ignore_file_is_written_too(before: str | None, after: str) -> None:
    """A line at its end, or a new file."""
    around = Surroundings(ignore_text=before, unwanted={"dockerignore-git": ".git"})
    changed, left = fix("Dockerfile", "FROM a:1\nCOPY . .\n", around)
    assert changed == {".dockerignore": after}
    assert left.findings == ()


def test_what_is_allowed_is_not_mended() -> None:
    """A comment that allows a mistake keeps it."""
    text = "FROM a:1\n# gopherwhale: ignore=platform-arg-default meant\nARG TARGETARCH=x\n"
    assert fix("Dockerfile", text)[0] == {}


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        ([Edit(line=1, end=1, text="A")], "A\nb\nc\n"),
        ([Edit(line=2, end=1, text="x\ny")], "a\nx\ny\nb\nc\n"),
        ([Edit(line=3, end=3, text="C"), Edit(line=1, end=1, text="A")], "A\nb\nC\n"),
        ([Edit(line=1, end=2, text="A"), Edit(line=2, end=2, text="B")], "A\nc\n"),
        ([Edit(line=4, end=3, text="d")], "a\nb\nc\nd\n"),
    ],
)
def test_edits_take_the_place_of_lines(edits: list[Edit], expected: str) -> None:
    """From the end to the front, and of two that touch the first."""
    assert apply("a\nb\nc\n", edits) == expected


LINES = [
    *(line for example in EXAMPLES for line in example.text.splitlines()),
    *(
        "RUN <<EOF",
        "EOF",
        "\\",
        "RUN GOARCH=amd64 \\",
        "FROM a AS build",
        "COPY . .",
        "ADD https://e.com/arm64 /",
    ),
    *(
        "ENV A=$A$A",
        "ARG TARGETARCH=$TARGETARCH",
        "# gopherwhale: ignore=latest-tag x",
        "# escape=`",
        "USER 0",
    ),
]


@settings(max_examples=60, deadline=None)
@given(st.one_of(TEXTS, st.lists(st.sampled_from(LINES), max_size=25).map("\n".join)))
def test_no_text_breaks_the_rules(text: str) -> None:
    """Every finding is in the file, and mending comes to an end with what cannot be mended."""
    around = Surroundings(ignore_text=text, unwanted={"dockerignore-git": ".git"})
    report = lint("Dockerfile", text, around)
    lines = len(parse(text).lines)
    for one in report.findings:
        assert one.path == ".dockerignore" or 1 <= one.line <= max(lines, 1)
        assert one.mended
        assert one.found
    fix("Dockerfile", text, around)


def test_a_line_costs_the_same_however_many_stand_above_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables of a stage are gone through once, not again for each RUN below them."""
    made: list[Setting] = []

    def counted(**parts: Any) -> Setting:
        made.append(Setting(**parts))
        return made[-1]

    monkeypatch.setattr(builds, "Setting", counted)
    lint("Dockerfile", "FROM a:1\n" + "ARG A=b\n" * 200 + "RUN x\n" * 200)
    assert 0 < len(made) <= 4 * 200


def test_an_ignore_comment_holds_from_the_top_of_its_block() -> None:
    """Of a block of comments all count, for the instruction right below and for no other."""
    block = "# gopherwhale: ignore=latest-tag ours\n# gopherwhale: ignore=base-digest ours\n# more\n"
    found = {one.line: one.code for one in lint("Dockerfile", f"{block}FROM b\n\nFROM a\n").findings}
    assert found[2] == "ignore-unused"
    severities = [
        one.severity.value for one in lint("Dockerfile", f"{block}FROM b\nFROM a\n").findings if one.line == 5
    ]
    assert severities == ["warning"]


def test_a_hostile_file_takes_no_time() -> None:
    """Whatever makes readers go back is read once; that it ends is the test."""
    pieces = ["RUN $(", "ENV A=${A:-", "FROM $A AS b$A\n", 'RUN "', "COPY --from=$A x y\n", "RUN [ `", GOOD]
    for piece in pieces:
        lint("Dockerfile", (piece * 20000)[:30_000])
