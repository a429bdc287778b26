"""What is really there: the log, the stream and the read models, read straight from where they lie."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import asyncpg
import nats
import nats.errors
from nats.aio.client import Client

from deploy.local.stack import Stack
from libs.chassis.sessions import DRIVER_ERRORS, is_transient

STREAM = "PROJECTS"
ANSWER_SECONDS_MAX = 5
READ_SECONDS_MAX = 120
Row = dict[str, Any]


class Unreachable(AssertionError):
    """What should answer does not, as yet."""


@dataclass(frozen=True, slots=True)
class StreamEnd:
    first: int
    last: int
    messages: int


async def rows(dsn: str, table: str, order: str = "") -> list[Row]:
    """A whole table as plain JSON values; instants and dates as PostgreSQL writes them in JSON."""
    ordered = f"order by {order}" if order else ""
    statement = f"select to_jsonb(found) from {table} as found {ordered}"
    return [json.loads(row[0], parse_float=Decimal) for row in await _fetch(dsn, statement)]


async def value(dsn: str, statement: str) -> Any:
    """The first value a statement finds, or `None`."""
    found = await _fetch(dsn, statement)
    return found[0][0] if found else None


async def _fetch(dsn: str, statement: str) -> Sequence[asyncpg.Record]:
    try:
        connection = await asyncpg.connect(
            dsn,
            timeout=ANSWER_SECONDS_MAX,
            command_timeout=READ_SECONDS_MAX,
            server_settings={"timezone": "UTC"},
        )
    except DRIVER_ERRORS as error:
        raise Unreachable(f"PostgreSQL: {error!r}") from error
    try:
        found: Sequence[asyncpg.Record] = await connection.fetch(statement)
        return found
    except DRIVER_ERRORS as error:
        if not is_transient(error):
            raise
        raise Unreachable(f"PostgreSQL: {error!r}") from error
    finally:
        connection.terminate()


async def log(stack: Stack) -> list[Row]:
    """Every event of the log, in order."""
    return await rows(stack.whereabouts.database_dsn("projects"), "events", "position")


async def head(stack: Stack) -> int:
    dsn = stack.whereabouts.database_dsn("projects")
    return int(await value(dsn, "select max(position) from events") or 0)


async def checkpoints(stack: Stack, service: str) -> dict[str, int]:
    """Of the live handlers; a rebuild keeps that of the read model it replaced."""
    found = await rows(stack.whereabouts.database_dsn(service), "checkpoints")
    return {row["name"]: row["position"] for row in found if not row["name"].endswith("_retired")}


async def schema(stack: Stack, title: str) -> str:
    """The schema in which the live tables of one read model are."""
    dsn = stack.whereabouts.database_dsn("timeline")
    statement = f"select nspname from pg_namespace where nspname ~ '^{title}_v[0-9]+$'"
    found = [row[0] for row in await _fetch(dsn, statement)]
    assert len(found) == 1, f"{title} is in {found}"
    return str(found[0])


@asynccontextmanager
async def broker(stack: Stack, user: str = "relay") -> AsyncIterator[Client]:
    """A connection to NATS; the relay may look at the stream."""
    try:
        client = await asyncio.wait_for(
            nats.connect(
                stack.whereabouts.nats_url(user),
                inbox_prefix=f"_INBOX_{user}".encode(),
                allow_reconnect=False,
                connect_timeout=2,
                error_cb=_ignore,
            ),
            ANSWER_SECONDS_MAX,
        )
    except (OSError, TimeoutError, nats.errors.Error) as error:
        raise Unreachable(f"NATS: {error!r}") from error
    try:
        yield client
    finally:
        await client.close()


async def stream_end(client: Client) -> StreamEnd:
    state = (await _ask(client, f"STREAM.INFO.{STREAM}"))["state"]
    return StreamEnd(state["first_seq"], state["last_seq"], state["messages"])


async def message(client: Client, sequence: int) -> Row:
    """The event at one sequence of the stream."""
    event: Row = json.loads((await raw_message(client, sequence))[1], parse_float=Decimal)
    return event


async def raw_message(client: Client, sequence: int) -> tuple[str, bytes]:
    """Subject and body at one sequence of the stream."""
    answer = await _ask(client, f"STREAM.MSG.GET.{STREAM}", {"seq": sequence})
    return answer["message"]["subject"], base64.b64decode(answer["message"]["data"])


async def delete_stream(stack: Stack) -> None:
    """Take the stream away, as the keeper may."""
    async with broker(stack, "keeper") as client:
        await _ask(client, f"STREAM.DELETE.{STREAM}")


async def _ask(client: Client, verb: str, body: Row | None = None) -> Row:
    try:
        reply = await client.request(
            f"$JS.API.{verb}", json.dumps(body).encode() if body else b"", timeout=ANSWER_SECONDS_MAX
        )
    except (OSError, TimeoutError, nats.errors.Error) as error:
        raise Unreachable(f"NATS: {error!r}") from error
    answer: Row = json.loads(reply.data)
    if "error" in answer:
        raise Unreachable(f"NATS: {answer['error']}")
    return answer


async def _ignore(_: Exception) -> None:
    """The error is raised where it is waited for."""
