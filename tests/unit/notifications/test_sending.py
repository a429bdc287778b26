"""What a receiver answers is read with suspicion, and a certificate must be that of the name."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from services.notifications.channels.webhooks.addresses import EgressPolicy
from services.notifications.channels.webhooks.connecting import guarded_client
from services.notifications.channels.webhooks.sending import (
    EXCERPT_CHARACTERS_MAX,
    Letter,
    Outcome,
    Sender,
    outcome_of,
    readable,
    retry_after_seconds,
)
from services.notifications.channels.webhooks.signing import new_secret

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        (" 120 ", 120.0),
        ("Mon, 02 Mar 2026 12:10:00 GMT", 600.0),
        ("Mon, 02 Mar 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("", None),
        ("١٢", None),
        ("Mon, 99 Mar 2026 12:10:00 GMT", None),
        ("Mon, 02 Mar 99999999999999999999 12:10:00 GMT", None),
        ("Mon, 02 Mar 2026 12:10:00 +99999999", None),
        ("9" * 5_000, 999_999_999.0),
    ],
)
def test_a_wish_to_wait_is_read_or_ignored(value: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(value, NOW) == seconds


@given(st.text())
def test_no_wish_to_wait_is_an_error(value: str) -> None:
    seconds = retry_after_seconds(value, NOW)

    assert seconds is None or seconds >= 0


@given(st.binary(max_size=10_000))
def test_an_excerpt_is_short_text_that_a_database_and_a_terminal_can_bear(body: bytes) -> None:
    excerpt = readable(body)

    assert len(excerpt) <= EXCERPT_CHARACTERS_MAX
    assert "\0" not in excerpt
    assert "\x1b" not in excerpt
    excerpt.encode()


@st.composite
def hostile_answers(draw: st.DrawFn) -> bytes:
    """Answers that begin like HTTP and go on as they please."""
    status = draw(st.sampled_from([b"200", b"204", b"100", b"101", b"302", b"410", b"999", b"000", b"2x0"]))
    names = st.sampled_from(
        [b"Content-Length", b"Transfer-Encoding", b"Retry-After", b"Location", b"\xff", b""]
    )
    headers = draw(st.lists(st.tuples(names, st.binary(max_size=30)), max_size=4))
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
    return b"HTTP/1.1 " + status + b" OK\r\n" + lines + b"\r\n" + draw(st.binary(max_size=100))


@given(st.integers(100, 599))
def test_only_a_status_of_two_hundred_something_is_a_delivery(status: int) -> None:
    assert (outcome_of(status) is Outcome.DELIVERED) == (200 <= status < 300)


def certificate(directory: Path, name: str) -> tuple[Path, Path]:
    """A self-signed certificate of a name, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    today = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = directory / "certificate.pem", directory / "key.pem"
    certificate_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return certificate_file, key_file


@pytest.mark.parametrize(
    ("host", "outcome"), [("hooks.example", Outcome.DELIVERED), ("other.example", Outcome.UNREACHABLE)]
)
async def test_over_tls_the_name_is_asked_for_and_the_certificate_must_be_its_own(
    tmp_path: Path, host: str, outcome: Outcome
) -> None:
    certificate_file, key_file = certificate(tmp_path, "hooks.example")
    asked: list[str] = []
    server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_tls.load_cert_chain(certificate_file, key_file)
    server_tls.sni_callback = lambda _socket, name, _context: asked.append(name or "")

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()
        writer.close()

    async def resolver(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    async with await asyncio.start_server(accept, "127.0.0.1", 0, ssl=server_tls) as server:
        port = server.sockets[0].getsockname()[1]
        policy = EgressPolicy(allow_loopback=True, ports=frozenset({port}))
        tls = ssl.create_default_context(cafile=str(certificate_file))
        sender = Sender(guarded_client(policy, resolver=resolver, tls=tls), policy)
        sent = await sender.send(Letter(f"https://{host}:{port}/", "id", b"{}", [new_secret()]), NOW)
        await sender.close()

    assert sent.outcome is outcome
    assert asked == [host]


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.binary(max_size=300), hostile_answers()))
async def test_whatever_bytes_a_receiver_sends_the_attempt_has_an_outcome(answer: bytes) -> None:
    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(accept, "127.0.0.1", 0) as server:
        policy = EgressPolicy(allow_loopback=True)
        sender = Sender(guarded_client(policy), policy, attempt_seconds_max=1)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        sent = await sender.send(Letter(url, "id", b"{}", [new_secret()]), NOW)
        await sender.close()

    assert sent.outcome in Outcome
    assert len(sent.excerpt) <= EXCERPT_CHARACTERS_MAX
