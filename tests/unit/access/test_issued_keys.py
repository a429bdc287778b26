"""Which secret opens a key, and until when."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from libs.access.api_keys import KeyText, hash_of, new_secret, read
from libs.access.directory import IssuedKey
from libs.chassis.identity import KeyScope

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
OLD, NEW, OTHER = (KeyText(UUID(int=1), UUID(int=2), new_secret()) for _ in range(3))
ROTATED = IssuedKey(
    KeyScope(frozenset({"read"})),
    hash_of(NEW.secret),
    expires_at=NOON + 2 * HOUR,
    former_secret_hash=hash_of(OLD.secret),
    former_valid_until=NOON + HOUR,
)


@pytest.mark.parametrize(
    ("key", "now", "opens"),
    [
        (NEW, NOON, True),
        (NEW, NOON + HOUR, True),
        (NEW, NOON + 2 * HOUR, False),
        (OLD, NOON, True),
        (OLD, NOON + HOUR, False),
        (OLD, NOON + 2 * HOUR, False),
        (OTHER, NOON, False),
    ],
)
def test_a_rotated_key_opens_with_the_former_secret_for_as_long_as_was_said(
    key: KeyText, now: datetime, *, opens: bool
) -> None:
    assert ROTATED.opens_with(key, now) is opens


def test_the_text_of_a_key_is_read_as_it_was_written_and_does_not_show_its_secret() -> None:
    assert read(str(NEW)) == NEW
    assert NEW.secret not in repr(NEW)


@pytest.mark.parametrize(
    "text", ["", "mpk_", str(NEW).upper(), str(NEW)[:-1], f"{NEW}0", f" {NEW}", f"{NEW}\n"]
)
def test_what_looks_almost_like_a_key_is_none(text: str) -> None:
    assert read(text) is None
