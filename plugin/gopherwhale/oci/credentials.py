"""The credential of a registry: from the environment of a CI job, else from Docker's configuration.

Docker's part (auths, credsStore, credHelpers, identity tokens) is read by the docker SDK, whose one importer
this is. It costs 100 ms to import, which only a configuration that holds something pays for.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from gopherwhale.errors import AuthenticationError
from gopherwhale.oci import ci_credentials
from gopherwhale.oci.ci_credentials import Credential, Secret
from gopherwhale.references import DOCKER_HUB

__all__ = ["Credential", "Secret", "find"]

_MAX_CONFIG: Final = 1024 * 1024
_HELPER_SECONDS: Final = 60
_PARTS: Final = ("auths", "credsStore", "credHelpers")


def find(registry: str, environment: Mapping[str, str]) -> Credential | None:
    """Look up a registry's credential: GOPHERWHALE_*, DOCKER_AUTH_CONFIG, then Docker's configuration.

    Args:
        registry: The registry's name, as `docker.io` or `host:5000`.
        environment: For the three, and for DOCKER_CONFIG, HOME and the PATH of helpers.

    Returns:
        The credential, or None where there is none.

    Raises:
        AuthenticationError: The configuration cannot be read, or a credential helper fails.
        UsageError: The environment holds half a credential.
    """
    own = ci_credentials.from_environment(environment)
    if registry in own:
        return own[registry]
    for where, document in _configurations(environment):
        found = _in_configuration(where, document, registry, environment)
        if found is not None:
            return found
    return None


def _configurations(environment: Mapping[str, str]) -> list[tuple[str, dict[str, Any]]]:
    """Docker's configurations that hold a credential of anybody, each with what to call it."""
    folder = environment.get("DOCKER_CONFIG") or str(Path(environment.get("HOME", "/")) / ".docker")
    path = Path(folder) / "config.json"
    texts = [("the variable DOCKER_AUTH_CONFIG", environment.get("DOCKER_AUTH_CONFIG", ""))]
    if path.is_file():
        try:
            with path.open(encoding="utf-8") as stream:
                texts.append((str(path), stream.read(_MAX_CONFIG + 1)))
        except (OSError, ValueError):
            raise _unreadable(str(path)) from None
    found = []
    for where, text in texts:
        try:
            document = json.loads(text[:_MAX_CONFIG]) if text.strip() else {}
            found.append((where, {part: document[part] for part in _PARTS if document.get(part)}))
        except (ValueError, AttributeError, TypeError, RecursionError):
            raise _unreadable(where) from None
    return [(where, document) for where, document in found if document]


def _in_configuration(
    where: str, document: dict[str, Any], registry: str, environment: Mapping[str, str]
) -> Credential | None:
    from docker import auth, errors  # noqa: PLC0415 -- see above

    name = auth.INDEX_NAME if registry == DOCKER_HUB else registry
    try:
        config = auth.load_config(config_dict=document)
        helper = config.get_credential_store(name)
        server = auth.INDEX_URL if registry == DOCKER_HUB else registry
        found = _ask_helper(f"docker-credential-{helper}", server, environment) if helper else None
        found = found or auth.AuthConfig({"auths": config.auths}).resolve_authconfig(name)
    except (errors.DockerException, ValueError, AttributeError, KeyError, TypeError):
        # What went wrong may hold the secret itself: it is not repeated.
        raise _unreadable(where) from None
    if not found:
        return None
    token = found.get("IdentityToken") or ""
    user, password = (found.get(a) or found.get(a.lower()) or "" for a in ("Username", "Password"))
    if user == "<token>":
        user, token = "", token or password
    if not user and not token:
        return None
    if not ci_credentials.is_text(user, password, token):
        raise _unreadable(where)
    return Credential(username=user, password=Secret(password), identity_token=Secret(token))


def _ask_helper(program: str, server: str, environment: Mapping[str, str]) -> dict[str, str] | None:
    """Ask a credential helper, as the SDK does, yet with a limit of time.

    The protocol: https://github.com/docker/docker-credential-helpers#development.
    """
    import subprocess  # noqa: PLC0415 -- 4 ms, and few registries have a helper

    if not re.fullmatch(r"[\w.-]{1,100}", program):
        raise ValueError("no name of a helper")
    found = shutil.which(program, path=environment.get("PATH"))
    if found is None:
        raise AuthenticationError(
            f"Docker keeps the credentials of {server} with {program}, which is not on PATH",
            hint="install it, or remove it from Docker's config.json",
        )
    try:
        done = subprocess.run(
            [found, "get"],
            input=server.encode(),
            env=dict(environment),
            capture_output=True,
            timeout=_HELPER_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        raise AuthenticationError(f"{program} does not answer", hint=f"try: {program} list") from None
    if done.returncode:
        if b"credentials not found" in done.stdout:
            return None
        raise AuthenticationError(
            f"{program} fails with exit code {done.returncode} for {server}",
            hint=f"log in again: docker login {server}",
        )
    answer = json.loads(done.stdout)
    return {"Username": answer["Username"], "Password": answer["Secret"]}


def _unreadable(where: str) -> AuthenticationError:
    return AuthenticationError(
        f"{where} cannot be read as Docker's configuration of credentials", hint="try: docker login"
    )
