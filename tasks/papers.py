"""`invoke papers`: write those papers that follow from the code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from invoke import Context, task

from tasks._lint_page import lint_page

_DOCS: Final = Path(__file__).resolve().parents[1] / "docs"
SETTINGS: Final = _DOCS / "settings.md"
FINDINGS: Final = _DOCS / "findings.md"
LINT: Final = _DOCS / "lint.md"
_HEAD: Final = """\
# Settings

A key is looked for in `gopherwhale.toml` (beside go.mod), then under `gopherwhale:` in the configuration
of invoke, then in the variable `GOPHERWHALE_<KEY>`, then among the flags; the later wins. In a variable a
list has one item a line (or commas between, where an item holds none) and a table has `KEY=VALUE` lines.
A list takes the place of an earlier one; a table is laid over it key by key, so that one build argument more
(`--build-arg KEY=VALUE`) leaves the others as they were. Unknown keys are refused.

This page is written by `invoke papers`.
"""
_FINDINGS_HEAD: Final = """\
# Findings of `docker.verify-arch`

An image is opened platform by platform, and nothing in it is run. What is judged: the entrypoint and all that
it reaches (shebang lines, shells and launchers and what they are told to start, programs that a script names,
the loader and every library), and the base's shell and C library. With `--all`, every program of the image.

- An **error** fails the run (exit code 10); a **warning** and a **notice** do not.
- **`cannot-tell`** is counted apart: what the file's header says fits, and no more can be proven.
- Attestations, which an annotation tells, and signatures and the like are counted and not judged.

`--format` gives the report as a `table`, as `json` (by
[report.schema.json](../plugin/gopherwhale/verify/report.schema.json)), as annotations and a step summary for
`github`, as `sarif` 2.1.0 for code scanning, or as `junit`. `--report junit=FILE` (or `sarif=FILE`,
`json=FILE`; repeatable) writes a file beside what is shown: GitLab takes it up as an artifact of
`reports: junit`, and GitHub's code scanning with `github/codeql-action/upload-sarif`.

Where `docker.build`, `docker.push`, `docker.merge` or `docker.copy` refuses an image, the report is on
stderr, and in a GitHub workflow its findings are annotations and stand in the step's summary without being
asked for.

## Policy

A finding is raised, lowered or allowed in `gopherwhale.toml`, for one platform or path where that is meant;
what is allowed is still shown, with its reason. Of several tables that match, the last counts.

```toml
[[verify.policy]]
code = "variant-older"
platform = "linux/arm/v7"
severity = "allowed"        # or error, warning, notice
reason = "the program for v6 serves v7 too"
```

This page is written by `invoke papers`.

## Codes
"""
_LATE: Final = """
Where memory is ample the go command runs with `GOGC=off` and a `GOMEMLIMIT` of its share: it then compiles
faster, and makes the same bytes. `docker.plan` leaves them out for that reason, and because they differ from
one machine to the next; what the environment or `build_env` says of either stands."""
_TAGS: Final = """
## Tags

`auto` stands for the tags that follow from git. A template may name `{branch}`, `{commit}`, `{short}` (12
digits), `{date}` (of the source, as 20240203), and at a release `{version}`, `{minor}` (as 1.2) and
`{major}`; where the commit has no such thing, the template gives no tag.

## Platforms

`os/architecture[/variant]`, as `linux/arm/v7`, for every platform of Linux and Windows that Go builds, or a
preset:
"""


def settings_page() -> str:
    """The page that lists every setting, its default and what it is."""
    from gopherwhale import platforms  # noqa: PLC0415
    from gopherwhale.settings_model import (  # noqa: PLC0415
        FileSettings,
        GoSettings,
        ImageSettings,
        LintPolicySettings,
        LintSettings,
        PolicySettings,
        Settings,
        VerifySettings,
    )

    lines = [_HEAD]
    lines += ["\n## Of the repository\n", *_table(Settings, {"root", "images"})]
    lines += ["\n## Of an image\n", "At the top level for every image, or in `[images.NAME]` for one.\n"]
    lines += _table(ImageSettings, {"go", "lint", "verify"})
    lines += ["\n## Of the go engine\n", "In the table `[go]`, or in `[images.NAME.go]` for one image.\n"]
    lines += [*_table(GoSettings, set()), _LATE]
    lines += ["\n### Of a file that the go engine adds\n", "In a table `[[go.files]]` for each.\n"]
    lines += _table(FileSettings, set())
    lines += ["\n## Of lint\n", "In the table `[lint]`, or in `[images.NAME.lint]` for one image.\n"]
    lines += _table(LintSettings, set())
    lines += ["\n### Of a mistake that is weighed otherwise\n", "In a table `[[lint.policy]]` for each.\n"]
    lines += _table(LintPolicySettings, set())
    lines += ["\n## Of verify\n", "In the table `[verify]`, or in `[images.NAME.verify]` for one image.\n"]
    lines += _table(VerifySettings, set())
    lines += ["\n### Of a finding that is weighed otherwise\n", "In a table `[[verify.policy]]` for each.\n"]
    lines += _table(PolicySettings, set())
    lines.append(_TAGS)
    for name, preset in platforms.PRESETS.items():
        lines.append(f"- `{name}`: {', '.join(map(str, preset))}")
    return "\n".join(lines) + "\n"


def _table(model: Any, left_out: set[str]) -> Iterator[str]:
    yield "| key | default | what it is |"
    yield "|---|---|---|"
    from msgspec import NODEFAULT, Meta  # noqa: PLC0415 -- as above
    from msgspec.structs import fields  # noqa: PLC0415 -- as above

    for field in fields(model):
        told = [
            part.description for part in getattr(field.type, "__metadata__", ()) if isinstance(part, Meta)
        ]
        if told and field.name not in left_out:
            default = _shown("" if field.default is NODEFAULT else field.default)
            yield f"| `{field.name}` | {default} | {' '.join(filter(None, told))} |"


def _shown(value: Any) -> str:
    if value in ("", ()):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{', '.join(map(str, value))}`" if isinstance(value, tuple) else f"`{value}`"


def findings_page() -> str:
    """The page that lists every code of a finding."""
    from gopherwhale.verify.codes import CODES  # noqa: PLC0415

    lines = [_FINDINGS_HEAD]
    for code in CODES.values():
        lines += [f"\n### {code.name}\n", f"{code.severity.value.capitalize()}: {code.title}.\n"]
        lines += [f"- Why: {code.why}.", f"- To mend it: {code.remedy}."]
        if code.fixed:
            lines.append("- No policy changes it: what was not read was not judged.")
    return "\n".join(lines) + "\n"


@task
def papers(_context: Context) -> None:
    """Write docs/settings.md, docs/findings.md and docs/lint.md from the code."""
    _DOCS.mkdir(exist_ok=True)
    SETTINGS.write_text(settings_page(), encoding="utf-8")
    FINDINGS.write_text(findings_page(), encoding="utf-8")
    LINT.write_text(lint_page(), encoding="utf-8")
