"""What the checker says of a log that is spoiled, one way at a time, without asking anybody else."""

from collections.abc import Callable

import pytest

from services.projects.verifying.checks.positions import Positions
from services.projects.verifying.checks.streams import Streams
from services.projects.verifying.findings import Finding, Verdict
from tests.unit.projects.verifying.conftest import MILESTONE, ORG, Log, event

OF_STREAM = {"org_id": ORG, "stream": MILESTONE}


async def positions_of(log: Log, head: int = 3) -> Verdict:
    check = Positions(head)
    await check.see(log[:1])
    await check.see(log[1:])
    await check.finish()
    return check.verdict


async def streams_of(log: Log, left_out: frozenset[int] = frozenset()) -> Verdict:
    check = Streams(left_out)
    await check.see(log[:1])
    await check.see(log[1:])
    await check.finish()
    return check.verdict


async def test_what_is_right_passes(log: Log) -> None:
    for verdict in (await positions_of(log), await streams_of(log)):
        assert (verdict.compared, verdict.wrong, verdict.first, verdict.not_checked) == (3, 0, None, "")


def gap(log: Log) -> None:
    del log[1]


def cut_off(log: Log) -> None:
    del log[2]


def time_running_backwards(log: Log) -> None:
    log[1]["recorded_at"] = "2026-01-05T08:59:59.999+00:00"


@pytest.mark.parametrize(
    ("spoil", "what", "position"),
    [
        (gap, "missing up to 2", 2),
        (cut_off, "missing", 3),
        (time_running_backwards, "recorded at 2026-01-05T08:59:59.999+00:00, before its predecessor", 2),
    ],
)
async def test_a_position_that_is_wrong_is_named(
    log: Log, spoil: Callable[[Log], None], what: str, position: int
) -> None:
    spoil(log)
    assert (await positions_of(log)).first == Finding("events", what, position)


def version_left_out(log: Log) -> None:
    log[2]["version"] = 4


def stale(log: Log) -> None:
    log[2]["data"]["forecast_on_before"] = "2026-05-01"


def beginning_in_its_middle(log: Log) -> None:
    log[0] |= {"type": "milestone.committed", "data": {"baseline_on": "2026-01-01"}}


def beginning_twice(log: Log) -> None:
    log[1] |= {"type": "milestone.planned", "data": log[0]["data"]}


def without_its_facts(log: Log) -> None:
    log[2] |= {"type": "milestone.achieved", "data": {}}


def of_another_kind(log: Log) -> None:
    log[2]["type"] = "issue.raised"


@pytest.mark.parametrize(
    ("spoil", "what", "position"),
    [
        (version_left_out, "version 4 follows version 2", 3),
        (stale, "forecast_on was '2026-06-01', not '2026-05-01'", 3),
        (beginning_in_its_middle, "the stream begins with milestone.committed", 1),
        (beginning_twice, "milestone.planned comes again", 2),
        (without_its_facts, "milestone.achieved can not be read: KeyError 'achieved_on'", 3),
        (of_another_kind, f"{MILESTONE} has an event issue.raised", 3),
    ],
)
async def test_an_event_that_does_not_follow_from_those_before_it_is_named(
    log: Log, spoil: Callable[[Log], None], what: str, position: int
) -> None:
    spoil(log)
    assert (await streams_of(log)).first == Finding("events", what, position, OF_STREAM)


async def test_what_an_operator_left_out_is_not_held_against_the_log(log: Log) -> None:
    without_its_facts(log)
    assert (await streams_of(log, frozenset({3}))).wrong == 0


async def test_what_this_program_does_not_know_is_not_checked() -> None:
    verdict = await streams_of([event(1, 1, "risk.identified", f"risk-{MILESTONE[-36:]}")])
    assert (verdict.wrong, verdict.not_checked) == (0, "this program does not know events of risk")
