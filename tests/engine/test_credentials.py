"""Numbers 4 and 16 of the reliability notes, and tokens, against the real registry."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gopherwhale.access import Access
from gopherwhale.errors import AuthenticationError, GopherwhaleError, RegistryError
from gopherwhale.oci.documents import OCI_LAYER, Descriptor, digest_of
from gopherwhale.oci.layout import Layout
from gopherwhale.oci.listing import list_tags
from gopherwhale.oci.push import PushResult, bring
from gopherwhale.oci.referrers import add_referrer, list_referrers
from gopherwhale.oci.registry import RegistryClient
from gopherwhale.oci.transport import Transport
from gopherwhale.references import Reference
from tests.engine.conftest import Command, Registry, Testbed
from tests.engine.guarded import IDENTITY, PASSWORD, USER, Guarded, docker_config, with_tokens
from tests.engine.guarded import registry as guarded_registry
from tests.faults.proxy import Fault, Proxy, Reply, Request, proxying
from tests.servers.recording import Recording, recording
from tests.servers.recording import Reply as Answer
from tests.unit.oci.images import make_layout

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def guarded(testbed: Testbed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with with_tokens(testbed, tmp_path_factory.mktemp("guarded")) as running:
        yield running


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    binaries = {"linux/amd64": b"amd64" * 1000, "linux/arm64": b"arm64" * 1000, "linux/arm/v7": b"armv7" * 9}
    return Layout(make_layout(tmp_path_factory.mktemp("image") / "layout", binaries))


def client_of(access: Access | None = None, **environment: str) -> RegistryClient:
    transport = Transport(environment=environment, access=access or Access(), sleep=lambda _s: None)
    return RegistryClient(transport, environment)


def access_to(guarded: Guarded) -> Access:
    return Access(
        secure=(guarded.address,), ca_file=guarded.authority.certificate, token_realms=(guarded.realm,)
    )


def send(
    client: RegistryClient, address: str, layout: Layout, name: str, tag: str = "1", **options: object
) -> PushResult:
    target = Reference(registry=address, repository=name)
    with client:
        return bring(layout, target, [tag], client=client, **options).tag()  # type: ignore[arg-type]


def test_a_push_asks_for_one_token(guarded: Guarded, layout: Layout, tmp_path: Path, skopeo: Command) -> None:
    """One token reads and writes the repository for all threads; skopeo reads back what was pushed."""
    config = docker_config(tmp_path, guarded.address)
    before = len(guarded.service.tokens)
    done = send(client_of(access_to(guarded), DOCKER_CONFIG=str(config)), guarded.address, layout, "acme/one")
    assert len(guarded.service.tokens) == before + 1
    certificates = tmp_path / "certs"
    certificates.mkdir()
    (certificates / "ca.crt").write_bytes(guarded.authority.certificate.read_bytes())
    raw = skopeo(
        *("inspect", "--raw", "--authfile", config / "config.json", "--cert-dir", certificates),
        f"docker://{guarded.address}/acme/one:1",
    )
    assert json.loads(raw) == json.loads(layout_root(layout))
    assert done.digest == layout.root.digest


def layout_root(layout: Layout) -> bytes:
    with layout.open_blob(layout.root) as stream:
        return stream.read()


def test_an_identity_token_is_exchanged(guarded: Guarded, layout: Layout, tmp_path: Path) -> None:
    """What `docker login` keeps for some registries in place of a password serves as well."""
    config = docker_config(tmp_path, guarded.address, identitytoken=IDENTITY)
    done = send(
        client_of(access_to(guarded), DOCKER_CONFIG=str(config)), guarded.address, layout, "acme/identity"
    )
    assert done.digest == layout.root.digest


def test_a_jobs_variables_log_in(guarded: Guarded, layout: Layout) -> None:
    """A CI job needs no Docker for its credential."""
    variables = {
        "GOPHERWHALE_REGISTRY": guarded.address,
        "GOPHERWHALE_USERNAME": USER,
        "GOPHERWHALE_PASSWORD": PASSWORD,
    }
    done = send(client_of(access_to(guarded), **variables), guarded.address, layout, "acme/job")
    assert done.digest == layout.root.digest


@pytest.mark.parametrize("says", [300.0, 3.0])
def test_tokens_that_expire_in_mid_push_are_refreshed(
    guarded: Guarded, layout: Layout, tmp_path: Path, says: float
) -> None:
    """Whether `expires_in` told so or not, the push goes on with a new token at the 401."""
    config = docker_config(tmp_path, guarded.address)
    service, before = guarded.service, len(guarded.service.tokens)
    # Two seconds at least: a token that ended on its way would be refused for that.
    service.life, service.says = 3.0, says
    slept = threading.Event()

    def slowly(_line: str) -> None:
        if not slept.is_set():
            slept.set()
            time.sleep(3.1)

    try:
        client = client_of(access_to(guarded), DOCKER_CONFIG=str(config))
        target = Reference(registry=guarded.address, repository=f"acme/short-{says:.0f}")
        with client:
            client.will_write(target)
            assert client.head_manifest(target.with_tag("1")) == ""
            time.sleep(3.1)
            done = bring(layout, target, ["1"], client=client, say=slowly).tag()
    finally:
        service.life, service.says = 300.0, None
    assert done.digest == layout.root.digest
    assert len(service.tokens) >= before + 3


@pytest.mark.parametrize("pair", [f"{USER}:wrong", "nobody:x"])
def test_a_wrong_password_is_told_without_itself(
    guarded: Guarded, layout: Layout, tmp_path: Path, pair: str
) -> None:
    """The token service's refusal is of authentication, and names the way out."""
    client = client_of(access_to(guarded), DOCKER_CONFIG=str(docker_config(tmp_path, guarded.address, pair)))
    with pytest.raises(AuthenticationError, match="gives no token") as caught:
        send(client, guarded.address, layout, "acme/refused")
    assert "docker login" in caught.value.hint
    assert pair.partition(":")[2] not in str(caught.value).split()


def test_04_a_realm_at_another_port_gets_nothing_unless_it_is_named(
    guarded: Guarded, layout: Layout, tmp_path: Path
) -> None:
    """The token service is at a port of its own: without `token_realms` it is not asked."""
    config = docker_config(tmp_path, guarded.address)
    access = Access(secure=(guarded.address,), ca_file=guarded.authority.certificate)
    assert guarded.service.server is not None
    before = len(guarded.service.server.seen)
    with pytest.raises(AuthenticationError, match="no credential was sent") as caught:
        send(client_of(access, DOCKER_CONFIG=str(config)), guarded.address, layout, "acme/realm")
    assert f"token_realms = ['{guarded.realm}']" in caught.value.hint
    assert len(guarded.service.server.seen) == before


@pytest.mark.parametrize(
    ("trust", "message"),
    [("nobody", "certificate is not trusted"), ("stranger", "certificate is not trusted"), ("plain", None)],
)
def test_16_a_registry_of_an_unknown_ca_is_refused(
    guarded: Guarded, layout: Layout, trust: str, message: str | None
) -> None:
    """Without its CA, with another's, or by plain HTTP: an error, and no second try without TLS."""
    access = {
        "nobody": Access(secure=(guarded.address,)),
        "stranger": Access(secure=(guarded.address,), ca_file=guarded.authority.stranger),
        "plain": Access(),
    }[trust]
    with pytest.raises(GopherwhaleError, match=message):
        send(client_of(access), guarded.address, layout, "acme/tls")


@pytest.mark.parametrize("case", ["wrong-host", "expired", "good", "client"])
def test_16_the_registrys_certificate_decides(
    testbed: Testbed, guarded: Guarded, layout: Layout, tmp_path: Path, case: str
) -> None:
    """Another host's or an expired certificate is refused; a good one, or one that wants ours, is served.

    The CA comes from a certs.d, and so does the client's certificate.
    """
    authority = guarded.authority
    pair = {
        "wrong-host": lambda: authority.issue("other", ("registry.example",)),
        "expired": lambda: authority.issue("old", days=-1),
        "good": lambda: authority.issue("good"),
        "client": lambda: authority.issue("strict"),
    }[case]()
    wanted = authority.certificate if case == "client" else None
    with guarded_registry(testbed, tmp_path / "registry", pair=pair, client_ca=wanted) as address:
        here = tmp_path / "certs" / address
        here.mkdir(parents=True)
        (here / "ca.crt").write_bytes(authority.certificate.read_bytes())
        access = Access(secure=(address,), certs_dir=tmp_path / "certs")
        if case in ("wrong-host", "expired"):
            with pytest.raises(RegistryError, match="mismatch" if case == "wrong-host" else "expired"):
                send(client_of(access), address, layout, "acme/hello")
            return
        if case == "client":
            with pytest.raises(RegistryError):
                send(client_of(access), address, layout, "acme/hello")
            client = authority.issue("client", ())
            (here / "client.cert").write_bytes(client.certificate.read_bytes())
            (here / "client.key").write_bytes(client.key.read_bytes())
        assert send(client_of(access), address, layout, "acme/hello").digest == layout.root.digest


@pytest.fixture
def elsewhere() -> Iterator[Recording]:
    """Another port, which keeps what it is sent and refuses it."""
    with recording(lambda _asked: Answer(status=403)) as server:
        yield server


@pytest.fixture
def before(auth_registry: Registry) -> Iterator[Proxy]:
    """A proxy before a registry that wants a log-in."""
    with proxying(auth_registry.address) as proxy:
        yield proxy


def test_04_nobody_else_sees_our_authorization(
    auth_registry: Registry, before: Proxy, elsewhere: Recording, layout: Layout, tmp_path: Path
) -> None:
    """A redirect, an upload's Location, a realm and a link lead elsewhere: without a log-in."""
    pair = f"{auth_registry.user}:{auth_registry.password}"
    config = docker_config(tmp_path, before.address, pair)
    target = Reference(registry=before.address, repository="acme/hello")
    assert send(client_of(DOCKER_CONFIG=str(config)), before.address, layout, "acme/hello").tags
    away = {"location": f"{elsewhere.url}/there"}
    challenge = {"www-authenticate": f'Bearer realm="{elsewhere.url}/token",service="x"'}
    scripts = {
        "GET blob": Reply(307, headers=away),
        "GET manifest": Reply(302, headers=away),
        "POST upload": Reply(202, headers=away),
        "HEAD tag": Reply(401, headers=challenge),
        "GET list": Reply(200, b"{}", {"link": f"<{elsewhere.url}/v2/acme/hello/tags/list>;rel=next"}),
    }

    def script(request: Request) -> Fault | None:
        return Fault(reply=scripts[request.kind]) if request.kind in scripts else None

    before.script = script
    client = client_of(DOCKER_CONFIG=str(config))
    fresh = b"a blob that nobody has yet"
    part = Descriptor(media_type=OCI_LAYER, digest=digest_of(fresh), size=len(fresh))
    attempts = (
        lambda: client.get_manifest(target.with_digest(layout.root.digest)),
        lambda: client.head_manifest(target.with_tag("1")),
        lambda: client.put_blob(target.with_tag("x"), part, lambda *_: io.BytesIO(fresh)),
        lambda: list_tags(client.session, target),
    )
    with client:
        for attempt in attempts:
            with pytest.raises(GopherwhaleError) as caught:
                attempt()
            assert auth_registry.password not in str(caught.value)
    assert elsewhere.seen
    assert not elsewhere.saw_a_credential
    assert any(request.headers.get("authorization") for request in before.seen)


def test_referrers_and_tags_of_a_registry_without_the_api(
    registry: Registry, layout: Layout, skopeo: Command
) -> None:
    """Distribution 2.8 has no referrers API: the digest's tag is written, read and listed."""
    target = Reference(registry=registry.address, repository="acme/hello")
    with client_of() as client:
        for tag in ("1", "2", "3"):
            bring(layout, target, [tag], client=client).tag()
        entry = layout.root
        add_referrer(client, target, layout.root.digest, entry)
        add_referrer(client, target, layout.root.digest, entry)
        found = list_referrers(client, target, layout.root.digest)
        tags = list_tags(client.session, target)
    assert [one.digest for one in found] == [entry.digest]
    listed = json.loads(skopeo("list-tags", "--tls-verify=false", f"docker://{target}"))["Tags"]
    assert sorted(tags) == sorted(listed)
    assert len(tags) == 4
