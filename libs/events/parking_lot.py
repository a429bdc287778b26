"""What is parked, as a reader of events keeps it in mind: which of the next events must wait."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from libs.chassis.sessions import Connection
from libs.events.envelope import Envelope
from libs.events.parking import sequence_of

POSITION_MAX = 2**63 - 1


class ParkingLot:
    """Every parked sequence with its first position. Load it in the transaction that uses it."""

    def __init__(self, parked: Iterable[tuple[UUID, str, int]] = ()) -> None:
        self._first = {(org_id, sequence): position for org_id, sequence, position in parked}

    def __len__(self) -> int:
        return len(self._first)

    @classmethod
    async def load(cls, connection: Connection) -> "ParkingLot":
        rows = await connection.fetch("select org_id, sequence, position from parked_sequences")
        return cls((row["org_id"], row["sequence"], row["position"]) for row in rows)

    def holds(self, envelope: Envelope) -> bool:
        """Whether an event must wait because something before it does.

        What was before that is free: a handler that begins again from the first event has to read it.
        """
        if not self._first:
            return False
        return any(
            self._first.get((envelope.org_id, sequence), POSITION_MAX) <= envelope.position
            for sequence in (sequence_of(envelope), envelope.stream)
        )

    def add(self, envelope: Envelope) -> None:
        """Have everything behind an event wait that belongs to its sequence or its stream."""
        for sequence in (sequence_of(envelope), envelope.stream):
            self._wait(envelope, sequence)

    def split(self, envelopes: Sequence[Envelope]) -> tuple[list[Envelope], list[Envelope]]:
        """Events that may be applied, and events that must wait; a waiting event makes its stream wait too."""
        free: list[Envelope] = []
        waiting: list[Envelope] = []
        for envelope in envelopes:
            if self.holds(envelope):
                waiting.append(envelope)
                self._wait(envelope, envelope.stream)
            else:
                free.append(envelope)
        return free, waiting

    def first_position(self, org_id: UUID, sequence: str) -> int | None:
        """Where a parked sequence begins to wait."""
        return self._first.get((org_id, sequence))

    def _wait(self, envelope: Envelope, sequence: str) -> None:
        key = (envelope.org_id, sequence)
        self._first[key] = min(envelope.position, self._first.get(key, POSITION_MAX))
