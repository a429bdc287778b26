"""Issues in the states that tests of the issue start from."""

from libs.events.envelope import EventData
from libs.events.portfolio import StateCategory
from libs.events.raid import IssueBlocked, IssueKind, IssueRaised, IssueTransitioned
from services.projects.facts import Facts
from services.projects.raid.issue.life import AGGREGATE
from tests.support.given import Given, given
from tests.support.worlds import PROJECT_ID, RUNNING, SOME_ISSUE

RAISED = IssueRaised(
    project_id=PROJECT_ID,
    title="Crash at start",
    kind=IssueKind.BUG,
    state="To do",
    category=StateCategory.TODO,
)
BLOCKED = IssueBlocked(reason="No log file", blocked_by=SOME_ISSUE)


def moved(
    state_before: str, category_before: StateCategory, state: str, category: StateCategory, note: str = ""
) -> IssueTransitioned:
    return IssueTransitioned(
        state_before=state_before, category_before=category_before, state=state, category=category, note=note
    )


STARTED = moved("To do", StateCategory.TODO, "In progress", StateCategory.ACTIVE)
FINISHED = moved("To do", StateCategory.TODO, "Done", StateCategory.DONE)


def issue(*history: EventData, facts: Facts = RUNNING) -> Given:
    return given(AGGREGATE, *history, facts=facts)
