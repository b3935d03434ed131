from __future__ import annotations

from gopherwhale.verify.codes import CODES
from tasks._lint_page import lint_page
from tasks.papers import FINDINGS, LINT, SETTINGS, findings_page, settings_page


def test_the_page_of_settings_is_what_the_code_says() -> None:
    """A setting that is added or changed is in docs/settings.md; `invoke papers` writes it."""
    assert SETTINGS.read_text(encoding="utf-8") == settings_page()


def test_the_page_of_lint_is_what_the_code_says() -> None:
    """Every rule with its example and its mended line is in docs/lint.md; `invoke papers` writes it."""
    assert LINT.read_text(encoding="utf-8") == lint_page()


def test_the_page_names_defaults_and_presets() -> None:
    """A reader finds what holds when nothing is set."""
    page = settings_page()
    assert "| `platforms` | `linux/amd64, linux/arm64` |" in page
    assert "| `timeout` | `3600` |" in page
    assert "- `common`: linux/amd64, linux/arm64, linux/arm/v7" in page


def test_the_page_of_findings_is_what_the_code_says() -> None:
    """A code that is added or changed is in docs/findings.md; `invoke papers` writes it."""
    assert FINDINGS.read_text(encoding="utf-8") == findings_page()
    lines = findings_page().splitlines()
    assert [line.removeprefix("### ") for line in lines if line.startswith("### ")] == list(CODES)
