"""Who may do what, as a table."""

from uuid import UUID

import pytest

from libs.access.authorize import Action, authorize, may_create_projects, visible_projects
from libs.chassis.identity import Caller
from libs.chassis.problems import Problem

ORGANIZATION, ANN = UUID(int=1), UUID(int=2)
OURS, OTHERS = UUID(int=3), UUID(int=4)
# role: organization role, role in OURS -> read, comment, contribute, manage, administer; seen from OURS.
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
ORGANIZATION_TABLE = [
    ("owner", None, "yes yes yes yes yes"),
    ("auditor", None, "yes 403 403 403 403"),
    ("member", "manager", "403 403 403 403 403"),
    (None, "manager", "403 403 403 403 403"),
]


def caller(org_role: str | None, role: str | None) -> Caller:
    return Caller(ORGANIZATION, ANN, org_role, {OURS: role} if role else {})


def outcomes(who: Caller, project_id: UUID | None) -> str:
    return " ".join(outcome(who, action, project_id) for action in Action)


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


def test_everybody_of_the_organization_but_its_auditors_may_propose_a_project() -> None:
    roles = ("owner", "admin", "member", "auditor", None)
    assert [may_create_projects(caller(role, "manager")) for role in roles] == [
        True,
        True,
        True,
        False,
        False,
    ]
