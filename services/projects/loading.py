"""Aggregates folded from the log, kept in memory while they stay true.

An entry that another process has outrun can only lead to a version conflict, which loads it anew; what merely
informs a decision (is the project open?) is looked up again after a second.
"""

import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog

from libs.events.catalogue import UnknownEvent
from libs.events.envelope import StreamKey, stream_name
from libs.events.log.log import Log
from services.projects.aggregate import Aggregate
from services.projects.refusals import NewerHistory

ENTRIES_MAX = 50_000

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Loaded:
    """An aggregate at a version of its stream; `position` and `effective_at` are those of its last event.

    Once others know of it, nobody changes it.
    """

    state: Any
    version: int
    position: int
    effective_at: datetime
    read_at: float


NOTHING = Loaded(None, 0, 0, datetime.min.replace(tzinfo=UTC), 0.0)


class Aggregates:
    """Loads aggregates of one process; the most recently used ones stay in memory."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._entries: OrderedDict[StreamKey, Loaded] = OrderedDict()

    def known(self, key: StreamKey) -> Loaded | None:
        """The aggregate if it is in memory; `None` says nothing about the log."""
        return self._entries.get(key)

    async def remembered(self, aggregate: Aggregate[Any], org_id: UUID, entity_id: UUID) -> Loaded | None:
        """The aggregate as this process last knew it, else as it is now; `None` if there is none."""
        key = StreamKey(org_id, stream_name(aggregate.name, entity_id))
        loaded = self._entries.get(key)
        return await self._catch_up(aggregate, key, None) if loaded is None else loaded

    async def current(
        self, aggregate: Aggregate[Any], org_id: UUID, entity_id: UUID, age_seconds_max: float = 0.0
    ) -> Loaded | None:
        """The aggregate as it is in the log, or was at most `age_seconds_max` ago; `None` if there is none."""
        key = StreamKey(org_id, stream_name(aggregate.name, entity_id))
        loaded = self._entries.get(key)
        if loaded is not None and time.monotonic() - loaded.read_at < age_seconds_max:
            return loaded
        return await self._catch_up(aggregate, key, loaded)

    def put(self, key: StreamKey, loaded: Loaded) -> None:
        """Remember what this process has just recorded, unless something newer is known."""
        known = self._entries.get(key)
        if known is not None and known.version > loaded.version:
            return
        self._entries[key] = loaded
        self._entries.move_to_end(key)
        if len(self._entries) > ENTRIES_MAX:
            self._entries.popitem(last=False)

    def evict(self, key: StreamKey, version: int) -> None:
        """Forget an entry that proved stale, unless it has moved on since."""
        known = self._entries.get(key)
        if known is not None and known.version <= version:
            del self._entries[key]

    def forget(self, key: StreamKey) -> None:
        """Forget an entry, whatever its version."""
        self._entries.pop(key, None)

    async def _catch_up(
        self, aggregate: Aggregate[Any], key: StreamKey, known: Loaded | None
    ) -> Loaded | None:
        try:
            events = await self._log.load(key, known.version if known else 0)
        except UnknownEvent as error:
            log.warning("newer_history", stream=key.stream, error=str(error))
            raise NewerHistory from error
        if known is None and not events:
            return None
        loaded = replace(known or NOTHING, read_at=time.monotonic())
        for envelope, data in events:
            loaded.state = aggregate.evolve(loaded.state, data)
            loaded.version = envelope.version
            loaded.position = envelope.position
            loaded.effective_at = envelope.effective_at
        self.put(key, loaded)
        return loaded
