"""What registries answer: errors, addresses, and the digests and ranges in headers."""

from __future__ import annotations

import json
from typing import Any, Final, cast

import urllib3

from gopherwhale.errors import RegistryError
from gopherwhale.oci.session import failure
from gopherwhale.oci.transport import Answer
from gopherwhale.oci.urls import joined, origin
from gopherwhale.references import Reference
from tests.fuzz.targets import Target

_PLACE: Final = Reference(registry="registry.example", repository="acme/hello")


def answer(status: int, **headers: str) -> Answer:
    """An answer whose body was read already."""
    raw = cast("urllib3.BaseHTTPResponse", None)
    url = "https://registry.example/v2/acme/hello/blobs/uploads/"
    return Answer(status=status, url=url, headers=headers, raw=raw)


def read_error(data: bytes, status: int = 500) -> str:
    """The line that an error's body becomes."""
    return str(failure(answer(status), _PLACE, data, "sha256:" + "0" * 64))


def read_location(data: bytes) -> object:
    """The origin that a Location leads to."""
    return origin(joined("https://registry.example/v2/", data.decode("latin-1")))


def _errors() -> list[bytes]:
    detail = {"DriverName": "filesystem", "Enclosed": {"Op": "write", "Err": 28}}
    documents: tuple[dict[str, Any], ...] = (
        {"errors": [{"code": "UNKNOWN", "message": "unknown error", "detail": detail}]},
        {"errors": [{"code": "NAME_UNKNOWN", "message": "repository name not known to registry"}] * 3},
        {"errors": []},
    )
    return [*(json.dumps(document).encode() for document in documents), b"<html>502 Bad Gateway</html>"]


def _locations() -> list[bytes]:
    return [
        b"/v2/a/blobs/uploads/1?_state=x#y",
        b"https://[::1]:5000/v2/",
        b"//other.example/v2/",
        b"?digest=",
    ]


TARGETS: Final = (
    Target(name="registry-error", seeds=_errors, read=read_error),
    Target(name="registry-location", seeds=_locations, read=read_location, refusals=(RegistryError,)),
)
