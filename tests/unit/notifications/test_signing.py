"""Signatures a receiver can verify with any library of Standard Webhooks, and secrets that stay sealed."""

import base64
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from services.notifications.channels.webhooks.signing import (
    SealBroken,
    Sealed,
    Sealer,
    belongs_to_endpoint,
    new_secret,
    read_keys,
    signed_headers,
)

KEY = bytes(range(32))
OTHER_KEY = bytes(32)
OWNER = belongs_to_endpoint(UUID(int=1), UUID(int=2))
BODY = b'{"type":"milestone.achieved","data":{"note":"\xc3\xa9"}}'


def now() -> datetime:
    return datetime.now(UTC)


def test_the_signature_is_that_of_the_published_test_vector() -> None:
    headers = signed_headers(
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        datetime.fromtimestamp(1_614_265_330, UTC),
        b'{"test": 2432232314}',
    )

    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_a_receiver_verifies_with_the_secret_it_was_shown() -> None:
    secret = new_secret()

    Webhook(secret).verify(BODY, signed_headers([secret], "id", now(), BODY))


def test_while_a_secret_is_rotated_old_and_new_both_verify() -> None:
    old, new = new_secret(), new_secret()
    headers = signed_headers([new, old], "id", now(), BODY)

    Webhook(new).verify(BODY, headers)
    Webhook(old).verify(BODY, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(BODY, headers)


def test_a_changed_body_does_not_verify() -> None:
    secret = new_secret()

    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(BODY + b" ", signed_headers([secret], "id", now(), BODY))


def test_a_secret_has_256_bits_and_no_two_are_alike() -> None:
    secrets = {new_secret() for _ in range(100)}

    assert len(secrets) == 100
    assert {len(base64.b64decode(secret.removeprefix("whsec_"))) for secret in secrets} == {32}


@given(st.binary(max_size=200), st.text(max_size=50))
def test_what_is_sealed_opens_for_its_owner_alone(plain: bytes, owner: str) -> None:
    sealer = Sealer({"a": KEY})
    sealed = sealer.seal(plain, owner)

    assert sealer.open(sealed, owner) == plain
    with pytest.raises(SealBroken):
        sealer.open(sealed, owner + "x")


def test_the_same_secret_is_never_sealed_to_the_same_bytes() -> None:
    sealer = Sealer({"a": KEY})

    assert sealer.seal(b"secret", OWNER) != sealer.seal(b"secret", OWNER)


def test_a_changed_box_and_an_unknown_key_do_not_open() -> None:
    sealed = Sealer({"a": KEY}).seal(b"secret", OWNER)

    with pytest.raises(SealBroken):
        Sealer({"a": KEY}).open(Sealed("a", sealed.box[:-1] + bytes([sealed.box[-1] ^ 1])), OWNER)
    with pytest.raises(SealBroken):
        Sealer({"b": KEY}).open(sealed, OWNER)
    with pytest.raises(SealBroken):
        Sealer({"a": OTHER_KEY}).open(sealed, OWNER)


def test_the_newest_key_seals_and_older_ones_still_open() -> None:
    before = Sealer({"a": KEY}).seal(b"secret", OWNER)
    sealer = Sealer({"b": OTHER_KEY, "a": KEY})

    assert sealer.open(before, OWNER) == b"secret"
    assert sealer.seal(b"secret", OWNER).key_id == "b"


def test_keys_are_read_newest_first() -> None:
    text = f"b:{base64.b64encode(OTHER_KEY).decode()}, a:{base64.b64encode(KEY).decode()}"

    assert list(read_keys(text).items()) == [("b", OTHER_KEY), ("a", KEY)]


@pytest.mark.parametrize("text", ["", "a", "a:", ":" + base64.b64encode(KEY).decode(), "a:c2hvcnQ=", "a:!!!"])
def test_keys_that_are_none_are_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        read_keys(text)


def test_a_sealer_does_not_show_its_keys() -> None:
    assert repr(Sealer({"a": KEY})) == "Sealer(keys=['a'])"
