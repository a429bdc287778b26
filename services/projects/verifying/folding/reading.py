"""One reading of a stream: each event with the state after it, from the stream's first event on."""

from collections.abc import Mapping
from types import MappingProxyType

from services.projects.verifying.folding import api_key, issue, member, milestone, organization, project
from services.projects.verifying.folding.state import Change, Fold, LogContradicted, Row, State

FOLDS: Mapping[str, Fold] = MappingProxyType(
    {
        "project": project.fold,
        "milestone": milestone.fold,
        "issue": issue.fold,
        "member": member.fold,
        "api_key": api_key.fold,
        "organization": organization.fold,
    }
)


def kind_of(stream: str) -> str:
    """`milestone-<uuid>` is a milestone's."""
    return stream[:-37]


def folded(before: State | None, event: Row) -> Change:
    """The state after an event, with its clocks; raises `LogContradicted` where nobody can read the event so."""
    try:
        change = FOLDS[kind_of(event["stream"])](dict(before or {}), event)
    except (KeyError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
        raise LogContradicted(f"{event['type']} can not be read: {type(error).__name__} {error}") from error
    change.state.update(
        org_id=event["org_id"],
        known_from=event["position"],
        version=event["version"],
        recorded_at=event["recorded_at"],
        effective_at=event["effective_at"],
    )
    return change._replace(note=change.note or None)
