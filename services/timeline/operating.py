"""What an operator does on the command line: rebuild, roll back and start over, and look after parked events."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import ExitStack
from uuid import UUID

import asyncpg
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from libs.access.access_log.entries import operator_name, record_operator
from libs.chassis import garbage
from libs.events import parking
from libs.events.feed import Feed
from services.timeline import adopting, projections
from services.timeline.rebuilding import Result, rebuild, rollback
from services.timeline.settings import AdoptionSettings, RebuildSettings


async def rebuild_together(titles: Sequence[str], settings: RebuildSettings, console: Console) -> None:
    """Rebuild projections in one pass of the log, telling how far it is and how fast it went."""
    async with Feed(settings.projects_url, settings.current_service_token) as feed:
        started = time.perf_counter()
        result = await _with_progress(titles, settings, feed, console)
        seconds = time.perf_counter() - started
        console.print(
            f"{', '.join(result.names)}: {result.position:,} events in {seconds:.1f} s"
            f" ({result.position / seconds:,.0f} events/s); the old ones are kept for a rollback",
            soft_wrap=True,
        )


async def _with_progress(
    titles: Sequence[str], settings: RebuildSettings, feed: Feed, console: Console
) -> Result:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f}/{task.total:,.0f} events"),
        TextColumn("{task.speed:,.0f}/s"),
        TimeRemainingColumn(),
    )
    with ExitStack() as stack:
        bar = stack.enter_context(Progress(*columns, console=console)) if console.is_terminal else None
        task = bar.add_task("rebuilding", total=None) if bar else None

        def report(done: int, goal: int) -> None:
            if bar is not None and task is not None:
                bar.update(task, completed=done, total=goal)

        return await rebuild(
            [projections.PROJECTIONS[title]() for title in titles],
            settings.admin_database_url.get_secret_value(),
            settings.database_url.get_secret_value(),
            feed,
            report,
        )


async def roll_back(title: str, settings: RebuildSettings) -> Result:
    async with Feed(settings.projects_url, settings.current_service_token) as feed:
        return await rollback(
            projections.PROJECTIONS[title](),
            settings.admin_database_url.get_secret_value(),
            settings.database_url.get_secret_value(),
            feed,
        )


async def adopt_log(settings: AdoptionSettings) -> int:
    async with Feed(settings.projects_url, settings.current_service_token) as feed:
        return await adopting.adopt_log(settings, feed)


async def parked_sequences(database_url: str) -> list[parking.ParkedSequence]:
    connection = await asyncpg.connect(database_url, timeout=10)
    try:
        return await parking.list_parked(connection)
    finally:
        await connection.close(timeout=5)


async def parked_events(database_url: str, org_id: UUID, sequence: str) -> list[str]:
    """The waiting events of a sequence, a line each."""
    connection = await asyncpg.connect(database_url, timeout=10)
    try:
        return [
            f"{event.position}  {event.type}  {event.stream}  version {event.version}"
            for event in await parking.waiting_events(connection, org_id, sequence)
        ]
    finally:
        await connection.close(timeout=5)


async def decide(database_url: str, org_id: UUID, sequence: str, decision: str, reason: str) -> int:
    connection = await asyncpg.connect(database_url, timeout=10)
    try:
        async with connection.transaction():
            await record_operator(connection, operator_name(), f"parked {decision} {sequence}", org_id)
            return await parking.decide(connection, org_id, sequence, decision, reason, operator_name())
    finally:
        await connection.close(timeout=5)


def rebuild_now(titles: Sequence[str], settings: RebuildSettings) -> None:
    garbage.settle()
    asyncio.run(rebuild_together(titles, settings, Console()))
