"""Rate limits: who asks more often than agreed is told to wait, and everybody is told how much is left.

One number is kept for each asker, the instant at which the bucket is full again; a look costs a microsecond. Each
process counts for itself.
"""

import time
from collections.abc import Callable, Hashable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from math import ceil
from uuid import UUID

from libs.chassis.problems import Problem

WINDOW_SECONDS = 60
ASKERS_MAX = 20_000

Header = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Rates:
    """Requests a second each asker may send in the long run, and sixty times as many at once.

    `refused_tokens` is for addresses that present tokens which are not valid.
    """

    organization: float
    person: float
    address: float
    refused_tokens: float


class Quota:
    """One policy and the buckets of its askers: the `ASKERS_MAX` that asked last are surely remembered, no more than
    twice as many ever. Who is forgotten starts with a full bucket.
    """

    __slots__ = ("_depth_seconds", "_interval_seconds", "_older", "_recent", "name", "requests_max")

    def __init__(self, name: str, requests_per_second: float) -> None:
        self.name = name
        self.requests_max = max(1, round(requests_per_second * WINDOW_SECONDS))
        self._interval_seconds = WINDOW_SECONDS / self.requests_max
        self._depth_seconds = self.requests_max * self._interval_seconds
        self._recent: dict[Hashable, float] = {}
        self._older: dict[Hashable, float] = {}

    @property
    def policy(self) -> str:
        """As in `RateLimit-Policy`."""
        return f'"{self.name}";q={self.requests_max};w={WINDOW_SECONDS}'

    def take(self, asker: Hashable, now: float) -> tuple[int, float]:
        """Take one request; how many are left (-1: there was none, nothing was taken), and seconds until all are back.

        `now` in seconds of any clock that never goes back.
        """
        full_at = self._recent.get(asker)
        if full_at is None:
            full_at = self._older.get(asker, now)
        missing_seconds = max(full_at - now, 0.0) + self._interval_seconds
        left = int((self._depth_seconds - missing_seconds) / self._interval_seconds + 1e-6)
        if missing_seconds > self._depth_seconds + 1e-6:
            return -1, missing_seconds - self._interval_seconds
        self._remember(asker, now + missing_seconds)
        return left, missing_seconds

    def seconds_until_one(self, missing_seconds: float) -> int:
        """Whole seconds until an empty bucket gives one again, at least 1."""
        return max(1, ceil(missing_seconds + self._interval_seconds - self._depth_seconds))

    def _remember(self, asker: Hashable, full_at: float) -> None:
        self._recent[asker] = full_at
        if len(self._recent) > ASKERS_MAX:
            self._older, self._recent = self._recent, {}


class RateLimits:
    """The limits of a process. `clock` tells seconds and never goes back."""

    def __init__(self, rates: Rates, clock: Callable[[], float] = time.monotonic) -> None:
        self._organization = Quota("organization", rates.organization)
        self._person = Quota("person", rates.person)
        self._address = Quota("address", rates.address)
        self._refused_tokens = Quota("refused-tokens", rates.refused_tokens)
        self._clock = clock
        quotas = (self._organization, self._person, self._address)
        self.policy: Header = (b"ratelimit-policy", ", ".join(quota.policy for quota in quotas).encode())

    def begin(self, address: str) -> "Allowance":
        """What the request that begins in this task may take; it has taken from its address, unless that is empty."""
        allowance = Allowance(self, address)
        _ALLOWANCE.set(allowance)
        allowance.take(self._address, address)
        return allowance

    def take(self, allowance: "Allowance", org_id: UUID, actor: UUID) -> None:
        """Take from organization and person; raises `Problem` 429."""
        allowance.take(self._organization, org_id)
        allowance.take(self._person, (org_id, actor))
        allowance.require()

    def take_refused_token(self, allowance: "Allowance") -> Problem | None:
        """Count a token that is not valid; the 429 to answer instead of the 401, where there were too many.

        Only answers change: whoever shares the address and has a valid token is not locked out.
        """
        allowance.take(self._refused_tokens, allowance.address)
        return allowance.refusal

    def now(self) -> float:
        return self._clock()


class Allowance:
    """What one request took, and how much is left in the bucket that will be empty first."""

    __slots__ = ("_least", "_limits", "_name", "_seconds", "address", "refusal")

    def __init__(self, limits: RateLimits, address: str) -> None:
        self._limits = limits
        self.address = address
        self._least = 1 << 62
        self._name = ""
        self._seconds = 0.0
        self.refusal: Problem | None = None

    def take(self, quota: Quota, asker: Hashable) -> None:
        """Take one request of a quota; an empty bucket is the `refusal`, of which the first one stays."""
        left, seconds = quota.take(asker, self._limits.now())
        if left < self._least:
            self._least, self._name, self._seconds = max(left, 0), quota.name, seconds
        if left < 0 and self.refusal is None:
            self.refusal = too_many(quota.name, quota.seconds_until_one(seconds))

    def require(self) -> None:
        """Raise `Problem` 429 if a bucket was empty."""
        if self.refusal is not None:
            raise self.refusal

    def spend(self, org_id: UUID, actor: UUID) -> None:
        """Take for a caller who is known by now; raises `Problem` 429."""
        self._limits.take(self, org_id, actor)

    def headers(self) -> list[Header]:
        """`RateLimit` of the bucket that will be empty first, and `RateLimit-Policy`."""
        state = f'"{self._name}";r={self._least};t={ceil(self._seconds)}'
        return [(b"ratelimit", state.encode()), self._limits.policy]


def spend(org_id: UUID, actor: UUID) -> None:
    """Count the present request for its caller, as soon as it is known who that is; raises `Problem` 429.

    Outside of a request, or where nothing is limited, it does nothing.
    """
    allowance = _ALLOWANCE.get()
    if allowance is not None:
        allowance.spend(org_id, actor)


def too_many(policy: str, seconds: int) -> Problem:
    """The 429 that names the policy (as `RateLimit-Policy` does), and after how many seconds to come back."""
    headers: Mapping[str, str] = {"Retry-After": str(seconds)}
    return Problem(429, "too_many_requests", headers=headers, extra={"violated_policies": [policy]})


_ALLOWANCE: ContextVar[Allowance | None] = ContextVar("allowance", default=None)
