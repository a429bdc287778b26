"""When a webhook is tried again: the schedule, head-of-line blocking and the circuit breaker, all pure.

A delivery is first tried in its endpoint's line, in order. Its failure holds the line up for at most
`block_seconds_max`; then it is skipped into a lane of its own and the line goes on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

MINUTE = 60.0
HOUR = 3_600.0
DAY = 86_400.0


class Lane(StrEnum):
    """Where a delivery waits: in its endpoint's line, or beside it."""

    LINE = "line"
    SIDE = "side"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How patient we are; all times in seconds.

    `delays` are the waits before each attempt, the first included; after the last one a delivery is
    parked. `jitter` spreads every wait by that share up and down. `block_seconds_max` of 0 means no
    order at all, of the whole schedule means strict order. The breaker opens after `breaker_failures`
    failures in a row and lets one attempt through after each pause, which doubles up to its maximum.
    """

    delays: Sequence[float] = (
        0.0,
        5.0,
        5 * MINUTE,
        30 * MINUTE,
        2 * HOUR,
        5 * HOUR,
        10 * HOUR,
        10 * HOUR,
    )
    jitter: float = 0.2
    block_seconds_max: float = HOUR
    retry_after_seconds_max: float = HOUR
    breaker_failures: int = 5
    breaker_seconds: float = 30.0
    breaker_seconds_max: float = 5 * MINUTE
    disabled_after_seconds: float = 5 * DAY

    @property
    def longest_waits(self) -> list[timedelta]:
        """For how long a delivery can be made to wait at most, after none, one, two… attempts."""
        first, *others = (delay * (1 + self.jitter) for delay in self.delays)
        asked_for = self.retry_after_seconds_max
        return [timedelta(seconds=seconds) for seconds in (first, *(max(each, asked_for) for each in others))]


@dataclass(frozen=True, slots=True)
class Retry:
    """The next attempt of a delivery that failed: when, and in which lane."""

    at: datetime
    lane: Lane


def after_failure(
    policy: RetryPolicy,
    *,
    attempts: int,
    lane: Lane,
    first_attempt_at: datetime,
    now: datetime,
    spread: float,
    retry_after_seconds: float | None = None,
) -> Retry | None:
    """What follows the failure of attempt number `attempts` (from 1); `None`: the schedule is exhausted.

    `spread` in [-1, 1] is the chance that jitter needs. A receiver's `Retry-After` can only make the wait
    longer, and never longer than the policy allows.
    """
    if attempts >= len(policy.delays):
        return None
    wait = policy.delays[attempts] * (1 + policy.jitter * spread)
    if retry_after_seconds is not None:
        wait = max(wait, min(retry_after_seconds, policy.retry_after_seconds_max))
    at = now + timedelta(seconds=wait)
    blocked_seconds = (at - first_attempt_at).total_seconds()
    stays = lane is Lane.LINE and blocked_seconds <= policy.block_seconds_max
    return Retry(at, Lane.LINE if stays and policy.block_seconds_max > 0 else Lane.SIDE)


def breaker_pause(policy: RetryPolicy, failures_in_a_row: int) -> timedelta | None:
    """How long the endpoint is left alone after so many failures in a row; `None`: the breaker is closed."""
    beyond = failures_in_a_row - policy.breaker_failures
    if beyond < 0:
        return None
    # The exponent is bounded because a float overflows long before an endpoint gives up failing.
    seconds = policy.breaker_seconds * 2.0 ** min(beyond, 30)
    return timedelta(seconds=min(seconds, policy.breaker_seconds_max))


def is_hopeless(policy: RetryPolicy, failures_in_a_row: int, failing_since: datetime, now: datetime) -> bool:
    """Whether an endpoint has failed without one success for so long that it is disabled.

    A few failures are not enough, however long ago the first one seems: the clock may have been put right since.
    """
    is_failing = failures_in_a_row >= policy.breaker_failures
    return is_failing and (now - failing_since).total_seconds() >= policy.disabled_after_seconds
