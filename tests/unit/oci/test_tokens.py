from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gopherwhale.errors import AuthenticationError, GopherwhaleError, RegistryError
from gopherwhale.oci.challenges import Challenge
from gopherwhale.oci.credentials import Credential, Secret
from gopherwhale.oci.tokens import Tokens
from gopherwhale.oci.transport import Transport
from tests.servers.recording import Answering, Asked, Recording, Reply, recording

PULL = "repository:acme/hello:pull"
PUSH = "repository:acme/hello:pull,push"
USER = Credential(username="gopher", password=Secret("a pass:word"))


def user() -> Credential:
    return USER


def nobody() -> None:
    return None


class Clock:
    """A clock that a test sets."""

    now = 1000.0

    def __call__(self) -> float:
        """Say what it was set to."""
        return self.now


def numbered(life: object = 300) -> Answering:
    """Answer with a new token each time."""
    count = iter(range(1, 10**6))

    def answer(_asked: Asked) -> Reply:
        return Reply(body=json.dumps({"token": f"t{next(count)}", "expires_in": life}).encode())

    return answer


@pytest.fixture
def service() -> Iterator[Recording]:
    with recording(numbered()) as server:
        yield server


def tokens_of(clock: Clock | None = None) -> Tokens:
    transport = Transport(environment={}, sleep=lambda _s: None)
    return Tokens(transport=transport, clock=clock or Clock())


def bearer(server: Recording) -> Challenge:
    return Challenge(scheme="Bearer", realm=f"{server.url}/token", service="registry")


def test_a_token_is_asked_for_with_the_credential_and_each_scope(service: Recording) -> None:
    """The realm gets Basic, the service and one parameter for each scope; a mount has two."""
    scope = f"{PUSH} repository:acme/base:pull"
    assert tokens_of().answer(bearer(service), service.url, scope, user) == "Bearer t1"
    (asked,) = service.seen
    assert asked.query == {"service": ["registry"], "scope": [PUSH, "repository:acme/base:pull"]}
    assert base64.b64decode(asked.authorization.removeprefix("Basic ")) == b"gopher:a pass:word"


def test_an_anonymous_token_is_asked_for_without_one(service: Recording) -> None:
    """No credential is no header, not an empty one."""
    assert tokens_of().answer(bearer(service), service.url, PULL, nobody) == "Bearer t1"
    assert service.seen[0].authorization == ""


def test_an_identity_token_is_exchanged_in_a_body(service: Recording) -> None:
    """It goes by POST as a refresh token, and stands in no address."""
    identity = Credential(identity_token=Secret("canary"))
    assert tokens_of().answer(bearer(service), service.url, PULL, lambda: identity) == "Bearer t1"
    (asked,) = service.seen
    assert (asked.method, asked.path, asked.authorization) == ("POST", "/token", "")
    assert b"grant_type=refresh_token" in asked.body
    assert b"refresh_token=canary" in asked.body


@pytest.mark.parametrize(
    ("asked", "covered"),
    [(PULL, True), (PUSH, True), (f"{PUSH} repository:acme/base:pull", False), ("repository:b:pull", False)],
)
def test_a_wider_token_serves_for_less(
    service: Recording,
    asked: str,
    covered: bool,  # noqa: FBT001 -- a parameter of pytest's
) -> None:
    """A token that may push may pull; for another repository another one is fetched."""
    tokens = tokens_of()
    tokens.answer(bearer(service), service.url, PUSH, user)
    assert bool(tokens.kept(service.url, asked)) == covered
    assert tokens.kept("http://127.0.0.1:1", PULL) == ""


@pytest.mark.parametrize(
    ("life", "good_for"),
    [(300, 285), (10, 5), (1, 0.5), (None, 45), (0, 45), (-5, 45), ("20", 10), (1e300, 45), (99999, 45)],
)
def test_a_token_is_kept_until_shortly_before_its_end(life: object, good_for: float) -> None:
    """`expires_in` counts, a minute where there is none that can be, less a spare part."""
    clock = Clock()
    with recording(numbered(life)) as server:
        tokens = tokens_of(clock)
        tokens.answer(bearer(server), server.url, PULL, nobody)
        clock.now += good_for - 0.1
        assert tokens.kept(server.url, PULL) == "Bearer t1"
        clock.now += 0.2
        assert tokens.kept(server.url, PULL) == ""


def test_04_an_identity_token_follows_no_redirect(service: Recording) -> None:
    """The form that holds it stays with the realm that it was sent to."""
    to = (("Location", f"{service.url}/token"),)
    identity = Credential(identity_token=Secret("canary"))
    with (
        recording(lambda _asked: Reply(status=307, headers=to)) as realm,
        pytest.raises(AuthenticationError, match="status 307"),
    ):
        tokens_of().answer(bearer(realm), realm.url, PULL, lambda: identity)
    assert service.seen == []


def test_a_refused_token_is_replaced(service: Recording) -> None:
    """A token that ended early, or was taken back, is not used again."""
    tokens = tokens_of()
    first = tokens.answer(bearer(service), service.url, PULL, nobody)
    second = tokens.answer(bearer(service), service.url, PULL, nobody, refused=first)
    assert (first, second, tokens.kept(service.url, PULL)) == ("Bearer t1", "Bearer t2", "Bearer t2")


def test_many_threads_share_one_fetch(service: Recording) -> None:
    """Eight threads that are refused at once ask the token service once."""
    tokens, together = tokens_of(), threading.Barrier(8)

    def ask(refused: str) -> str:
        together.wait(timeout=60)
        return tokens.answer(bearer(service), service.url, PUSH, user, refused)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, [""] * 8)) == {"Bearer t1"}
        assert set(pool.map(ask, ["Bearer t1"] * 8)) == {"Bearer t2"}
    assert len(service.seen) == 2


def test_basic_is_answered_without_a_request(service: Recording) -> None:
    """A registry that asks for Basic gets the pair, for every repository; without one there is help."""
    tokens, basic = tokens_of(), Challenge(scheme="Basic", realm="x")
    header = tokens.answer(basic, service.url, PULL, user)
    assert tokens.kept(service.url, "repository:other:pull,push") == header
    with pytest.raises(AuthenticationError, match="wants a log-in") as caught:
        tokens_of().answer(basic, service.url, PULL, nobody)
    assert f"docker login {service.address}" in caught.value.hint
    assert service.seen == []


@pytest.mark.parametrize(
    ("reply", "kind", "message"),
    [
        (Reply(status=401), AuthenticationError, "gives no token for .* .status 401"),
        (Reply(status=403), AuthenticationError, "status 403.\n.*this account may not"),
        (
            Reply(status=403, body=b'{"errors":[{"code":"DENIED","message":"a pass:word may not write"}]}'),
            AuthenticationError,
            r"status 403.: DENIED \*\*\* may not write",
        ),
        (
            Reply(status=403, body=b"you sent " + base64.b64encode(b"gopher:a pass:word")),
            AuthenticationError,
            r"status 403.: you sent \*\*\*\n",
        ),
        (Reply(status=404), AuthenticationError, "status 404"),
        (Reply(status=503), RegistryError, "its token service answers 503"),
        (Reply(status=429), RegistryError, "its token service answers 429"),
        (Reply(body=b"{}"), AuthenticationError, "without a token"),
        (Reply(body=b"[]"), AuthenticationError, "without a token"),
        (Reply(body=b"not json"), AuthenticationError, "without a token"),
        (Reply(body=b'{"token": 5}'), AuthenticationError, "without a token"),
        (Reply(body=b'{"token": "a\\r\\nX-Evil: 1"}'), AuthenticationError, "without a token"),
        (Reply(body=b'{"token": "t", "expires_in": "soon"}'), AuthenticationError, "without a token"),
        (Reply(body=b"[" * 60_000), AuthenticationError, "without a token"),
        (Reply(body=b" " * 70_000), RegistryError, "more than 65536 bytes"),
    ],
)
def test_a_token_service_that_fails_is_told_without_the_secret(
    reply: Reply, kind: type[GopherwhaleError], message: str
) -> None:
    """Refusals are of authentication, failures of the registry, and nonsense is bounded."""
    with recording(lambda _asked: reply) as server, pytest.raises(kind, match=message) as caught:
        tokens_of().answer(bearer(server), server.url, PULL, user)
    assert "pass:word" not in str(caught.value)


@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["token", "access_token", "expires_in"]),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text()),
    )
)
def test_any_answer_of_a_token_service_is_a_token_or_a_refusal(document: dict[str, object]) -> None:
    """Whatever JSON it sends, what is kept is printable and lives for a bounded time."""
    from gopherwhale.oci.tokens import read_token  # noqa: PLC0415 -- without a server, to try many

    try:
        token, life = read_token(json.dumps(document).encode(), "https://registry.example")
    except AuthenticationError:
        return
    assert token.isascii()
    assert token.isprintable()
    assert 0 < life <= 3600


def test_tokens_show_nothing_of_themselves(service: Recording) -> None:
    """In a log or a traceback with local variables there is no token."""
    tokens = tokens_of()
    tokens.answer(bearer(service), service.url, PULL, user)
    assert "t1" not in repr(tokens)
    assert "pass:word" not in repr(USER)
    assert "pass:word" not in str(USER.password)
