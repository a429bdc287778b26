"""Who asked to hear of an event: pure matching of events with rules.

A rule never matches an event it was not there for: its position must be after `since_position`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import cache
from uuid import UUID

from libs.events import vocabulary  # noqa: F401 (importing it fills the catalogue)
from libs.events.catalogue import event_types
from libs.events.envelope import Envelope

IMPORTED_AFTER = timedelta(hours=24)


class Channel(StrEnum):
    """Where a match is told."""

    INBOX = "inbox"
    WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True)
class Rule:
    """What one recipient asked to hear; every part that is given must hold.

    `recipient` is a person (inbox) or an endpoint (webhook). `kinds` are event types or prefixes such as
    `milestone.*`, none meaning every type. `own_actions_of` is the person whose own actions are muted.
    """

    org_id: UUID
    rule_id: UUID
    channel: Channel
    recipient: UUID
    since_position: int
    project_id: UUID | None = None
    kinds: frozenset[str] = frozenset()
    stream: str | None = None
    own_actions_of: UUID | None = None
    include_imported: bool = False


def matches(rule: Rule, event: Envelope) -> bool:
    """Whether the rule's recipient asked to hear of this event."""
    return (
        rule.org_id == event.org_id
        and event.position > rule.since_position
        and (rule.project_id is None or rule.project_id == event.project_id)
        and (rule.stream is None or rule.stream == event.stream)
        and (not rule.kinds or any(kind_covers(kind, event.type) for kind in rule.kinds))
        and (rule.include_imported or not is_imported(event))
        and not is_own_action(rule, event)
    )


def kind_covers(kind: str, type_name: str) -> bool:
    """`milestone.*` covers every type of milestones, any other kind covers itself."""
    if kind.endswith(".*"):
        return type_name.startswith(kind[:-1])
    return kind == type_name


def is_imported(event: Envelope) -> bool:
    """True for history: recorded more than a day after it happened, which is old news to everybody."""
    return event.recorded_at - event.effective_at > IMPORTED_AFTER


def is_own_action(rule: Rule, event: Envelope) -> bool:
    """True where the muted person acted, or where somebody acted on that person's behalf."""
    return rule.own_actions_of is not None and rule.own_actions_of in (event.actor, event.on_behalf_of)


@cache
def known_kinds() -> tuple[str, ...]:
    """Every kind a rule may name: the event types of the catalogue and their prefixes, in order."""
    types = [event_type.name for event_type in event_types()]
    return tuple(sorted({*types, *(f"{name.split('.')[0]}.*" for name in types)}))


@cache
def types_covered(kind: str) -> frozenset[str]:
    return frozenset(each.name for each in event_types() if kind_covers(kind, each.name))


EVERY_TYPE = "*"
IndexKey = tuple[UUID, str | UUID | None, str]


class Rules:
    """Rules indexed by what they name, so that an event is compared only with those that could match.

    Each rule stands under the narrowest thing it names (an entity, else a project, else everything)
    and there under each of its event types.
    """

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self._by_key: dict[IndexKey, list[Rule]] = {}
        for rule in rules:
            for key in _keys_of(rule):
                self._by_key.setdefault(key, []).append(rule)

    def matching(self, event: Envelope) -> Sequence[Rule]:
        """Every rule that matches the event, each once, in the order of their ids."""
        candidates = {
            rule.rule_id: rule
            for place in (event.stream, event.project_id, None)
            for type_name in (event.type, EVERY_TYPE)
            for rule in self._by_key.get((event.org_id, place, type_name), ())
        }
        return [candidates[rule_id] for rule_id in sorted(candidates) if matches(candidates[rule_id], event)]


def _keys_of(rule: Rule) -> Iterable[IndexKey]:
    place = rule.stream or rule.project_id
    if not rule.kinds:
        return [(rule.org_id, place, EVERY_TYPE)]
    types = frozenset[str]().union(*(types_covered(kind) for kind in rule.kinds))
    return [(rule.org_id, place, type_name) for type_name in types]
