"""This repository's own invoke namespace."""

from __future__ import annotations

from invoke import Collection

from gopherwhale.tasks import docker_collection
from tasks import testbed
from tasks.demo import demo
from tasks.papers import papers

# What this repository mounts, each under its own name, stands here and nowhere else.
ns = Collection(docker_collection(), demo, testbed, papers)
