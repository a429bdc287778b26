"""How long who wants to lead waits after failures."""

from libs.chassis.leading import backoff_seconds


def test_waiting_doubles_up_to_five_seconds_however_long_the_outage_lasts() -> None:
    assert [backoff_seconds(failures) for failures in (0, 1, 5, 6, 7, 5_000)] == [0.1, 0.2, 3.2, 5, 5, 5]
