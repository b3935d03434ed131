"""A token service of the distribution project's kind, whose signature a real registry trusts.

https://distribution.github.io/distribution/spec/auth/: it checks who asks, and signs what they may do.
"""

from __future__ import annotations

import base64
import contextlib
import json
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from tests.servers.certificates import Pair
from tests.servers.recording import Asked, Recording, Reply, recording

SERVICE: Final = "gopherwhale-tests"
ISSUER: Final = "gopherwhale-tokens"
# The registry forgives an hour-glass this much (distribution 2.8, registry/auth/token, Leeway).
LEEWAY: Final = 60.0


@dataclass(kw_only=True)
class TokenService:
    """The service.

    Attributes:
        signer: The certificate that the registry trusts, and its key.
        users: Passwords by name; nobody else gets a token.
        refresh_tokens: Names by identity token.
        life: Whole seconds, or one less, until the registry refuses a token.
        says: What its answer tells of that; None: the truth.
        tokens: Every token that it gave.
    """

    signer: Pair
    users: Mapping[str, str]
    refresh_tokens: Mapping[str, str] = field(default_factory=dict)
    life: float = 300.0
    says: float | None = None
    tokens: list[str] = field(default_factory=list)
    server: Recording | None = None

    @property
    def realm(self) -> str:
        """The address at which tokens are asked for."""
        assert self.server is not None
        return f"{self.server.url}/token"

    def registry_part(self) -> dict[str, str]:
        """The registry's `auth.token`."""
        trusted = str(self.signer.certificate)
        return {"realm": self.realm, "service": SERVICE, "issuer": ISSUER, "rootcertbundle": trusted}

    def answer(self, asked: Asked) -> Reply:
        """Check who asks, and give a token for what they ask for."""
        form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
        scopes = form["scope"].split() if form else asked.query.get("scope", [])
        who = self._who(asked, form)
        if not who:
            return Reply(status=401, body=b'{"details":"who are you?"}')
        token = self._sign(who, [_access(scope) for scope in scopes])
        self.tokens.append(token)
        said = self.life if self.says is None else self.says
        member = "access_token" if form else "token"
        return Reply(body=json.dumps({member: token, "expires_in": max(1, int(said))}).encode())

    def _who(self, asked: Asked, form: Mapping[str, str]) -> str:
        if form:
            return self.refresh_tokens.get(form.get("refresh_token", ""), "")
        pair = base64.b64decode(asked.authorization.removeprefix("Basic ")).decode()
        name, _, password = pair.partition(":")
        return name if name and self.users.get(name) == password else ""

    def _sign(self, who: str, access: list[dict[str, Any]]) -> str:
        now = int(time.time())
        chain = ssl.PEM_cert_to_DER_cert(self.signer.certificate.read_text())
        header = {"typ": "JWT", "alg": "ES256", "x5c": [base64.b64encode(chain).decode()]}
        claims = {
            "iss": ISSUER,
            "sub": who,
            "aud": SERVICE,
            "exp": now + int(self.life - LEEWAY),
            "nbf": now - 3600,
            "iat": now,
            "jti": str(len(self.tokens)),
            "access": access,
        }
        signed = f"{_encoded(header)}.{_encoded(claims)}"
        key = serialization.load_pem_private_key(self.signer.key.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        r, s = utils.decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{_base64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


@contextlib.contextmanager
def serving(service: TokenService, tls: ssl.SSLContext | None = None) -> Iterator[TokenService]:
    """Run it on a free port for a block."""
    with recording(service.answer, tls=tls) as server:
        service.server = server
        yield service


def _access(scope: str) -> dict[str, Any]:
    kind, _, rest = scope.partition(":")
    name, _, actions = rest.rpartition(":")
    return {"type": kind, "name": name, "actions": actions.split(",")}


def _encoded(document: Mapping[str, Any]) -> str:
    return _base64(json.dumps(document, separators=(",", ":")).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
