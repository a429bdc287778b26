"""One notifications service without its surface, by a clock moved by hand: whom it tells, and what it sends."""

from dataclasses import dataclass, field
from uuid import UUID

from uuid_utils.compat import uuid7

from libs.access.visibility import Sight
from libs.chassis.organizations import Organizations
from libs.chassis.postgres import Database
from libs.events.envelope import Event, EventData
from libs.events.raid import IssueCommentedOn
from services.notifications import subscriptions
from services.notifications.channels.webhooks import endpoints
from services.notifications.channels.webhooks.addresses import EgressPolicy
from services.notifications.channels.webhooks.connecting import guarded_client
from services.notifications.channels.webhooks.endpoints import Endpoint, Wanted
from services.notifications.channels.webhooks.recording import Recorded
from services.notifications.channels.webhooks.retrying import RetryPolicy
from services.notifications.channels.webhooks.sending import Sender
from services.notifications.channels.webhooks.signing import Sealer
from services.notifications.delivering import Delivering
from services.notifications.inbox import Inbox, InboxFilter, InboxItem, Reader
from services.notifications.subscriptions import Subscription, Wish
from services.notifications.telling import Telling
from tests.support.notifications.clocks import HandMovedClock
from tests.support.notifications.events import ISSUE, ORGANIZATION, PROJECT, recorded
from tests.support.notifications.receiver import Receiver

LOOPBACK = EgressPolicy(allow_loopback=True)


@dataclass
class World:
    """`happened` records an event, `tell` handles it, `deliver` sends what is due; requests go through `serving`."""

    database: Database
    serving: Database
    receiver: Receiver
    clock: HandMovedClock = field(default_factory=HandMovedClock)
    sealer: Sealer = field(default_factory=lambda: Sealer({"test": bytes(32)}))
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    position: int = 0

    def __post_init__(self) -> None:
        self.receiver.clock = self.clock
        self.telling = Telling(self.clock)
        self.sender = Sender(guarded_client(LOOPBACK), LOOPBACK, attempt_seconds_max=0.5)
        self.delivering = self.another_worker()
        self.organizations = Organizations(self.serving)
        self.inbox = Inbox(self.organizations)

    def another_worker(self) -> Delivering:
        return Delivering(
            self.database, self.sender, self.sealer, self.policy, clock=self.clock, chance=lambda: 0.0
        )

    def happened(self, data: EventData, **changes: object) -> Event:
        self.position += 1
        event_id = UUID(int=0x1_000_000 + self.position)
        return recorded(data, self.position, **{"event_id": event_id, "version": self.position, **changes})

    async def tell(self, *events: Event) -> None:
        """Handle events as the subscription does: with the checkpoint, in one transaction."""
        async with self.database.transaction() as connection:
            await connection.execute(
                "insert into checkpoints (name, position) values ($1, $2)"
                " on conflict (name) do update set position = greatest(checkpoints.position, excluded.position)",
                self.telling.name,
                events[-1].envelope.position,
            )
            await self.telling.apply(connection, events)

    async def subscribe(self, person_id: UUID, wish: Wish | None = None) -> Subscription:
        async with self.database.transaction() as connection:
            return await subscriptions.subscribe(
                connection, ORGANIZATION, person_id, uuid7(), wish or Wish(project_id=PROJECT), self.clock()
            )

    async def register(self, path: str = "/hooks", wanted: Wanted | None = None) -> Endpoint:
        wanted = wanted or Wanted(url=self.receiver.url(path))
        async with self.database.transaction() as connection:
            made = await endpoints.register(
                connection,
                self.sealer,
                org_id=ORGANIZATION,
                endpoint_id=uuid7(),
                registered_by=uuid7(),
                wanted=wanted,
                endpoints_max=50,
                is_trusted=True,
                now=self.clock(),
            )
        self.receiver.secrets[path] = made.secret
        return made.endpoint

    async def items(self, person_id: UUID, visible: frozenset[UUID] | None = None) -> list[InboxItem]:
        return await self.inbox.page(reader(person_id, visible), InboxFilter(), None, 200)

    async def deliver(self) -> list[Recorded]:
        """Send everything that is due, round by round, until nothing is."""
        recorded_all = []
        while outcomes := await self.delivering.round():
            recorded_all += [outcome for _, outcome in outcomes]
        return recorded_all

    async def states(self) -> list[tuple[int, str, str, int]]:
        async with self.database.connection() as connection:
            rows = await connection.fetch(
                "select position, state, lane, attempts from deliveries order by position, endpoint_id"
            )
        return [tuple(row) for row in rows]


def reader(person_id: UUID, visible: frozenset[UUID] | None = None) -> Reader:
    """Somebody who sees these projects, or (`None`) everything."""
    return Reader(ORGANIZATION, person_id, Sight(visible, visible is None, frozenset()))


def comment(world: World, **changes: object) -> Event:
    """Somebody says something about an issue."""
    return world.happened(IssueCommentedOn(comment_id=ISSUE, text="hello"), **changes)


def ids_of(*events: Event) -> list[str]:
    """The webhook ids under which these events are delivered."""
    return [str(event.envelope.event_id) for event in events]
