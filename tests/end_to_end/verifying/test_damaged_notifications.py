"""What people were not told, were told twice, or were told without asking is found and named."""

import pytest

from services.projects.verifying.findings import Finding
from tests.support.proof.damage import NOBODY, AtRest, only_broken

FIRST_BODY = """
select event_id, position, body from deliveries join webhook_bodies using (org_id, event_id)
where not is_test order by position limit 1
"""
LAST_NAMED_STREAM = "select * from streams where name is not null order by told_position desc limit 1"


@pytest.mark.parametrize(
    ("table", "checks"),
    [
        ("inbox_items", ("inbox",)),
        # Its body is carried by nothing any more.
        ("deliveries where not is_test", ("deliveries", "webhooks")),
    ],
)
async def test_what_was_not_told_is_named(at_rest: AtRest, table: str, checks: tuple[str, ...]) -> None:
    row = await at_rest.row("notifications", f"select * from {table} order by position limit 1")
    report = await at_rest.damaged(
        "notifications", f"delete from {table.partition(' ')[0]} where event_id = '{row['event_id']}'"
    )
    finding, *_ = only_broken(report, *checks)
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
    assert only_broken(report, "webhooks") == [
        Finding("deliveries", "delivered without an attempt", row["position"], key)
    ]


async def test_of_deliveries_that_nobody_attempted_all_are_counted(at_rest: AtRest) -> None:
    row = await at_rest.row("notifications", "select count(*) from deliveries where state = 'delivered'")
    report = await at_rest.damaged("notifications", "delete from delivery_attempts")
    assert report.of("webhooks").wrong == row["count"] > 1


async def test_a_body_that_is_not_the_event_is_named(at_rest: AtRest) -> None:
    row = await at_rest.row("notifications", FIRST_BODY)
    spoiled = row["body"].decode().replace('"specversion":"1.0"', '"specversion":"1.1"')
    report = await at_rest.damaged(
        "notifications",
        f"update webhook_bodies set body = convert_to('{spoiled}', 'UTF8') where event_id = '{row['event_id']}'",
    )
    [finding] = only_broken(report, "deliveries")
    assert finding is not None
    assert (finding.what, finding.position) == ("different", row["position"])
    assert (finding.expected, finding.found) == ({"body": row["body"].decode()}, {"body": spoiled})


async def test_a_body_that_is_missing_is_named(at_rest: AtRest) -> None:
    row = await at_rest.row("notifications", FIRST_BODY)
    report = await at_rest.damaged(
        "notifications",
        "alter table deliveries drop constraint deliveries_org_id_event_id_fkey",
        f"delete from webhook_bodies where event_id = '{row['event_id']}'",
    )
    [finding] = only_broken(report, "deliveries")
    assert finding is not None
    assert (finding.what, finding.position) == ("different", row["position"])
    assert (finding.expected, finding.found) == ({"body": row["body"].decode()}, {"body": None})


async def test_a_body_that_no_delivery_carries_is_named(at_rest: AtRest) -> None:
    report = await at_rest.damaged(
        "notifications", f"insert into webhook_bodies values ('{NOBODY}', '{NOBODY}', 'said', now())"
    )
    key = {"org_id": str(NOBODY), "event_id": str(NOBODY)}
    assert only_broken(report, "webhooks") == [Finding("webhook_bodies", "carried by no delivery", None, key)]


@pytest.mark.parametrize(
    ("column", "damage", "value"),
    [
        ("name", "'Another'", "Another"),
        ("project_id", f"'{NOBODY}'", str(NOBODY)),
        ("told_position", "1000000", 1_000_000),
    ],
)
async def test_a_stream_that_is_not_what_the_log_says_is_named(
    at_rest: AtRest, column: str, damage: str, value: object
) -> None:
    row = await at_rest.row("notifications", LAST_NAMED_STREAM)
    where = f"org_id = '{row['org_id']}' and stream = '{row['stream']}'"
    report = await at_rest.damaged("notifications", f"update streams set {column} = {damage} where {where}")
    key = {"org_id": str(row["org_id"]), "stream": row["stream"]}
    expected = row[column] if column != "project_id" else str(row[column])
    assert only_broken(report, "notifications_names") == [
        Finding("streams", "different", row["told_position"], key, {column: expected}, {column: value})
    ]


async def test_a_stream_that_is_missing_or_in_no_log_is_named(at_rest: AtRest) -> None:
    row = await at_rest.row("notifications", LAST_NAMED_STREAM)
    where = f"org_id = '{row['org_id']}' and stream = '{row['stream']}'"
    report = await at_rest.damaged("notifications", f"delete from streams where {where}")
    [missing] = only_broken(report, "notifications_names")
    assert missing is not None
    key = {"org_id": str(row["org_id"]), "stream": row["stream"]}
    assert (missing.what, missing.position, missing.key) == ("missing", row["told_position"], key)

    report = await at_rest.damaged(
        "notifications", f"insert into streams values ('{NOBODY}', '{row['stream']}', null, 'Never', 1)"
    )
    [surplus] = only_broken(report, "notifications_names")
    assert surplus is not None
    assert (surplus.what, surplus.key) == ("surplus", {"org_id": str(NOBODY), "stream": row["stream"]})
    assert report.of("notifications_names").wrong == 1


async def test_what_a_rule_that_is_gone_had_told_is_left_alone(at_rest: AtRest) -> None:
    report = await at_rest.damaged("notifications", "delete from subscriptions")
    assert report.exit_code == 0, report.to_json()
