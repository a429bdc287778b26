"""Timeline as one program: the questions over HTTP, and the loops that keep its read models in step."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from libs.access import authentication
from libs.access.access_log import mounting as access_log
from libs.access.key_use_reports import ReportsToProjects
from libs.access.key_uses import KeyUses
from libs.access.table_directory import TableDirectory
from libs.chassis import application
from libs.chassis.freshness import Progress
from libs.chassis.migrations import MigrationsPending, wait_until_migrated
from libs.chassis.organizations import Organizations
from libs.chassis.postgres import Database
from libs.chassis.server import Loop, Program
from libs.chassis.service_client import ServiceClient
from libs.chassis.walls import check_walls
from libs.events.feed import Feed
from services.timeline import projecting, projections
from services.timeline.api import access, examples, issues, milestones, projects
from services.timeline.charts.rendering import Renderer
from services.timeline.migrating import DIRECTORIES
from services.timeline.reading import Log, Reader
from services.timeline.settings import Settings

DESCRIPTION = """\
What happened, what was known, and what was true: ask **projects** to do something, ask **timeline** what happened.

Every question takes `as_of` (what was known then) and `effective_at` (what was true then in the business), and
answers the same for ever."""


def create(
    settings: Settings,
    organizations: Organizations,
    log: Log,
    progress: Progress,
    stopping: asyncio.Event | None = None,
) -> application.Application:
    """The HTTP application over connections that find the live read models."""
    app = application.create(
        "timeline",
        settings,
        routers=(projects.router, milestones.router, issues.router, access.router),
        checks={"database": Answers(organizations)},
        stopping=stopping,
        description=DESCRIPTION,
    )
    reports = ReportsToProjects(ServiceClient(settings.projects_url, settings.current_service_token))
    authentication.install(app, TableDirectory(organizations), KeyUses(reports))
    access_log.mount(app, organizations, "/v1/timeline")
    app.state.reader = Reader(organizations, projections.names(), log)
    app.state.progress = progress
    app.state.renderer = Renderer()
    examples.install(app.openapi())
    return app


class Answers:
    """Ready means that the database answers; lag is told in every answer and to operators, not here."""

    def __init__(self, organizations: Organizations) -> None:
        self._organizations = organizations

    async def __call__(self) -> bool:
        async with self._organizations.nobody(seconds=2) as connection:
            return bool(await connection.fetchval("select to_regclass('checkpoints') is not null"))


async def have_schemas(database: Database) -> None:
    """Raise `MigrationsPending` unless every projection has its schema."""
    async with database.connection() as connection:
        missing = [name for name in projections.names() if not await projections.exists(connection, name)]
    if missing:
        raise MigrationsPending(f"no schema for {', '.join(missing)}")


async def fit_to_serve(database: Database) -> None:
    """Raise `MigrationsPending` unless everything is there, and `UnfitRole` where walls would hold nobody back."""
    await have_schemas(database)
    await check_walls(database)


@asynccontextmanager
async def program(settings: Settings, stopping: asyncio.Event) -> AsyncIterator[Program]:
    """Everything `serve` runs; opens the pools and closes them."""
    async with AsyncExitStack() as stack:
        questions = await projecting.connect(
            settings.database_url, "timeline", settings.database_connections_max
        )
        stack.push_async_callback(questions.close)
        await wait_until_migrated(questions, DIRECTORIES, also=fit_to_serve)
        feed = await stack.enter_async_context(Feed(settings.projects_url, settings.current_service_token))
        progress = Progress()
        loops = await projecting_loops(settings, stack, feed, progress)
        app = create(
            settings, Organizations(questions, settings.organization_reads_max), feed, progress, stopping
        )
        stack.push_async_callback(app.state.renderer.close)
        yield Program(
            app, {**app.loops, **loops, "progress": lambda: progress.watch(app.state.reader.position)}
        )


@asynccontextmanager
async def projecting_program(settings: Settings, stopping: asyncio.Event) -> AsyncIterator[Program]:
    """Projecting alone, with nothing but health over HTTP."""
    async with AsyncExitStack() as stack:
        feed = await stack.enter_async_context(Feed(settings.projects_url, settings.current_service_token))
        loops = await projecting_loops(settings, stack, feed, Progress())
        yield Program(application.create("timeline projecting", settings, stopping=stopping), loops)


async def projecting_loops(
    settings: Settings, stack: AsyncExitStack, feed: Feed, progress: Progress
) -> Mapping[str, Loop]:
    database = await projecting.connect(
        settings.internal_database_url,
        "timeline projecting",
        projecting.CONNECTIONS_MAX,
        projecting.WITHOUT_WAITING_FOR_THE_DISK,
    )
    stack.push_async_callback(database.close)
    await wait_until_migrated(database, DIRECTORIES, also=have_schemas)
    return {
        "projecting": projecting.subscription(settings, database, feed, progress.advance).run,
        "offboarding": projecting.offboarding(settings, database).run,
    }
