"""What people were not told, were told twice, or were told without asking is found and named."""

import pytest

from services.projects.verifying.findings import Finding
from tests.support.proof.damage import NOBODY, AtRest, only_broken


@pytest.mark.parametrize(
    ("check", "table"), [("inbox", "inbox_items"), ("deliveries", "deliveries where not is_test")]
)
async def test_what_was_not_told_is_named(at_rest: AtRest, check: str, table: str) -> None:
    row = await at_rest.row("notifications", f"select * from {table} order by position limit 1")
    report = await at_rest.damaged(
        "notifications", f"delete from {table.partition(' ')[0]} where event_id = '{row['event_id']}'"
    )
    [finding] = only_broken(report, check)
    assert finding is not None
    assert (finding.what, finding.position, finding.found) == ("missing", row["position"], None)
    assert finding.key["event_id"] == str(row["event_id"])


@pytest.mark.parametrize("column", ["org_id", "person_id"])
async def test_what_was_told_to_somebody_who_had_not_asked_is_named(at_rest: AtRest, column: str) -> None:
    first = "select * from inbox_items order by position limit 1"
    row = await at_rest.row("notifications", first)
    report = await at_rest.damaged(
        "notifications",
        f"create table copied as {first}",
        f"update copied set {column} = '{NOBODY}'",
        "insert into inbox_items select * from copied",
    )
    [finding] = only_broken(report, "inbox")
    assert finding is not None
    assert (finding.what, finding.position, finding.expected) == ("surplus", row["position"], None)
    assert finding.key[column] == str(NOBODY)


async def test_what_was_told_twice_is_named(at_rest: AtRest) -> None:
    first = "select * from inbox_items order by position limit 1"
    row = await at_rest.row("notifications", first)
    report = await at_rest.damaged(
        "notifications",
        "alter table inbox_items drop constraint inbox_items_pkey",
        f"insert into inbox_items {first}",
    )
    key = {name: str(row[name]) for name in ("org_id", "person_id", "event_id")}
    assert only_broken(report, "inbox") == [Finding("inbox_items", "doubled", row["position"], key)]


async def test_a_delivery_that_nobody_attempted_is_named(at_rest: AtRest) -> None:
    row = await at_rest.row(
        "notifications", "select * from deliveries where not is_test order by position limit 1"
    )
    report = await at_rest.damaged(
        "notifications", f"delete from delivery_attempts where event_id = '{row['event_id']}'"
    )
    key = {name: str(row[name]) for name in ("org_id", "endpoint_id", "event_id")}
    assert only_broken(report, "deliveries") == [
        Finding("deliveries", "delivered without an attempt", row["position"], key)
    ]


async def test_what_a_rule_that_is_gone_had_told_is_left_alone(at_rest: AtRest) -> None:
    report = await at_rest.damaged("notifications", "delete from subscriptions")
    assert report.exit_code == 0, report.to_json()
