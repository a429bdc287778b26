"""The projects service put together: the log, the command handler, the routes, the relay."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from libs.access import authentication
from libs.access.access_log import mounting as access_log
from libs.access.access_log.recording import MIGRATIONS as ACCESS_LOG_MIGRATIONS
from libs.access.key_uses import KeyUses
from libs.chassis import application
from libs.chassis.application import Application
from libs.chassis.ending import ENDING
from libs.chassis.migrations import ROOT, wait_until_migrated
from libs.chassis.organizations import Organizations
from libs.chassis.postgres import Database
from libs.chassis.server import Loop, Program
from libs.events import contract_routes
from libs.events.log.adopting import Divergence, StreamUnknown, compared
from libs.events.log.grouping import GroupedAppends
from libs.events.log.keeper import Keeper, StreamSettings
from libs.events.log.log import Log
from libs.events.log.relay import Relay, RelaySettings
from services.projects.admission import admitting
from services.projects.api import (
    commands,
    documentation,
    event_stream,
    imports,
    key_use_reports,
    log_feed,
    profiles,
)
from services.projects.api.problems import register_rejections
from services.projects.command_handling import CommandHandler
from services.projects.directory import LogDirectory
from services.projects.forgetting import Forgetting
from services.projects.importing import ImportHandler
from services.projects.key_uses import KeyUseTable
from services.projects.live_events import LiveEvents
from services.projects.loading import Aggregates
from services.projects.profiles import Profiles
from services.projects.settings import ProjectsSettings

MIGRATIONS = (
    ROOT / "libs/events/log/migrations",
    ROOT / "services/projects/migrations",
    ACCESS_LOG_MIGRATIONS,
)
OWNER = "projects_owner"
APPEND_CONNECTIONS = 2


@asynccontextmanager
async def program(settings: ProjectsSettings, stopping: asyncio.Event) -> AsyncIterator[Program]:
    """Everything the service is while it runs. The queue of appends outlives the requests that wait for it."""
    dsn = settings.database_url.get_secret_value()
    reading = await Database.connect(
        dsn, application_name="projects", connections_max=settings.database_connections_max
    )
    # A pool of their own: reads can not keep appends waiting.
    appending = await Database.connect(
        dsn, application_name="projects appends", connections_max=APPEND_CONNECTIONS
    )
    events = await Database.connect(
        settings.relay_dsn, application_name="projects events", connections_max=settings.event_connections_max
    )
    try:
        await wait_until_migrated(appending, MIGRATIONS, also=assert_durable)
        relay = relay_of(settings)
        live = LiveEvents(settings, events, stopping)

        def wake() -> None:
            live.tail.wake()
            if relay:
                relay.wake()

        appends = GroupedAppends(Log(appending), after_append=wake)
        app = create_app(settings, stopping, Log(reading), appends, reading, live)
        forgetting = Forgetting(reading, settings.offboarded_kept_days)
        loops: dict[str, Loop] = {"forgetting": forgetting.run, **live.loops()}
        if relay:
            loops["relay"] = relay.run
        loops |= admitting.loops(settings, app.state.directory, app.state.key_uses.note)
        sending = asyncio.create_task(appends.run(), name="appends")
        try:
            yield Program(app, {**app.loops, **loops, "appends": lambda: asyncio.shield(sending)})
        finally:
            sending.cancel()
            await asyncio.wait([sending], timeout=ENDING.seconds(1))
    finally:
        await asyncio.gather(reading.close(), appending.close(), events.close())


def create_app(
    settings: ProjectsSettings,
    stopping: asyncio.Event,
    log: Log,
    appends: GroupedAppends,
    database: Database,
    live: LiveEvents,
) -> Application:
    """The HTTP side. Ready means a writable primary, and not NATS: commands do not need it."""
    register_rejections()
    app = application.create(
        "projects",
        settings,
        description=documentation.DESCRIPTION,
        routers=[profiles.router],
        routes=[
            *imports.routes(),
            *log_feed.routes(),
            *key_use_reports.routes(),
            *contract_routes.routes(),
            *live.routes(),
        ],
        direct=commands.CommandRoutes(),
        streams={event_stream.PATH},
        checks={"database": database.is_writable},
        stopping=stopping,
    )
    documentation.install(app)
    app.state.log = log
    app.state.divergence = partial(divergence, settings)
    app.state.aggregates = Aggregates(log)
    app.state.profiles = Profiles(database)
    app.state.key_use_table = KeyUseTable(database)
    authentication.install(app, LogDirectory(app.state.aggregates), KeyUses(app.state.key_use_table))
    access_log.mount(app, Organizations(database), "/v1")
    app.state.commands = CommandHandler(log, appends, app.state.aggregates)
    app.state.imports = ImportHandler(log, appends, app.state.commands)
    return app


def relay_of(settings: ProjectsSettings) -> Relay | None:
    """The relay, where the settings name a NATS server."""
    if settings.nats_url is None:
        return None
    nats_url = settings.nats_url.get_secret_value()
    return Relay(
        RelaySettings(settings.relay_dsn, nats_url, settings.stream_max_age), keeper_of(settings, nats_url)
    )


def keeper_of(settings: ProjectsSettings, nats_url: str) -> Keeper:
    """The owner of the stream, who has a user of its own where one is named."""
    keeper_url = settings.keeper_nats_url.get_secret_value() if settings.keeper_nats_url else nats_url
    return Keeper(
        keeper_url,
        StreamSettings(settings.stream_replicas, settings.stream_max_age, settings.stream_max_bytes),
    )


async def divergence(settings: ProjectsSettings) -> Divergence | None:
    """Where the stream parts from the log, `None` where it is a true copy. Raises `StreamUnknown`."""
    if settings.nats_url is None:
        raise StreamUnknown("MILEPOST_NATS_URL is missing")
    return await compared(settings.relay_dsn, settings.nats_url.get_secret_value())


async def assert_durable(database: Database) -> None:
    """Refuse to run where a committed append could be lost: a 2xx answer promises that it is durable."""
    async with database.connection() as connection:
        for setting in ("synchronous_commit", "fsync", "full_page_writes"):
            value = await connection.fetchval("select current_setting($1)", setting)
            if value not in ("on", "remote_apply", "remote_write"):
                raise RuntimeError(
                    f"PostgreSQL runs with {setting} = {value}: acknowledged events could be lost"
                )
