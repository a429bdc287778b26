"""The streams of the log by themselves: versions 1..n of each, and no event that contradicts those before it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from services.projects.verifying.findings import Finding, Verdict
from services.projects.verifying.folding.contradictions import contradiction
from services.projects.verifying.folding.reading import FOLDS, folded, kind_of
from services.projects.verifying.folding.state import LogContradicted, State
from services.projects.verifying.log import Event
from services.projects.verifying.places import Places

ADVICE = (
    "An event was decided on something that was not so, or the log was changed by hand: look for who wrote these"
    " positions (actor, correlation_id), and compare with a backup. Read models follow the log as it is."
)


@dataclass(slots=True)
class Streams:
    """Pages by stream. What an operator had a consumer leave out nobody can read, nor what follows it in its stream."""

    left_out: Collection[int] = frozenset()
    verdict: Verdict = field(default_factory=lambda: Verdict("streams", ADVICE))
    stream: tuple[str, str] = ("", "")
    version: int = 0
    state: State | None = None
    is_readable: bool = True

    @classmethod
    async def of(cls, places: Places) -> "Streams":
        return cls(frozenset[int]().union(*(each.left_out for each in places.consumers)))

    async def see(self, events: Sequence[Event]) -> None:
        for event in events:
            stream = (event["org_id"], event["stream"])
            if stream != self.stream:
                self.stream, self.version, self.state = stream, 0, None
                self.is_readable = self._is_known(event)
            self._follows(event)
            self._agrees(event)
            self.version = event["version"]
            self.verdict.compared += 1

    async def finish(self) -> None:
        """Nothing is left to be said."""

    def _is_known(self, event: Event) -> bool:
        kind = kind_of(event["stream"])
        if kind not in FOLDS and not self.verdict.not_checked:
            self.verdict.not_checked = f"this program does not know events of {kind}"
        return kind in FOLDS

    def _follows(self, event: Event) -> None:
        if event["version"] != self.version + 1:
            self._add(event, f"version {event['version']} follows version {self.version}")
            self.is_readable = False

    def _agrees(self, event: Event) -> None:
        self.is_readable = self.is_readable and event["position"] not in self.left_out
        if not self.is_readable:
            return
        try:
            wrong = contradiction(self.state, event)
            self.state = folded(self.state, event).state
        except (LogContradicted, KeyError) as error:
            wrong, self.is_readable = str(error), False
        if wrong is not None:
            self._add(event, wrong)

    def _add(self, event: Event, what: str) -> None:
        self.verdict.add(
            Finding("events", what, event["position"], {"org_id": event["org_id"], "stream": event["stream"]})
        )
