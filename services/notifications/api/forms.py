"""The form of what is asked and answered about subscriptions and the inbox."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)

from libs.events.envelope import aggregate_of, entity_id_of, instant_text
from services.notifications.inbox import InboxItem
from services.notifications.matching import known_kinds

Instant = Annotated[
    datetime,
    PlainSerializer(instant_text, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Position = Annotated[int, Field(ge=0, le=2**63 - 1)]
KINDS_MAX = 50
STREAM_PATTERN = r"^(project|milestone|issue)-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"


def _is_known(kind: str) -> str:
    if kind not in known_kinds():
        raise ValueError("no such kind of event")
    return kind


Kind = Annotated[str, StringConstraints(max_length=100), AfterValidator(_is_known)]
Kinds = Annotated[
    tuple[Kind, ...],
    Field(
        max_length=KINDS_MAX,
        description="Event types, or prefixes such as `milestone.*`; none means every type.",
    ),
]


class Form(BaseModel):
    """Part of an answer."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class Wish(BaseModel):
    """The body of a command."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


def example(**values: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [values]})


ID = "01987e9c-7d0a-7c5e-9a35-2f6c0f6f3c11"
EXAMPLE_WISH = {"project_id": ID, "kinds": ["milestone.*"]}
EXAMPLE_SUBSCRIPTION = {
    "subscription_id": ID,
    "version": 1,
    "person_id": ID,
    "project_id": ID,
    "kinds": ["milestone.*"],
    "stream": None,
    "mute_own": True,
    "include_imported": False,
    "since_position": 1204,
    "made_at": "2026-03-02T12:00:00.000000Z",
    "revised_at": "2026-03-02T12:00:00.000000Z",
}


class ReviseSubscription(Wish):
    """What to be told from now on; at least one of `project_id`, `kinds` and `stream` is needed, all must hold."""

    model_config = example(**EXAMPLE_WISH)

    project_id: UUID | None = Field(default=None, description="Only what happens in this project.")
    kinds: Kinds = ()
    stream: Annotated[str, StringConstraints(pattern=STREAM_PATTERN)] | None = Field(
        default=None, description="Only what happens to this entity, such as `milestone-<uuid>`."
    )
    mute_own: bool = Field(default=True, description="Leave out what you did yourself.")
    include_imported: bool = Field(
        default=False, description="Also tell history: events recorded more than a day after they happened."
    )
    since_position: Position | None = Field(
        default=None,
        description="Only events after this position. It can be later than now as this service knows it, "
        "never earlier: nothing old is told.",
    )


class Subscribe(ReviseSubscription):
    """A subscription under the id you choose, or a new one."""

    model_config = example(**EXAMPLE_WISH)

    subscription_id: UUID | None = None


class SubscriptionForm(Form):
    """What a person is told, from `since_position` on."""

    model_config = example(**EXAMPLE_SUBSCRIPTION)

    subscription_id: UUID
    version: int
    person_id: UUID
    project_id: UUID | None
    kinds: Sequence[str]
    stream: str | None
    mute_own: bool
    include_imported: bool
    since_position: int
    made_at: Instant
    revised_at: Instant


class SubscriptionPage(Form):
    """A page of subscriptions in the order of their ids."""

    model_config = example(items=[EXAMPLE_SUBSCRIPTION], next_cursor=None)

    items: Sequence[SubscriptionForm]
    next_cursor: str | None


class KindsForm(Form):
    """Everything a subscription may name."""

    model_config = example(kinds=["milestone.*", "milestone.achieved"])

    kinds: Sequence[str]


EXAMPLE_ITEM = {
    "event_id": ID,
    "position": 1311,
    "type": "milestone.reforecast",
    "sentence": "Milestone “3.9.0 final” in “Python 3.9” is now expected on 2020-10-05, before that 2020-06-08.",
    "project_id": ID,
    "stream": f"milestone-{ID}",
    "stream_version": 4,
    "actor": ID,
    "on_behalf_of": None,
    "recorded_at": "2026-03-02T12:00:00.000000Z",
    "effective_at": "2026-03-02T12:00:00.000000Z",
    "read_at": None,
    "subscription_ids": [ID],
    "links": {
        "resource": f"/v1/milestones/{ID}",
        "history": f"/v1/timeline/milestones/{ID}/history",
        "project": f"/v1/timeline/projects/{ID}",
    },
}


class Links(Form):
    """Where to read more."""

    resource: str = Field(description="The resource as it is now.")
    history: str = Field(description="What happened to it.")
    project: str | None = Field(description="Its project.")


class InboxItemForm(Form):
    """One event you were told, once, with the subscriptions that asked for it."""

    model_config = example(**EXAMPLE_ITEM)

    event_id: UUID
    position: int
    type: str
    sentence: str
    project_id: UUID | None
    stream: str
    stream_version: int
    actor: UUID
    on_behalf_of: UUID | None
    recorded_at: Instant
    effective_at: Instant
    read_at: Instant | None
    subscription_ids: Sequence[UUID]
    links: Links

    @classmethod
    def of(cls, item: InboxItem) -> "InboxItemForm":
        values = {name: getattr(item, name) for name in cls.model_fields if name != "links"}
        return cls(**values, links=links_of(item))


def links_of(item: InboxItem) -> Links:
    plural, entity_id = f"{aggregate_of(item.stream).replace('_', '-')}s", entity_id_of(item.stream)
    history = "activity" if plural == "projects" else "history"
    return Links(
        resource=f"/v1/{plural}/{entity_id}",
        history=f"/v1/timeline/{plural}/{entity_id}/{history}",
        project=None if item.project_id is None else f"/v1/timeline/projects/{item.project_id}",
    )


class InboxPage(Form):
    """A page of the inbox: newest first, or oldest first when asked since a position."""

    model_config = example(items=[EXAMPLE_ITEM], next_cursor=None)

    items: Sequence[InboxItemForm]
    next_cursor: str | None


class UnreadCount(Form):
    """How much is unread, counted up to a limit."""

    model_config = example(unread=3, is_capped=False, position=1311)

    unread: int
    is_capped: bool = Field(description="There are more than could be counted.")
    position: int = Field(description="Everything up to this position has been told.")


class MarkRead(Wish):
    """Which items: those named, or everything up to a position (of a project, if one is named)."""

    model_config = example(up_to_position=1311)

    event_ids: Annotated[tuple[UUID, ...], Field(max_length=200)] = ()
    up_to_position: Position | None = None
    project_id: UUID | None = None


class MarkedRead(Form):
    """How many were unread before. With `has_more`, ask again: so many cannot be marked at once."""

    model_config = example(marked=3, has_more=False)

    marked: int
    has_more: bool
