"""A report says of each check what it found, and of differences the first one exactly."""

import json
from decimal import Decimal

from services.projects.verifying.findings import Finding, Outcome, Report, Verdict


def test_the_difference_of_the_lowest_position_is_the_first() -> None:
    verdict = Verdict("issues", "fold it anew")
    for position in (7, 3, None, 5):
        verdict.add(Finding("issues", "missing", position))
    assert (verdict.wrong, verdict.first) == (4, Finding("issues", "missing", 3))


def test_a_difference_shows_the_columns_that_differ() -> None:
    finding = Finding.of("issues", {"issue_id": "7"}, 3, {"a": 1, "b": 2}, {"a": 1, "b": 3})
    assert str(finding) == 'issues issue_id=7, of position 3: different; expected {"b":2}; found {"b":3}'


def test_rows_have_one_digest_whatever_their_order() -> None:
    rows = [{"a": Decimal("3.50"), "b": 1}, {"b": 2, "a": Decimal("0.1")}]
    one, other = Verdict("issues", ""), Verdict("issues", "")
    for row in rows:
        one.saw(row)
    for row in ({"b": 2, "a": Decimal("0.10")}, {"b": 1, "a": Decimal("3.5")}):
        other.saw(row)
    assert one.digest == other.digest != 0


def test_the_exit_code_tells_broken_from_not_checked() -> None:
    held, broken, unchecked = (Verdict(each.value, "") for each in Outcome)
    unchecked.not_checked = "out of reach"
    broken.add(Finding("events", "missing", 1))
    assert [Report(1, verdicts).exit_code for verdicts in ([held], [held, unchecked], [held, broken])] == [
        0,
        2,
        1,
    ]
    broken.not_checked = "out of reach"
    assert Report(1, [held, unchecked, broken]).exit_code == 1


def test_a_report_is_json() -> None:
    verdict = Verdict("issues", "fold it anew", compared=1)
    verdict.add(Finding.of("issues", {"issue_id": "7"}, 3, {"estimate": Decimal("2.50")}, None))
    first = {"table": "issues", "what": "missing", "position": 3, "key": {"issue_id": "7"}}
    first |= {"expected": {"estimate": "2.5"}, "found": None}
    told = {"check": "issues", "outcome": "broken", "compared": 1, "digest": "0" * 16, "differences": 1}
    assert json.loads(Report(4, [verdict]).to_json()) == {
        "head": 4,
        "exit_code": 1,
        "parked": [],
        "checks": [{**told, "notes": [], "tables": [], "first": first, "advice": "fold it anew"}],
    }
