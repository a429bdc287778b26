"""Who may do what: roles of a verified caller against actions, decided without any I/O.

What a caller may not even see does not exist for them: 404, never 403.
"""

from enum import StrEnum
from uuid import UUID

from libs.chassis import noting
from libs.chassis.identity import Caller
from libs.chassis.problems import Problem


class Action(StrEnum):
    """What somebody wants to do in a project, or in the organization itself.

    Of the organization alone are `propose` (a project), `audit` (see keys and who was denied what), `administer`
    (members and keys) and `own` (owners).
    """

    READ = "read"
    COMMENT = "comment"
    CONTRIBUTE = "contribute"
    MANAGE = "manage"
    PROPOSE = "propose"
    AUDIT = "audit"
    ADMINISTER = "administer"
    OWN = "own"


# What the access log keeps of those who were allowed.
OVER_OTHERS = frozenset({Action.ADMINISTER, Action.OWN})

NOTHING: frozenset[Action] = frozenset()
READING = frozenset({Action.READ})
MANAGING = frozenset({Action.READ, Action.COMMENT, Action.CONTRIBUTE, Action.MANAGE})
ADMINISTERING = MANAGING | {Action.ADMINISTER}

# A project role may do what stands in its row.
PROJECT_ROLE_ACTIONS: dict[str, frozenset[Action]] = {
    "viewer": READING,
    "stakeholder": frozenset({Action.READ, Action.COMMENT}),
    "contributor": frozenset({Action.READ, Action.COMMENT, Action.CONTRIBUTE}),
    "manager": MANAGING,
}
# What an organization role may do in every project of the organization ...
EVERY_PROJECT_ACTIONS: dict[str, frozenset[Action]] = {
    "owner": ADMINISTERING,
    "admin": ADMINISTERING,
    "auditor": READING,
    "member": NOTHING,
}
# ... and in the organization itself.
ORGANIZATION_ROLE_ACTIONS: dict[str, frozenset[Action]] = {
    "owner": frozenset(Action),
    "admin": frozenset(Action) - {Action.OWN},
    "auditor": frozenset({Action.READ, Action.AUDIT}),
    "member": frozenset({Action.READ, Action.PROPOSE}),
}


def actions(caller: Caller, project_id: UUID | None) -> frozenset[Action]:
    """Everything the caller may do in a project, or, without one, in the organization itself."""
    if caller.key_scope is not None:
        return _actions_of_key(caller, project_id)
    if project_id is None:
        return ORGANIZATION_ROLE_ACTIONS.get(caller.org_role or "", NOTHING)
    return EVERY_PROJECT_ACTIONS.get(caller.org_role or "", NOTHING) | PROJECT_ROLE_ACTIONS.get(
        caller.project_roles.get(project_id, ""), NOTHING
    )


def _actions_of_key(caller: Caller, project_id: UUID | None) -> frozenset[Action]:
    """A key for the whole organization also sees it, and may propose projects if it may manage them."""
    scope = caller.key_scope
    if scope is None:
        return NOTHING
    granted = frozenset(map(Action, scope.actions))
    if scope.project_ids is not None:
        return granted if project_id in scope.project_ids else NOTHING
    if project_id is not None:
        return granted
    return (granted & READING) | ({Action.PROPOSE} if Action.MANAGE in granted else NOTHING)


def authorize(caller: Caller, action: Action | str, project_id: UUID | None) -> None:
    """Return if the caller may, otherwise raise `Problem`: 404 for what they may not see, else 403.

    `project_id` `None` means the organization itself, which all its callers know of. `ValueError` for an
    action that does not exist.
    """
    allowed = actions(caller, project_id)
    if Action(action) in allowed:
        if action in OVER_OTHERS:
            noting.decision_over_others()
        return
    if project_id is not None and Action.READ not in allowed:
        raise not_found()
    raise Problem(403, "forbidden", "Your role does not allow this.")


def visible_projects(caller: Caller) -> frozenset[UUID] | None:
    """The projects of the organization the caller may see; `None` means every one of them."""
    if caller.key_scope is not None:
        reached = caller.key_scope.project_ids
        return reached if Action.READ in caller.key_scope.actions else frozenset()
    if Action.READ in EVERY_PROJECT_ACTIONS.get(caller.org_role or "", NOTHING):
        return None
    return frozenset(
        project_id
        for project_id, role in caller.project_roles.items()
        if Action.READ in PROJECT_ROLE_ACTIONS.get(role, NOTHING)
    )


def not_found() -> Problem:
    """One body for what does not exist and for what must not be seen, so that nobody can tell them apart."""
    return Problem(404, "not_found", "There is nothing here, or nothing that you may see.")
