"""A receiver that is not on our side gets little of us (T12), and nobody else can speak for us (T13)."""

import json
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from services.notifications.channels.webhooks.addresses import EgressPolicy
from services.notifications.channels.webhooks.connecting import guarded_client
from services.notifications.channels.webhooks.sending import (
    EXCERPT_CHARACTERS_MAX,
    RESPONSE_BYTES_MAX,
    Letter,
    Outcome,
    Sender,
)
from services.notifications.channels.webhooks.signing import new_secret, signed_headers
from tests.support.notifications.network import LenientNetwork

TLS = ssl.create_default_context()
CHUNK = b"x" * 16_384
CHUNKS = 10_000
TEXTS = st.dictionaries(st.text(max_size=20), st.text(max_size=200), max_size=5)


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 500 No\r\nContent-Length: 999999999\r\n\r\n"]
)
async def test_of_an_endless_answer_64_kib_are_read_and_1_kib_is_kept(head: bytes) -> None:
    network = LenientNetwork({}, answers=[head, *[CHUNK] * CHUNKS])
    policy = EgressPolicy()
    sender = Sender(guarded_client(policy, resolver=network.resolve, inner=network, tls=TLS), policy)
    letter = Letter("https://hooks.example.com/", "id", b"{}", [new_secret()])
    attempt = await sender.send(letter, datetime.now(UTC))
    await sender.close()

    (stream,) = network.streams
    chunks_read = CHUNKS + 1 - len(stream.answers)
    assert chunks_read * len(CHUNK) <= RESPONSE_BYTES_MAX + 2 * len(CHUNK)
    assert RESPONSE_BYTES_MAX == 64 * 1024
    assert len(attempt.excerpt) == EXCERPT_CHARACTERS_MAX == 1_024
    assert attempt.outcome in (Outcome.DELIVERED, Outcome.REFUSED)


@given(TEXTS)
def test_whatever_is_sent_verifies_with_either_secret_and_with_no_other(data: dict[str, str]) -> None:
    body, old, new = json.dumps(data).encode(), new_secret(), new_secret()
    headers = signed_headers([new, old], "id", datetime.now(UTC), body)

    assert Webhook(new).verify(body, headers) == Webhook(old).verify(body, headers) == data
    for changed in (body + b" ", b"{}" + body):
        with pytest.raises(WebhookVerificationError):
            Webhook(new).verify(changed, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new).verify(body, {**headers, "webhook-id": "another"})


@pytest.mark.parametrize("minutes", [-6, 6])
def test_what_was_signed_long_ago_or_in_the_future_is_not_taken(minutes: int) -> None:
    secret = new_secret()
    headers = signed_headers([secret], "id", datetime.now(UTC) + timedelta(minutes=minutes), b"{}")

    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(b"{}", headers)
