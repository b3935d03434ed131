"""Number 16 of the reliability notes: whom we trust, and what we show."""

from __future__ import annotations

import io
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from urllib3.exceptions import ProtocolError

from gopherwhale.access import Access
from gopherwhale.errors import RegistryError, UsageError
from gopherwhale.oci.failures import is_final
from gopherwhale.oci.transport import Transport
from gopherwhale.oci.trust import context_for
from gopherwhale.references import parse
from tests.servers.certificates import Authority, Pair
from tests.servers.recording import Recording, Reply, recording


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(autouse=True)
def few_system_cas(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's CAs are many, and reading them is most of a short test's time."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.stranger))


@pytest.fixture(scope="module")
def good(authority: Authority) -> Iterator[Recording]:
    with recording(tls=authority.issue("good").server_context()) as server:
        yield server


def ask(url: str, access: Access, home: str = "/nowhere") -> int:
    transport = Transport(
        environment={"HOME": home}, access=access, sleep=lambda _s: pytest.fail("it retried")
    )
    try:
        answer = transport.request("GET", f"{url}/v2/", {})
        answer.read(100)
        return answer.status
    finally:
        transport.close()


@pytest.mark.parametrize(
    ("case", "cause"),
    [
        ("self-signed", "self-signed certificate"),
        ("unknown-ca", "unable to get local issuer certificate"),
        ("wrong-host", "IP address mismatch"),
        ("expired", "certificate has expired"),
    ],
)
def test_16_a_bad_certificate_is_refused_at_once(
    authority: Authority, tmp_path: Path, case: str, cause: str
) -> None:
    """Self-signed, of an unknown CA, for another host, or expired: one line, the cause, and no retry."""
    pairs = {
        "self-signed": lambda: authority.issue("self", self_signed=True),
        "unknown-ca": lambda: Authority(tmp_path / "other", "others").issue("x"),
        "wrong-host": lambda: authority.issue("wrong", ("registry.example",)),
        "expired": lambda: authority.issue("expired", days=-1),
    }
    with recording(tls=pairs[case]().server_context()) as server:
        with pytest.raises(RegistryError, match=cause) as caught:
            ask(server.url, Access(ca_file=authority.certificate))
        assert server.address in caught.value.problem
        assert "certs.d" in caught.value.hint
        assert server.seen == []


@pytest.mark.parametrize(
    ("reason", "final"),
    [
        ("TLSV1_ALERT_INTERNAL_ERROR", False),
        ("DECRYPTION_FAILED_OR_BAD_RECORD_MAC", False),
        ("SSLV3_ALERT_BAD_RECORD_MAC", False),
        ("WRONG_VERSION_NUMBER", True),
        ("TLSV1_ALERT_UNKNOWN_CA", True),
        (None, True),
    ],
)
def test_06_what_passes_of_tls_is_tried_again(reason: str | None, *, final: bool) -> None:
    """A server in trouble, or a record that broke on its way, ends no push of minutes."""
    error = ssl.SSLError(1, "tls")
    error.reason = reason  # type: ignore[assignment] # OpenSSL does not always give one
    assert is_final(ProtocolError("Connection aborted.", error)) is final
    assert not is_final(ssl.SSLZeroReturnError())


def test_16_a_server_without_tls_is_not_spoken_to_in_plain() -> None:
    """Where TLS was meant there is no fallback: it is refused at once, and the flag for it named."""
    with recording() as server:
        with pytest.raises(RegistryError, match="TLS fails") as caught:
            ask(server.url.replace("http:", "https:"), Access())
        assert f"--insecure {server.address}" in caught.value.hint
        assert server.seen == []


def test_16_a_ca_file_works(authority: Authority, good: Recording) -> None:
    """The setting `ca_file` adds a CA to the system's."""
    assert ask(good.url, Access(ca_file=authority.certificate)) == 200


@pytest.mark.parametrize("place", [".docker/certs.d", ".config/docker/certs.d", "own"])
def test_16_a_ca_in_certs_d_works_for_its_host_alone(
    authority: Authority, good: Recording, tmp_path: Path, place: str
) -> None:
    """A `*.crt` in the folder of a host and port is trusted there, and for no other port."""
    folder = tmp_path / place / good.address
    folder.mkdir(parents=True)
    (folder / "ca.crt").write_bytes(authority.certificate.read_bytes())
    access = Access(certs_dir=tmp_path / "own")
    assert ask(good.url, access, home=str(tmp_path)) == 200
    other = recording(tls=authority.issue("second").server_context())
    with other as server, pytest.raises(RegistryError, match="not trusted"):
        ask(server.url, access, home=str(tmp_path))


def client_folder(path: Path, authority: Authority, pair: Pair) -> Path:
    path.mkdir(parents=True)
    (path / "ca.crt").write_bytes(authority.certificate.read_bytes())
    (path / "client.cert").write_bytes(pair.certificate.read_bytes())
    (path / "client.key").write_bytes(pair.key.read_bytes())
    return path


def test_16_a_client_certificate_is_shown(authority: Authority, tmp_path: Path) -> None:
    """A server that wants a client's certificate gets that of its own folder; without one it refuses us."""
    tls = authority.issue("wanting").server_context(client_ca=authority.certificate)
    with recording(tls=tls) as server:
        with pytest.raises(RegistryError):
            Transport(environment={}, access=Access(ca_file=authority.certificate), attempts=1).request(
                "GET", f"{server.url}/v2/", {}
            )
        client_folder(tmp_path / server.address, authority, authority.issue("client", ()))
        assert ask(server.url, Access(certs_dir=tmp_path)) == 200


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("ca.crt", b"", "holds no CA certificate"),
        (
            "ca.crt",
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "holds no CA certificate",
        ),
        ("client.key", None, "cannot be used with client.key"),
        ("client.key", b"nonsense", "cannot be used with client.key"),
    ],
)
def test_16_a_file_that_is_no_certificate_is_named(
    authority: Authority, tmp_path: Path, file: str, content: bytes | None, message: str
) -> None:
    """A broken or missing file is the user's to mend: its path is in the message."""
    folder = client_folder(tmp_path / "r.example", authority, authority.issue("c", ()))
    (folder / file).unlink()
    if content is not None:
        (folder / file).write_bytes(content)
    with pytest.raises(UsageError, match=message) as caught:
        context_for("r.example", Access(certs_dir=tmp_path), {})
    assert str(folder) in caught.value.problem


def test_16_an_encrypted_key_asks_nobody(authority: Authority, tmp_path: Path) -> None:
    """A key with a passphrase ends in an error, not in a question on the terminal."""
    from cryptography.hazmat.primitives import serialization as s  # noqa: PLC0415

    folder = client_folder(tmp_path / "r.example", authority, authority.issue("e", ()))
    key = s.load_pem_private_key((folder / "client.key").read_bytes(), None)
    locked = key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.BestAvailableEncryption(b"x"))
    (folder / "client.key").write_bytes(locked)
    with pytest.raises(UsageError, match="cannot be used with client.key"):
        context_for("r.example", Access(certs_dir=tmp_path), {})


@pytest.mark.parametrize(
    ("reference", "insecure", "secure", "base"),
    [
        ("registry.example/x", (), (), "https://registry.example"),
        ("registry.example:80/x", (), (), "https://registry.example:80"),
        ("registry.example/x", ("registry.example",), (), "http://registry.example"),
        ("registry.example:5000/x", ("registry.example",), (), "https://registry.example:5000"),
        ("localhost:5000/x", (), (), "http://localhost:5000"),
        ("127.9.9.9/x", (), (), "http://127.9.9.9"),
        ("[::1]:5000/x", (), (), "http://[::1]:5000"),
        ("localhost:5000/x", (), ("localhost:5000",), "https://localhost:5000"),
        ("localhost.example/x", (), (), "https://localhost.example"),
        ("10.0.0.1:5000/x", (), (), "https://10.0.0.1:5000"),
        ("nginx", (), (), "https://registry-1.docker.io"),
    ],
)
def test_16_plain_http_is_for_loopback_and_for_hosts_by_name(
    reference: str, insecure: tuple[str, ...], secure: tuple[str, ...], base: str
) -> None:
    """Nothing but loopback and a host that the user names is reached without TLS."""
    assert Access(insecure=insecure, secure=secure).base(parse(reference)) == base


def test_16_a_redirect_out_of_tls_is_not_followed(authority: Authority) -> None:
    """What began under TLS does not go on without it, and a body is not sent there either."""
    with recording() as plain, recording(tls=authority.issue("r").server_context()) as server:
        server.answer = lambda _asked: Reply(status=307, headers=(("Location", f"{plain.url}/x"),))
        with pytest.raises(RegistryError, match="without TLS"):
            ask(server.url, Access(ca_file=authority.certificate))
        transport = Transport(environment={}, access=Access(ca_file=authority.certificate))
        body = io.BytesIO(b"x")
        with pytest.raises(RegistryError, match="without TLS"):
            transport.request("PUT", f"{server.url}/v2/", {}, body=lambda: body, size=1)
        transport.close()
        assert plain.seen == []
