"""docker.lint, and the same in front of a build."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from gopherwhale import settings
from gopherwhale.app import reporting
from gopherwhale.app.gate import annotate
from gopherwhale.app.registries import registry_client
from gopherwhale.app.request import Request, access_of, resolve
from gopherwhale.console import printable
from gopherwhale.dockerfile.syntax import MAX_BYTES
from gopherwhale.errors import ExitCode, GopherwhaleError, UsageError, VerificationError
from gopherwhale.files import read_bounded, rewrite
from gopherwhale.lint import hadolint
from gopherwhale.lint.findings import LintReport
from gopherwhale.lint.fixing import fix as mend
from gopherwhale.lint.junit import junit
from gopherwhale.lint.linter import lint as lint_text
from gopherwhale.lint.linter import pinned_bases
from gopherwhale.lint.machines import sarif, workflow_commands
from gopherwhale.lint.report import render, summary
from gopherwhale.lint.view import Surroundings
from gopherwhale.oci.documents import INDEX_TYPES
from gopherwhale.plan import ImagePlan
from gopherwhale.references import parse as parse_reference
from gopherwhale.verify.codes import Severity
from gopherwhale.verify.policy import Rule

_NAME: Final = "Dockerfile"
_IGNORE: Final = ".dockerignore"


@dataclass(frozen=True, kw_only=True)
class _Subject:
    """A Dockerfile to be judged, and the folder that its build reads."""

    file: Path
    context: Path
    dist: Path | None = None
    around: Surroundings


def lint(
    request: Request,
    path: Sequence[str] = (),
    fix: bool = False,  # noqa: FBT001, FBT002 -- the flag's own name
    online: bool = False,  # noqa: FBT001, FBT002 -- the same
) -> ExitCode:
    """Judge Dockerfiles, those of this repository's images where no path is named, and show what was found.

    Args:
        request: What was asked for.
        path: Dockerfiles, or folders that hold one.
        online: Ask registries whether a digest that a base is pinned to is one platform's.
        fix: Write the mended lines where that needs no thought, and show them; then judge what is left.
    """
    console, wanted = request.console, reporting.files(request)
    program = hadolint.find(request.environment)
    reports = []
    for named in _named(request, path) if path else _of_images(request):
        if fix:
            _fix(named, request)
        subject = _asked(named, request) if online else named
        report = _judge(subject, request)
        reports.append(_beside_hadolint(report, subject, program, request) if program else report)
    ok = all(report.ok for report in reports)

    def text() -> str:
        laid_out = render(reports, color=console.color, width=console.width)
        return laid_out or "no image here is built from a Dockerfile"

    document = {"schema": 1, "ok": ok, "reports": [report.to_document() for report in reports]}
    others = {
        "github": lambda: workflow_commands(reports),
        "junit": lambda: junit(reports),
        "sarif": lambda: _sarif(reports),
    }
    reporting.show(request, text, document, others, wanted)
    return ExitCode.GOOD if ok else ExitCode.VERIFICATION


def _sarif(reports: Sequence[LintReport]) -> str:
    # Packages' metadata take 15 ms to import, which a build need not pay.
    from importlib.metadata import version  # noqa: PLC0415

    return sarif(reports, version("gopherwhale"))


def refuse_unless_clean(images: Sequence[ImagePlan], request: Request) -> None:
    """Stop before anything is built where a Dockerfile holds an error.

    Raises:
        VerificationError: It does; the message counts and names the first. The others go to stderr.
    """
    say = request.console.say
    for image in images:
        report = _judge(_of_image(image), request)
        if report.findings:
            say(f"lint: {summary(report)}; docker.lint shows them")
        errors = [one for one in report.findings if one.severity is Severity.ERROR]
        for one in errors[1:]:
            say(f"{one.path}:{one.line}: {one.code}: {one.found}")
        if errors:
            annotate(partial(workflow_commands, [report]), request)
            first = errors[0]
            raise VerificationError(
                f"{first.path}:{first.line}: {first.code}: {first.found};"
                f" {len(errors)} mistake(s), nothing was built",
                hint=f"{first.why}; mended: {first.mended.splitlines()[-1]}",
            )


def _judge(subject: _Subject, request: Request) -> LintReport:
    name = os.path.relpath(subject.file, request.start)
    return lint_text(name, _read(subject.file), _around(subject, request))


def _beside_hadolint(report: LintReport, subject: _Subject, program: str, request: Request) -> LintReport:
    """The report with what hadolint finds in the same file, in the order of lines."""
    more = hadolint.run(program, subject.file, report.path, request.environment, request.console.say)
    both = sorted((*report.findings, *more), key=lambda one: (one.path != report.path, one.line))
    return replace(report, findings=tuple(both))


def _asked(subject: _Subject, request: Request) -> _Subject:
    """The subject with what registries say of the digests that its bases are pinned to."""
    from gopherwhale.oci.registry import RegistrySource  # noqa: PLC0415 -- lint asks none by itself

    single = {}
    with registry_client(request, access_of(request)) as client:
        for base in pinned_bases(_read(subject.file), subject.around):
            try:
                root = RegistrySource(client, parse_reference(base)).root
                single[base] = root.media_type not in INDEX_TYPES
            except GopherwhaleError as error:
                request.console.say(f"{base} is not known: {error.problem}")
    return replace(subject, around=replace(subject.around, single=single))


def _fix(subject: _Subject, request: Request) -> None:
    """Mend what can be mended without thought: each file whole or not at all, its changes on stderr."""
    name = os.path.relpath(subject.file, request.start)
    around = _around(subject, request)
    # Bytes that are no text would not come back as they were.
    before = {
        name: _read(subject.file, errors="strict"),
        around.ignore_path: around.ignore_text or "",
    }
    changed, _ = mend(name, before[name], around)
    for path, text in changed.items():
        lines = difflib.unified_diff(
            before[path].splitlines(), text.splitlines(), f"a/{path}", f"b/{path}", lineterm=""
        )
        for line in lines:
            request.console.say(printable(line))
        rewrite(request.start / path, text.encode())


def _named(request: Request, paths: Sequence[str]) -> Iterator[_Subject]:
    """What a user names; a file that an image here is built from is judged as that image's."""
    known = {one.file.resolve(): one for one in _known(request)}
    for text in paths:
        path = request.start / text
        file = path / _NAME if path.is_dir() else path
        bare = _Subject(file=file, context=file.parent, around=Surroundings())
        yield known.get(file.resolve(), bare)


def _known(request: Request) -> Iterator[_Subject]:
    try:
        settings.find_root(request.start)
    except UsageError:
        return
    yield from map(_of_image, resolve(request)[1].images)


def _of_images(request: Request) -> Iterator[_Subject]:
    for image in resolve(request)[1].images:
        subject = _of_image(image)
        # The go engine needs no Dockerfile; one that is there is judged all the same.
        if image.settings.engine != "go" or subject.file.is_file():
            yield subject


def _of_image(image: ImagePlan) -> _Subject:
    around = Surroundings(
        platforms=image.platforms,
        target=image.settings.target,
        build_args=image.build_args,
        policy=tuple(
            Rule(code=one.code, severity=Severity(one.severity), reason=one.reason)
            for one in image.settings.lint.policy
        ),
    )
    context = image.root / image.settings.context
    file = image.root / image.settings.dockerfile
    return _Subject(file=file, context=context, dist=image.layout.parent, around=around)


def _around(subject: _Subject, request: Request) -> Surroundings:
    own = subject.file.with_name(f"{subject.file.name}{_IGNORE}")
    ignore = own if own.is_file() else subject.context / _IGNORE
    return replace(
        subject.around,
        ignore_path=os.path.relpath(ignore, request.start),
        ignore_text=_read(ignore) if ignore.is_file() else None,
        unwanted=_unwanted(subject),
        go_mod=_read(module) if (module := subject.context / "go.mod").is_file() else "",
    )


def _unwanted(subject: _Subject) -> dict[str, str]:
    found = {}
    if (subject.context / ".git").exists():
        found["dockerignore-git"] = ".git"
    dist = subject.dist
    if dist and dist.is_relative_to(subject.context) and dist != subject.context:
        found["dockerignore-dist"] = dist.relative_to(subject.context).as_posix()
    return found


def _read(path: Path, errors: str = "replace") -> str:
    raw = read_bounded(path, MAX_BYTES)
    try:
        return raw.decode(errors=errors)
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is no UTF-8: {error.reason} at byte {error.start}") from None
