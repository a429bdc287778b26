"""What happened, in sentences people read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.events.catalogue import event_types, type_of
from libs.events.envelope import EventData
from libs.events.portfolio import StateCategory
from libs.events.raid import IssueBlocked, IssueCommentedOn, IssueRaised
from services.notifications.sentences import SENTENCES, name_given, sentence, streams_mentioned
from tests.support.notifications.events import (
    ABOUT_ACCESS,
    ISSUE,
    MILESTONE,
    NAMES,
    ONE_OF_EACH,
    PROJECT,
    recorded,
)

TOLD = {
    "project.proposed": "Project “Python 3.9” was proposed: The next Python.",
    "charter.approved": "Project “Python 3.9” has an approved charter, to finish on 2020-10-05: A new parser.",
    "methodology.adopted": "Project “Python 3.9” now works by stage gate: PEP 602.",
    "workflow.adopted": "Project “Python 3.9” has a new workflow: Open, Shut.",
    "phase.entered": "Project “Python 3.9” entered the phase “executing”.",
    "project.put_on_hold": "Project “Python 3.9” was put on hold: no release manager.",
    "project.resumed": "Project “Python 3.9” goes on in state “executing”.",
    "project.closed": "Project “Python 3.9” was closed: released.",
    "project.cancelled": "Project “Python 3.9” was cancelled: nobody wants it.",
    "milestone.planned": "Milestone “3.9.0 final” in “Python 3.9” was planned for 2020-06-08.",
    "milestone.committed": "Milestone “3.9.0 final” in “Python 3.9” is promised for 2020-06-08.",
    "milestone.rebaselined": (
        "Milestone “3.9.0 final” in “Python 3.9” is now promised for 2020-10-05 instead of 2020-06-08"
        " by change PEP 602: annual."
    ),
    "milestone.reforecast": (
        "Milestone “3.9.0 final” in “Python 3.9” is now expected on 2020-10-05, before that 2020-06-08"
        " (caused by issue “Parser crashes”): PEP 602."
    ),
    "milestone.achieved": "Milestone “3.9.0 final” in “Python 3.9” was achieved on 2020-10-05.",
    "milestone.achievement_corrected": (
        "Milestone “3.9.0 final” in “Python 3.9” was achieved on 2020-10-06, not on 2020-10-05: time zones."
    ),
    "milestone.achievement_withdrawn": (
        "Milestone “3.9.0 final” in “Python 3.9” was not achieved on 2020-10-05 after all: bad build."
    ),
    "milestone.cancelled": "Milestone “3.9.0 final” in “Python 3.9” was cancelled: merged into another.",
    "milestone.reinstated": "Milestone “3.9.0 final” in “Python 3.9” is wanted again: wanted after all.",
    "issue.raised": "Issue “Parser crashes” in “Python 3.9” was raised as a task with high priority.",
    "issue.triaged": (
        "Issue “Parser crashes” in “Python 3.9” turned out to be a bug of critical priority: blocks us."
    ),
    "issue.assigned": "Issue “Parser crashes” in “Python 3.9” was assigned in team core.",
    "issue.transitioned": "Issue “Parser crashes” in “Python 3.9” went from “Open” to “Shut”.",
    "issue.blocked": (
        "Issue “Parser crashes” in “Python 3.9” is blocked by milestone “3.9.0 final”: needs a decision."
    ),
    "issue.unblocked": "Issue “Parser crashes” in “Python 3.9” is no longer blocked: decided.",
    "issue.estimated": "Issue “Parser crashes” in “Python 3.9” was estimated at 3 days.",
    "issue.linked": "Issue “Parser crashes” in “Python 3.9” delivers milestone “3.9.0 final”.",
    "issue.commented_on": "Issue “Parser crashes” in “Python 3.9” was commented on: I see it too.",
    "issue.reopened": "Issue “Parser crashes” in “Python 3.9” is open again in “Open”: again.",
    "issue.moved_out": (
        "Issue “Parser crashes” in “Python 3.9” moved to project “Python 3.10”: belongs there."
    ),
    "issue.moved_in": "Issue “Parser crashes” in “Python 3.9” came from project “Python 3.10”.",
    "issue.cancelled": "Issue “Parser crashes” in “Python 3.9” was cancelled: duplicate.",
}


TOLD_OF_ACCESS = {
    "organization.founded": "Organization 00000000 began to use Milepost.",
    "organization.policy_adopted": ("Organization 00000000 demands that commands name the version they saw."),
    "organization.offboarded": "Organization 00000000 ended its use of Milepost.",
    "member.joined": "Member 00000000 joined the organization as member.",
    "member.role_granted": "Member 00000000 is admin now, before that member.",
    "member.left": "Member 00000000 left the organization.",
    "project_member.joined": "Member 00000000 in “Python 3.9” joined as viewer.",
    "project_member.role_granted": "Member 00000000 in “Python 3.9” is manager now, before that viewer.",
    "project_member.left": "Member 00000000 in “Python 3.9” left.",
    "api_key.issued": "Api key 00000000 was issued to read, comment.",
    "api_key.rotated": "Api key 00000000 has a new secret.",
    "api_key.revoked": "Api key 00000000 was revoked.",
    "person.erased": "Member 00000000 was erased.",
}


@pytest.mark.parametrize("data", ABOUT_ACCESS, ids=lambda data: type_of(data).name)
def test_every_event_about_access_is_told_in_a_sentence(data: EventData) -> None:
    name = type_of(data).name
    place = PROJECT if name.startswith("project_member") else None
    assert sentence(recorded(data, project_id=place), NAMES) == TOLD_OF_ACCESS[name]


@pytest.mark.parametrize("data", ONE_OF_EACH[: -len(ABOUT_ACCESS)], ids=lambda data: type_of(data).name)
def test_every_event_is_told_in_a_sentence(data: EventData) -> None:
    assert sentence(recorded(data), NAMES) == TOLD[type_of(data).name]


def test_no_event_type_is_without_a_sentence() -> None:
    assert {event_type.model for event_type in event_types()} == set(SENTENCES)


def test_an_entity_without_a_known_name_is_told_by_the_beginning_of_its_id() -> None:
    event = recorded(IssueBlocked(reason="", blocked_by=f"milestone-{MILESTONE}"))

    assert sentence(event, {}) == "Issue 00000000 is blocked by milestone 00000000."


@given(st.text(max_size=3_000))
def test_a_sentence_is_one_line_of_bounded_length_whatever_people_write(text: str) -> None:
    told = sentence(recorded(IssueCommentedOn(comment_id=ISSUE, text=text)), {f"issue-{ISSUE}": text})

    assert len(told) < 600
    assert len(told.splitlines()) == 1


def test_what_an_event_names_is_remembered() -> None:
    raised = IssueRaised(
        project_id=PROJECT, title="Parser crashes", state="Open", category=StateCategory.TODO
    )

    assert name_given(recorded(raised)) == "Parser crashes"
    assert name_given(recorded(IssueBlocked(reason="x"))) is None


@pytest.mark.parametrize("data", ONE_OF_EACH, ids=lambda data: type_of(data).name)
def test_a_sentence_needs_no_name_but_those_it_mentions(data: EventData) -> None:
    event = recorded(data)
    mentioned = {stream: NAMES[stream] for stream in streams_mentioned(event) if stream in NAMES}

    assert sentence(event, mentioned) == sentence(event, NAMES)
