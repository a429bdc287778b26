"""A milestone's row after each of its events, and how it stood in the business at an instant."""

from datetime import UTC, date, datetime

import pytest

from libs.chassis.moments import read_instant
from libs.events.envelope import EventData
from libs.events.schedule import (
    Cause,
    CauseClass,
    MilestoneAchieved,
    MilestoneAchievementCorrected,
    MilestoneAchievementWithdrawn,
    MilestoneCancelled,
    MilestoneCommitted,
    MilestonePlanned,
    MilestoneRebaselined,
    MilestoneReforecast,
    MilestoneReinstated,
    MilestoneState,
)
from services.timeline.as_of import AsOf
from services.timeline.entity_history import Explanation
from services.timeline.milestone_history import Milestone, explain, milestone_history, standing
from services.timeline.projection import UnknownEntity
from tests.support.history import ORG, History, an_id

PROJECT = an_id("python")
MILESTONES = milestone_history()
FINAL = an_id("3.9.0 final")
PLANNED = MilestonePlanned(project_id=PROJECT, name="3.9.0 final", target_on=date(2020, 6, 8))
COMMITTED = MilestoneCommitted(baseline_on=date(2020, 6, 8))
REFORECAST = MilestoneReforecast(
    forecast_on_before=date(2020, 6, 8), forecast_on=date(2020, 10, 5), reason="release calendar moved"
)
ACHIEVED = MilestoneAchieved(achieved_on=date(2020, 10, 5))


def at(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T12:00:00").replace(tzinfo=UTC)


def after(*changes: EventData) -> list[Milestone]:
    """The rows after each change, told one day after the other."""
    return told(*((change, f"2019-06-{day:02d}") for day, change in enumerate(changes, 1)))


def told(*changes: tuple[EventData, str]) -> list[Milestone]:
    """The rows after each change, in effect at noon of the day beside it."""
    history = History()
    rows: list[Milestone] = []
    for change, day in changes:
        event = history.record("milestone", FINAL, change, effective_at=at(day))
        rows.append(MILESTONES.project(rows[-1] if rows else None, event))
    return rows


def test_a_planned_milestone_has_its_target_as_first_forecast() -> None:
    event = History().record("milestone", FINAL, PLANNED)
    assert MILESTONES.project(None, event) == Milestone(
        org_id=ORG,
        milestone_id=FINAL,
        known_from=1,
        version=1,
        recorded_at=event.envelope.recorded_at,
        effective_at=event.envelope.effective_at,
        project_id=PROJECT,
        name="3.9.0 final",
        state="planned",
        forecast_on=date(2020, 6, 8),
    )


def test_each_event_of_a_life_leaves_the_state_after_it() -> None:
    rows = after(
        PLANNED,
        COMMITTED,
        REFORECAST,
        ACHIEVED,
        MilestoneAchievementCorrected(
            achieved_on_before=date(2020, 10, 5), achieved_on=date(2020, 10, 6), reason="time zone"
        ),
        MilestoneAchievementWithdrawn(
            achieved_on_before=date(2020, 10, 6), state=MilestoneState.COMMITTED, reason="broken build"
        ),
        MilestoneRebaselined(
            baseline_on_before=date(2020, 6, 8), baseline_on=date(2020, 11, 1), change="CR-7"
        ),
        MilestoneCancelled(reason="given up", state_before=MilestoneState.COMMITTED),
        MilestoneReinstated(reason="wanted after all", state=MilestoneState.COMMITTED),
    )
    june, october, november = date(2020, 6, 8), date(2020, 10, 5), date(2020, 11, 1)
    assert [
        (row.version, row.state, row.baseline_on, row.forecast_on, row.achieved_on, row.reforecast_count)
        for row in rows
    ] == [
        (1, "planned", None, june, None, 0),
        (2, "committed", june, june, None, 0),
        (3, "committed", june, october, None, 1),
        (4, "achieved", june, october, october, 1),
        (5, "achieved", june, october, date(2020, 10, 6), 1),
        (6, "committed", june, october, None, 1),
        (7, "committed", november, october, None, 1),
        (8, "cancelled", november, october, None, 1),
        (9, "committed", november, october, None, 1),
    ]


def test_the_first_forecast_of_a_milestone_without_a_date_is_no_reforecast() -> None:
    rows = after(
        MilestonePlanned(project_id=PROJECT, name="someday"),
        MilestoneReforecast(forecast_on=date(2020, 1, 1), reason="now we know"),
        MilestoneReforecast(
            forecast_on_before=date(2020, 1, 1), forecast_on=date(2020, 2, 1), reason="later"
        ),
    )
    assert [row.reforecast_count for row in rows] == [0, 0, 1]


def test_a_change_to_what_was_never_planned_is_refused() -> None:
    history = History()
    history.record("milestone", FINAL, PLANNED)
    with pytest.raises(UnknownEntity):
        MILESTONES.project(None, history.record("milestone", FINAL, COMMITTED))


def test_reasons_causes_and_changes_are_kept() -> None:
    history = History()
    cause = Cause(cause_class=CauseClass.EXTERNAL, note="PEP 602")
    told_why = [
        explain(history.record("milestone", FINAL, data))
        for data in (
            PLANNED,
            REFORECAST.model_copy(update={"caused_by": (cause,)}),
            MilestoneRebaselined(
                baseline_on_before=date(2020, 6, 8),
                baseline_on=date(2020, 10, 5),
                change="PEP 602",
                reason="accepted",
            ),
        )
    ]
    assert told_why == [
        Explanation(),
        Explanation(
            "release calendar moved",
            {"caused_by": [{"cause_class": "external", "stream": None, "note": "PEP 602"}]},
        ),
        Explanation("accepted", {"change": "PEP 602"}),
    ]


# --- How it stood at an instant ---


def stood(rows: list[Milestone], effective_at: str) -> Milestone | None:
    as_of = AsOf(len(rows), rows[-1].recorded_at, read_instant("effective_at", effective_at))
    assert as_of.effective_at is not None
    in_effect = [row for row in rows if row.effective_at <= as_of.effective_at]
    return standing(rows[-1], in_effect[-1] if in_effect else None, as_of)


RELEASED = told(
    (PLANNED, "2019-06-04"), (COMMITTED, "2019-06-04"), (REFORECAST, "2019-09-09"), (ACHIEVED, "2020-10-05")
)


def test_the_forecast_in_effect_answers_for_its_time() -> None:
    assert [(stood(RELEASED, day) or RELEASED[0]).forecast_on for day in ("2019-09-01", "2019-10-01")] == [
        date(2020, 6, 8),
        date(2020, 10, 5),
    ]


def test_before_it_was_planned_a_milestone_did_not_exist() -> None:
    assert stood(RELEASED, "2019-06-03") is None


def test_on_the_eve_of_its_day_a_milestone_is_open_and_on_its_day_achieved() -> None:
    eve, day = stood(RELEASED, "2020-10-04"), stood(RELEASED, "2020-10-05")
    assert eve == RELEASED[2]
    assert day == RELEASED[3]


def test_an_achievement_that_became_known_late_counts_from_its_own_day() -> None:
    rows = told((PLANNED, "2020-01-01"), (ACHIEVED, "2020-12-24"))
    assert stood(rows, "2020-10-04") == rows[0]
    late = stood(rows, "2020-11-01")
    assert late is not None
    assert (late.state, late.achieved_on, late.version) == ("achieved", date(2020, 10, 5), 2)


def test_a_late_achievement_is_told_with_the_promise_of_its_time() -> None:
    rows = told(
        (PLANNED, "2020-01-01"),
        (COMMITTED, "2020-01-01"),
        (MilestoneRebaselined(baseline_on_before=date(2020, 6, 8), baseline_on=date(2021, 1, 1), change="CR"),
         "2020-12-01"),
        (ACHIEVED, "2020-12-24"),
    )  # fmt: skip
    late = stood(rows, "2020-11-01")
    assert late is not None
    assert (late.state, late.baseline_on) == ("achieved", date(2020, 6, 8))


def test_an_achievement_nobody_had_planned_for_existed_on_its_day() -> None:
    rows = told((PLANNED, "2020-12-24"), (ACHIEVED, "2020-12-24"))
    assert stood(rows, "2020-10-04") is None
    assert stood(rows, "2020-10-05") == rows[1]


@pytest.mark.parametrize(("promised", "state"), [((COMMITTED, "2020-01-02"), "committed"), (None, "planned")])
def test_a_withdrawn_achievement_never_was(promised: tuple[EventData, str] | None, state: str) -> None:
    rows = told(
        (PLANNED, "2020-01-01"),
        *([promised] if promised else []),
        (ACHIEVED, "2020-10-05"),
        (
            MilestoneAchievementWithdrawn(
                achieved_on_before=date(2020, 10, 5), state=MilestoneState.PLANNED, reason="a mistake"
            ),
            "2020-12-01",
        ),
    )
    then = stood(rows, "2020-11-01")
    assert then is not None
    assert (then.state, then.achieved_on) == (state, None)


def test_a_corrected_achievement_counts_from_its_corrected_day() -> None:
    rows = told(
        (PLANNED, "2020-01-01"),
        (ACHIEVED, "2020-10-05"),
        (
            MilestoneAchievementCorrected(
                achieved_on_before=date(2020, 10, 5), achieved_on=date(2020, 11, 15), reason="a mistake"
            ),
            "2020-12-01",
        ),
    )
    before, since = stood(rows, "2020-11-01"), stood(rows, "2020-11-15")
    assert before is not None
    assert since is not None
    assert (before.state, before.achieved_on) == ("planned", None)
    assert (since.state, since.achieved_on) == ("achieved", date(2020, 11, 15))


def test_an_achievement_in_effect_counts_although_its_day_has_not_begun_everywhere() -> None:
    rows = told((PLANNED, "2020-01-01"), (ACHIEVED, "2020-10-04"))
    assert stood(rows, "2020-10-04T23:00:00Z") == rows[1]
