"""The form of what is asked and answered about webhooks."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from services.notifications.api.forms import ID, Form, Instant, Kinds, Position, Wish, example
from services.notifications.channels.webhooks.delivery_log import Delivery, DeliveryState, LoggedAttempt
from services.notifications.channels.webhooks.endpoints import Endpoint, EndpointState, WithSecret
from services.notifications.delivering import webhook_id

NOON = "2026-03-02T12:00:00.000000Z"
EXAMPLE_WISH = {"url": "https://example.com/hooks", "kinds": ["milestone.*"]}
EXAMPLE_ENDPOINT = {
    "endpoint_id": ID,
    "version": 1,
    "url": "https://example.com/hooks",
    "description": "The release calendar",
    "project_id": None,
    "kinds": ["milestone.*"],
    "include_imported": False,
    "since_position": 1204,
    "registered_by": ID,
    "registered_at": NOON,
    "revised_at": NOON,
    "state": "active",
    "state_reason": "",
    "secret_overlap_until": None,
    "verified_at": NOON,
}
EXAMPLE_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105
EXAMPLE_DELIVERY = {
    "webhook_id": ID,
    "event_id": ID,
    "position": 1311,
    "type": "milestone.reforecast",
    "project_id": ID,
    "is_test": False,
    "state": "delivered",
    "is_in_line": True,
    "attempts": 2,
    "made_at": NOON,
    "first_attempt_at": NOON,
    "next_attempt_at": None,
    "skipped_at": None,
    "finished_at": NOON,
}


class ReviseWebhook(Wish):
    """Where webhooks go and what they tell from now on."""

    model_config = example(**EXAMPLE_WISH)

    url: Annotated[str, StringConstraints(min_length=1, max_length=2_048)] = Field(
        description="A public https URL, without user name, password or fragment."
    )
    description: Annotated[str, StringConstraints(max_length=500)] = ""
    project_id: UUID | None = Field(
        default=None, description="Only what happens in this project; none needs a role in the organization."
    )
    kinds: Kinds = ()
    include_imported: bool = Field(
        default=False, description="Also tell history: events recorded more than a day after they happened."
    )
    since_position: Position | None = Field(default=None, description="Only events after this position.")


class RegisterWebhook(ReviseWebhook):
    """A webhook under the id you choose, or a new one."""

    model_config = example(**EXAMPLE_WISH)

    endpoint_id: UUID | None = None


class RotateSecret(Wish):
    """For how long the old secret signs beside the new one."""

    model_config = example(overlap_hours=24)

    overlap_hours: Annotated[int, Field(ge=0, le=168)] = 24


class ResendSince(Wish):
    """From where to send again."""

    model_config = example(since_position=1204)

    since_position: Position


class WebhookForm(Form):
    """A webhook as it is registered. Its secret is shown once, when it is made."""

    model_config = example(**EXAMPLE_ENDPOINT)

    endpoint_id: UUID
    version: int
    url: str
    description: str
    project_id: UUID | None
    kinds: Sequence[str]
    include_imported: bool
    since_position: int
    registered_by: UUID
    registered_at: Instant
    revised_at: Instant
    state: EndpointState
    state_reason: str = Field(description="Why it was disabled: `gone` or `failing_for_too_long`.")
    secret_overlap_until: Instant | None = Field(
        description="Until then the secret before this one signs too."
    )
    verified_at: Instant | None = Field(
        description="When it proved itself at its URL; before that it is `unverified` and told nothing."
    )

    @classmethod
    def of(cls, endpoint: Endpoint) -> "WebhookForm":
        return cls(**values_of(endpoint))


class WebhookWithSecret(WebhookForm):
    """A webhook and its signing secret, shown this once."""

    model_config = example(**EXAMPLE_ENDPOINT, secret=EXAMPLE_SECRET)

    secret: str = Field(repr=False, description="Verify signatures with it (Standard Webhooks).")

    @classmethod
    def made(cls, made: WithSecret) -> "WebhookWithSecret":
        return cls(**values_of(made.endpoint), secret=made.secret)


def values_of(endpoint: Endpoint) -> dict[str, object]:
    names = [name for name in WebhookForm.model_fields if name != "secret_overlap_until"]
    values = {name: getattr(endpoint, name) for name in names}
    return {**values, "secret_overlap_until": endpoint.secret_before_until}


class WebhookPage(Form):
    """A page of webhooks in the order of their ids."""

    model_config = example(items=[EXAMPLE_ENDPOINT], next_cursor=None)

    items: Sequence[WebhookForm]
    next_cursor: str | None


class WebhookHealth(Form):
    """How a webhook is doing."""

    model_config = example(failures_in_row=0, failing_since=None, breaker_until=None, succeeded_at=NOON)

    failures_in_row: int
    failing_since: Instant | None = Field(description="Five days after it the webhook is disabled.")
    breaker_until: Instant | None = Field(description="Nothing is tried before then.")
    succeeded_at: Instant | None


class DeliveryForm(Form):
    """One event on its way to one webhook."""

    model_config = example(**EXAMPLE_DELIVERY)

    webhook_id: str = Field(description="The header `webhook-id`, the same for every attempt.")
    event_id: UUID
    position: int
    type: str
    project_id: UUID | None
    is_test: bool
    state: DeliveryState = Field(
        description="`parked`: the schedule is exhausted, or it is of another project than the webhook was given"
        " since; only a resend tries again."
    )
    is_in_line: bool = Field(description="False: sent beside the line, because it was skipped or sent again.")
    attempts: int
    made_at: Instant
    first_attempt_at: Instant | None
    next_attempt_at: Instant | None
    skipped_at: Instant | None
    finished_at: Instant | None

    @classmethod
    def of(cls, delivery: Delivery) -> "DeliveryForm":
        return cls(**delivery_values(delivery))


def delivery_values(delivery: Delivery) -> dict[str, object]:
    derived = {
        "webhook_id": webhook_id(delivery.event_id),
        "is_in_line": delivery.lane == "line",
        "next_attempt_at": delivery.next_attempt_at if delivery.state is DeliveryState.PENDING else None,
    }
    names = [name for name in DeliveryForm.model_fields if name not in derived]
    return {**{name: getattr(delivery, name) for name in names}, **derived}


class AttemptForm(Form):
    """One attempt; without an outcome it is still running, or is tried again when its lease has ended."""

    number: int
    started_at: Instant
    duration_seconds: float | None
    outcome: str | None
    status: int | None
    excerpt: str | None = Field(description="The beginning of the answer, at most 1 KiB.")

    @classmethod
    def of(cls, attempt: LoggedAttempt) -> "AttemptForm":
        return cls.model_validate(attempt)


class DeliveryWithAttempts(DeliveryForm):
    """A delivery with its attempts, newest first."""

    model_config = example(
        **EXAMPLE_DELIVERY,
        tried=[
            {
                "number": 2,
                "started_at": NOON,
                "duration_seconds": 0.12,
                "outcome": "delivered",
                "status": 204,
                "excerpt": "",
            }
        ],
    )

    tried: Sequence[AttemptForm]

    @classmethod
    def with_attempts(cls, delivery: Delivery, attempts: Sequence[LoggedAttempt]) -> "DeliveryWithAttempts":
        return cls(**delivery_values(delivery), tried=[AttemptForm.of(attempt) for attempt in attempts])


class DeliveryPage(Form):
    """A page of deliveries, newest first."""

    model_config = example(items=[EXAMPLE_DELIVERY], next_cursor=None)

    items: Sequence[DeliveryForm]
    next_cursor: str | None


class Resent(Form):
    """How many are sent again. With `has_more`, ask again when these have arrived."""

    model_config = example(resent=12, has_more=False)

    resent: int
    has_more: bool
