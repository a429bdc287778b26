"""One leader among the replicas of a service: whoever holds an advisory lock, as long as its session lives.

The session is dedicated (a pool would drop the lock when it resets a connection) and ends by itself when its
process is frozen, so that another replica may lead.
"""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

import asyncpg
import structlog
from asyncpg.connect_utils import SessionAttribute

from libs.chassis.sessions import (
    CONNECT_SECONDS,
    DRIVER_ERRORS,
    Connection,
    cut,
    is_transient,
    session_settings,
)

POLL_SECONDS = 1.0
BEAT_SECONDS = 1.0
BEAT_SECONDS_MAX = 3.0
# A frozen leader (a stopped process, a cut cable) is out of office after this long.
LEASE_SECONDS = 10
BACKOFF_SECONDS_MAX = 5.0
TRY_LOCK = "select pg_try_advisory_lock(hashtextextended($1, 0))"

log = structlog.get_logger(__name__)


def backoff_seconds(failures: int) -> float:
    """How long to wait before leading again, after so many failures in a row: 0.1 s, doubling, at most 5 s."""
    # Two to the power of an outage of hours is no float any more.
    return min(BACKOFF_SECONDS_MAX, 0.1 * 2.0 ** min(failures, 16))


class LeadershipLost(ConnectionError):
    """The session that held the leader lock is gone; somebody else may lead already."""


class Leadership:
    """`async with Leadership(dsn, "milepost.relay") as leadership:` runs its body while this process leads.

    Entering waits, as long as it takes, for the lock of that name in that database. When the lock is lost the
    body is cancelled at once and `LeadershipLost`, a transient error, raised: enter again to stand for
    election again. Leaving releases the lock. Errors of connecting are raised unless they are transient.
    `connect` opens a session as the driver does.
    """

    def __init__(
        self,
        dsn: str,
        lock_name: str,
        *,
        poll_seconds: float = POLL_SECONDS,
        connect: Callable[..., Awaitable[Connection]] = asyncpg.connect,
    ) -> None:
        self._dsn = dsn
        self._open = connect
        self._lock_name = lock_name
        self._poll_seconds = min(poll_seconds, LEASE_SECONDS / 2)
        self._is_lost = False

    @property
    def connection(self) -> Connection:
        """A session for the leader's own work, beside the one that holds the lock; both end together."""
        return self._work

    async def __aenter__(self) -> Self:
        leader = asyncio.current_task()
        if leader is None:
            raise RuntimeError("only a task can lead")
        self._leader = leader
        self._is_lost = False
        self._lock, self._work = await self._elected()
        self._lock.add_termination_listener(self._lose)
        self._work.add_termination_listener(self._lose)
        self._beating = asyncio.create_task(self._beat(), name=f"heartbeat of {self._lock_name}")
        log.info("leading", lock=self._lock_name)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        was_lost, self._is_lost = self._is_lost, True
        self._beating.cancel()
        # The lock goes last: nobody else leads while this leader's work may still be under way.
        await _end(self._work)
        await _end(self._lock)
        if was_lost and self._leader.uncancel() == 0 and (kind is None or kind is asyncio.CancelledError):
            log.warning("leadership_lost", lock=self._lock_name)
            raise LeadershipLost(f"the session holding the lock {self._lock_name!r} is gone") from None

    def _lose(self, *_: Any) -> None:
        if not self._is_lost:
            self._is_lost = True
            self._work.terminate()
            self._leader.cancel()

    async def _beat(self) -> None:
        try:
            while True:
                await asyncio.sleep(BEAT_SECONDS)
                await self._lock.fetchval("select 1")
        except DRIVER_ERRORS:
            self._lock.terminate()
            self._lose()

    async def _elected(self) -> tuple[Connection, Connection]:
        while True:
            try:
                return await self._stand()
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("election_failed", lock=self._lock_name, error=type(error).__name__)
            await asyncio.sleep(self._poll_seconds)

    async def _stand(self) -> tuple[Connection, Connection]:
        lock = await self._connect(command_timeout=BEAT_SECONDS_MAX, idle_session_timeout=f"{LEASE_SECONDS}s")
        try:
            while not await lock.fetchval(TRY_LOCK, self._lock_name):  # noqa: ASYNC110
                await asyncio.sleep(self._poll_seconds)
            return lock, await self._connect(command_timeout=CONNECT_SECONDS)
        except BaseException:
            lock.terminate()
            raise

    async def _connect(self, *, command_timeout: float, **settings: str) -> Connection:
        return await self._open(
            self._dsn,
            timeout=CONNECT_SECONDS,
            command_timeout=command_timeout,
            server_settings=session_settings(f"leader of {self._lock_name}"[:63], others=settings),
            target_session_attrs=SessionAttribute.read_write,
        )


async def _end(connection: Connection) -> None:
    try:
        async with asyncio.timeout(1):
            await connection.close()
    except DRIVER_ERRORS:
        cut(connection)
