"""Figures are medians with their spread, held against limits; contestants are measured in turn."""

import json
from pathlib import Path

from tests.bench.figures import Figure, Limit, Report, in_turn, percentile, ratios


def test_the_median_is_held_against_the_limit() -> None:
    assert Figure("group", "rate", "/s", [1, 3, 9], Limit(at_least=3)).verdict == "met"
    assert Figure("group", "rate", "/s", [1, 2, 9], Limit(at_least=3)).verdict == "missed"
    assert Figure("group", "wait", "ms", [9, 10, 40], Limit(at_most=10)).verdict == "met"
    assert Figure("group", "rate", "/s", [1]).verdict == ""


def test_each_contestant_is_measured_once_a_round_and_another_one_first_each_time() -> None:
    order: list[str] = []

    def contestant(name: str) -> float:
        order.append(name)
        return len(order)

    samples = in_turn({name: lambda name=name: contestant(name) for name in "abc"}, 2, lambda what: None)  # type: ignore[misc]
    assert order == ["a", "b", "c", "b", "c", "a"]
    assert samples == {"a": [1, 6], "b": [2, 4], "c": [3, 5]}


def test_ratios_are_taken_round_by_round() -> None:
    assert ratios([10, 40], [5, 10]) == [2, 4]


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(value) for value in range(1, 101)]
    assert (percentile(values, 0.5), percentile(values, 0.99), percentile(values, 1)) == (51, 100, 100)


def test_everything_found_out_is_written_as_json(tmp_path: Path) -> None:
    report = Report()
    report.add(Figure("group", "rate", "/s", [1, 3, 9], Limit(at_least=3), "beside"))
    report.write(tmp_path / "figures.json")
    [figure] = json.loads((tmp_path / "figures.json").read_text())["figures"]
    assert figure == {
        "group": "group",
        "figure": "rate",
        "unit": "/s",
        "median": 3,
        "samples": [1, 3, 9],
        "limit": "≥ 3",
        "verdict": "met",
        "beside": "beside",
    }
