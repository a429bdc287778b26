"""What every session with Postgres has: its settings, its bounds, and which of its errors may pass."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, TypeAlias

import asyncpg

if TYPE_CHECKING:
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record]
else:
    Connection = asyncpg.Connection

CONNECT_SECONDS = 5.0
STATEMENT_SECONDS = 3.0
LOCK_SECONDS = 1.0
RELEASE_SECONDS = 1.0

# Everything the driver raises.
DRIVER_ERRORS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

_TRANSIENT = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    # A server that crashes says so to idle sessions; using one in the instant before it closes confuses the driver.
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.LockNotAvailableError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.TransactionTimeoutError,
)


def is_transient(error: BaseException) -> bool:
    """Whether the same unit may succeed when tried again: the fault lies in the moment, not in the data.

    Time-outs and lost connections are transient too; whether the unit took effect is then unknown.
    """
    if isinstance(error, ValueError):
        # A malformed DSN, or a value that no retry will make fit: both are InterfaceErrors to asyncpg.
        return False
    return isinstance(error, _TRANSIENT)


def session_settings(
    application_name: str,
    statement_timeout_seconds: float = STATEMENT_SECONDS,
    others: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """What every session of a service starts with; `others` win."""
    return {
        "application_name": application_name,
        "statement_timeout": str(int(statement_timeout_seconds * 1_000)),
        "lock_timeout": str(int(LOCK_SECONDS * 1_000)),
        "idle_in_transaction_session_timeout": "10000",
        "transaction_timeout": str(max(10_000, int(statement_timeout_seconds * 1_000))),
        "timezone": "UTC",
        "jit": "off",
        **(others or {}),
    }


def literal(text: str) -> str:
    """A text as it stands in a statement, for those that hold several and therefore take no parameters."""
    return "'" + text.replace("'", "''") + "'"


@contextlib.asynccontextmanager
async def transaction_between(connection: Connection, begin: str, end: str = "commit") -> AsyncIterator[str]:
    """A transaction that costs two round trips: `begin` and `end` may hold more statements than those two words.

    Yields what Postgres says of the last statement of `begin`, such as `SELECT 3`. Rolled back when the body raises,
    and when `end` does not come to its end; an error out of `end` means unknown. A session that cannot be rolled
    back within a second is cut.
    """
    try:
        yield await connection.execute(begin)
        await connection.execute(end)
    except BaseException:
        await _roll_back(connection)
        raise


def cut(connection: Connection) -> None:
    """End a session without asking the server, which may be frozen; one that is over already stays so."""
    with contextlib.suppress(asyncpg.InterfaceError):
        connection.terminate()


async def _roll_back(connection: Connection) -> None:
    try:
        async with asyncio.timeout(RELEASE_SECONDS):
            await connection.execute("rollback")
    except DRIVER_ERRORS:
        cut(connection)
    except BaseException:
        cut(connection)
        raise
