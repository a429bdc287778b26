"""The log by itself: positions 1..head, and time that never runs backwards."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from services.projects.verifying.findings import Finding, Verdict
from services.projects.verifying.log import BODY, Event
from services.projects.verifying.places import Places

ADVICE = (
    "The log is the truth and nothing else can mend it: keep it as it is, and restore the database of projects to"
    " an instant before the damage (docs/operating.md, Backup and restore)."
)


@dataclass(slots=True)
class Positions:
    """Pages by position."""

    head: int
    verdict: Verdict = field(default_factory=lambda: Verdict("log", ADVICE, tables={"projects.events"}))
    position: int = 0
    recorded_at: str = ""

    @classmethod
    async def of(cls, places: Places) -> "Positions":
        return cls(places.log.head)

    async def see(self, events: Sequence[Event]) -> None:
        for event in events:
            self._follows(event)
            self.position, self.recorded_at = event["position"], event["recorded_at"]
            self.verdict.saw({name: value for name, value in event.items() if name != BODY})

    async def finish(self) -> None:
        if self.position < self.head:
            self._add("missing", self.position + 1)

    def _follows(self, event: Event) -> None:
        if event["position"] != self.position + 1:
            self._add(f"missing up to {event['position'] - 1}", self.position + 1)
        if _instant(event["recorded_at"]) < _instant(self.recorded_at):
            self._add(f"recorded at {event['recorded_at']}, before its predecessor", event["position"])

    def _add(self, what: str, position: int) -> None:
        self.verdict.add(Finding("events", what, position))


def _instant(text: str) -> str:
    """Instants in one zone compare as texts, once those without a fraction have one."""
    return text.replace("+00:00", "" if "." in text else ".")
