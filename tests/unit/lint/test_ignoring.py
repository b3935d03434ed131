from __future__ import annotations

import pytest

from gopherwhale.lint.linter import lint
from gopherwhale.lint.view import Surroundings


def shown(text: str) -> list[tuple[int, str, str, str]]:
    report = lint("Dockerfile", text)
    return [(one.line, one.severity.value, one.code, one.reason) for one in report.findings]


LATEST = "latest-tag"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# gopherwhale: ignore=latest-tag it is ours\nFROM a", [(2, "allowed", LATEST, "it is ours")]),
        ("#gopherwhale:ignore = latest-tag  x y \nFROM a", [(2, "allowed", LATEST, "x y")]),
        ("# gopherwhale: ignore=latest-tag x\n# hadolint ignore=DL3006\nFROM a",
         [(3, "allowed", LATEST, "x")]),
        ("# gopherwhale: ignore=latest-tag x\n\nFROM a",
         [(1, "notice", "ignore-unused", ""), (3, "warning", LATEST, "")]),
        ("FROM a # gopherwhale: ignore=latest-tag x", [(1, "warning", LATEST, "")]),
        ("# gopherwhale: ignore=latest-tag\nFROM a",
         [(1, "warning", "ignore-without-reason", ""), (2, "warning", LATEST, "")]),
        ("# gopherwhale: ignore=DL3006 x\nFROM a:1", [(1, "warning", "ignore-unknown", "")]),
        ("# gopherwhale: ignore=latest-tag,go-build-all x\nFROM a",
         [(1, "notice", "ignore-unused", ""), (2, "allowed", LATEST, "x")]),
        (
            "FROM a:1\nRUN x \\\n # gopherwhale: ignore=platform-arg-undeclared meant\n $TARGETARCH",
            [(4, "allowed", "platform-arg-undeclared", "meant")],
        ),
        (
            "FROM a:1\n# gopherwhale: ignore=platform-arg-undeclared meant\nRUN x \\\n $TARGETARCH",
            [(4, "allowed", "platform-arg-undeclared", "meant")],
        ),
    ],
)  # fmt: skip
def test_a_comment_allows_with_a_reason(text: str, expected: list[tuple[int, str, str, str]]) -> None:
    """On the line above, with a known code and a reason; all else is told and allows nothing."""
    assert shown(text) == expected


def test_what_is_allowed_is_no_error() -> None:
    """It is still shown, with its reason, and the report is good."""
    text = "FROM a:1\n# gopherwhale: ignore=platform-arg-default a test of the default\nARG TARGETARCH=x"
    report = lint("Dockerfile", text)
    assert report.ok
    assert [one.reason for one in report.findings] == ["a test of the default"]


def test_a_comment_of_the_ignore_file_holds_for_it() -> None:
    """What is found in `.dockerignore` is allowed there."""
    ignore = "# gopherwhale: ignore=dockerignore-git the version is stamped from it\n"
    around = Surroundings(ignore_text=ignore, unwanted={"dockerignore-git": ".git"})
    (one,) = lint("Dockerfile", "FROM a:1\nCOPY . .", around).findings
    assert (one.path, one.severity.value, one.reason) == (
        ".dockerignore",
        "allowed",
        "the version is stamped from it",
    )
