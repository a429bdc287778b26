"""What clients asked for and what they were told: an entry per command, under the key it was sent with.

The ledger is held against the log afterwards. A command carries its key in its own words (a reason, a note, a text), so
that what became of it can be found without believing anything the services remember; the few that have no words are
found where their client was told they are, or by what they wished for where nobody was told.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

Place = tuple[str, str, int, int, str]
"""Of an event: organization, stream, version, position, and who caused it."""


class Fate(StrEnum):
    """What the client knows. Unknown: it gave up asking; the command may be in the log or not."""

    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Asked:
    """A command as it was sent. `events` are the numbers of events it may lead to where it is accepted."""

    key: str
    org_id: UUID
    actor: UUID
    stream: str
    path: str
    body: Mapping[str, Any]
    events: frozenset[int] = frozenset({1})

    @property
    def content(self) -> bytes:
        """The body as it is sent, each time the same bytes."""
        return json.dumps(dict(self.body)).encode()


@dataclass(frozen=True, slots=True)
class Told:
    """An answer that settles a command."""

    status: int
    body: bytes
    position: int | None = None
    version: int | None = None
    code: str = ""


@dataclass(slots=True)
class Entry:
    """A command and all answers to it that settle anything; more than one where the client asked again.

    `is_left_behind`: an attempt still lies, unanswered, in a process that was frozen and may wake up.
    """

    asked: Asked
    answers: list[Told] = field(default_factory=list)
    is_left_behind: bool = False

    @property
    def fate(self) -> Fate:
        if not self.answers:
            return Fate.UNKNOWN
        return Fate.ACKNOWLEDGED if self.answers[0].status < 300 else Fate.REFUSED


@dataclass
class Ledger:
    """All commands of all clients, and how often something went wrong between them and an answer."""

    entries: dict[str, Entry] = field(default_factory=dict)
    attempts: int = 0
    disturbances: dict[str, int] = field(default_factory=dict)
    acknowledged: int = 0
    _places: dict[Place, str] = field(default_factory=dict)

    def ask(self, asked: Asked) -> Entry:
        """Enter a command before it is sent for the first time."""
        if asked.key in self.entries:
            raise ValueError(f"the key {asked.key} was used before")
        entry = self.entries[asked.key] = Entry(asked)
        return entry

    def tell(self, entry: Entry, told: Told) -> None:
        """Enter an answer that settles the command."""
        entry.answers.append(told)
        self.acknowledged += told.status < 300 and len(entry.answers) == 1
        if told.version is not None and told.position is not None:
            asked = entry.asked
            place = (str(asked.org_id), asked.stream, told.version, told.position, str(asked.actor))
            self._places.setdefault(place, asked.key)

    def key_of(self, event: Mapping[str, Any]) -> str | None:
        """The command that an event belongs to: the one it quotes, else one whose client was told of this place.

        A command that changed nothing is told of the same version, but hardly ever of the same position by the same
        actor; its answer may well be the first to arrive.
        """
        words = (value for value in event["data"].values() if isinstance(value, str))
        quoted = next((word for word in words if word in self.entries), None)
        names = ("org_id", "stream", "version", "position", "actor")
        place: Any = tuple(event[name] for name in names)
        return quoted or self._places.get(place)

    def late_key_of(self, event: Mapping[str, Any], found: Collection[str]) -> str | None:
        """The command that an event without words, of which nobody was told, belongs to: one not `found` yet.

        One process refused it while an attempt lay in a frozen one, which accepted that when it woke up.
        """
        who_and_where = (event["org_id"], event["stream"], event["actor"])
        values = event["data"].values()
        for key, entry in self.entries.items():
            asked = entry.asked
            if (
                entry.is_left_behind
                and entry.fate is not Fate.ACKNOWLEDGED
                and key not in found
                and (str(asked.org_id), asked.stream, str(asked.actor)) == who_and_where
                and all(wished in values for wished in asked.body.values())
            ):
                return key
        return None

    def disturb(self, what: str) -> None:
        """Count an attempt that ended without an answer that settles anything."""
        self.disturbances[what] = self.disturbances.get(what, 0) + 1

    def of(self, fate: Fate) -> Iterator[Entry]:
        return (entry for entry in self.entries.values() if entry.fate is fate)

    def summary(self) -> str:
        """For the eyes of whoever runs the campaign."""
        counts = {fate.value: sum(1 for _ in self.of(fate)) for fate in Fate}
        return f"{self.attempts} attempts, {counts}, disturbed: {dict(sorted(self.disturbances.items()))}"
