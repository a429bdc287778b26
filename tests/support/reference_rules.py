"""A second, independent matching of events with rules: who must have been told what, from plain rows alone."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

Row = Mapping[str, Any]
Key = tuple[str, str, str]


def inbox(log: Iterable[Row], subscriptions: Iterable[Row]) -> dict[Key, dict[str, Any]]:
    """By organization, person and event: what the inbox item says, and the subscriptions that asked for it."""
    rules = list(subscriptions)
    items: dict[Key, dict[str, Any]] = {}
    for event in log:
        for rule in rules:
            if asks_for(rule, event, person=rule["person_id"] if rule["mute_own"] else None):
                told = {
                    name: event[name]
                    for name in ("position", "type", "project_id", "stream", "actor", "on_behalf_of")
                }
                told |= {"stream_version": event["version"], "subscription_ids": []}
                key = (event["org_id"], rule["person_id"], event["event_id"])
                items.setdefault(key, told)["subscription_ids"].append(rule["subscription_id"])
    for item in items.values():
        item["subscription_ids"].sort()
    return items


def deliveries(log: Iterable[Row], endpoints: Iterable[Row]) -> dict[Key, int]:
    """The position of each delivery, by organization, endpoint and event."""
    rules = [rule for rule in endpoints if rule["state"] != "retired"]
    return {
        (event["org_id"], rule["endpoint_id"], event["event_id"]): event["position"]
        for event in log
        for rule in rules
        if asks_for(rule, event)
    }


def asks_for(rule: Row, event: Row, person: str | None = None) -> bool:
    """Everything the rule names must hold; a rule is never about what was there before it, nor about old history."""
    if rule["org_id"] != event["org_id"] or event["position"] <= rule["since_position"]:
        return False
    if person is not None and person in (event["actor"], event["on_behalf_of"]):
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
