"""A projection: a read model with its own schema, its own checkpoint and its own version.

Its tables live in the schema `<title>_v<version>` and are named without it in every statement; a rebuild
fills another schema through another search path, and is switched by renaming schemas.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from libs.chassis.sessions import Connection
from libs.events.envelope import Envelope, Event
from libs.events.writing import Write, write_together

INDEXES = "-- Indexes, built last on a rebuild."


class UnknownEntity(Exception):
    """A change to something that was never created here: its creating event was skipped."""

    def __init__(self, envelope: Envelope) -> None:
        super().__init__(f"{envelope.stream} changed at position {envelope.position} and was never created")


class Projection(ABC):
    """A handler of the subscription that keeps one read model.

    `name` is the key of its checkpoint and the name of its schema. An instance keeps what it folded last,
    so each place that applies events has its own.
    """

    def __init__(self, title: str, version: int) -> None:
        self.title = title
        self.version = version
        self.name = f"{title}_v{version}"

    @abstractmethod
    async def apply(self, connection: Connection, events: Sequence[Event]) -> Sequence[Write]:
        """Fold a batch, in order, in the caller's transaction; returns what it changes, still to be written."""

    def forget(self) -> None:  # noqa: B027 -- a projection that remembers nothing has nothing to forget
        """Drop what is remembered between batches: it may not be what the database has."""

    async def fold(self, connection: Connection, events: Sequence[Event]) -> None:
        """Like `apply` and written at once, into tables without walls and indexes: on a rebuild.

        May leave to `complete` what is cheaper to write at the end.
        """
        await write_together(connection, await self.apply(connection, events))

    async def complete(self, connection: Connection) -> None:  # noqa: B027 -- most leave nothing out
        """Write what `fold` left out."""

    def concerns(self, envelope: Envelope) -> bool:
        """Whether an event changes this read model; a rebuild does not decode those that do not."""
        return True

    @property
    def is_of_organizations(self) -> bool:
        """Whether its rows belong to organizations, and go with them."""
        return "org_id" in self.tables

    @property
    def tables(self) -> str:
        """The statements that create its tables in the first schema of the search path."""
        return self._ddl().partition(INDEXES)[0]

    @property
    def indexes(self) -> str:
        """The statements that create its indexes, once its tables are there."""
        return self._ddl().partition(INDEXES)[2]

    def _ddl(self) -> str:
        return Path(__file__).with_name(f"{self.title}.sql").read_text()
