"""Who may do what, as a table."""

from uuid import UUID

import pytest

from libs.access.authorize import Action, authorize, visible_projects
from libs.chassis.identity import Caller, KeyScope
from libs.chassis.problems import Problem

ORGANIZATION, ANN = UUID(int=1), UUID(int=2)
OURS, OTHERS = UUID(int=3), UUID(int=4)
IN_PROJECTS = (Action.READ, Action.COMMENT, Action.CONTRIBUTE, Action.MANAGE, Action.ADMINISTER)
IN_ORGANIZATION = (Action.READ, Action.PROPOSE, Action.AUDIT, Action.ADMINISTER, Action.OWN)
# Organization role, role in OURS -> what becomes of each of IN_PROJECTS, seen from OURS.
OURS_TABLE = [
    ("owner", None, "yes yes yes yes yes"),
    ("admin", None, "yes yes yes yes yes"),
    ("auditor", None, "yes 403 403 403 403"),
    ("auditor", "contributor", "yes yes yes 403 403"),
    ("member", None, "404 404 404 404 404"),
    ("member", "viewer", "yes 403 403 403 403"),
    ("member", "stakeholder", "yes yes 403 403 403"),
    ("member", "contributor", "yes yes yes 403 403"),
    ("member", "manager", "yes yes yes yes 403"),
    (None, "manager", "yes yes yes yes 403"),
    (None, None, "404 404 404 404 404"),
]
OTHERS_TABLE = [
    ("member", "manager", "404 404 404 404 404"),
    (None, "manager", "404 404 404 404 404"),
    ("admin", "viewer", "yes yes yes yes yes"),
]
# ... and of each of IN_ORGANIZATION.
ORGANIZATION_TABLE = [
    ("owner", None, "yes yes yes yes yes"),
    ("admin", None, "yes yes yes yes 403"),
    ("auditor", None, "yes 403 yes 403 403"),
    ("member", "manager", "yes yes 403 403 403"),
    (None, "manager", "403 403 403 403 403"),
]
# Scopes, projects reached (None: all) -> IN_PROJECTS for OURS, then IN_ORGANIZATION.
KEY_TABLE = [
    ("read", None, "yes 403 403 403 403", "yes 403 403 403 403"),
    ("read comment contribute manage", None, "yes yes yes yes 403", "yes yes 403 403 403"),
    ("read contribute", OURS, "yes 403 yes 403 403", "403 403 403 403 403"),
    ("read manage", OTHERS, "404 404 404 404 404", "403 403 403 403 403"),
    ("comment", OURS, "404 yes 404 404 404", "403 403 403 403 403"),
]


def caller(org_role: str | None, role: str | None) -> Caller:
    return Caller(ORGANIZATION, ANN, org_role, {OURS: role} if role else {})


def key(scopes: str, reached: UUID | None) -> Caller:
    project_ids = None if reached is None else frozenset({reached})
    return Caller(ORGANIZATION, ANN, key_scope=KeyScope(frozenset(scopes.split()), project_ids))


def outcomes(who: Caller, project_id: UUID | None) -> str:
    asked = IN_ORGANIZATION if project_id is None else IN_PROJECTS
    return " ".join(outcome(who, action, project_id) for action in asked)


def outcome(who: Caller, action: Action, project_id: UUID | None) -> str:
    try:
        authorize(who, action, project_id)
    except Problem as problem:
        return str(problem.status)
    return "yes"


@pytest.mark.parametrize(("org_role", "role", "expected"), OURS_TABLE)
def test_in_a_project(org_role: str | None, role: str | None, expected: str) -> None:
    assert outcomes(caller(org_role, role), OURS) == expected


@pytest.mark.parametrize(("org_role", "role", "expected"), OTHERS_TABLE)
def test_in_another_project(org_role: str | None, role: str | None, expected: str) -> None:
    assert outcomes(caller(org_role, role), OTHERS) == expected


@pytest.mark.parametrize(("org_role", "role", "expected"), ORGANIZATION_TABLE)
def test_in_the_organization_itself(org_role: str | None, role: str | None, expected: str) -> None:
    assert outcomes(caller(org_role, role), None) == expected


def test_an_action_that_does_not_exist_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="destroy"):
        authorize(caller("owner", None), "destroy", OURS)


@pytest.mark.parametrize(
    ("org_role", "role", "expected"),
    [
        ("owner", None, None),
        ("admin", None, None),
        ("auditor", "viewer", None),
        ("member", None, frozenset()),
        ("member", "viewer", frozenset({OURS})),
        (None, "stakeholder", frozenset({OURS})),
        (None, None, frozenset()),
    ],
)
def test_visible_projects(org_role: str | None, role: str | None, expected: frozenset[UUID] | None) -> None:
    assert visible_projects(caller(org_role, role)) == expected


@pytest.mark.parametrize(("scopes", "reached", "in_ours", "in_organization"), KEY_TABLE)
def test_a_key_may_what_its_scopes_say_where_it_reaches(
    scopes: str, reached: UUID | None, in_ours: str, in_organization: str
) -> None:
    who = key(scopes, reached)
    assert outcomes(who, OURS) == in_ours
    assert outcomes(who, None) == in_organization


def test_a_key_sees_the_projects_it_reaches_if_it_may_read() -> None:
    assert visible_projects(key("read", None)) is None
    assert visible_projects(key("read", OURS)) == frozenset({OURS})
    assert visible_projects(key("comment", OURS)) == frozenset()
