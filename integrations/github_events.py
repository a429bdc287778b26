"""GitHub issue events become issues: opened, closed, merged, reopened, assigned; the rest is counted.

Reads one event per line, as collected (`issue`, `type`, `at`, `event`, `actor`) or as GitHub's REST API
for issue events answers them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic_core import from_json

from integrations.noticing import Notice
from integrations.timestamps import InstantReader


@dataclass(frozen=True, slots=True)
class GitHubEvent:
    """What happened to one issue or pull request; `number` counts the lines from 1."""

    number: int
    issue: str
    is_pull: bool
    at: datetime
    event: str
    actor: str = ""
    assignee: str = ""
    title: str = ""
    state_reason: str = ""
    subject: str = ""
    opened_at: datetime | None = None
    opened_by: str = ""


def read(lines: Iterable[bytes]) -> Iterator[GitHubEvent | Notice]:
    """One event per line that is not blank; a line that cannot be read becomes a bad notice."""
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                yield _event(number, from_json(line))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                yield Notice("unreadable_record", _reason(error), number, is_bad=True)


def _reason(error: Exception) -> str:
    return f"there is no {error}" if isinstance(error, KeyError) else str(error)


def _event(number: int, raw: dict[str, Any]) -> GitHubEvent:
    issue = raw["issue"]
    whole = issue if isinstance(issue, dict) else {}
    opened_at = whole.get("created_at")
    return GitHubEvent(
        number=number,
        issue=str(whole["number"] if whole else issue),
        is_pull=raw.get("type") == "pull" or whole.get("pull_request") is not None,
        at=InstantReader().read(raw["at"] if "at" in raw else raw["created_at"]),
        event=str(raw["event"]),
        actor=_login(raw.get("actor")),
        assignee=_login(raw.get("assignee")),
        title=str(raw.get("title") or whole.get("title") or ""),
        state_reason=str(raw.get("state_reason") or ""),
        subject=_subject(raw),
        opened_at=InstantReader().read(opened_at) if opened_at else None,
        opened_by=_login(whole.get("user")),
    )


def _login(person: Any) -> str:
    return str(person.get("login") or "") if isinstance(person, dict) else str(person or "")


def _subject(raw: dict[str, Any]) -> str:
    """What a renaming or a milestone event is about, in words."""
    if rename := raw.get("rename"):
        return f"Renamed from “{rename['from']}” to “{rename['to']}”."
    if milestone := raw.get("milestone"):
        title = milestone["title"] if isinstance(milestone, dict) else milestone
        verb = "Taken out of" if raw["event"] == "demilestoned" else "Put into"
        return f"{verb} the milestone {title}."
    return ""
