from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gopherwhale.errors import UsageError
from gopherwhale.references import is_digest, is_tag, parse

HEX = "0123456789abcdef" * 4
SHA = f"sha256:{HEX}"


@pytest.mark.parametrize(
    ("text", "registry", "repository", "tag", "digest"),
    [
        ("nginx", "docker.io", "library/nginx", "", ""),
        ("nginx:1.27", "docker.io", "library/nginx", "1.27", ""),
        ("acme/hello", "docker.io", "acme/hello", "", ""),
        ("docker.io/nginx", "docker.io", "library/nginx", "", ""),
        ("index.docker.io/acme/x", "docker.io", "acme/x", "", ""),
        ("registry-1.docker.io/acme/x", "docker.io", "acme/x", "", ""),
        ("localhost/x", "localhost", "x", "", ""),
        ("localhost:5000/x:y", "localhost:5000", "x", "y", ""),
        ("[::1]:5000/x", "[::1]:5000", "x", "", ""),
        ("Registry/x", "Registry", "x", "", ""),
        ("host.example/a/b-c/d__e:T", "host.example", "a/b-c/d__e", "T", ""),
        (f"acme/x@{SHA}", "docker.io", "acme/x", "", SHA),
        (f"host.example:1/x:v1@{SHA}", "host.example:1", "x", "v1", SHA),
        (f"acme/x:{'t' * 128}", "docker.io", "acme/x", "t" * 128, ""),
    ],
)
def test_references_are_read_as_the_docker_client_reads_them(
    text: str, registry: str, repository: str, tag: str, digest: str
) -> None:
    """Host, path, tag and digest come apart, and Docker Hub's defaults are filled in."""
    found = parse(text)
    assert (found.registry, found.repository, found.tag, found.digest) == (registry, repository, tag, digest)
    assert parse(str(found)) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Acme/hello/X",
        "acme/Hello",
        "acme//hello",
        "../x",
        "-flag",
        "acme/hello:",
        "acme/hello:-x",
        f"acme/x:{'t' * 129}",
        "acme/hello@sha256:abc",
        f"acme/hello@sha256:{HEX.upper()}",
        "acme/hello@md5:d41d8cd98f00b204e9800998ecf8427e",
        "acme/hello@sha256:../../x",
        "acme/hello\n",
        "acme/hel lo",
        "http://host.example/x",
        HEX,
        "a/" * 130 + "a",
        "host.example:99999999/x",
        "ho_st.example/x",
        "acme/x:1@" + SHA + "@" + SHA,
    ],
)
def test_what_breaks_the_grammar_is_refused(text: str) -> None:
    """A malformed reference is an error that shows it, never a request."""
    with pytest.raises(UsageError, match="is not an image reference"):
        parse(text)


@given(st.text(max_size=80))
def test_parsing_never_fails_but_with_our_error(text: str) -> None:
    """Whatever is typed, the answer is a reference that reads back as itself or a UsageError."""
    try:
        found = parse(text)
    except UsageError:
        return
    assert parse(str(found)) == found


def test_the_familiar_form_leaves_out_docker_hub() -> None:
    """What Docker's store is asked for is what a user would type."""
    assert parse("nginx:1").familiar == "nginx:1"
    assert parse("acme/x:1").familiar == "acme/x:1"
    assert parse("host.example/x:1").familiar == "host.example/x:1"


@pytest.mark.parametrize("host", ["localhost", "localhost:5000", "127.0.0.1:5000", "127.8.9.1", "[::1]:5000"])
def test_loopback_is_told(host: str) -> None:
    """Only `localhost` and literal loopback addresses may be reached without TLS unasked."""
    assert parse(f"{host}/x").is_loopback


@pytest.mark.parametrize(
    "host", ["127.0.0.1.example", "localhost.example", "10.0.0.1:5000", "[::2]:5000", "docker.io"]
)
def test_look_alikes_of_loopback_are_not_loopback(host: str) -> None:
    """A name that begins like a loopback address is a stranger's host."""
    assert not parse(f"{host}/x").is_loopback


def test_tags_and_digests_replace_each_other() -> None:
    """A reference is moved to a tag or a digest of the same repository, each checked."""
    reference = parse("acme/x:1")
    assert str(reference.with_tag("2")) == "docker.io/acme/x:2"
    assert str(reference.with_digest(SHA)) == f"docker.io/acme/x@{SHA}"
    for wrong in ("", ".x", "a/b", "x" * 129):
        with pytest.raises(UsageError):
            reference.with_tag(wrong)
    with pytest.raises(UsageError):
        reference.with_digest("sha256:x")


def test_docker_hub_is_reached_at_its_api_host() -> None:
    """The name that users type is not the host that answers."""
    assert parse("nginx").api_host == "registry-1.docker.io"
    assert parse("host.example/x").api_host == "host.example"


def test_only_whole_lower_case_digests_may_become_paths() -> None:
    """A digest is checked before any path or URL is made of it (CVE-2024-3727)."""
    assert is_digest(SHA)
    assert not is_digest(SHA + "\n")
    assert not is_digest(SHA.upper())
    assert is_tag("v1.0_x-2")
    assert not is_tag("v1\n")
