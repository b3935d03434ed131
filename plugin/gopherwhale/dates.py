"""Moments as documents write them. A leaf."""

from __future__ import annotations

from datetime import UTC, datetime


def rfc3339(seconds: float) -> str:
    """A moment, in seconds since 1970, by RFC 3339 in UTC and to the second, as `2024-02-03T04:05:06Z`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
