"""What is not kept for ever goes: expired answers, and what is left of erased people and offboarded organizations."""

import asyncio

import structlog

from libs.chassis.postgres import Database
from libs.events.log.log import Log
from services.projects.profiles import Profiles

FORGETTING_SECONDS = 600.0
PORTION = 10_000

log = structlog.get_logger(__name__)


class Forgetting:
    """Removes answers a piece at a time, sooner again if that was not all. `run` it in one task.

    Of an organization only events are left `kept_days` after it was offboarded.
    """

    def __init__(self, database: Database, kept_days: int) -> None:
        self._database = database
        self._log = Log(database)
        self._profiles = Profiles(database)
        self._kept_days = kept_days

    async def run(self) -> None:
        while True:
            wait_seconds = FORGETTING_SECONDS
            try:
                wait_seconds = 1.0 if await self.forget() else FORGETTING_SECONDS
            except Exception as error:
                log.warning("not_forgotten", error=f"{type(error).__name__}: {error}")
            await asyncio.sleep(wait_seconds)

    async def forget(self) -> int:
        """Forget a portion of everything; returns how many answers that were."""
        await self._profiles.erase_whom_the_log_says()
        return await self._log.forget_expired_keys(PORTION) + await self._forget_offboarded()

    async def _forget_offboarded(self) -> int:
        async with self._database.connection() as connection:
            forgotten: int = await connection.fetchval(
                "select forget_offboarded($1, $2)", self._kept_days, PORTION
            )
            return forgotten
