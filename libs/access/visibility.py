"""Who sees which events: those of projects they may read, of the organization if they may read that.

Judged by what a caller may do now, also for what happened long ago.
"""

from dataclasses import dataclass
from uuid import UUID

from libs.access.authorize import Action, actions, visible_projects
from libs.chassis.identity import Caller

# What concerns the keys of an organization is for those who may audit it.
AUDITED_AGGREGATES = frozenset({"api_key"})
# Events of these aggregates, whose ids are those of people, keys and organizations, change what somebody may see.
ACCESS_AGGREGATES = frozenset({"member", "api_key"})
ORGANIZATION_AGGREGATE = "organization"


@dataclass(frozen=True, slots=True)
class Sight:
    """What a caller sees of their organization: the same rule for a question in SQL and for a single event.

    `projects` `None` means every one; events that belong to no project are seen if `has_organization`, except those
    of `hidden_aggregates`.
    """

    projects: frozenset[UUID] | None
    has_organization: bool
    hidden_aggregates: frozenset[str]

    def covers(self, project_id: UUID | None, event_type: str) -> bool:
        """Whether an event of that project and type is seen."""
        if project_id is None:
            return self.has_organization and event_type.partition(".")[0] not in self.hidden_aggregates
        return self.projects is None or project_id in self.projects


def sight(caller: Caller) -> Sight:
    """What the caller sees now."""
    allowed = actions(caller, None)
    hidden = frozenset() if Action.AUDIT in allowed else AUDITED_AGGREGATES
    return Sight(visible_projects(caller), Action.READ in allowed, hidden)


def sees(caller: Caller, project_id: UUID | None, event_type: str) -> bool:
    """Whether the caller sees an event of their organization; `project_id` `None`: one that belongs to no project."""
    return sight(caller).covers(project_id, event_type)
