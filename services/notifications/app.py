"""Everything notifications is made of, put together: its HTTP surface and the loops that run beside it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from pydantic import SecretStr

from libs.access import authentication
from libs.access import projecting as access
from libs.access.access_log import mounting as access_log
from libs.access.key_use_reports import ReportsToProjects
from libs.access.key_uses import KeyUses
from libs.access.offboarding import Offboarding
from libs.access.projecting import AccessHandler
from libs.access.table_directory import TableDirectory
from libs.chassis import application
from libs.chassis.clock import Clock, utc_now
from libs.chassis.freshness import Progress
from libs.chassis.migrations import wait_until_migrated
from libs.chassis.organizations import Organizations
from libs.chassis.postgres import Database
from libs.chassis.server import Program
from libs.chassis.service_client import ServiceClient
from libs.chassis.walls import check_walls
from libs.events.feed import Feed
from libs.events.subscription import Subscription, SubscriptionSettings
from services.notifications.api import deliveries, inbox, subscriptions, webhooks
from services.notifications.channels.webhooks.connecting import guarded_client
from services.notifications.channels.webhooks.delivery_log import DeliveryLog
from services.notifications.channels.webhooks.endpoints import Endpoints
from services.notifications.channels.webhooks.sending import Sender
from services.notifications.channels.webhooks.signing import Sealer, read_keys
from services.notifications.delivering import Delivering
from services.notifications.housekeeping import Housekeeping
from services.notifications.inbox import Inbox
from services.notifications.migrating import DIRECTORIES
from services.notifications.once import Once
from services.notifications.rules import CHECKPOINT_NAME, DURABLE
from services.notifications.settings import Settings
from services.notifications.subscriptions import Subscriptions
from services.notifications.telling import Telling

TELLING_STATEMENT_SECONDS = 10.0
ROUTERS = (subscriptions.router, inbox.router, webhooks.router, deliveries.router)
DESCRIPTION = "Tells people: subscriptions, an inbox, and signed webhooks."


@asynccontextmanager
async def program(settings: Settings, stopping: asyncio.Event) -> AsyncIterator[Program]:
    """The service while it runs: HTTP, telling (in the replica that leads), delivering, housekeeping."""
    async with AsyncExitStack() as stack:
        serving, internal = settings.database_url, settings.internal_database_url
        database = await connect(serving, "notifications", stack, settings.database_connections_max)
        await wait_until_migrated(database, DIRECTORIES, also=check_walls)
        delivering_database = await connect(internal, "notifications delivering", stack, 8)
        telling_database = await connect(
            internal, "notifications telling", stack, 2, TELLING_STATEMENT_SECONDS
        )
        feed = Feed(settings.projects_url, settings.current_service_token)
        stack.push_async_callback(feed.close)
        progress = Progress()
        delivering = delivering_of(settings, delivering_database)
        stack.push_async_callback(delivering.sender.close)
        app = http(settings, database, progress, delivering.sealer, stopping)
        yield Program(
            app,
            {
                **app.loops,
                "telling": subscription(settings, telling_database, feed, progress).run,
                "delivering": delivering.run,
                "housekeeping": Housekeeping(
                    delivering_database, settings.retry_policy, settings.retention
                ).run,
                "offboarding": offboarding(settings, delivering_database).run,
                "progress": lambda: progress.watch(lambda: position(database)),
            },
        )


@asynccontextmanager
async def delivering_alone(settings: Settings, stopping: asyncio.Event) -> AsyncIterator[Program]:
    """Only the loop that sends webhooks, e.g. in a place of its own with no way into the cluster."""
    async with AsyncExitStack() as stack:
        database = await connect(settings.internal_database_url, "notifications delivering", stack, 8)
        await wait_until_migrated(database, DIRECTORIES)
        delivering = delivering_of(settings, database)
        stack.push_async_callback(delivering.sender.close)
        app = application.create(
            "notifications delivering", settings, checks={"database": database.is_writable}, stopping=stopping
        )
        yield Program(app, {"delivering": delivering.run})


def http(
    settings: Settings,
    database: Database,
    progress: Progress,
    sealer: Sealer,
    stopping: asyncio.Event,
    clock: Clock = utc_now,
) -> application.Application:
    """The HTTP surface over a database, wherever its events come from."""
    app = application.create(
        "notifications",
        settings,
        routers=ROUTERS,
        checks={"database": database.is_writable},
        stopping=stopping,
        description=DESCRIPTION,
    )
    app.state.progress = progress
    app.state.sealer = sealer
    organizations = Organizations(database, settings.organization_reads_max)
    reports = ReportsToProjects(ServiceClient(settings.projects_url, settings.current_service_token))
    authentication.install(app, TableDirectory(organizations), KeyUses(reports))
    access_log.mount(app, organizations, "/v1/notifications")
    app.state.once = Once(organizations, sealer, clock)
    app.state.subscriptions = Subscriptions(organizations)
    app.state.inbox = Inbox(organizations)
    app.state.endpoints = Endpoints(organizations)
    app.state.delivery_log = DeliveryLog(organizations)
    return app


def subscription(settings: Settings, database: Database, feed: Feed, progress: Progress) -> Subscription:
    """The consumption of events; `run` it in one task."""
    return Subscription(
        SubscriptionSettings(
            durable=DURABLE,
            nats_url=settings.nats_url.get_secret_value(),
            database_url=settings.internal_database_url.get_secret_value(),
        ),
        database,
        [Telling(), AccessHandler()],
        feed,
        progress.advance,
    )


def offboarding(settings: Settings, database: Database) -> Offboarding:
    """What removes the rows of organizations that were offboarded; `run` it in one task."""
    return Offboarding(database, [CHECKPOINT_NAME, access.CHECKPOINT_NAME], settings.offboarded_kept_days)


def delivering_of(settings: Settings, database: Database) -> Delivering:
    policy = settings.egress
    return Delivering(
        database=database,
        sender=Sender(guarded_client(policy), policy),
        sealer=Sealer(read_keys(settings.secrets_key.get_secret_value())),
        policy=settings.retry_policy,
        in_flight_max=settings.webhooks_in_flight_max,
    )


async def connect(
    dsn: SecretStr,
    application_name: str,
    stack: AsyncExitStack,
    connections_max: int,
    statement_seconds: float = 3.0,
) -> Database:
    """A pool that is closed with the stack; waits for the database as long as it takes."""
    database = await Database.connect(
        dsn.get_secret_value(),
        application_name=application_name,
        connections_max=connections_max,
        statement_timeout_seconds=statement_seconds,
    )
    stack.push_async_callback(database.close)
    return database


async def position(database: Database) -> int:
    """How far the replica that leads has come."""
    async with database.connection() as connection:
        there: int | None = await connection.fetchval(
            "select position from checkpoints where name = $1", CHECKPOINT_NAME
        )
    return there or 0
