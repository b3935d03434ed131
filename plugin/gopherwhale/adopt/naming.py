"""What programs and images are called: by the template, by a registry."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from gopherwhale import references
from gopherwhale.errors import UsageError

_NOT_A_NAME = re.compile(r"[^a-z0-9]+")
_MAX_NAME: Final = 63
_GITLAB: Final = "registry.gitlab.com/"
# As hooks/pre_gen_project.py has them: folders of an image, or of a repository.
_TAKEN: Final = frozenset({"cmd", "dev", "dist", "etc", "internal", "proc", "sys", "usr", "vendor"})


def name_of(text: str) -> str:
    """A name for an image and its program, by the grammar of the template's question `project`."""
    name = _NOT_A_NAME.sub("-", text.lower()).strip("-")[:_MAX_NAME].rstrip("-")
    if name in _TAKEN:
        return f"{name}-app"
    return name if name[:1].isalpha() else f"app-{name}".rstrip("-")


def image_of(repository: str, source: str, module: str, project: str) -> str:
    """Where the image goes.

    Args:
        repository: What the user said; may be empty.
        source: The remote, as a browser opens it; may be empty.
        module: The module's path.
        project: The name of the image.

    Raises:
        UsageError: Nothing tells, or what the user said is no repository.
    """
    if repository:
        found = references.parse(repository)
        if found.tag or found.digest:
            raise UsageError(
                f"--repository {repository}: it names a tag or digest", hint="gopherwhale chooses the tags"
            )
        return found.name
    parts = urlsplit(source) if source else urlsplit(f"https://{module}")
    owner = parts.path.strip("/").split("/")[0].lower()
    if parts.hostname == "github.com" and owner:
        return f"ghcr.io/{owner}/{project}"
    if parts.hostname == "gitlab.com" and owner:
        return f"{_GITLAB}{parts.path.strip('/').lower()}"
    raise UsageError(
        "nothing here tells where the image shall go: there is no remote at github.com or gitlab.com",
        hint="gopherwhale init --repository REGISTRY/NAME",
    )


def beside(image: str, name: str) -> str:
    """Where another image of the same repository goes: at GitLab's own registry below the project's image."""
    return f"{image}{'/' if image.startswith(_GITLAB) else '-'}{name}"


def registry_of(image: str) -> tuple[str, str]:
    """The template's word for a registry, and the account there."""
    host, _, path = image.partition("/")
    owner = path.split("/")[0]
    if host == "ghcr.io":
        return "ghcr", owner
    if host == "docker.io":
        return "dockerhub", owner
    return ("ecr" if re.fullmatch(r"\d{12}\.dkr\.ecr.*\.amazonaws\.com(\.cn)?", host) else "other"), owner
