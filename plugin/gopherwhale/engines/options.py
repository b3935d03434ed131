"""Options of the Docker client that hold several attributes in one value."""

from __future__ import annotations

from collections.abc import Mapping


def fields(attributes: Mapping[str, str]) -> dict[str, str]:
    """Quote what would break the comma-separated value that python-on-whales joins these into (RFC 4180)."""
    quoted = {}
    for key, value in attributes.items():
        if any(character in key + value for character in ',"\n\r'):
            key, value = '"' + key.replace('"', '""'), value.replace('"', '""') + '"'  # noqa: PLW2901
        quoted[key] = value
    return quoted


def attributes(option: str) -> dict[str, str]:
    """A cache option as its attributes; a lone reference is `type=registry,ref=…`, as for buildx."""
    if "=" not in option:
        return {"type": "registry", "ref": option}
    return {key.strip(): value for key, _, value in (part.partition("=") for part in option.split(","))}
