"""Which events a request is about: the filters in its query, within what its caller may see."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from starlette.requests import Request

from libs.access.visibility import sight
from libs.chassis.faults import wrong_parameter
from libs.chassis.identity import Caller
from libs.chassis.problems import Problem
from libs.events import catalogue
from libs.events.log.selecting import Selection

# Whether each may be repeated.
FILTERS = {"project_id": True, "type": True}
FILTER_VALUES_MAX = 100


@dataclass(frozen=True, slots=True)
class Filters:
    """Projects and types somebody asks for; `None` means all they may see."""

    projects: frozenset[UUID] | None
    types: frozenset[str] | None

    def within(self, caller: Caller) -> Selection:
        """What they get: nothing tells a project they may not see from one that does not exist."""
        seen = sight(caller)
        projects = seen.projects
        if self.projects is not None:
            projects = self.projects if projects is None else projects & self.projects
        has_organization = seen.has_organization and self.projects is None
        return Selection(caller.org_id, projects, self.types, has_organization, seen.hidden_aggregates)


def filters(request: Request) -> Filters:
    """Read `project_id` and `type`, each of which may be repeated; raises `Problem` 422."""
    projects = [_project_id(text) for text in _values(request, "project_id")]
    types = [name for text in _values(request, "type") for name in _types(text)]
    return Filters(frozenset(projects) or None, frozenset(types) or None)


def beyond_head(head: int) -> Problem:
    """The 422 of a position the log has not reached: it is no position of this log."""
    return Problem(422, "position_unknown", extra={"head": head})


def _values(request: Request, name: str) -> list[str]:
    values = request.query_params.getlist(name)
    if len(values) > FILTER_VALUES_MAX:
        raise wrong_parameter(name, f"{name} may be repeated {FILTER_VALUES_MAX} times.")
    return values


def _project_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise wrong_parameter("project_id", "project_id must be a UUID.") from None


def _types(text: str) -> Iterable[str]:
    """A type by its name, or all of an aggregate: `milestone.*`."""
    names = [each.name for each in catalogue.event_types()]
    found = [name for name in names if name == text or (text[-2:] == ".*" and name.startswith(text[:-1]))]
    if not found:
        raise wrong_parameter("type", "type must be a type of event, or all of an aggregate like milestone.*")
    return found
