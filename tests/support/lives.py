"""Lives of aggregates as hypothesis draws them: random commands, of which the accepted ones make a history."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, TypeVar

from hypothesis import strategies

from libs.events import catalogue
from libs.events.envelope import EventData
from services.projects.aggregate import Aggregate, Command
from services.projects.facts import Facts
from tests.support.given import decided, fold

Made = TypeVar("Made", bound=Command)

FIRST_DAY = date(2026, 1, 1)
days = strategies.integers(0, 4).map(lambda count: FIRST_DAY + timedelta(days=count))
words = strategies.sampled_from(["one", "another", "a third"])


def some(command: type[Made], **fields: strategies.SearchStrategy[Any]) -> strategies.SearchStrategy[Made]:
    """Commands of one kind, with each of their fields drawn."""
    return strategies.builds(command, **fields)


def lives(*kinds: strategies.SearchStrategy[Any]) -> strategies.SearchStrategy[list[Any]]:
    """Up to thirty commands of all kinds in any order."""
    return strategies.lists(strategies.one_of(*kinds), max_size=30)


def lived(aggregate: Aggregate[Any], commands: Sequence[Command], facts: Facts) -> list[EventData]:
    """The events of the accepted commands; holds on the way that each of them can be read back as it was."""
    state: Any = None
    history: list[EventData] = []
    for command in commands:
        outcome = decided(aggregate, state, command, facts)
        state = outcome.state
        history += outcome.events
    for event in history:
        assert type(event).model_validate(event.model_dump(mode="json")) == event
        assert catalogue.type_of(event).name
    assert state == fold(aggregate, history) == fold(aggregate, history)
    return history
