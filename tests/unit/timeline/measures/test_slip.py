"""Slip and what is derived from dates, at the edges where it is easily wrong."""

from datetime import date

import pytest

from services.timeline.measures.slip import Dates, Slip, is_at_risk, is_missed, is_overdue, slip

BASELINE, LATER = date(2010, 12, 11), date(2011, 2, 20)


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        # Python 3.2 final: promised for 2010-12-11, there on 2011-02-20.
        (Dates("achieved", BASELINE, LATER, LATER), Slip(71)),
        (Dates("committed", BASELINE, LATER), Slip(71)),
        (Dates("committed", LATER, BASELINE), Slip(-71)),
        (Dates("achieved", BASELINE, LATER, BASELINE), Slip(0)),
        (Dates("planned", None, LATER), Slip(None, "no_baseline")),
        (Dates("achieved", None, LATER, LATER), Slip(None, "no_baseline")),
        (Dates("committed", BASELINE), Slip(None, "no_forecast")),
        (Dates("cancelled", BASELINE, LATER), Slip(None, "cancelled")),
    ],
)
def test_slip_is_forecast_or_actual_minus_baseline(dates: Dates, expected: Slip) -> None:
    assert slip(dates) == expected


def test_an_open_milestone_is_overdue_the_day_after_its_forecast() -> None:
    dates = Dates("committed", BASELINE, LATER)
    assert [is_overdue(dates, day) for day in (LATER, date(2011, 2, 21))] == [False, True]


@pytest.mark.parametrize("state", ["achieved", "cancelled"])
def test_what_is_not_open_is_not_overdue(state: str) -> None:
    assert not is_overdue(Dates(state, BASELINE, BASELINE, BASELINE), LATER)


def test_without_a_forecast_nothing_is_overdue() -> None:
    assert not is_overdue(Dates("planned"), LATER)


def test_a_promise_is_missed_when_its_day_is_over() -> None:
    dates = Dates("committed", BASELINE, LATER)
    assert [is_missed(dates, day) for day in (BASELINE, date(2010, 12, 12))] == [False, True]


def test_a_promise_met_late_stays_missed_and_one_met_in_time_is_never_missed() -> None:
    assert is_missed(Dates("achieved", BASELINE, LATER, LATER), date(2030, 1, 1))
    assert not is_missed(Dates("achieved", BASELINE, LATER, BASELINE), date(2030, 1, 1))


def test_without_a_promise_or_after_giving_it_up_nothing_is_missed() -> None:
    assert not is_missed(Dates("planned", None, BASELINE), LATER)
    assert not is_missed(Dates("cancelled", BASELINE, BASELINE), LATER)


def test_a_promise_is_at_risk_while_it_can_be_kept_and_the_forecast_says_it_will_not() -> None:
    dates = Dates("committed", BASELINE, LATER)
    days = (date(2010, 1, 1), BASELINE, date(2010, 12, 12))
    assert [is_at_risk(dates, day) for day in days] == [True, True, False]
    assert not is_at_risk(Dates("committed", BASELINE, BASELINE), date(2010, 1, 1))
