from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from bench import regression, report
from bench.harness import Comparison, Contender, Outcome, Result, Target, compare
from bench.measuring import Command, Failed, run
from bench.peers import Peers


def python(code: str, folder: Path) -> Command:
    return Command(arguments=(sys.executable, "-S", "-c", code), folder=folder, environment=os.environ)


def note(folder: Path, name: str) -> Command:
    return python(f"open('log', 'a').write('{name} ')", folder)


def quiet(_line: str) -> None:
    pass


def result(**seconds: list[float]) -> Result:
    contenders = [Contender(name=name, commands=()) for name in seconds]
    targets = [Target(of="ours", to="theirs", at_most=0.5), Target(of="ours", at_most=10.0)]
    outcomes = {name: Outcome(figures={"seconds": found} if found else {}) for name, found in seconds.items()}
    work = Comparison(name="work", title="Some work", contenders=contenders, targets=targets)
    return Result(comparison=work, outcomes=outcomes)


def test_contenders_run_in_turn_and_the_warm_up_does_not_count(tmp_path: Path) -> None:
    """A B, A B, A B: what slows the machine for a while slows both; the first round fills caches."""
    contenders = [Contender(name=name, commands=[note(tmp_path, name)]) for name in "AB"]
    done = compare(Comparison(name="n", title="t", contenders=contenders), quiet, rounds=2)
    assert (tmp_path / "log").read_text() == "A B A B A B "
    assert [len(outcome.figures["seconds"]) for outcome in done.outcomes.values()] == [2, 2]


def test_a_failing_contender_is_reported_and_the_others_go_on(tmp_path: Path) -> None:
    """A peer that fails is in the results with its own words, and its target is unknown, not met."""
    bad = Contender(name="theirs", commands=[python("print('no luck'); raise SystemExit(3)", tmp_path)])
    good = Contender(name="ours", commands=[note(tmp_path, "ours")])
    target = Target(of="ours", to="theirs", at_most=1.0)
    work = Comparison(name="n", title="t", contenders=[bad, good], targets=[target])
    said: list[str] = []
    done = compare(work, said.append, rounds=2)
    assert "exits with 3: no luck" in done.outcomes["theirs"].failed
    assert len(done.outcomes["ours"].figures["seconds"]) == 2
    assert [verdict.met for verdict in done.verdicts] == ["unknown"]
    assert "theirs FAILED" in said[0]


@pytest.mark.parametrize("part", ["before", "check", "facts"])
def test_preparation_checks_and_facts_may_fail_a_contender(tmp_path: Path, part: str) -> None:
    """A contender that did not really do the work has no figure."""

    def fail(*_: object) -> Any:
        raise Failed("it left nothing")

    parts: dict[str, Any] = {part: fail}
    lame = Contender(name="lame", commands=[note(tmp_path, "lame")], **parts)
    done = compare(Comparison(name="n", title="t", contenders=[lame]), quiet, rounds=1)
    assert done.outcomes["lame"].failed == "it left nothing"


def test_a_program_that_is_not_there_is_a_failure_of_its_contender(tmp_path: Path) -> None:
    """No exception of the operating system's ends the run."""
    with pytest.raises(Failed, match="cannot be started"):
        run([Command(arguments=["./absent"], folder=tmp_path, environment={})])


def test_a_contender_that_does_not_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a bound of time it is killed, and said to have run for too long."""
    monkeypatch.setattr("bench.measuring._TIMEOUT", 0.1)
    with pytest.raises(Failed, match="ran for over 0 seconds"):
        run([python("import time; time.sleep(60)", tmp_path)])


def test_seconds_and_memory_are_those_of_the_process(tmp_path: Path) -> None:
    """What sleeps takes its time, and what holds 50 MB is seen to hold it."""
    code = "import time; held = b'x' * 50_000_000; time.sleep(0.5)"
    measured = run([python(code, tmp_path)])
    assert measured.seconds >= 0.5
    assert 50_000_000 < measured.peak_bytes < 150_000_000


def test_commands_side_by_side_run_at_once(tmp_path: Path) -> None:
    """The bare `go build` of two platforms is what a careful person would type: each meets the other."""
    meeting = "import pathlib, time; pathlib.Path('{}').touch(); end = time.monotonic() + {}\n"
    waiting = (
        "while not pathlib.Path('{}').exists(): assert time.monotonic() < end, 'alone'; time.sleep(0.01)"
    )
    assert run(
        [
            python(f"{meeting}{waiting}".format(*names), tmp_path)
            for names in (("a", 30, "b"), ("b", 30, "a"))
        ],
        side_by_side=True,
    ).seconds
    with pytest.raises(Failed, match="alone"):
        run([python(f"{meeting}{waiting}".format(*names), tmp_path) for names in (("c", 0.1, "d"),) * 2])


def test_a_ratio_is_the_median_of_the_rounds_ratios() -> None:
    """A round in which the machine was slow for both does not move it."""
    found = result(ours=[1.0, 40.0, 1.0], theirs=[4.0, 80.0, 4.0])
    assert found.ratio("ours", "theirs") == 0.25
    assert [(verdict.measured, verdict.met) for verdict in found.verdicts] == [(0.25, "yes"), (1.0, "yes")]


def test_a_missed_target_is_said_to_be_missed() -> None:
    """No figure is hidden."""
    assert [verdict.met for verdict in result(ours=[30.0], theirs=[40.0]).verdicts] == ["no", "no"]


def test_a_ratio_that_grew_by_over_ten_percent_is_shown() -> None:
    """`--compare` names the figure, what it was and what it is; a figure that got lost counts too."""
    then = {"comparisons": [result(ours=[1.0], theirs=[10.0]).to_document()]}
    same = {"comparisons": [result(ours=[1.09], theirs=[10.0]).to_document()]}
    slow = {"comparisons": [result(ours=[1.2], theirs=[10.0]).to_document()]}
    lost = {"comparisons": [result(ours=[1.0], theirs=[]).to_document()]}
    assert regression.worse(then, same) == []
    assert [line.partition(", was")[0] for line in regression.worse(then, slow)] == [
        "work: ours against theirs, seconds: was 0.1, is 0.12 (+20%)",
        "work: ours against its limit, seconds: was 1, is 1.2 (+20%)",
    ]
    assert regression.worse(then, lost) == [
        "work: ours against theirs, seconds: was 0.1, is not measured any more"
    ]


def test_the_page_keeps_what_people_wrote_and_shows_failures(tmp_path: Path) -> None:
    """Figures stand between two marks; a peer that failed has a row with its reason."""
    found = result(ours=[1.0, 2.0, 3.0], theirs=[])
    found.outcomes["theirs"].failed = "no | luck"
    for outcome in found.outcomes.values():
        outcome.figures["peak_bytes"] = [1e6]
    document = {
        "commit": "abc",
        "date": "2024-02-03",
        "machine": report.machine(),
        "versions": {"go": "go1.27.3"},
        "comparisons": [json.loads(json.dumps(found.to_document()))],
    }
    page = tmp_path / "benchmarks.md"
    page.write_text(f"# Ours\n\n{report.BEGIN}\nold\n{report.END}\n\nWhy it is so.\n")
    report.write_page(document, page)
    text = page.read_text()
    assert text.startswith("# Ours\n")
    assert text.endswith("Why it is so.\n")
    assert "old" not in text
    assert "| ours | 2.000 | 1.000 | 3.000 | 3 | 1.0 MB |" in text
    assert "failed: no \\| luck" in text
    assert "| work | ours | theirs | seconds | none | 0.50 x | unknown |" in text


def test_versions_are_those_that_the_programs_tell(tmp_path: Path) -> None:
    """A version is asked of the program, and one that is absent is said to be so."""
    program = tmp_path / "skopeo"
    program.write_text("#!/bin/sh\necho skopeo version 9.9.9\n")
    program.chmod(0o755)
    peers = Peers(tmp_path / "peers", {"PATH": str(tmp_path)})
    assert peers.version("skopeo") == "skopeo version 9.9.9"
    assert peers.version("docker").startswith("absent: docker is not here")
    assert peers.version("ko").startswith("absent: go is not on PATH")
