"""Rule-based machines: whatever is asked in whatever order, a system answers as was promised.

`Deciding` holds the aggregates alone against the promise, `Asking` a whole service over HTTP.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar, Protocol

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from tests.support.promised.drawn import ACTOR, BEGINNING, BODIES, THING, WISHES, wishes_for
from tests.support.promised.outcome import Refused, State
from tests.support.promised.world import Answer, Entity, Wish, World

IF_MATCH = st.sampled_from([None, None, "current", "weak", "stale", "*", "many"])
STEPS_MAX = 50
EVERY_COMMAND = {f"{kind}.{verb}" for kind, verbs in BODIES.items() for verb in verbs}
KEYS = ("one", "two")


class Decides(Protocol):
    """The aggregates of one organization, in memory."""

    def decide(self, wish: Wish) -> tuple[str | None, int, State | None]: ...


class Asked(Protocol):
    """A service, asked for one organization that is new to it; `head` is where its log ended then."""

    head: int

    def ask(self, *wishes: Wish) -> list[Answer]:
        """Ask all of it at the same time."""
        ...

    def show(self, wish: Wish, if_none_match: str | None) -> Answer: ...


class Deciding(RuleBasedStateMachine):
    """What the aggregates decide."""

    begin: Callable[[], Decides]
    accepted: ClassVar[set[str]] = set()

    def __init__(self) -> None:
        super().__init__()
        self.world, self.system = World(ACTOR), self.begin()

    @initialize()
    def something_is_there(self) -> None:
        for wish in BEGINNING:
            self.somebody_wishes(wish)

    @rule(wish=WISHES)
    def somebody_wishes(self, wish: Wish) -> None:
        agree(self.system.decide(wish), self._promised(wish))

    def _promised(self, wish: Wish) -> tuple[str | None, int, State | None]:
        """The code of the refusal if it is one, the version afterwards, and the state."""
        before = self.world.entities.get(wish.stream)
        if before is None and not wish.is_creating:
            return "not_found", 0, None
        try:
            became = self.world.decide(wish)
        except Refused as refusal:
            return (refusal.code, before.version, before.state) if before else (refusal.code, 0, None)
        if became.events:
            self.world.record(wish, became)
            self.accepted.add(f"{wish.kind}.{wish.verb}")
        after = self.world.entities[wish.stream]
        return None, after.version, after.state


class Asking(RuleBasedStateMachine):
    """What a service answers, with every condition a client may set, and when two ask at once."""

    begin: Callable[[], Asked]

    def __init__(self) -> None:
        super().__init__()
        self.system = self.begin()
        self.world = World(ACTOR, self.system.head)

    @initialize()
    def something_is_there(self) -> None:
        for wish in BEGINNING:
            self._asked(wish)

    @rule(wish=WISHES, if_match=IF_MATCH, key=st.sampled_from([None, *KEYS]))
    def somebody_asks(self, wish: Wish, if_match: str | None, key: str | None) -> None:
        self._asked(self._conditional(wish, if_match, key))

    @rule(wish=WISHES, key=st.sampled_from(KEYS), is_same=st.booleans())
    def somebody_comes_back_with_their_key(self, wish: Wish, key: str, is_same: bool) -> None:
        """For the same once more, or for what differs in a word; who is new begins."""
        asked = self.world.answers[key][0] if key in self.world.answers else replace(wish, key=key)
        otherwise = replace(asked, body={**asked.body, "effective_at": "1970-01-01T00:00:00Z"})
        self._asked(asked if is_same else otherwise)

    @rule(data=st.data(), thing=THING, if_match=st.sampled_from([None, "current"]))
    def two_ask_at_once(self, data: Any, thing: tuple[str, str], if_match: str | None) -> None:
        """The answers are those to one of them after the other, in either order."""
        drawn = [data.draw(wishes_for(*thing)) for _ in range(2)]
        first, second = (self._conditional(wish, if_match, None) for wish in drawn)
        answers = self.system.ask(first, second)
        here, there = self.world.copy(), self.world.copy()
        in_order = [here.ask(first), here.ask(second)]
        reversed_order = [there.ask(second), there.ask(first)][::-1]
        agree(answers, in_order, reversed_order)
        self.world = here if answers == in_order else there

    @rule(thing=THING, if_none_match=st.sampled_from([None, "current", "stale"]))
    def somebody_looks(self, thing: tuple[str, str], if_none_match: str | None) -> None:
        wish = Wish(*thing, "", {})
        entity = self.world.entities.get(wish.stream)
        answer = self.system.show(wish, _tags(if_none_match, entity))
        if entity is None:
            agree(answer, Answer(404, "not_found"))
        elif if_none_match == "current":
            agree(answer, Answer(304, version=entity.version, position=entity.position))
        else:
            # Nobody uses the keys.
            seen = {"last_used_at": None} if wish.kind == "api_key" else {}
            shown = {**entity.state, **seen}
            agree(answer, Answer(200, None, shown, entity.version, entity.position))

    def _conditional(self, wish: Wish, if_match: str | None, key: str | None) -> Wish:
        entity = self.world.entities.get(wish.stream)
        return replace(wish, if_match=_tags(if_match, entity), key=key)

    def _asked(self, wish: Wish) -> None:
        agree(self.system.ask(wish), [self.world.ask(wish)])


def _tags(chosen: str | None, entity: Entity | None) -> str | None:
    """The header that names the version in that way."""
    version = entity.version if entity else 1
    return {
        None: None,
        "current": f'"{version}"',
        "weak": f'W/"{version}"',
        "stale": f'"{version - 1}"',
        "many": f'"{version + 7}", "{version}"',
        "*": "*",
    }[chosen]


def agree(found: object, *promised: object) -> None:
    """Raise `AssertionError` with both unless what was found is among what was promised."""
    assert found in promised, f"{found} is none of {promised}"


def keeps_promises(machine: type[RuleBasedStateMachine], runs: int, *, shortest: bool = True) -> None:
    """Run a machine that often, the same way every time; raises what it found, with the steps that lead there.

    To find the `shortest` way there takes many more runs.
    """
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=runs,
            stateful_step_count=STEPS_MAX,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate, Phase.shrink] if shortest else [Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
