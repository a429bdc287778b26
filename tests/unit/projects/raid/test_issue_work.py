"""How an issue moves through its workflow, is blocked, linked and talked about."""

from dataclasses import replace
from uuid import UUID

import pytest
from pydantic import ValidationError

from libs.events.envelope import stream_name
from libs.events.portfolio import StateCategory
from libs.events.raid import IssueBlocked, IssueCommentedOn, IssueLinked, IssueUnblocked, LinkRelation
from services.projects.facts import Facts
from services.projects.raid.issue.issue import IssueAlreadyFinished, Link, StateUnknown
from services.projects.raid.issue.work import (
    LINKS_MAX,
    BlockIssue,
    CommentOnIssue,
    LinkIssue,
    LinksExhausted,
    TransitionIssue,
    UnblockIssue,
)
from services.projects.references import ProjectIsOver, ReferenceUnknown
from tests.support.issues import BLOCKED, FINISHED, RAISED, STARTED, issue, moved
from tests.support.worlds import (
    CLOSED,
    RUNNING,
    SOME_ISSUE,
    SOME_MILESTONE,
    SUPPORT_WORKFLOW,
    UNKNOWN_ISSUE,
    world,
)

BLOCK = BlockIssue(reason="No log file", blocked_by=SOME_ISSUE)
COMMENT_ID, LATER_COMMENT_ID = UUID(int=1), UUID(int=2)


def test_an_issue_moves_to_any_state_of_the_workflow() -> None:
    outcome = issue(RAISED).when(TransitionIssue(state="In progress"))
    outcome.then(STARTED)
    outcome.then_state(replace(issue(RAISED).state(), state="In progress", category=StateCategory.ACTIVE))


def test_a_move_into_the_state_it_is_in_is_recorded() -> None:
    again = moved("In progress", StateCategory.ACTIVE, "In progress", StateCategory.ACTIVE, "Still at it")
    issue(RAISED, STARTED).when(TransitionIssue(state="In progress", note="Still at it")).then(again)


def test_a_state_the_workflow_lacks_is_answered_with_those_it_has() -> None:
    issue(RAISED).when(TransitionIssue(state="Queued")).then_rejected(
        StateUnknown,
        "The workflow of the project has no state of that name; "
        "it has: To do, In progress, Waiting, Done, Cancelled.",
    )


def test_an_issue_leaves_a_state_that_its_project_no_longer_has() -> None:
    issue(RAISED, facts=world(workflow=SUPPORT_WORKFLOW)).when(TransitionIssue(state="Reported")).then(
        moved("To do", StateCategory.TODO, "Reported", StateCategory.WAITING)
    )


def test_a_transition_out_of_the_finish_is_a_transition_that_counts_as_a_reopening() -> None:
    outcome = issue(RAISED, FINISHED).when(TransitionIssue(state="In progress"))
    outcome.then(moved("Done", StateCategory.DONE, "In progress", StateCategory.ACTIVE))
    outcome.then_state(
        replace(issue(RAISED).state(), state="In progress", category=StateCategory.ACTIVE, reopen_count=1)
    )


def test_from_done_to_cancelled_is_no_reopening() -> None:
    outcome = issue(RAISED, FINISHED).when(TransitionIssue(state="Cancelled"))
    outcome.then_state(replace(issue(RAISED).state(), state="Cancelled", category=StateCategory.CANCELLED))


def test_nothing_moves_in_a_project_that_is_over() -> None:
    issue(RAISED, facts=CLOSED).when(TransitionIssue(state="Done")).then_rejected(ProjectIsOver)


def test_an_issue_is_blocked_with_a_reason_whatever_its_state() -> None:
    outcome = issue(RAISED, STARTED).when(BLOCK)
    outcome.then(BLOCKED)
    outcome.then_state(
        replace(
            issue(RAISED, STARTED).state(),
            is_blocked=True,
            blocked_reason="No log file",
            blocked_by=SOME_ISSUE,
        )
    )


def test_blocking_twice_for_the_same_reason_does_nothing() -> None:
    issue(RAISED, BLOCKED).when(BLOCK).then_nothing()


def test_another_reason_in_the_way_is_recorded() -> None:
    issue(RAISED, BLOCKED).when(BlockIssue(reason="No machine")).then(IssueBlocked(reason="No machine"))


def test_what_is_in_the_way_must_exist() -> None:
    command = BlockIssue(reason="No log file", blocked_by=UNKNOWN_ISSUE)
    assert command.streams_referred() == (UNKNOWN_ISSUE,)
    issue(RAISED).when(command).then_rejected(ReferenceUnknown, f"There is no {UNKNOWN_ISSUE}.")


def test_a_finished_issue_cannot_be_blocked() -> None:
    issue(RAISED, FINISHED).when(BLOCK).then_rejected(IssueAlreadyFinished)


def test_finishing_an_issue_takes_the_block_away() -> None:
    done = moved("To do", StateCategory.TODO, "Done", StateCategory.DONE)
    issue(RAISED, BLOCKED).when(TransitionIssue(state="Done")).then_state(issue(RAISED, done).state())


def test_an_issue_is_unblocked() -> None:
    outcome = issue(RAISED, BLOCKED).when(UnblockIssue(reason="Found it"))
    outcome.then(IssueUnblocked(reason="Found it"))
    outcome.then_state(issue(RAISED).state())


def test_unblocking_an_issue_that_is_not_blocked_does_nothing() -> None:
    issue(RAISED).when(UnblockIssue()).then_nothing()


def test_an_issue_is_linked_to_what_exists() -> None:
    outcome = issue(RAISED).when(LinkIssue(relation=LinkRelation.DELIVERS, target=SOME_MILESTONE))
    outcome.then(IssueLinked(relation=LinkRelation.DELIVERS, target=SOME_MILESTONE))
    outcome.then_state(replace(issue(RAISED).state(), links=(Link(LinkRelation.DELIVERS, SOME_MILESTONE),)))
    missing = LinkIssue(relation=LinkRelation.BLOCKS, target=UNKNOWN_ISSUE)
    issue(RAISED).when(missing).then_rejected(ReferenceUnknown)


def test_the_same_link_twice_does_nothing_but_another_relation_is_another_link() -> None:
    linked = IssueLinked(relation=LinkRelation.BLOCKS, target=SOME_ISSUE)
    issue(RAISED, linked).when(LinkIssue(relation=LinkRelation.BLOCKS, target=SOME_ISSUE)).then_nothing()
    issue(RAISED, linked).when(LinkIssue(relation=LinkRelation.CAUSED_BY, target=SOME_ISSUE)).then(
        IssueLinked(relation=LinkRelation.CAUSED_BY, target=SOME_ISSUE)
    )


def test_an_issue_has_at_most_two_hundred_links() -> None:
    targets = [stream_name("issue", UUID(int=number)) for number in range(LINKS_MAX + 1)]
    links = [IssueLinked(relation=LinkRelation.BLOCKS, target=target) for target in targets]
    facts = Facts(RUNNING.projects, frozenset(targets))
    last = LinkIssue(relation=LinkRelation.BLOCKS, target=targets[-1])
    issue(RAISED, *links[: LINKS_MAX - 1], facts=facts).when(last).then(links[-1])
    issue(RAISED, *links[:LINKS_MAX], facts=facts).when(last).then_rejected(
        LinksExhausted, "An issue has at most 200 links."
    )


@pytest.mark.parametrize(
    "target", ["issue-1", f"person-{COMMENT_ID}", f"Issue-{COMMENT_ID}", f"{SOME_ISSUE}\n"]
)
def test_a_reference_names_a_milestone_or_an_issue(target: str) -> None:
    with pytest.raises(ValidationError, match="should match pattern"):
        LinkIssue(relation=LinkRelation.BLOCKS, target=target)


def test_comments_are_counted() -> None:
    first = IssueCommentedOn(comment_id=COMMENT_ID, text="Seen here too")
    issue(RAISED).when(CommentOnIssue(comment_id=COMMENT_ID, text="Seen here too")).then(first)
    outcome = issue(RAISED, first).when(CommentOnIssue(comment_id=LATER_COMMENT_ID, text="Me too"))
    outcome.then_state(replace(issue(RAISED).state(), comment_count=2, last_comment_id=LATER_COMMENT_ID))


def test_the_same_comment_sent_twice_is_one_comment() -> None:
    said = IssueCommentedOn(comment_id=COMMENT_ID, text="Seen here too")
    command = CommentOnIssue(comment_id=COMMENT_ID, text="Seen here too")
    issue(RAISED, said).when(command).then_nothing()


def test_comments_without_an_id_are_comments_of_their_own() -> None:
    command = CommentOnIssue.model_validate_json('{"text": "Seen here too"}')
    again = CommentOnIssue.model_validate_json('{"text": "Seen here too"}')
    assert command.comment_id != again.comment_id
