"""gopherwhale update: a repository that the template made, brought to a newer template."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from gopherwhale import git
from gopherwhale.adopt import changes, merging, record, rendering, survey
from gopherwhale.adopt.changes import Change
from gopherwhale.adopt.record import Record
from gopherwhale.app.adopting import for_existing
from gopherwhale.app.request import Request
from gopherwhale.app.writing import Outcome, read_answers, settle
from gopherwhale.errors import ExitCode, UsageError


def update(
    request: Request,
    *,
    template: str = "",
    old: str = "",
    answer: Sequence[str] = (),
    allow_dirty: bool = False,
    dry_run: bool = False,
    yes: bool = False,
) -> ExitCode:
    """Merge what has changed in the template since into a repository; show it first.

    The old template's text of a file comes from the repository's own history, where git keeps it under the
    id in the record. Where it is not there, from `old`, or from `template` at the recorded commit. Where to
    find a template is never taken from the record: a template is code, and the repository may be anybody's.

    Args:
        request: What was asked for.
        template: Another template than this package's own: a folder, a wheel, or a git address.
        old: The template that the repository was made from.
        answer: `QUESTION=ANSWER`, over those in the record.
        allow_dirty: Merge although there are uncommitted changes.
        dry_run: Write nothing.
        yes: Do not ask.

    Returns:
        CONFLICT where a person has to decide.

    Raises:
        UsageError: There is no record, the tree is dirty, or the old template cannot be had.
    """
    root = survey.find_root(request.start)
    known = record.load(root)
    if known is None:
        raise UsageError(
            f"{root} has no {record.NAME}, and so no template to be updated from", hint="gopherwhale init"
        )
    if not allow_dirty:
        _refuse_dirty(root, request)
    with rendering.opened(template) as folder:
        given = {**known.answers, **read_answers(answer, rendering.questions(folder))}
        made = rendering.render(folder, given)
    own = record.parse(made.get(record.NAME, b""), record.NAME)
    now = _mine(root, known, made)
    merge = merging.plan(root, known.files, now, _base(root, known, template, old))
    files = {path: merging.blob_id(data) for path, data in now.items()}
    found = merge.changes
    if found or files != known.files:
        # The record is no news by itself: another commit of the template that changes nothing is none.
        new = replace(own, files=files, texts=_texts(root, now, found))
        found = (*found, Change(path=record.NAME, old=changes.current(root, record.NAME), new=new.to_bytes()))
    outcome = Outcome(root=root, changes=found, notes=merge.notes)
    return settle(request, outcome, dry_run=dry_run, yes=yes)


def _mine(root: Path, known: Record, made: Mapping[str, bytes]) -> dict[str, bytes]:
    """Of the new template's files those that it answers for in this repository.

    What is there and is not in the record is the user's. A repository that was adopted has a program already.
    """
    wanted = {path: data for path, data in made.items() if path != record.NAME}
    if "go.mod" not in known.files:
        wanted, _ = for_existing(root, wanted, known.answers, git.outline(root))
    return {
        path: data
        for path, data in wanted.items()
        if path in known.files or changes.current(root, path) in (None, data)
    }


def _base(root: Path, known: Record, template: str, old: str) -> Callable[[str], bytes]:
    """Where the old template's text of a file comes from."""
    rendered: dict[str, bytes] = {}

    def find(path: str) -> bytes:
        blob = known.files[path]
        text = known.texts.get(blob)
        kept = merging.first_text(root, blob) if text is None else text.encode()
        if kept is not None:
            return kept
        if not rendered:
            rendered.update(_render_old(known, template, old, path))
        if merging.blob_id(rendered.get(path, b"")) != blob:
            raise UsageError(
                f"{old or template} did not make {path} of this repository",
                hint="name the template it was made from: --old SOURCE",
            )
        return rendered[path]

    return find


def _render_old(known: Record, template: str, old: str, path: str) -> dict[str, bytes]:
    source = old or (template if known.commit else "")
    if not source:
        origin = " ".join(filter(None, (known.template, known.commit))) or "an older wheel of gopherwhale"
        raise UsageError(
            f"{path} was changed here, and git does not have the text that the template gave it",
            hint=f"name the template it was made from ({origin}): --old SOURCE",
        )
    # A plain folder or a wheel is one version; of a repository the one that is recorded is meant.
    one = source.endswith(".whl") or (Path(source).is_dir() and not (Path(source) / ".git").exists())
    with rendering.opened(source, "" if one else known.commit) as folder:
        return rendering.render(folder, known.answers)


def _texts(root: Path, now: Mapping[str, bytes], found: Sequence[Change]) -> dict[str, str]:
    """What the template made of files that will hold something else, and that git therefore has nowhere."""
    after = {change.path: change.new for change in found}
    return {
        merging.blob_id(data): data.decode()
        for path, data in now.items()
        if (after[path] if path in after else changes.current(root, path)) not in (None, data)
    }


def _refuse_dirty(root: Path, request: Request) -> None:
    revision = git.read(root, request.environment, ignore="dist")
    if revision is None:
        raise UsageError(f"{root} has no commit to go back to", hint="commit it first, or say --allow-dirty")
    if revision.dirty:
        shown = ", ".join(revision.dirty)
        raise UsageError(
            f"{root} has uncommitted changes: {shown}", hint="commit or stash them, or say --allow-dirty"
        )
