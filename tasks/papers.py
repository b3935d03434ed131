"""`invoke papers`: write those papers that follow from the code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from invoke import Context, task

SETTINGS: Final = Path(__file__).resolve().parents[1] / "docs" / "settings.md"
_HEAD: Final = """\
# Settings

A key is looked for in `gopherwhale.toml` (beside go.mod), then under `gopherwhale:` in the configuration
of invoke, then in the variable `GOPHERWHALE_<KEY>`, then among the flags; the later wins. In a variable a
list has one item a line (or commas between, where an item holds none) and a table has `KEY=VALUE` lines.
Unknown keys are refused.

This page is written by `invoke papers`.
"""
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
    from gopherwhale.settings_model import FileSettings, GoSettings, ImageSettings, Settings  # noqa: PLC0415

    lines = [_HEAD]
    lines += ["\n## Of the repository\n", *_table(Settings, {"root", "images"})]
    lines += ["\n## Of an image\n", "At the top level for every image, or in `[images.NAME]` for one.\n"]
    lines += _table(ImageSettings, {"go"})
    lines += ["\n## Of the go engine\n", "In the table `[go]`, or in `[images.NAME.go]` for one image.\n"]
    lines += _table(GoSettings, set())
    lines += ["\n### Of a file that the go engine adds\n", "In a table `[[go.files]]` for each.\n"]
    lines += _table(FileSettings, set())
    lines.append(_TAGS)
    for name, preset in platforms.PRESETS.items():
        lines.append(f"- `{name}`: {', '.join(map(str, preset))}")
    return "\n".join(lines) + "\n"


def _table(model: Any, left_out: set[str]) -> Iterator[str]:
    yield "| key | default | what it is |"
    yield "|---|---|---|"
    for name, field in model.model_fields.items():
        if name not in left_out:
            default = _shown(field.get_default(call_default_factory=True))
            yield f"| `{name}` | {default} | {field.description} |"


def _shown(value: Any) -> str:
    if value in ("", (), {}, None) or repr(value) == "PydanticUndefined":
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{', '.join(map(str, value))}`" if isinstance(value, tuple) else f"`{value}`"


@task
def papers(_context: Context) -> None:
    """Write docs/settings.md from the code."""
    SETTINGS.parent.mkdir(exist_ok=True)
    SETTINGS.write_text(settings_page(), encoding="utf-8")
