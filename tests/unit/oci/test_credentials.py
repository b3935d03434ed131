from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gopherwhale.errors import AuthenticationError, GopherwhaleError, UsageError
from gopherwhale.oci import credentials
from gopherwhale.oci.ci_credentials import from_environment
from gopherwhale.oci.credentials import find

HUB_URL = "https://index.docker.io/v1/"


def auth(pair: str) -> dict[str, str]:
    return {"auth": base64.b64encode(pair.encode()).decode()}


def configured(folder: Path, document: object) -> dict[str, str]:
    """An environment whose Docker configuration is the document."""
    (folder / "config.json").write_text(document if isinstance(document, str) else json.dumps(document))
    return {"DOCKER_CONFIG": str(folder), "PATH": str(folder)}


def helper(folder: Path, name: str, lines: str) -> None:
    """A credential helper that notes its arguments, and what it is asked on its standard input."""
    program = folder / f"docker-credential-{name}"
    head = f"#!{sys.executable} -IS\nimport sys, json, time\nasked = sys.stdin.read()\n"
    note = f"open({str(folder / 'asked')!r}, 'a').write(repr(sys.argv[1:]) + asked + '\\n')\n"
    program.write_text(head + note + lines)
    program.chmod(0o755)


def shown(registry: str, environment: dict[str, str]) -> tuple[str, str, str] | None:
    found = find(registry, environment)
    return (found.username, found.password.reveal(), found.identity_token.reveal()) if found else None


@pytest.mark.parametrize(
    ("document", "registry", "expected"),
    [
        ({"auths": {"ghcr.io": auth("u:p")}}, "ghcr.io", ("u", "p", "")),
        ({"auths": {"https://ghcr.io": auth("u:p")}}, "ghcr.io", ("u", "p", "")),
        ({"auths": {"http://r.example:5000/v2/": auth("u:a:b:c")}}, "r.example:5000", ("u", "a:b:c", "")),
        ({"auths": {"r.example:5000": auth("u:p")}}, "r.example", None),
        ({"auths": {"r.example": auth("u:p")}}, "r.example:5000", None),
        ({"auths": {"r.example": auth("u:p")}}, "other.r.example", None),
        ({"auths": {HUB_URL: auth("u:p")}}, "docker.io", ("u", "p", "")),
        ({"auths": {HUB_URL: auth("u:p")}}, "r.example", None),
        ({"auths": {"r.example": {"identitytoken": "idt"}}}, "r.example", ("", "", "idt")),
        ({"auths": {"r.example": auth("<token>:idt")}}, "r.example", ("", "idt", "idt")),
        ({"auths": {"r.example": {}}}, "r.example", None),
        ({"auths": {}}, "r.example", None),
        ({"HttpHeaders": {"x": "y"}}, "r.example", None),
        ({}, "r.example", None),
    ],
)
def test_dockers_auths_are_read_for_their_own_host(
    tmp_path: Path, document: object, registry: str, expected: tuple[str, str, str] | None
) -> None:
    """Host and port must be the same; Docker Hub has its old name."""
    assert shown(registry, configured(tmp_path, document)) == expected


@pytest.mark.parametrize("name", ["credsStore", "credHelpers"])
def test_a_helper_is_asked_by_its_standard_input(tmp_path: Path, name: str) -> None:
    """CredsStore and credHelpers: one argument, `get`; the host goes in and the secret comes out by pipes."""
    helper(tmp_path, "safe", 'print(json.dumps({"Username": "u", "Secret": "canary"}))\n')
    document = {name: "safe" if name == "credsStore" else {"r.example": "safe"}}
    assert shown("r.example", configured(tmp_path, document)) == ("u", "canary", "")
    assert (tmp_path / "asked").read_text() == "['get']r.example\n"


@pytest.mark.parametrize("document", [{"credsStore": "safe"}, {"credHelpers": {HUB_URL: "safe"}}])
def test_docker_hub_is_asked_for_by_its_old_name(tmp_path: Path, document: object) -> None:
    """Docker stores its own hub's log-in under an address of the first API."""
    helper(tmp_path, "safe", 'print(json.dumps({"Username": "<token>", "Secret": "idt"}))\n')
    assert shown("docker.io", configured(tmp_path, document)) == ("", "idt", "idt")
    assert HUB_URL in (tmp_path / "asked").read_text()


def test_what_a_helper_does_not_know_may_stand_in_auths(tmp_path: Path) -> None:
    """`credentials not found` is no failure."""
    helper(tmp_path, "safe", 'print("credentials not found in native keychain"); sys.exit(1)\n')
    document = {"credsStore": "safe", "auths": {"r.example": auth("u:p")}}
    assert shown("r.example", configured(tmp_path, document)) == ("u", "p", "")
    assert shown("s.example", configured(tmp_path, document)) is None


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ('print("canary"); sys.exit(3)\n', "docker-credential-safe fails with exit code 3"),
        ('print("canary")\n', "cannot be read"),
        ('print(json.dumps({"Secret": "canary"}))\n', "cannot be read"),
        ('print("canary", flush=True); time.sleep(30)\n', "docker-credential-safe does not answer"),
        (None, "docker-credential-safe, which is not on PATH"),
    ],
)
def test_05_a_helper_that_fails_is_named_without_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: str | None, message: str
) -> None:
    """It may have printed the secret: neither the message nor what stands behind it repeats that."""
    if "sleep" in (lines or ""):
        monkeypatch.setattr(credentials, "_HELPER_SECONDS", 0.5)
    environment = configured(tmp_path, {"credsStore": "safe"})
    if lines is not None:
        helper(tmp_path, "safe", lines)
    with pytest.raises(AuthenticationError, match=message) as caught:
        find("r.example", environment)
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(
    "document",
    [
        "canary",
        '{"auths": "canary"}',
        '{"auths": {"r.example": "canary"}}',
        '{"auths": {"r.example": {"auth": "canary"}}}',
        '{"auths": {"r.example": {"auth": 7}}}',
        '{"credsStore": ["canary"]}',
        '{"credHelpers": "canary"}',
        '["canary"]',
        "[" * 50_000,
    ],
)
def test_05_a_configuration_that_cannot_be_read_is_named_and_not_shown(tmp_path: Path, document: str) -> None:
    """The file is the user's to mend; what it holds is nobody's to see."""
    with pytest.raises(AuthenticationError) as caught:
        find("r.example", configured(tmp_path, document))
    assert "canary" not in caught.value.problem


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"": ("ghcr.io", "u", "p")}, {"ghcr.io": ("u", "p")}),
        (
            {"": ("ghcr.io", "u", "p"), "_HUB": ("docker.io", "v", "q")},
            {"ghcr.io": ("u", "p"), "docker.io": ("v", "q")},
        ),
        ({"_1": (HUB_URL, "u", "p")}, {"docker.io": ("u", "p")}),
        ({"": ("r.example:5000", "u", "p")}, {"r.example:5000": ("u", "p")}),
        ({}, {}),
    ],
)  # fmt: skip
def test_the_environment_names_the_registry_of_each_credential(
    environment: dict[str, tuple[str, str, str]], expected: dict[str, tuple[str, str]]
) -> None:
    """GOPHERWHALE_REGISTRY, _USERNAME and _PASSWORD, and further triples by a common end."""
    variables = triples(environment)
    found = from_environment(variables)
    assert {host: (one.username, one.password.reveal()) for host, one in found.items()} == expected
    assert find("other.example", variables) is None
    for host, pair in expected.items():
        assert shown(host, variables) == (*pair, "")


def triples(by_suffix: dict[str, tuple[str, str, str]]) -> dict[str, str]:
    parts = ("REGISTRY", "USERNAME", "PASSWORD")
    return {
        f"GOPHERWHALE_{part}{suffix}": value
        for suffix, values in by_suffix.items()
        for part, value in zip(parts, values, strict=True)
    }


@pytest.mark.parametrize("missing", ["REGISTRY", "USERNAME", "PASSWORD"])
@pytest.mark.parametrize("suffix", ["", "_HUB"])
def test_half_a_credential_is_refused(missing: str, suffix: str) -> None:
    """A password without a registry goes nowhere, rather than everywhere; the missing name is told."""
    variables = triples({suffix: ("ghcr.io", "u", "canary")})
    del variables[f"GOPHERWHALE_{missing}{suffix}"]
    with pytest.raises(UsageError, match=f"GOPHERWHALE_{missing}{suffix} is not set") as caught:
        find("ghcr.io", variables)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("registry", ["https://ghcr.io", "ghcr.io/acme", "acme", "a.b:port", "u@ghcr.io"])
def test_a_credential_for_what_is_no_registry_is_refused(registry: str) -> None:
    """It would be for nobody, and the push would say that there is none."""
    with pytest.raises(UsageError, match="not the host of a registry") as caught:
        find("ghcr.io", triples({"": (registry, "u", "canary")}))
    assert "canary" not in str(caught.value)


def test_05_a_credential_that_is_no_text_is_refused_and_not_shown(tmp_path: Path) -> None:
    """A variable may hold any bytes, and JSON half a character: neither ends in a traceback around it."""
    with pytest.raises(UsageError, match="GOPHERWHALE_PASSWORD is no text") as caught:
        find("ghcr.io", triples({"": ("ghcr.io", "u", "canary\udcff")}))
    assert "canary" not in str(caught.value)
    token = {"auths": {"r.example": {"identitytoken": "canary\ud800"}}}
    with pytest.raises(AuthenticationError, match="cannot be read") as refused:
        find("r.example", configured(tmp_path, token))
    assert "canary" not in str(refused.value)


def test_two_credentials_for_one_registry_are_refused() -> None:
    """Which of the two was meant nobody can tell."""
    both = triples({"": ("docker.io", "u", "p"), "_HUB": (HUB_URL, "v", "q")})
    with pytest.raises(UsageError, match=r"docker\.io, for which another variable has a credential"):
        from_environment(both)


def test_the_nearer_source_wins(tmp_path: Path) -> None:
    """A job's own variables, then DOCKER_AUTH_CONFIG, then the file."""
    environment = configured(tmp_path, {"auths": {"r.example": auth("file:p"), "s.example": auth("file:p")}})
    environment["DOCKER_AUTH_CONFIG"] = json.dumps({"auths": {"r.example": auth("variable:p")}})
    assert shown("r.example", environment) == ("variable", "p", "")
    assert shown("s.example", environment) == ("file", "p", "")
    assert shown("r.example", {**environment, **triples({"": ("r.example", "job", "p")})}) == ("job", "p", "")


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["auths", "r.example", "auth", "credHelpers", "identitytoken"]), inner
            )
        ),
        max_leaves=8,
    )
)
def test_any_configuration_is_read_or_refused(document: object) -> None:
    """DOCKER_AUTH_CONFIG may hold anything: it gives a credential, none, or an error of ours."""
    try:
        find("r.example", {"DOCKER_AUTH_CONFIG": json.dumps(document), "HOME": "/nowhere"})
    except GopherwhaleError:
        return


def test_the_sdk_is_imported_only_for_a_configuration_that_holds_something(tmp_path: Path) -> None:
    """An anonymous push, and one whose credential the environment gives, do not pay its 100 ms."""
    code = (
        "import sys, os; from gopherwhale.oci.credentials import find;"
        "find('r.example', dict(os.environ)); print('docker' in sys.modules)"
    )
    plain = configured(tmp_path, {"HttpHeaders": {"a": "b"}})
    for extra in ({}, triples({"": ("r.example", "u", "p")})):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**plain, **extra},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        assert done.stdout.strip() == "False"
