"""Docker's credentials: auths, credsStore, credHelpers, identity tokens. The docker SDK's one importer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from docker import auth, errors

from gopherwhale.errors import AuthenticationError
from gopherwhale.references import DOCKER_HUB


class Secret:
    """A string that shows itself to nobody who does not ask for it by name."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        """Keep the value."""
        self._value = value

    def reveal(self) -> str:
        """The value, to be put into a header and nowhere else."""
        return self._value

    def __repr__(self) -> str:
        """Stars, whatever the value is."""
        return "***"

    __str__ = __repr__

    def __bool__(self) -> bool:
        """Whether there is a value."""
        return bool(self._value)


@dataclass(frozen=True, kw_only=True)
class Credential:
    """What Docker knows for a registry: a user with a password, or an identity token."""

    username: str = ""
    password: Secret = field(default_factory=lambda: Secret(""))
    identity_token: Secret = field(default_factory=lambda: Secret(""))


def find(registry: str, environment: Mapping[str, str]) -> Credential | None:
    """Look up a registry's credential as the Docker client does.

    Args:
        registry: The registry's name, as `docker.io` or `host:5000`.
        environment: For DOCKER_CONFIG and HOME.

    Returns:
        The credential, or None where Docker has none.

    Raises:
        AuthenticationError: The configuration cannot be read, or a credential helper fails.
    """
    folder = environment.get("DOCKER_CONFIG") or str(Path(environment.get("HOME", "/")) / ".docker")
    path = Path(folder) / "config.json"
    if not path.is_file():
        return None
    name = auth.INDEX_NAME if registry == DOCKER_HUB else registry
    try:
        found = auth.load_config(str(path)).resolve_authconfig(name)
    except (errors.DockerException, OSError, ValueError, KeyError, TypeError):
        # What went wrong may hold the secret itself: it is not repeated.
        raise AuthenticationError(
            f"Docker's credentials for {registry} cannot be read from {path} or its helper",
            hint=f"try: docker login {registry}",
        ) from None
    if not found:
        return None
    token = found.get("IdentityToken") or found.get("identitytoken") or ""
    user, password = (found.get(a) or found.get(a.lower()) or "" for a in ("Username", "Password"))
    if user == "<token>":
        user, token = "", token or password
    return Credential(username=user, password=Secret(password), identity_token=Secret(token))
