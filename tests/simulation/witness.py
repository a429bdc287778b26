"""A handler that writes down what it was given, in the same transaction; it chokes on some events until it is cured."""

from collections.abc import Sequence

from libs.chassis.sessions import Connection
from libs.events.envelope import Event

SEEN = """
create table seen (
    entry    bigint generated always as identity primary key,
    position bigint not null,
    stream   text   not null,
    version  integer not null
);
"""
WRITE = """
    insert into seen (position, stream, version)
    select * from unnest($1::bigint[], $2::text[], $3::integer[])
"""


class Choked(Exception):
    """This event can not be applied for now."""


class Illness:
    """Positions that nobody can apply; curing is what a deploy does."""

    def __init__(self, positions: Sequence[int]) -> None:
        self.positions = self.ever = frozenset(positions)

    def cure(self) -> None:
        self.positions = frozenset()


class Witness:
    """A handler of a subscription, with a checkpoint of its own."""

    name = "witness"

    def __init__(self, illness: Illness) -> None:
        self._illness = illness

    async def apply(self, connection: Connection, events: Sequence[Event]) -> None:
        envelopes = [event.envelope for event in events]
        for envelope in envelopes:
            if envelope.position in self._illness.positions:
                raise Choked(f"position {envelope.position}")
        await connection.execute(
            WRITE,
            [envelope.position for envelope in envelopes],
            [envelope.stream for envelope in envelopes],
            [envelope.version for envelope in envelopes],
        )

    def forget(self) -> None:
        """Nothing is remembered between batches."""
