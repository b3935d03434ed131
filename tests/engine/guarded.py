"""Real registries that want TLS, a log-in, a token or a client's certificate."""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import bcrypt

from tasks._testbed.processes import stop
from tasks._testbed.registry import start_registry
from tests.engine.conftest import Testbed
from tests.servers.certificates import Authority, Pair
from tests.servers.tokens import TokenService, serving

USER: Final = "gopher"
PASSWORD: Final = "canary-of-the-password"  # noqa: S105 -- to be looked for
IDENTITY: Final = "canary-of-the-identity-token"


@dataclass(frozen=True, kw_only=True)
class Guarded:
    """A registry under TLS whose tokens are given by a service under TLS, both of one CA's trust.

    Attributes:
        address: `localhost:PORT` of the registry.
        authority: The CA.
        service: The token service, at another port.
    """

    address: str
    authority: Authority
    service: TokenService

    @property
    def realm(self) -> str:
        """The token service's host and port, as the setting `token_realms` names it."""
        return self.service.realm.removeprefix("https://").partition("/")[0]


@contextlib.contextmanager
def registry(
    testbed: Testbed,
    folder: Path,
    *,
    password: str = "",
    pair: Pair | None = None,
    client_ca: Path | None = None,
    token: Mapping[str, Any] | None = None,
) -> Iterator[str]:
    """Run a registry; its address begins with `localhost` where it has TLS, else with 127.0.0.1."""
    folder.mkdir(parents=True)
    program = shutil.which("docker-registry", path=testbed.environment()["PATH"])
    assert program is not None
    tls: dict[str, Any] | None = None
    if pair is not None:
        tls = {"certificate": str(pair.certificate), "key": str(pair.key)}
        if client_ca is not None:
            tls["clientcas"] = [str(client_ca)]
    htpasswd = None
    if password:
        htpasswd = folder / "htpasswd"
        htpasswd.write_text(f"{USER}:{bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()}\n")
    pid_file, mark = folder / "pid", str(folder / "registry.json")
    try:
        address, _ = start_registry(
            Path(program),
            folder,
            pid_file=pid_file,
            log=folder / "log",
            htpasswd=htpasswd,
            tls=tls,
            token=token,
        )
        yield address.replace("127.0.0.1", "localhost") if tls else address
    finally:
        stop(pid_file, mark, timeout=20)


@contextlib.contextmanager
def with_tokens(testbed: Testbed, folder: Path) -> Iterator[Guarded]:
    """Run a registry and its token service."""
    authority = Authority(folder / "ca")
    service = TokenService(
        signer=Authority(folder / "signer", "tokens").signer(),
        users={USER: PASSWORD},
        refresh_tokens={IDENTITY: USER},
    )
    pair = authority.issue("server")
    with (
        serving(service, pair.server_context()),
        registry(testbed, folder / "registry", pair=pair, token=service.registry_part()) as address,
    ):
        yield Guarded(address=address, authority=authority, service=service)


def docker_config(folder: Path, host: str, pair: str = f"{USER}:{PASSWORD}", **entry: str) -> Path:
    """A Docker configuration with one log-in, which skopeo reads too."""
    folder.mkdir(parents=True, exist_ok=True)
    login = entry or {"auth": base64.b64encode(pair.encode()).decode()}
    (folder / "config.json").write_text(json.dumps({"auths": {host: login}}))
    return folder
