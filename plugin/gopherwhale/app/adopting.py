"""gopherwhale init: the template's files for a Go repository that exists."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from gopherwhale import git
from gopherwhale.adopt import answers as deriving
from gopherwhale.adopt import changes, dockerfile, ignoring, record, rendering, survey
from gopherwhale.adopt.answers import Derived, Facts, Wishes
from gopherwhale.adopt.changes import Change
from gopherwhale.adopt.record import Record
from gopherwhale.app.request import Request
from gopherwhale.app.writing import Outcome, read_answers, settle
from gopherwhale.errors import ExitCode, UsageError

# What a new repository has as a program of its own, which one that exists has already.
_PROGRAM: Final = frozenset({"README.md", "LICENSE", "go.mod", "go.sum", ".golangci.yml"})
_FORGES: Final = (".github/", ".gitlab")
# Of the template's README, which one that exists has not.
_SECTION: Final = "## What to set"
# Questions whose answers others are derived from.
_DERIVING: Final = frozenset({"image", "project"})
_REQUIREMENTS: Final = "requirements.txt"
_DEPENDABOT: Final = ".github/dependabot.yml"
# GitHub reads either ending of its own; two bots would open every request twice.
_OTHER_BOTS: Final = (
    *(".github/dependabot.yaml", "renovate.json", "renovate.json5", ".renovaterc", ".renovaterc.json"),
    *(".github/renovate.json", ".github/renovate.json5", ".gitlab/renovate.json"),
)
# What CI runs, by forge.
_PIPELINES: Final = (".github/workflows/image.yaml", ".gitlab-ci.yml")
_MOUNT: Final = "mount gopherwhale.tasks.docker_collection() in it"
# What brings our tasks into a file that is kept.
_ADVICE: Final = {
    "tasks.py": _MOUNT,
    **{
        name: f"no job of ours is in it: `gopherwhale init --dry-run --overwrite {name}` shows them"
        for name in _PIPELINES
    },
    "noxfile.py": "call gopherwhale.nox.register() in it, and add the other sessions that CI runs",
}


@dataclass(frozen=True, kw_only=True)
class Options:
    """What `gopherwhale init` was told.

    Attributes:
        repository: Where the image goes; guessed from the remote where it is empty.
        package: The main packages to ship; found where it is empty.
        answer: `QUESTION=ANSWER`, over what was found.
        template: Another template than this package's own.
        overwrite: Files to replace although they are there.
        force: Replace all of them.
        dry_run: Write nothing.
        yes: Do not ask.
    """

    repository: str = ""
    package: Sequence[str] = ()
    answer: Sequence[str] = ()
    template: str = ""
    overwrite: Sequence[str] = ()
    force: bool = False
    dry_run: bool = False
    yes: bool = False

    @property
    def says_something(self) -> bool:
        """Whether it differs from what an earlier run may have found."""
        return bool(self.repository or self.package or self.answer)


def init(request: Request, **told: Any) -> ExitCode:
    """Write what a Go repository lacks of the template's files; show it first.

    Args:
        request: What was asked for.
        told: The fields of `Options`.

    Raises:
        UsageError: It is no Go repository, holds no program, or a file cannot be written.
    """
    options = Options(**told)
    root = survey.find_root(request.start)
    known = record.load(root)
    outline = git.outline(root)
    with rendering.opened(options.template) as folder:
        derived = _derive(root, outline, rendering.questions(folder), options, known)
        made = rendering.render(folder, derived.answers)
    wanted, notes = for_existing(root, made, derived.answers, outline)
    if unknown := sorted(set(options.overwrite) - set(wanted)):
        raise UsageError(f"--overwrite {unknown[0]}: it is no file that gopherwhale would write")
    found = [Change(path=path, old=changes.current(root, path), new=new) for path, new in wanted.items()]
    chosen = [one for one in found if one.old is None or options.force or one.path in options.overwrite]
    replaced = tuple(one for one in chosen if one.old != one.new)
    added = _ignored(root, wanted, replaced, known)
    outcome = Outcome(root=root, changes=(*replaced, *added), notes=())
    if known is None or outcome.changes:
        same = {one.path for one in found if one in replaced or one.old == one.new}
        outcome = _with_record(outcome, made, known, same)
    touched = {one.path for one in (*chosen, *added)}
    kept = sorted(one.path for one in found if one.path not in touched and one.old != one.new)
    if known is None or options.says_something:
        notes += [f"kept: {', '.join(kept)} (--overwrite FILE or --force replaces)"] if kept else []
        theirs = [name for name in kept if name in _ADVICE and _is_theirs(root, name, known)]
        notes += [f"{name} is yours: {_ADVICE[name]}" for name in theirs]
        outcome = replace(outcome, notes=(*derived.notes, *notes))
    if known is None:
        outcome = replace(outcome, after=_next_steps(derived.answers, made, wanted.keys() - {*kept}))
    return settle(request, outcome, dry_run=options.dry_run, yes=options.yes)


def _is_theirs(root: Path, name: str, known: Record | None) -> bool:
    """Whether a file is the user's: what CI runs need not name us to be ours, but the record does."""
    return survey.is_theirs(root / name) and not (known and name in known.files)


def _next_steps(
    given: Mapping[str, Any], made: Mapping[str, bytes], ours: Collection[str]
) -> tuple[str, ...]:
    """The first commands, and what the README of a new repository says of the secrets that CI needs.

    Args:
        given: The answers.
        made: All that the template makes.
        ours: The files here that are the template's.
    """
    docker = "nox -s docker-" if given.get("runner") == "nox" else "invoke docker."
    lines = ["", "Commit it, then build it:", ""]
    lines += [f"    python3 -m pip install --requirement {_REQUIREMENTS}"] if _REQUIREMENTS in made else []
    lines += [f"    {docker}cross-build && {docker}verify-arch", ""]
    if any(name in ours for name in _PIPELINES):
        section = made.get("README.md", b"").decode().partition(f"{_SECTION}\n")[2]
        lines += section.partition("\n## ")[0].strip().splitlines()
    return tuple(lines)


def _ignored(
    root: Path, wanted: Mapping[str, bytes], replaced: Sequence[Change], known: Record | None
) -> list[Change]:
    """A .gitignore of the user's, completed: what our tools leave would keep every push from a CI."""
    name = ignoring.NAME
    if name not in wanted or name in (known.files if known else ()) or name in {one.path for one in replaced}:
        return []
    if (root / name).is_symlink():
        return []
    old = changes.current(root, name)
    new = ignoring.completed(old or b"", wanted[name])
    return [Change(path=name, old=old, new=new)] if new != old else []


def _derive(
    root: Path, outline: git.Outline, questions: Mapping[str, Any], options: Options, known: Record | None
) -> Derived:
    """The answers: those of an earlier run, or else found out; what the user says wins."""
    given = read_answers(options.answer, questions)
    if known and not (options.repository or options.package or _DERIVING & given.keys()):
        return Derived(answers={**known.answers, **given}, notes=())
    found = survey.look(root)
    recipe = None
    if options.force or found.dockerfile in options.overwrite:
        # One that is to be replaced has no say.
        found = replace(found, dockerfile="")
    if options.force or "noxfile.py" in options.overwrite:
        found = replace(found, runners=())
    if found.dockerfile:
        recipe = dockerfile.read(survey.read_text(root / found.dockerfile))
    facts = Facts(source=outline.source, default_branch=outline.default_branch)
    wishes = Wishes(
        repository=options.repository or given.get("image", ""),
        packages=options.package,
        project=given.get("project", ""),
    )
    derived = deriving.derive(found, facts, recipe, str(questions.get("_newest_go", "")), wishes)
    return replace(derived, answers={**derived.answers, **given})


def for_existing(
    root: Path, made: Mapping[str, bytes], given: Mapping[str, Any], outline: git.Outline
) -> tuple[dict[str, bytes], list[str]]:
    """The template's files for a repository that has a program already.

    Args:
        root: The repository.
        made: All that the template makes.
        given: The answers.
        outline: What git knows of the repository.

    Returns:
        By path, the files; and a line for each that cannot be used here.
    """
    notes = []
    wanted = {
        path: data
        for path, data in made.items()
        if path not in _PROGRAM and not path.endswith(".go") and path != record.NAME
    }
    if given.get(rendering.SHAPE, {}).get("dockerfile", "Dockerfile") != "Dockerfile":
        wanted.pop("Dockerfile", None)
    package = root / "tasks" / "__init__.py"
    if package.is_file() and wanted.pop("tasks.py", b"") and survey.is_theirs(package):
        notes.append(f"tasks.py: there is a package tasks; {_MOUNT}")
    bots = [name for name in _OTHER_BOTS if (root / name).is_file()]
    if bots and wanted.pop(_DEPENDABOT, b""):
        notes.append(f"{_DEPENDABOT}: left out, for {bots[0]} is there")
    requirements = root / _REQUIREMENTS
    if requirements.is_file() and "gopherwhale" not in survey.read_text(requirements):
        notes.append(f"{_REQUIREMENTS}: the workflow installs what it names: add gopherwhale and nox to it")
    if outline.top and outline.top != root.resolve():
        forge = [path for path in wanted if path.startswith(_FORGES)]
        if forge:
            notes.append(f"{', '.join(forge)}: left out, for they belong at the top, {outline.top}")
        wanted = {path: data for path, data in wanted.items() if path not in forge}
    return wanted, notes


def _with_record(
    outcome: Outcome, made: Mapping[str, bytes], known: Record | None, written: set[str]
) -> Outcome:
    """The same, with the record of it as the last file to be written."""
    own = record.parse(made.get(record.NAME, b""), record.NAME)
    kept = known.files if known else {}
    files = {**kept, **own.only(written).files}
    new = Record(template=own.template, commit=own.commit, answers=own.answers, files=files)
    change = Change(path=record.NAME, old=changes.current(outcome.root, record.NAME), new=new.to_bytes())
    return Outcome(root=outcome.root, changes=(*outcome.changes, change), notes=outcome.notes)
