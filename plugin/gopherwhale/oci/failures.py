"""Why there was no answer or no good one, in words: the cause below the exceptions, and what may help."""

from __future__ import annotations

import json
import os
import re
import ssl
from collections.abc import Mapping
from typing import Final

from gopherwhale.oci.urls import netloc

_NO_TLS: Final = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL")
# A server in trouble, or a record that broke on its way (RFC 8446 section 6.2).
_PASSING: Final = ("INTERNAL_ERROR", "BAD_RECORD_MAC")


def is_final(error: BaseException) -> bool:
    """Whether the same would happen again: a certificate does not become good by waiting."""
    root = _root(error)
    if not isinstance(root, ssl.SSLError) or isinstance(root, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return False
    return not str(root.reason).endswith(_PASSING)


def cause(error: BaseException) -> str:
    """The cause in one line."""
    root = _root(error)
    if isinstance(root, ssl.SSLCertVerificationError):
        text = f"its certificate is not trusted: {root.verify_message}"
    elif isinstance(root, ssl.SSLError):
        text = f"TLS fails: {str(root.reason or root).lower().replace('_', ' ')}"
    else:
        text = str(getattr(error, "reason", None) or error) or type(error).__name__
        # urllib3 names its pool, whose host the message has already.
        text = re.sub(r"^_?\w+\(host=[^()]*\): ", "", text)
    return "".join(c if c.isprintable() else " " for c in text)[:200]


def advice(error: BaseException, url: str) -> str:
    """What the user may do about it."""
    root = _root(error)
    if isinstance(root, ssl.SSLCertVerificationError):
        return f"if its CA is to be trusted: put it into certs.d/{netloc(url)}/ca.crt, or set `ca_file`"
    if isinstance(root, ssl.SSLError) and root.reason in _NO_TLS:
        return f"it speaks no TLS; if plain HTTP is meant, say so: --insecure {netloc(url)}"
    if isinstance(root, ssl.SSLError) and "CERTIFICATE_REQUIRED" in str(root):
        return f"it wants a client's certificate: put client.cert and client.key into certs.d/{netloc(url)}/"
    return "is the registry reachable?"


def _root(error: BaseException) -> BaseException:
    """The exception of the standard library below those that urllib3 wraps around it."""
    for _ in range(4):
        inner = getattr(error, "reason", None)
        if not isinstance(inner, BaseException):
            inner = next((part for part in error.args if isinstance(part, BaseException)), None)
        if inner is None:
            break
        error = inner
    return error


def said(body: bytes) -> str:
    """What a registry says of its refusal, in one line behind a colon; empty where it says nothing."""
    try:
        errors = json.loads(body)["errors"]
        text = "; ".join(" ".join(filter(None, map(str, _parts(error)))) for error in errors)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        text = body[:200].decode(errors="replace")
    # A registry, or a proxy in front of it, may say back what it was sent.
    bare = re.sub(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]+|\beyJ[\w-]+\.[\w.-]+", "***", text)
    clean = re.sub(r"[^\x20-\x7e]+", " ", bare).strip()[:300]
    return f": {clean}" if clean else ""


def _parts(error: Mapping[str, object]) -> tuple[object, object, object]:
    detail = error.get("detail") or ""
    # What went wrong below the registry, as a full disk, stands in the detail alone, as a number of errno.
    number = re.search(r'"Err": (\d{1,3})\b', json.dumps(detail))
    system = os.strerror(int(number[1])) if number else ""
    return error.get("code", ""), error.get("message", ""), system or (json.dumps(detail) if detail else "")
