"""A service's connections to Postgres, in which nothing waits for ever.

Time-outs nest: unit 5 s > statement 3 s > lock 1 s; taking a connection from the pool 2 s,
and in a request as long as its settings say.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

import asyncpg
import structlog
from asyncpg.connect_utils import SessionAttribute
from prometheus_client import Counter, Gauge, Histogram

from libs.chassis.ending import ENDING
from libs.chassis.leading import Leadership, LeadershipLost
from libs.chassis.load_shedding import ACQUIRE_SECONDS, POOL_PATIENCE_SECONDS
from libs.chassis.sessions import (
    CONNECT_SECONDS,
    DRIVER_ERRORS,
    RELEASE_SECONDS,
    STATEMENT_SECONDS,
    Connection,
    cut,
    is_transient,
    session_settings,
)

if TYPE_CHECKING:
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
else:
    Pool = asyncpg.Pool

__all__ = [
    "Connection",
    "Database",
    "Leadership",
    "LeadershipLost",
    "PoolExhausted",
    "UnitExpired",
    "is_transient",
    "session_settings",
]

UNIT_SECONDS = 5.0
CONNECTION_LIFE_SECONDS = 30 * 60.0
RETRY_SECONDS_MAX = 2.0

POOL_SIZE = Gauge("milepost_database_connections", "Open connections of a pool.", ["pool"])
POOL_IN_USE = Gauge(
    "milepost_database_connections_in_use", "Connections of a pool that are in use.", ["pool"]
)
POOL_WAIT_SECONDS = Histogram(
    "milepost_database_wait_seconds",
    "Time until a pool gave a connection.",
    ["pool"],
    buckets=(0.0005, 0.005, 0.05, 0.5, 2),
)
UNITS_EXPIRED = Counter("milepost_database_units_expired_total", "Units ended by their time-out.", ["pool"])

log = structlog.get_logger(__name__)


class PoolExhausted(TimeoutError):
    """No connection of the pool became free in time: there is more work than the database takes."""


class UnitExpired(TimeoutError):
    """A unit of work took longer than its bound. Whether what it sent was committed is unknown."""


class StatelessConnection(Connection):
    """A session that nobody gives state of its own, so that lending it on needs no round trip to reset it.

    Settings are made local to a transaction (`set_config(…, true)`); a transaction left open is rolled back.
    """

    def get_reset_query(self) -> str:
        return ""


class Database:
    """A pool of connections to one database in one role. Share it; every unit of work takes a connection."""

    def __init__(self, pool: Pool, name: str) -> None:
        self._pool = pool
        self._name = name
        self._opening: set[asyncio.Task[None]] = set()
        self._wait_seconds = POOL_WAIT_SECONDS.labels(name)
        self._expires_at = time.monotonic() + CONNECTION_LIFE_SECONDS
        POOL_SIZE.labels(name).set_function(pool.get_size)
        POOL_IN_USE.labels(name).set_function(lambda: pool.get_size() - pool.get_idle_size())

    @classmethod
    async def connect(
        cls,
        dsn: str,
        *,
        application_name: str,
        connections_min: int = 1,
        connections_max: int = 10,
        statement_timeout_seconds: float = STATEMENT_SECONDS,
        writable: bool = True,
        server_settings: Mapping[str, str] | None = None,
        patience_seconds: float | None = None,
    ) -> "Database":
        """Open the pool, retrying until Postgres answers: for ever, or for `patience_seconds`, then raises.

        A missing role or database is waited for as well: the migration job may still be at work. A malformed
        DSN raises at once. `writable` refuses connections to a standby.
        """
        options = {
            "connection_class": StatelessConnection,
            "min_size": connections_min,
            "max_size": connections_max,
            "timeout": CONNECT_SECONDS,
            "server_settings": session_settings(application_name, statement_timeout_seconds, server_settings),
            "target_session_attrs": SessionAttribute.read_write if writable else SessionAttribute.any,
        }
        deadline = None if patience_seconds is None else time.monotonic() + patience_seconds
        delay_seconds = 0.1
        while True:
            try:
                return cls(await _open_pool(dsn, options), application_name)
            except DRIVER_ERRORS as error:
                is_hopeless = isinstance(error, asyncpg.ClientConfigurationError)
                if is_hopeless or (deadline is not None and time.monotonic() + delay_seconds > deadline):
                    raise
                # The class alone: a driver's text may quote the DSN.
                log.warning("database_not_reachable", pool=application_name, error=type(error).__name__)
            await asyncio.sleep(delay_seconds)
            delay_seconds = min(delay_seconds * 2, RETRY_SECONDS_MAX)

    @contextlib.asynccontextmanager
    async def connection(self, *, seconds: float = UNIT_SECONDS) -> AsyncIterator[Connection]:
        """Lend a connection for one unit of work of at most `seconds`.

        Raises `PoolExhausted` after 2 s (in a request: sooner) without a free connection, and `UnitExpired` when
        the unit takes too long: its connection is then cut, as a frozen server would not answer a cancellation either,
        at the latest a second after, if the unit still waits for it to roll something back.
        """
        connection = await self._acquire()
        bound = asyncio.timeout(seconds)
        cutting = asyncio.get_running_loop().call_later(seconds + RELEASE_SECONDS, cut, connection)
        try:
            async with bound:
                yield connection
        except asyncpg.ReadOnlySQLTransactionError:
            # A failover left the pool on the former primary: every connection must find the new one.
            await self._pool.expire_connections()
            raise
        except DRIVER_ERRORS as error:
            if bound.expired():
                UNITS_EXPIRED.labels(self._name).inc()
                raise UnitExpired(f"a unit of work took more than {seconds} s") from error
            raise
        finally:
            cutting.cancel()
            if bound.expired():
                cut(connection)
            await self._release(connection)

    @contextlib.asynccontextmanager
    async def transaction(
        self, *, seconds: float = UNIT_SECONDS, readonly: bool = False
    ) -> AsyncIterator[Connection]:
        """Lend a connection inside a transaction: committed at the end, rolled back when the body raises.

        `readonly` reads one snapshot (repeatable read). Errors as of `connection`; an error out of the commit
        itself means unknown.
        """
        isolation: Literal["repeatable_read", "read_committed"] = (
            "repeatable_read" if readonly else "read_committed"
        )
        async with (
            self.connection(seconds=seconds) as connection,
            connection.transaction(isolation=isolation, readonly=readonly),
        ):
            yield connection

    async def is_writable(self) -> bool:
        """Whether a round trip finds a primary that accepts writes; raises what `connection` raises."""
        async with self.connection(seconds=2) as connection:
            row = await connection.fetchval(
                "select not pg_is_in_recovery() and current_setting('transaction_read_only') = 'off'"
            )
        return bool(row)

    async def close(self, *, seconds: float = 3.0) -> None:
        """Close every connection once it is free, or cut it after `seconds`, sooner when the process ends."""
        try:
            async with asyncio.timeout(ENDING.seconds(seconds)):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    async def _acquire(self) -> Connection:
        started = time.monotonic()
        # Somebody who waits for an answer is turned away sooner than a loop that has nothing else to do.
        patience_seconds = POOL_PATIENCE_SECONDS.get(ACQUIRE_SECONDS)
        if started > self._expires_at:
            self._expires_at = started + CONNECTION_LIFE_SECONDS
            await self._pool.expire_connections()
        try:
            async with asyncio.timeout(patience_seconds):
                if self._has_room():
                    await self._open()
                connection = await self._pool.acquire()
        except TimeoutError as error:
            raise PoolExhausted(f"no connection became free in {patience_seconds} s") from error
        self._wait_seconds.observe(time.monotonic() - started)
        return cast("Connection", connection)

    def _has_room(self) -> bool:
        opened = self._pool.get_size() + len(self._opening)
        return opened < self._pool.get_max_size() and not self._pool.get_idle_size()

    async def _open(self) -> None:
        """One connection more. Who gives up leaves it to whoever comes next: else a slow server never lent one."""
        opening = asyncio.create_task(self._open_one(), name="opening a connection")
        self._opening.add(opening)
        opening.add_done_callback(self._forget_opening)
        await asyncio.wait([opening])
        opening.result()

    async def _open_one(self) -> None:
        connection = await self._pool.acquire(timeout=CONNECT_SECONDS)
        await self._release(cast("Connection", connection))

    def _forget_opening(self, opening: asyncio.Task[None]) -> None:
        self._opening.discard(opening)
        if not opening.cancelled():
            # There may be nobody left to hear of it.
            opening.exception()

    async def _release(self, connection: Connection) -> None:
        # A connection that cannot be reset is cut by the pool; the unit's own outcome stands.
        with contextlib.suppress(*DRIVER_ERRORS):
            pooled: Any = connection
            await self._pool.release(pooled, timeout=RELEASE_SECONDS)


async def _open_pool(dsn: str, options: Mapping[str, Any]) -> Pool:
    pool: Pool = asyncpg.create_pool(dsn, **options)
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            await pool
    except BaseException:
        pool.terminate()
        raise
    return pool
