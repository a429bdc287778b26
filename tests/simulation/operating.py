"""What people do once everything is calm: have parked sequences retried, and endpoints that were given up resumed."""

import asyncio

from libs.chassis.postgres import Database
from libs.events import parking
from tests.simulation.servers import Servers
from tests.support.history import ORG

PATIENCE_SECONDS = 2.0
# Nobody asks for ever to have retried what can not be read.
TIMES_MAX = 2
RESUME = "update webhook_endpoints set state = 'active', state_reason = '' where org_id = $1 and state = 'disabled'"


async def operate(servers: Servers, *, is_curable: bool) -> None:
    """Look again and again; what can not be cured is retried twice and then left as it is."""
    pools = [server.pool(1) for server in servers.of_consumers]
    notifications = servers.notifications.pool(1)
    times = 0
    while True:
        if is_curable or times < TIMES_MAX:
            for pool in pools:
                await _retry_what_is_parked(pool)
        async with notifications.connection() as connection:
            await connection.execute(RESUME, ORG)
        times += 1
        await asyncio.sleep(PATIENCE_SECONDS)


async def _retry_what_is_parked(database: Database) -> None:
    async with database.transaction() as connection:
        asked = {decision.sequence for decision in await parking.open_decisions(connection)}
        for each in await parking.list_parked(connection):
            if each.sequence not in asked:
                await parking.decide(connection, each.org_id, each.sequence, "retry", "cured", "an operator")
