"""Who may do what: roles of a verified caller against actions, decided without any I/O.

What a caller may not even see does not exist for them: 404, never 403.
"""

from enum import StrEnum
from uuid import UUID

from libs.chassis.identity import Caller
from libs.chassis.problems import Problem


class Action(StrEnum):
    """What somebody wants to do in a project, from seeing it to deciding over it."""

    READ = "read"
    COMMENT = "comment"
    CONTRIBUTE = "contribute"
    MANAGE = "manage"
    ADMINISTER = "administer"


# A project role may do what stands in its row; an organization role may do it in every project.
PROJECT_ROLE_ACTIONS: dict[str, frozenset[Action]] = {
    "viewer": frozenset({Action.READ}),
    "stakeholder": frozenset({Action.READ, Action.COMMENT}),
    "contributor": frozenset({Action.READ, Action.COMMENT, Action.CONTRIBUTE}),
    "manager": frozenset({Action.READ, Action.COMMENT, Action.CONTRIBUTE, Action.MANAGE}),
}
ORGANIZATION_ROLE_ACTIONS: dict[str, frozenset[Action]] = {
    "owner": frozenset(Action),
    "admin": frozenset(Action),
    "auditor": frozenset({Action.READ}),
    "member": frozenset(),
}
NOTHING: frozenset[Action] = frozenset()


def actions(caller: Caller, project_id: UUID | None) -> frozenset[Action]:
    """Everything the caller may do in a project, or, without one, in the organization itself."""
    granted = ORGANIZATION_ROLE_ACTIONS.get(caller.org_role or "", NOTHING)
    if project_id is None:
        return granted
    return granted | PROJECT_ROLE_ACTIONS.get(caller.project_roles.get(project_id, ""), NOTHING)


def authorize(caller: Caller, action: Action | str, project_id: UUID | None) -> None:
    """Return if the caller may, otherwise raise `Problem`: 404 for what they may not see, else 403.

    `project_id` `None` means the organization itself, which all its callers know of. `ValueError` for an
    action that does not exist.
    """
    allowed = actions(caller, project_id)
    if Action(action) in allowed:
        return
    if project_id is not None and Action.READ not in allowed:
        raise not_found()
    raise Problem(403, "forbidden", "Your role does not allow this.")


def visible_projects(caller: Caller) -> frozenset[UUID] | None:
    """The projects of the organization the caller may see; `None` means every one of them."""
    if Action.READ in ORGANIZATION_ROLE_ACTIONS.get(caller.org_role or "", NOTHING):
        return None
    return frozenset(
        project_id
        for project_id, role in caller.project_roles.items()
        if Action.READ in PROJECT_ROLE_ACTIONS.get(role, NOTHING)
    )


def may_create_projects(caller: Caller) -> bool:
    """Proposing a project is open to everybody who belongs to the organization, except its auditors."""
    return caller.org_role in ("owner", "admin", "member")


def not_found() -> Problem:
    """One body for what does not exist and for what must not be seen, so that nobody can tell them apart."""
    return Problem(404, "not_found", "There is nothing here, or nothing that you may see.")
