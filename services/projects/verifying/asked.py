"""A second, independent matching of events with rules: who must have been told what, from plain rows alone."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

Row = Mapping[str, Any]


class Rules:
    """What people or endpoints ask for now, by `id_column`; each rule stands under the narrowest place it names."""

    def __init__(self, rules: Iterable[Row], id_column: str) -> None:
        self._id_column = id_column
        self._by_id = {rule[id_column]: rule for rule in rules}
        self._by_place: dict[tuple[str, str | None], list[Row]] = defaultdict(list)
        for rule in self._by_id.values():
            self._by_place[rule["org_id"], rule.get("stream") or rule["project_id"]].append(rule)

    def asking(self, event: Row) -> Iterator[Row]:
        """Every rule that asks for an event."""
        for place in dict.fromkeys((event["stream"], event["project_id"], None)):
            for rule in self._by_place.get((event["org_id"], place), ()):
                if asks_for(rule, event):
                    yield rule

    def vouching(self, rule_id: str, position: int) -> Row | None:
        """The rule, if it was the same when this position was told; `None` where it is gone or was put differently."""
        rule = self._by_id.get(rule_id)
        return rule if rule is not None and rule["since_position"] < position else None


def asks_for(rule: Row, event: Row) -> bool:
    """Everything the rule names must hold; a rule is never about what was there before it, nor about old history."""
    if rule["org_id"] != event["org_id"] or event["position"] <= rule["since_position"]:
        return False
    if rule.get("mute_own") and rule["person_id"] in (event["actor"], event["on_behalf_of"]):
        return False
    named = [(rule["project_id"], event["project_id"]), (rule.get("stream"), event["stream"])]
    if any(wanted is not None and wanted != found for wanted, found in named):
        return False
    if rule["kinds"] and not any(_is_of_kind(event["type"], kind) for kind in rule["kinds"]):
        return False
    return bool(rule["include_imported"]) or not _is_old(event)


def _is_of_kind(event_type: str, kind: str) -> bool:
    family, _, rest = kind.partition(".")
    return event_type == kind or (rest == "*" and event_type.partition(".")[0] == family)


def _is_old(event: Row) -> bool:
    recorded_at, effective_at = (
        datetime.fromisoformat(event[name]) for name in ("recorded_at", "effective_at")
    )
    return recorded_at - effective_at > timedelta(hours=24)
