"""Given a history, when commands are decided, then events, nothing or a rejection: the grammar of domain tests."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from libs.events.envelope import EventData
from services.projects.aggregate import Aggregate, Command, Rejection
from services.projects.facts import Facts


@dataclass(frozen=True)
class Outcome:
    """What a command led to; `then…` compares whole values."""

    state: Any
    events: list[EventData] = field(default_factory=list)
    rejection: Rejection | None = None

    def then(self, *events: EventData) -> None:
        assert self.rejection is None, repr(self.rejection)
        assert self.events == list(events)

    def then_nothing(self) -> None:
        self.then()

    def then_rejected(self, rejection: type[Rejection], detail: str | None = None) -> None:
        assert self.rejection is not None, f"accepted, with {self.events}"
        assert type(self.rejection) is rejection
        assert detail is None or self.rejection.detail == detail

    def then_state(self, state: object) -> None:
        assert self.rejection is None, repr(self.rejection)
        assert self.state == state


@dataclass(frozen=True)
class Given:
    aggregate: Aggregate[Any]
    history: tuple[EventData, ...]
    facts: Facts

    def when(self, *commands: Command) -> Outcome:
        """Decide one command after the other; the outcome is that of the last one."""
        outcome = Outcome(fold(self.aggregate, self.history))
        for command in commands:
            assert outcome.rejection is None, repr(outcome.rejection)
            outcome = decided(self.aggregate, outcome.state, command, self.facts)
        return outcome

    def state(self) -> Any:
        return fold(self.aggregate, self.history)


def given(aggregate: Aggregate[Any], *history: EventData, facts: Facts) -> Given:
    return Given(aggregate, history, facts)


def fold(aggregate: Aggregate[Any], history: Iterable[EventData]) -> Any:
    """The state that a history leads to: `None` where there is none."""
    state = None
    for event in history:
        state = aggregate.evolve(state, event)
    return state


def decided(aggregate: Aggregate[Any], state: Any, command: Command, facts: Facts) -> Outcome:
    try:
        events = list(aggregate.decide(state, command, facts))
    except Rejection as rejection:
        return Outcome(state, rejection=rejection)
    for event in events:
        state = aggregate.evolve(state, event)
    return Outcome(state, events)
