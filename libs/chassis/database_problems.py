"""What an error of the database means to a client: whose fault it is, never what the driver said."""

import asyncpg

from libs.chassis.sessions import DRIVER_ERRORS

# The innermost class that fits decides; what is not listed is our own mistake, a 500.
MEANINGS: dict[type[Exception], tuple[int, str]] = {
    asyncpg.UniqueViolationError: (409, "conflict"),
    asyncpg.SerializationError: (503, "unavailable"),
    asyncpg.DeadlockDetectedError: (503, "unavailable"),
    asyncpg.LockNotAvailableError: (503, "overloaded"),
    asyncpg.QueryCanceledError: (503, "overloaded"),
    asyncpg.IdleInTransactionSessionTimeoutError: (503, "unavailable"),
    asyncpg.TransactionTimeoutError: (503, "unavailable"),
    asyncpg.DiskFullError: (507, "storage_full"),
    asyncpg.InsufficientResourcesError: (503, "overloaded"),
    asyncpg.OperatorInterventionError: (503, "unavailable"),
    asyncpg.ReadOnlySQLTransactionError: (503, "unavailable"),
    asyncpg.PostgresConnectionError: (503, "unavailable"),
    asyncpg.InterfaceError: (503, "unavailable"),
    asyncpg.InternalClientError: (503, "unavailable"),
    asyncpg.UntranslatableCharacterError: (422, "invalid_request"),
    asyncpg.CharacterNotInRepertoireError: (422, "invalid_request"),
    TimeoutError: (503, "overloaded"),
    OSError: (503, "unavailable"),
}
DATABASE_ERRORS: tuple[type[Exception], ...] = DRIVER_ERRORS


def database_problem(error: Exception) -> tuple[int, str] | None:
    """Status and code of what the client is told, or `None` if the error is none of the expected ones."""
    for kind in type(error).__mro__:
        meaning = MEANINGS.get(kind)
        if meaning is not None:
            return meaning
    return None
