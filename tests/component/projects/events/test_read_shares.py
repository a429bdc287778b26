"""An organization that reads as much of the log as it may is told when to come back, and others do not notice."""

import asyncio
from uuid import UUID

import asyncpg

from tests.component.projects.events.conftest import Feed, Feeds
from tests.support.eventually import eventually
from tests.support.recordings import ORGANIZATION, proposing

OTHER_ORGANIZATION = UUID("00000000-0000-4000-8000-000000000002")
# Longer than a request waits for its turn, shorter than a statement may take.
SLOWED = f"""
    alter function cloud_event rename to cloud_event_at_once;
    create function cloud_event(event events) returns text language plpgsql as $$ begin
        perform pg_sleep(2) where event.org_id = '{ORGANIZATION}';
        return cloud_event_at_once(event);
    end $$;
"""
SLEEPING = (
    "select count(*) from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'"
)


async def test_slow_reads_of_an_organization_leave_a_connection_to_others(feeds: Feeds) -> None:
    feed = await feeds(event_connections_max=2, pool_wait_seconds_max=0.5)
    await feed.propose()
    await feed.log.append([proposing(org_id=OTHER_ORGANIZATION)])
    administrator = await asyncpg.connect(feed.database.admin_dsn)
    await administrator.execute(SLOWED)

    first = asyncio.create_task(status(feed, ORGANIZATION))
    await eventually(lambda: is_under_way(administrator))
    second, others = await asyncio.gather(status(feed, ORGANIZATION), status(feed, OTHER_ORGANIZATION))

    assert (await first, second, others) == ((200, None), (503, "1"), (200, None))
    assert await status(feed, ORGANIZATION) == (200, None), "a turn comes when the read before is over"
    await administrator.close()


async def status(feed: Feed, org_id: UUID) -> tuple[int, str | None]:
    """What somebody of the organization is answered who reads the feed, and when they may come back."""
    async with feed.client(feed.token(org_id=org_id)) as client:
        answer = await client.get("/v1/events")
    return answer.status_code, answer.headers.get("retry-after")


async def is_under_way(administrator: "asyncpg.Connection[asyncpg.Record]") -> None:
    assert await administrator.fetchval(SLEEPING) == 1
