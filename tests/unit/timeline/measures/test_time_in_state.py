"""Time in state of small lives worked out by hand."""

from datetime import UTC, datetime, timedelta

from services.timeline.measures.time_in_state import (
    Block,
    Status,
    Stay,
    blocks,
    stays,
    time_blocked,
    time_by_category,
    time_by_state,
)

HOUR = timedelta(hours=1)


def at(hour: int) -> datetime:
    return datetime(2013, 3, 1, tzinfo=UTC) + hour * HOUR


def status(
    hour: int, state: str, category: str, entered: int | None = None, *, blocked: bool = False
) -> Status:
    return Status(at(hour), state, category, at(hour if entered is None else entered), blocked)


LIFE = [
    status(0, "Queued", "todo"),
    status(2, "In progress", "active"),
    status(3, "In progress", "active", entered=2),
    status(7, "Wait", "waiting"),
    status(10, "In progress", "active"),
    status(12, "Completed", "done"),
    status(20, "In progress", "active"),
    status(21, "Completed", "done"),
]


def test_a_life_is_a_row_of_stays_and_rest_has_no_duration() -> None:
    assert stays(LIFE, at(100)) == [
        Stay("Queued", "todo", at(0), at(2), 2 * HOUR),
        Stay("In progress", "active", at(2), at(7), 5 * HOUR),
        Stay("Wait", "waiting", at(7), at(10), 3 * HOUR),
        Stay("In progress", "active", at(10), at(12), 2 * HOUR),
        Stay("Completed", "done", at(12), at(20), 8 * HOUR),
        Stay("In progress", "active", at(20), at(21), HOUR),
        Stay("Completed", "done", at(21), None, None),
    ]


def test_an_unfinished_stay_counts_up_to_the_instant_asked_for() -> None:
    assert stays(LIFE[:2], at(5))[-1] == Stay("In progress", "active", at(2), None, 3 * HOUR)


def test_times_add_up_by_state_and_by_category() -> None:
    spent = stays(LIFE, at(100))
    assert time_by_state(spent) == {
        "Queued": 2 * HOUR,
        "In progress": 8 * HOUR,
        "Wait": 3 * HOUR,
        "Completed": 8 * HOUR,
    }
    assert time_by_category(spent) == {
        "todo": 2 * HOUR,
        "active": 8 * HOUR,
        "waiting": 3 * HOUR,
        "done": 8 * HOUR,
    }


def test_all_of_an_open_life_is_time_in_some_state() -> None:
    spent = stays(LIFE[:5], at(11))
    assert sum(time_by_state(spent).values(), timedelta()) == at(11) - at(0)


def test_leaving_and_entering_again_at_one_instant_is_three_stays() -> None:
    life = [status(0, "A", "todo"), status(1, "B", "active"), status(1, "A", "todo")]
    assert [(stay.state, stay.duration) for stay in stays(life, at(2))] == [
        ("A", HOUR),
        ("B", timedelta()),
        ("A", HOUR),
    ]


def test_an_issue_that_never_was_has_no_stays() -> None:
    assert (stays([], at(1)), blocks([], at(1))) == ([], [])


def test_a_block_lasts_until_it_is_taken_away_and_another_one_until_now() -> None:
    life = [
        status(0, "Doing", "active"),
        status(1, "Doing", "active", entered=0, blocked=True),
        status(2, "Waiting", "waiting", blocked=True),
        status(4, "Waiting", "waiting", entered=2),
        status(6, "Waiting", "waiting", entered=2, blocked=True),
    ]
    held_up = blocks(life, at(9))
    assert held_up == [Block(at(1), at(4), 3 * HOUR), Block(at(6), None, 3 * HOUR)]
    assert time_blocked(held_up) == 6 * HOUR


def test_finishing_ends_a_block() -> None:
    life = [
        status(0, "Doing", "active"),
        status(1, "Doing", "active", entered=0, blocked=True),
        status(3, "Done", "done", blocked=True),
    ]
    assert blocks(life, at(9)) == [Block(at(1), at(3), 2 * HOUR)]
