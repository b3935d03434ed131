"""What every report for a machine shares: levels, and strings of strangers made plain text in each format."""

from __future__ import annotations

from typing import Any, Final

from gopherwhale.console import printable
from gopherwhale.verify.codes import Code, Severity

# https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
COMMAND_LEVEL: Final = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.NOTICE: "notice",
    Severity.ALLOWED: "notice",
}
SARIF_SCHEMA: Final = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
SARIF_LEVEL: Final = {**COMMAND_LEVEL, Severity.NOTICE: "note", Severity.ALLOWED: "note"}


def command_text(text: str) -> str:
    """The text of a GitHub workflow command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def command_property(text: str) -> str:
    """A property of a GitHub workflow command."""
    return command_text(printable(text)).replace(":", "%3A").replace(",", "%2C")


def sarif_rule(code: Code) -> dict[str, Any]:
    """A code as a rule of SARIF."""
    return {
        "id": code.name,
        "shortDescription": sarif_text(code.title),
        "fullDescription": sarif_text(f"{code.title}: {code.why}"),
        "help": sarif_text(code.remedy),
        "defaultConfiguration": {"level": SARIF_LEVEL[code.severity]},
    }


def sarif_text(text: str) -> dict[str, str]:
    r"""A plain-text message, in which `[..](..)` would be a link and `{0}` an argument (3.11.5, 3.11.6)."""
    plain = printable(text).replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")
    return {"text": plain.replace("{", "{{").replace("}", "}}")}
