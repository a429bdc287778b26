"""One attempt to hand one delivery to one receiver: signed, bounded in time and size, and told as an outcome."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum

import httpx2
import structlog

from libs.chassis import tracing
from services.notifications.channels.webhooks.addresses import (
    EgressPolicy,
    RefusedDestination,
    check_url,
)
from services.notifications.channels.webhooks.signing import signed_headers

RESPONSE_BYTES_MAX = 64 * 1024
EXCERPT_CHARACTERS_MAX = 1_024
ATTEMPT_SECONDS_MAX = 10.0

log = structlog.get_logger(__name__)


class Outcome(StrEnum):
    """How an attempt ended; everything but `delivered` is a failure, `gone` also disables the endpoint.

    `unproved`: a challenge was accepted but not echoed.
    """

    DELIVERED = "delivered"
    REFUSED = "refused"
    REDIRECTED = "redirected"
    GONE = "gone"
    UNPROVED = "unproved"
    TIMED_OUT = "timed_out"
    UNREACHABLE = "unreachable"
    FORBIDDEN_DESTINATION = "forbidden_destination"


@dataclass(frozen=True, slots=True)
class Letter:
    """What is sent: `webhook_id` is the same for every attempt, the signature is made for each."""

    url: str
    webhook_id: str
    body: bytes
    secrets: Sequence[str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of sending a letter once. `excerpt` is the beginning of the answer, or what went wrong."""

    outcome: Outcome
    duration_seconds: float
    status: int | None = None
    excerpt: str = ""
    retry_after_seconds: float | None = None

    @property
    def is_delivered(self) -> bool:
        return self.outcome is Outcome.DELIVERED


class Sender:
    """Sends letters through a client that can reach public receivers only."""

    def __init__(
        self,
        client: httpx2.AsyncClient,
        policy: EgressPolicy,
        attempt_seconds_max: float = ATTEMPT_SECONDS_MAX,
    ) -> None:
        self._client = client
        self._policy = policy
        self._seconds_max = attempt_seconds_max

    async def send(self, letter: Letter, now: datetime) -> Attempt:
        """Try once. Every way a receiver can misbehave is an outcome, none an exception."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._seconds_max):
                status, retry_after, excerpt = await self._exchange(letter, now)
        except (TimeoutError, httpx2.TimeoutException):
            return Attempt(Outcome.TIMED_OUT, time.monotonic() - began, excerpt="no complete answer in time")
        except RefusedDestination as error:
            return Attempt(Outcome.FORBIDDEN_DESTINATION, time.monotonic() - began, excerpt=error.detail)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            return Attempt(
                Outcome.UNREACHABLE, time.monotonic() - began, excerpt=readable(str(error).encode())
            )
        except Exception as error:
            # A receiver must not be able to end the process, whatever nobody has thought of.
            log.error("webhook_attempt_failed_unexpectedly", webhook_id=letter.webhook_id, exc_info=error)
            return Attempt(Outcome.UNREACHABLE, time.monotonic() - began, excerpt="the answer is not HTTP")
        return Attempt(
            outcome_of(status),
            time.monotonic() - began,
            status,
            excerpt,
            retry_after_seconds(retry_after, now),
        )

    async def _exchange(self, letter: Letter, now: datetime) -> tuple[int, str | None, str]:
        url = check_url(self._policy, letter.url)
        headers = {
            "content-type": "application/cloudevents+json",
            "accept-encoding": "identity",
            "user-agent": "Milepost-Webhooks/1",
            **tracing.outgoing(),
            **signed_headers(letter.secrets, letter.webhook_id, now, letter.body),
        }
        async with self._client.stream("POST", url, content=letter.body, headers=headers) as response:
            received = bytearray()
            async for part in response.aiter_raw():
                received += part
                if len(received) >= RESPONSE_BYTES_MAX:
                    break
            return response.status_code, response.headers.get("retry-after"), readable(bytes(received))

    async def close(self) -> None:
        await self._client.aclose()


def outcome_of(status: int) -> Outcome:
    """2xx is a delivery; a redirect is a failure, since following one could lead anywhere."""
    if 200 <= status < 300:
        return Outcome.DELIVERED
    if status == 410:
        return Outcome.GONE
    return Outcome.REDIRECTED if 300 <= status < 400 else Outcome.REFUSED


def retry_after_seconds(value: str | None, now: datetime) -> float | None:
    """Seconds a receiver asks us to wait: a number of seconds or an HTTP date; `None` for anything else."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError, TypeError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def readable(body: bytes) -> str:
    """The beginning of an answer as text that a database, a log and a terminal can bear."""
    text = body[: EXCERPT_CHARACTERS_MAX * 4].decode("utf-8", "replace")[:EXCERPT_CHARACTERS_MAX]
    return "".join(each if each.isprintable() or each in "\n\t" else "�" for each in text)
