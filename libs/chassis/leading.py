"""One leader among the replicas of a service: whoever holds an advisory lock, as long as its session lives.

The session is dedicated (a pool would drop the lock when it resets a connection) and ends by itself when its
process is frozen, so that another replica may lead.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import structlog
from asyncpg.connect_utils import SessionAttribute

from libs.chassis.sessions import CONNECT_SECONDS, Connection, is_transient, session_settings

BEAT_SECONDS = 1.0
BEAT_SECONDS_MAX = 3.0
# A frozen leader (a stopped process, a cut cable) is out of office after this long.
LEASE_SECONDS = 10
TRY_LOCK = "select pg_try_advisory_lock(hashtextextended($1, 0))"

log = structlog.get_logger(__name__)


class LeadershipLost(ConnectionError):
    """The session that held the leader lock is gone; somebody else may lead already."""


@contextlib.asynccontextmanager
async def leadership(dsn: str, lock_name: str, *, poll_seconds: float = 1.0) -> AsyncIterator[None]:
    """Wait, as long as it takes, until this process leads; run the body while it does.

    When the lock is lost the body is cancelled at once and `LeadershipLost` raised: enter again to stand for
    election again. Leaving the body releases the lock. Errors of connecting are raised unless transient.
    """
    leader = asyncio.current_task()
    if leader is None:
        raise RuntimeError("only a task can lead")
    connection = await _elected(dsn, lock_name, poll_seconds)
    is_lost = False

    def lose(*_: Any) -> None:
        nonlocal is_lost
        if not is_lost:
            is_lost = True
            leader.cancel()

    connection.add_termination_listener(lose)
    beating = asyncio.create_task(_beat(connection, lose), name=f"{lock_name} heartbeat")
    if connection.is_closed():
        lose()
    log.info("leading", lock=lock_name)
    try:
        yield
    except asyncio.CancelledError:
        if is_lost and leader.uncancel() == 0:
            log.warning("leadership_lost", lock=lock_name)
            raise LeadershipLost(f"the session holding the lock {lock_name!r} is gone") from None
        raise
    finally:
        is_lost = True
        beating.cancel()
        with contextlib.suppress(Exception):
            connection.remove_termination_listener(lose)
        await _close(connection)


async def _elected(dsn: str, lock_name: str, poll_seconds: float) -> Connection:
    while True:
        try:
            return await _stand(dsn, lock_name, poll_seconds)
        except Exception as error:
            if not is_transient(error):
                raise
            log.warning("election_failed", lock=lock_name, error=type(error).__name__)
        await asyncio.sleep(poll_seconds)


async def _stand(dsn: str, lock_name: str, poll_seconds: float) -> Connection:
    connection: Connection = await asyncpg.connect(
        dsn,
        timeout=CONNECT_SECONDS,
        command_timeout=BEAT_SECONDS_MAX,
        server_settings=session_settings(
            f"leader {lock_name}"[:63], others={"idle_session_timeout": f"{LEASE_SECONDS}s"}
        ),
        target_session_attrs=SessionAttribute.read_write,
    )
    try:
        while not await connection.fetchval(TRY_LOCK, lock_name):  # noqa: ASYNC110
            await asyncio.sleep(min(poll_seconds, LEASE_SECONDS / 2))
    except BaseException:
        connection.terminate()
        raise
    return connection


async def _beat(connection: Connection, lose: Any) -> None:
    try:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            await connection.fetchval("select 1")
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        connection.terminate()
        lose()


async def _close(connection: Connection) -> None:
    try:
        async with asyncio.timeout(1):
            await connection.close()
    except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        connection.terminate()
