"""Source files are opened plain or packed, named without their suffixes, and read up to a bound."""

from pathlib import Path

import pytest

from integrations.sources import TooManyRecords, bounded, source_named


def test_the_same_log_is_the_same_source_in_every_format() -> None:
    names = ["desk.csv", "desk.csv.gz", "desk.xes.gz", "desk.JSONL"]

    assert {source_named(Path("data") / name) for name in names} == {"desk"}


def test_a_file_of_more_records_than_memory_should_hold_is_refused() -> None:
    assert list(bounded("abc", 3)) == ["a", "b", "c"]
    with pytest.raises(TooManyRecords, match="more than 2 records"):
        list(bounded("abc", 2))
