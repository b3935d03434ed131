"""A workflow's own lines, as its runner would start them: what is between them, the runner does itself."""

from __future__ import annotations

import functools
import re
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

# What asks for more than the event; the rest are comparisons with it. A cache was not found.
_ALWAYS: Final = (
    "github.ref_type == 'branch'",
    "github.ref_type == 'branch' && steps.go-cache.outputs.cache-hit != 'true'",
)
_COMPARISON = re.compile(r"(?:github\.event_name|\$CI_PIPELINE_SOURCE) (==|!=) ['\"](\w+)['\"]")


def holds(condition: str, event: str) -> bool:
    """Whether a condition that the template writes is true for an event on the main branch."""
    if condition in _ALWAYS:
        return True
    compared = _COMPARISON.fullmatch(condition)
    assert compared, f"{condition} is none of the template's"
    return (event == compared[2]) == (compared[1] == "==")


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line for a shell.

    Attributes:
        job: The job's name, a matrix's entries counted.
        text: As it stands in the workflow.
        environment: What the workflow adds to the process environment.
        uses: The action, where the runner does something itself.
        inputs: That action's inputs.
    """

    job: str
    text: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    uses: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)


def document(file: Path) -> Any:
    """What a workflow says, read once; nobody changes it."""
    return _read(file.read_text(encoding="utf-8"))


@functools.cache
def _read(text: str) -> Any:
    return yaml.safe_load(text)


def of_github(file: Path, event: str) -> Iterator[Line]:
    """The lines of an event on the main branch, jobs in the order of their needs."""
    jobs = document(file)["jobs"]
    for name, job in jobs.items():
        assert all(list(jobs).index(need) < list(jobs).index(name) for need in _words(job.get("needs")))
        if "if" in job and not holds(job["if"], event):
            continue
        for number, entry in enumerate(job.get("strategy", {}).get("matrix", {}).get("include", [{}])):
            values = {f"matrix.{key}": value for key, value in entry.items()}
            environment = {key: _filled(text, values) for key, text in job.get("env", {}).items()}
            for step in job["steps"]:
                if holds(step.get("if", _ALWAYS[0]), event):
                    yield Line(
                        job=f"{name}-{number}",
                        text=step.get("run", ""),
                        environment=environment,
                        uses=step.get("uses", "").partition("@")[0],
                        inputs={key: _filled(str(v), values) for key, v in step.get("with", {}).items()},
                    )


def of_gitlab(
    file: Path, event: str, variables: Mapping[str, str], instead: Mapping[str, str]
) -> Iterator[Line]:
    """The same on GitLab.

    Args:
        file: The pipeline's file.
        event: What started the pipeline, in GitLab's word.
        variables: Those of the project and of GitLab itself.
        instead: What stands for something that is not here, as a registry.
    """
    pipeline = document(file)
    jobs = {name: job for name, job in pipeline.items() if isinstance(job, dict) and "script" in job}
    for name, job in sorted(jobs.items(), key=lambda item: pipeline["stages"].index(item[1]["stage"])):
        if not any(holds(rule["if"], event) for rule in job["rules"]):
            continue
        known = dict(variables)
        for key, text in {**pipeline["variables"], **job.get("variables", {})}.items():
            known[key] = string.Template(str(text)).safe_substitute(known)
        lines = [*job.get("before_script", pipeline["default"]["before_script"]), *job["script"]]
        # GitLab hands all lines of a job to one shell.
        yield Line(job=name, text="\n".join(lines), environment={**known, **instead})


def _filled(text: str, values: Mapping[str, Any]) -> str:
    return re.sub(r"\$\{\{ (matrix\.\w+) \}\}", lambda found: str(values[found[1]]), text)


def _words(value: str | list[str] | None) -> list[str]:
    return [value] if isinstance(value, str) else value or []
