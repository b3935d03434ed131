"""This repository's own invoke namespace."""

from __future__ import annotations

from invoke import Collection

from tasks import testbed

# What this repository mounts, each under its own name, stands here and nowhere else.
ns = Collection(testbed)
