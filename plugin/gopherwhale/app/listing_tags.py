"""docker.tags."""

from __future__ import annotations

from collections.abc import Sequence

from gopherwhale.app.registries import registry_client
from gopherwhale.app.request import Request, access_of, resolve
from gopherwhale.errors import ExitCode, UsageError
from gopherwhale.oci.listing import list_tags
from gopherwhale.references import Reference
from gopherwhale.references import parse as parse_reference


def show_tags(request: Request, repository: Sequence[str] = ()) -> ExitCode:
    """List the tags of repositories, a line each.

    Args:
        request: What was asked for.
        repository: Registry and name of each; empty for those of the images here.

    Raises:
        UsageError: There is none.
        RegistryError: A registry failed, or its list is beyond bounds.
        AuthenticationError: A registry refuses us.
    """
    targets = [parse_reference(word) for word in repository] or _targets_here(request)
    with registry_client(request, access_of(request)) as client:
        found = [(target, list_tags(client.session, target)) for target in targets]
    for target in (target for target, tags in found if not tags):
        request.console.say(f"{target.name} has no tags; is it called so, and may this account see it?")
    lines = [f"{target.name}:{tag}" for target, tags in found for tag in tags]
    documents = [{"repository": target.name, "tags": tags} for target, tags in found]
    request.console.show("\n".join(lines), {"schema": 1, "repositories": documents})
    return ExitCode.GOOD


def _targets_here(request: Request) -> list[Reference]:
    _, made = resolve(request)
    targets = list(dict.fromkeys(place for image in made.images for place in image.repositories))
    if not targets:
        raise UsageError("no repository is named, and no image here has one", hint="name one")
    return targets
