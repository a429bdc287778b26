"""What a member does in a project, in the sentences of its activity."""

import pytest

from libs.events.access import (
    ProjectMemberJoined,
    ProjectMemberLeft,
    ProjectMemberRoleGranted,
    ProjectRole,
)
from libs.events.envelope import EventData
from services.timeline.sentences import sentence
from tests.support.history import History, an_id

PROJECT, OTHER = an_id("Apollo"), an_id("somebody else")

OF_MEMBERS = [
    (
        ProjectMemberJoined(project_id=PROJECT, person_id=OTHER, role=ProjectRole.VIEWER),
        "Person 01987e9c joined the project as viewer",
    ),
    (
        ProjectMemberRoleGranted(
            project_id=PROJECT, person_id=OTHER, role=ProjectRole.MANAGER, role_before=ProjectRole.VIEWER
        ),
        "Person 01987e9c is manager now, not viewer any more",
    ),
    (
        ProjectMemberLeft(
            project_id=PROJECT, person_id=OTHER, role_before=ProjectRole.MANAGER, reason="Retired"
        ),
        "Person 01987e9c left the project, where they were manager: Retired",
    ),
]


@pytest.mark.parametrize(("data", "expected"), OF_MEMBERS, ids=lambda each: type(each).__name__)
def test_what_a_member_does_in_a_project_is_told_in_a_sentence(data: EventData, expected: str) -> None:
    event = History().record("member", OTHER, data)
    assert sentence(event, "01987e9c", {}) == expected
