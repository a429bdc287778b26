"""When a webhook is tried again: its schedule, how long it holds others up, and the breaker."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.channels.webhooks.retrying import (
    Lane,
    Retry,
    RetryPolicy,
    after_failure,
    breaker_pause,
    is_hopeless,
)

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
POLICY = RetryPolicy()
STRICT = RetryPolicy(block_seconds_max=10 * 86_400)
UNORDERED = RetryPolicy(block_seconds_max=0)
HOURS = 3_600


def course(policy: RetryPolicy, spread: float = 0.0) -> list[tuple[float, Lane]]:
    """When every attempt of a delivery that always fails happens, in seconds since the first, and in which lane."""
    now, lane, attempts = NOW, Lane.LINE, 0
    attempted = []
    while True:
        attempted.append(((now - NOW).total_seconds(), lane))
        attempts += 1
        retry = after_failure(
            policy, attempts=attempts, lane=lane, first_attempt_at=NOW, now=now, spread=spread
        )
        if retry is None:
            return attempted
        now, lane = retry.at, retry.lane


def test_a_delivery_is_tried_eight_times_within_27_hours_and_a_half() -> None:
    waits = [0, 5, 300, 1_800, 2 * HOURS, 5 * HOURS, 10 * HOURS, 10 * HOURS]
    since_first = [sum(waits[: number + 1]) for number in range(8)]

    assert [seconds for seconds, _ in course(POLICY)] == since_first


def test_the_head_of_the_line_gives_way_before_it_has_held_others_up_for_an_hour() -> None:
    assert [lane for _, lane in course(POLICY)] == [Lane.LINE] * 4 + [Lane.SIDE] * 4


def test_strict_order_never_gives_way_and_no_order_gives_way_at_once() -> None:
    assert {lane for _, lane in course(STRICT)} == {Lane.LINE}
    assert [lane for _, lane in course(UNORDERED)] == [Lane.LINE] + [Lane.SIDE] * 7


@given(st.floats(-1, 1))
def test_jitter_moves_each_wait_by_a_fifth_at_most(spread: float) -> None:
    attempted = [seconds for seconds, _ in course(POLICY, spread)]
    waits = [after - before for before, after in pairwise(attempted)]

    for wait, planned in zip(waits, POLICY.delays[1:], strict=True):
        assert 0.8 * planned - 1e-3 <= wait <= 1.2 * planned + 1e-3


def failed(**changes: object) -> Retry | None:
    values = {"attempts": 1, "lane": Lane.LINE, "first_attempt_at": NOW, "now": NOW, "spread": 0.0}
    return after_failure(POLICY, **{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(("asked", "waited"), [(1.0, 5), (600.0, 600), (3_600.0, 3_600), (86_400.0, 3_600)])
def test_a_receiver_may_ask_for_a_longer_wait_of_up_to_an_hour(asked: float, waited: float) -> None:
    retry = failed(retry_after_seconds=asked)

    assert retry == Retry(NOW + timedelta(seconds=waited), Lane.LINE)


def test_a_wait_the_receiver_asked_for_makes_the_head_give_way_too() -> None:
    retry = failed(retry_after_seconds=3_600.0, now=NOW + timedelta(seconds=1))

    assert retry is not None
    assert retry.lane is Lane.SIDE


def test_what_was_skipped_never_returns_to_the_line() -> None:
    retry = failed(lane=Lane.SIDE)

    assert retry is not None
    assert retry.lane is Lane.SIDE


def test_the_breaker_opens_at_the_fifth_failure_in_a_row_and_its_pause_doubles_up_to_five_minutes() -> None:
    pauses = [breaker_pause(POLICY, failures) for failures in (1, 4, 5, 6, 7, 8, 9, 10_000)]

    assert pauses == [None, None, *(timedelta(seconds=seconds) for seconds in (30, 60, 120, 240, 300, 300))]


def test_an_endpoint_is_hopeless_after_five_days_without_a_success() -> None:
    assert not is_hopeless(POLICY, 5, NOW, NOW + timedelta(days=5, seconds=-1))
    assert is_hopeless(POLICY, 5, NOW, NOW + timedelta(days=5))


def test_two_failures_between_which_a_clock_was_put_right_are_no_five_days() -> None:
    assert not is_hopeless(POLICY, 2, NOW, NOW + timedelta(days=30))
