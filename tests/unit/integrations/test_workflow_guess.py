"""The words of a state's name say what it means, and somebody who knows better may overrule them."""

import pytest

from integrations.workflow_guess import guessed, workflow
from libs.events.portfolio import StateCategory


@pytest.mark.parametrize(
    ("category", "states"),
    [
        (
            "todo",
            "New|Open|Opened|To Do|Backlog|Queued-Awaiting Assignment|Unmatched-Unmatched|Created|Draft|Not started",
        ),
        (
            "active",
            "In Progress|Accepted-In Progress|Accepted-Assigned|Reopened|Re-opened|Analysis|Review|Incomplete",
        ),
        ("waiting", "Accepted-Wait|Waiting|Awaiting User Info|Pending|On Hold|Blocked|Wait - Vendor"),
        (
            "done",
            "Completed-Closed|Closed|Resolved|Done|Completed-Resolved|Fixed|Finished|Merged|Released|End",
        ),
        (
            "cancelled",
            "Completed-Cancelled|Canceled|Rejected|Withdrawn|Won't Fix|Duplicate|Closed - not planned",
        ),
    ],
)
def test_words_in_a_name_suggest_a_category(category: str, states: str) -> None:
    assert {state: guessed(state).value for state in states.split("|")} == dict.fromkeys(
        states.split("|"), category
    )


def test_states_stand_in_the_order_of_their_categories_and_then_as_they_came() -> None:
    told = {"Odd": StateCategory.DONE}

    assert list(workflow(["Closed", "Fixing", "New", "Odd", "Analysis"], told).items()) == [
        ("New", StateCategory.TODO),
        ("Fixing", StateCategory.ACTIVE),
        ("Analysis", StateCategory.ACTIVE),
        ("Closed", StateCategory.DONE),
        ("Odd", StateCategory.DONE),
    ]
