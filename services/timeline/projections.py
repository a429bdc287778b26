"""Every projection of this program version, where its tables live, and how they are made."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from libs.chassis.migrations import quoted
from libs.chassis.sessions import Connection
from libs.chassis.walls import Roles, raise_walls
from services.timeline.activity import activity
from services.timeline.api_key_history import api_key_history
from services.timeline.issue_history import issue_history
from services.timeline.member_history import member_history
from services.timeline.milestone_history import milestone_history
from services.timeline.moments import moments
from services.timeline.project_history import project_history
from services.timeline.projection import Projection

ROLES = Roles("timeline_owner", internal="timeline_internal", serving="timeline_service")

# A projection that is being filled beside the live one, and one that was replaced, each in a schema of its own.
FILLED, RETIRED = "_rebuild", "_retired"

PROJECTIONS: Mapping[str, Callable[[], Projection]] = MappingProxyType(
    {
        "moments": moments,
        "project_history": project_history,
        "milestone_history": milestone_history,
        "issue_history": issue_history,
        "activity": activity,
        "member_history": member_history,
        "api_key_history": api_key_history,
    }
)


def all_projections() -> list[Projection]:
    """A fresh instance of each, in the order in which they are applied."""
    return [create() for create in PROJECTIONS.values()]


def names() -> list[str]:
    """The checkpoints, and schemas, of the live projections."""
    return [projection.name for projection in all_projections()]


def search_path(*first: str) -> str:
    """The schemas in which an unqualified table is looked for: `first`, the live ones, the bookkeeping."""
    return ", ".join(quoted(schema) for schema in (*first, *names(), "public"))


async def create_schema(connection: Connection, projection: Projection, schema: str) -> None:
    """An empty schema with the projection's tables, in the caller's transaction.

    What is filled fastest without stands later: `create_indexes`, and walls and rights (`open_schemas`).
    """
    await connection.execute(f"create schema {quoted(schema)}")
    await connection.execute(f"set local search_path to {quoted(schema)}")
    await connection.execute(projection.tables)


async def create_indexes(connection: Connection, projection: Projection) -> None:
    """What the projection leaves until its tables are full, in the first schema of the search path that has them."""
    if projection.indexes.strip():
        await connection.execute(projection.indexes)


async def open_schemas(connection: Connection, schemas: Iterable[str]) -> None:
    """Let one role keep what is in these schemas, and the other read of it what its wall lets through."""
    internal, serving = quoted(ROLES.internal), quoted(ROLES.serving)
    for name in map(quoted, schemas):
        await connection.execute(f"""
            grant usage on schema {name} to {internal}, {serving};
            grant select, insert, update, delete on all tables in schema {name} to {internal};
            revoke insert, update, delete on all tables in schema {name} from {serving};
            grant select on all tables in schema {name} to {serving};
        """)
    await raise_walls(connection, ROLES)


async def exists(connection: Connection, schema: str) -> bool:
    return bool(await connection.fetchval("select true from pg_namespace where nspname = $1", schema))
