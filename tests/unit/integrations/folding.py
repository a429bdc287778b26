"""Folds import lines through the aggregates, as the projects service does with each of them in turn."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic_core import from_json, to_json

from integrations.import_line import ImportLine
from libs.events.envelope import EventData, aggregate_of, entity_id_of, instant
from services.projects.aggregate import Aggregate
from services.projects.facts import Facts, ProjectFacts
from services.projects.portfolio.project.life import AGGREGATE as PROJECT
from services.projects.portfolio.project.project import facts_of
from services.projects.raid.issue.life import AGGREGATE as ISSUE
from services.projects.schedule.milestone.life import AGGREGATE as MILESTONE
from tests.support.given import decided

AGGREGATES: dict[str, Aggregate[Any]] = {each.name: each for each in (PROJECT, MILESTONE, ISSUE)}


@dataclass
class Folded:
    """What the lines led to: states and events by stream, and what was refused, by key."""

    states: dict[str, Any] = field(default_factory=dict)
    events: dict[str, list[EventData]] = field(default_factory=dict)
    unchanged: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)

    def of(self, stream_type: str) -> list[Any]:
        return [state for stream, state in self.states.items() if aggregate_of(stream) == stream_type]

    def count(self, event_type: type[EventData]) -> int:
        return sum(isinstance(event, event_type) for events in self.events.values() for event in events)


def folded(lines: Iterable[ImportLine]) -> Folded:
    """Read each line from its bytes, validate its body as the service does, decide and evolve."""
    result = Folded()
    instants: dict[str, datetime] = {}
    projects: dict[UUID, ProjectFacts] = {}
    for line in lines:
        raw = from_json(line.to_json())
        stream, (name, verb) = raw["stream"], raw["command"].split(".")
        assert aggregate_of(stream) == name
        effective_at = instant(raw["effective_at"])
        assert effective_at >= instants.get(stream, effective_at), f"{raw['key']} runs backwards"
        instants[stream] = effective_at
        aggregate = AGGREGATES[name]
        command_type = aggregate.command_named(verb)
        assert command_type is not None, verb
        body = {**raw["body"], "effective_at": raw["effective_at"]}
        if verb == aggregate.creating[0]:
            body[aggregate.id_field] = str(entity_id_of(stream))
        command = command_type.model_validate_json(to_json(body))
        outcome = decided(aggregate, result.states.get(stream), command, Facts(projects))
        if outcome.rejection is not None:
            result.refused[raw["key"]] = outcome.rejection.code
            continue
        if not outcome.events:
            result.unchanged.append(raw["key"])
        result.states[stream] = outcome.state
        result.events.setdefault(stream, []).extend(outcome.events)
        if name == "project":
            projects[entity_id_of(stream)] = facts_of(outcome.state)
    return result
