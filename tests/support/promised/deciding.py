"""The aggregates of one organization in memory: each decides, evolves, and is shown as the service shows it."""

import json
from uuid import UUID

from services.projects.aggregate import Rejection
from services.projects.aggregates import BY_NAME
from services.projects.facts import Facts
from services.projects.portfolio.project.project import facts_of
from services.projects.rendering import resource_body
from tests.support.given import decided
from tests.support.promised.drawn import ACTOR
from tests.support.promised.outcome import State
from tests.support.promised.world import Wish


class InMemory:
    """States and versions by stream."""

    def __init__(self) -> None:
        self._states: dict[str, object] = {}
        self._versions: dict[str, int] = {}

    def decide(self, wish: Wish) -> tuple[str | None, int, State | None]:
        """The code of the refusal if it is one, the version afterwards, and the state in JSON."""
        aggregate = BY_NAME[wish.kind]
        kind = aggregate.command_named(wish.verb)
        assert kind is not None
        if wish.stream not in self._states and not wish.is_creating:
            return "not_found", 0, None
        command = kind.model_validate_json(json.dumps(wish.body))
        outcome = decided(aggregate, self._states.get(wish.stream), command, self._facts(wish))
        if outcome.events:
            self._states[wish.stream] = outcome.state
            self._versions[wish.stream] = self._versions.get(wish.stream, 0) + len(outcome.events)
        return _code(outcome.rejection), self._versions.get(wish.stream, 0), self._shown(wish)

    def _facts(self, wish: Wish) -> Facts:
        projects = {
            UUID(stream[-36:]): facts_of(state)  # type: ignore[arg-type]
            for stream, state in self._states.items()
            if stream.startswith("project-")
        }
        return Facts(projects, frozenset(self._states), UUID(ACTOR), UUID(wish.entity_id), "0" * 64)

    def _shown(self, wish: Wish) -> State | None:
        state = self._states.get(wish.stream)
        if state is None:
            return None
        version = self._versions[wish.stream]
        shown = json.loads(resource_body(BY_NAME[wish.kind], UUID(wish.entity_id), version, state))
        return {name: value for name, value in shown.items() if name not in (f"{wish.kind}_id", "version")}


def _code(rejection: Rejection | None) -> str | None:
    return None if rejection is None else rejection.code
