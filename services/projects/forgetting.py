"""What is not kept for ever goes: remembered answers whose time is over, and what is left of erased people."""

import asyncio

import structlog

from libs.events.log.log import Log
from services.projects.profiles import Profiles

FORGETTING_SECONDS = 600.0

log = structlog.get_logger(__name__)


class Forgetting:
    """Removes answers a piece at a time, sooner again if that was not all. `run` it in one task."""

    def __init__(self, events: Log, profiles: Profiles) -> None:
        self._log = events
        self._profiles = profiles

    async def run(self) -> None:
        wait_seconds = FORGETTING_SECONDS
        while True:
            await asyncio.sleep(wait_seconds)
            try:
                await self._profiles.erase_whom_the_log_says()
                wait_seconds = 1.0 if await self._log.forget_expired_keys() else FORGETTING_SECONDS
            except Exception as error:
                log.warning("not_forgotten", error=f"{type(error).__name__}: {error}")
