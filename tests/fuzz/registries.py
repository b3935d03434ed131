"""The readers of what registries and other machines say: challenges, links, tokens, lists and receipts."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Final

from gopherwhale import receipts
from gopherwhale.errors import AuthenticationError, RegistryError, UsageError
from gopherwhale.oci.challenges import check_realm, parse_challenge
from gopherwhale.oci.ci_credentials import from_environment
from gopherwhale.oci.listing import next_link
from gopherwhale.oci.proxies import proxy_for
from gopherwhale.oci.referrers import parse_referrers
from gopherwhale.oci.tokens import read_token
from gopherwhale.references import Reference
from tests.fuzz.targets import Target

_REGISTRY: Final = "https://registry.example.com"
_TARGET: Final = Reference(registry="registry.example.com", repository="acme/hello")
_DIGEST: Final = f"sha256:{'1' * 64}"


def _challenge(data: bytes) -> object:
    found = parse_challenge(data.decode("latin-1"))
    if found is not None:
        check_realm(found.realm, _REGISTRY, credential=True)
    return found


def _proxy(data: bytes) -> object:
    proxy, _, exceptions = data.decode("latin-1").partition("\n")
    environment = {"HTTPS_PROXY": proxy, "NO_PROXY": exceptions}
    return [
        proxy_for("https", host, 443, environment) for host in ("registry.example.com", "10.1.2.3", "::2")
    ]


def _job(data: bytes) -> object:
    lines = data.decode("latin-1").splitlines()
    pairs = (line.partition("=") for line in lines)
    return from_environment({f"GOPHERWHALE_{name}": value for name, _, value in pairs})


def _receipt(data: bytes) -> object:
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        Path(file.name).write_bytes(data)
        return receipts.read(Path(file.name))


def _receipts() -> list[bytes]:
    manifest = {"digest": _DIGEST, "platform": "linux/arm/v7", "attestation": False}
    document = {
        "schema": 1,
        "pushed": "2026-01-01T00:00:00Z",
        "image": "hello",
        "repository": "ghcr.io/acme/hello",
        "digest": _DIGEST,
        "revision": "0" * 40,
        "dirty": False,
        "manifests": [manifest],
    }
    return [json.dumps(document).encode()]


def _indexes() -> list[bytes]:
    entry = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": _DIGEST, "size": 5}
    return [json.dumps({"schemaVersion": 2, "manifests": [{**entry, "artifactType": "x/y"}]}).encode()]


TARGETS: Final = (
    Target(
        name="challenge",
        seeds=lambda: [
            b'Negotiate, Basic realm="x", Bearer realm="https://auth.example.com/t",service="s"',
            # A reader that went back over the blanks took seconds.
            b"Bearer" + b" " * 2000 + b'realm="https://auth.example.com/t"' + b"," * 2000,
        ],
        read=_challenge,
        refusals=(AuthenticationError, RegistryError),
    ),
    Target(
        name="link",
        seeds=lambda: [b'</v2/a/tags/list?last=b>; rel="next", <x>; title="a, b"; rel=prev'],
        read=lambda data: next_link(data.decode("latin-1")),
    ),
    Target(
        name="proxy",
        seeds=lambda: [b"http://u:p@proxy.example:3128\n.example.com,10.0.0.0/8,[::1]:443,*"],
        read=_proxy,
        refusals=(UsageError,),
    ),
    Target(
        name="token",
        seeds=lambda: [b'{"token": "abc.def", "access_token": "x", "expires_in": 300}'],
        read=lambda data: read_token(data, _REGISTRY),
        refusals=(AuthenticationError,),
    ),
    Target(
        name="job",
        seeds=lambda: [
            b"REGISTRY=ghcr.io\nUSERNAME=u\nPASSWORD=p",
            b"REGISTRY_HUB=docker.io\nUSERNAME_HUB=u\nPASSWORD_HUB=p\nREGISTRY=ghcr.io\nUSERNAME=u\nPASSWORD=p",
        ],
        read=_job,
        refusals=(UsageError,),
    ),
    Target(
        name="referrers",
        seeds=_indexes,
        read=lambda data: parse_referrers(data, _TARGET),
        refusals=(RegistryError,),
    ),
    Target(name="receipt", seeds=_receipts, read=_receipt, refusals=(UsageError,)),
)
