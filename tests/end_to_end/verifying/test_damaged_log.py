"""Damage to the log itself, which only a superuser can do, is found and named."""

import json
from typing import Any

from services.projects.verifying.findings import Finding
from tests.support.proof.damage import AtRest, only_broken


async def test_an_event_that_a_superuser_deleted_is_missed_by_everybody(at_rest: AtRest) -> None:
    row = await at_rest.row(
        "projects",
        "select * from events where type = 'milestone.reforecast' and version = 2 order by position limit 1",
    )
    report = await at_rest.damaged("projects", f"delete from events where position = {row['position']}")
    position = row["position"]
    assert report.of("log").first == Finding("events", f"missing up to {position}", position)
    key = {"org_id": str(row["org_id"]), "stream": row["stream"]}
    assert report.of("streams").first == Finding(
        "events", "version 3 follows version 1", await _position_behind(at_rest, row), key
    )
    assert report.of("activity").first is not None
    assert (report.of("activity").first or Finding("", "")).what == "surplus"


async def _position_behind(at_rest: AtRest, row: Any) -> int:
    found = await at_rest.row(
        "projects",
        f"select position from events where org_id = '{row['org_id']}' and stream = '{row['stream']}' and version = 3",
    )
    return int(found["position"])


async def test_a_gap_in_the_versions_of_a_stream_is_named(at_rest: AtRest) -> None:
    row = await at_rest.row(
        "projects", "select * from events where version > 1 order by position desc limit 1"
    )
    report = await at_rest.damaged(
        "projects",
        f"update events set version = version + 1 where position = {row['position']}",
        only=("streams",),
    )
    key = {"org_id": str(row["org_id"]), "stream": row["stream"]}
    what = f"version {row['version'] + 1} follows version {row['version'] - 1}"
    assert only_broken(report, "streams") == [Finding("events", what, row["position"], key)]


async def test_history_that_was_written_anew_differs_from_what_was_published(at_rest: AtRest) -> None:
    row = await at_rest.row(
        "projects", "select * from events where type = 'milestone.planned' order by position"
    )
    spoiled = json.dumps({**json.loads(row["data"]), "name": "Never"})
    report = await at_rest.damaged(
        "projects", f"update events set data = '{spoiled}' where position = {row['position']}"
    )
    everywhere = ("stream", "milestones", "timeline_names", "notifications_names")
    stream, milestones, *names = only_broken(report, *everywhere)
    assert stream is not None
    assert (stream.what, stream.position, set(stream.expected or ())) == (
        "different",
        row["position"],
        {"body"},
    )
    assert milestones is not None
    assert (milestones.position, milestones.expected) == (row["position"], {"name": "Never"})
    assert [name and name.expected for name in names] == [{"name": "Never"}] * 2


async def test_an_answer_to_something_that_is_not_in_the_log_is_named(at_rest: AtRest) -> None:
    row = await at_rest.row("projects", "select * from idempotency_keys order by org_id, actor, key limit 1")
    report = await at_rest.damaged(
        "projects", f"update idempotency_keys set position = 1000000 where key = '{row['key']}'"
    )
    key = {name: str(row[name]) for name in ("org_id", "actor", "key")}
    assert only_broken(report, "answers") == [
        Finding("idempotency_keys", "answered with a position that the log does not have", 1_000_000, key)
    ]
