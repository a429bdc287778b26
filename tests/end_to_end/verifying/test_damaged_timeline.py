"""Damage to what timeline keeps is found and named: table, key, position, both sides."""

import pytest

from services.projects.verifying.findings import Finding
from tests.support.proof.damage import NOBODY, AtRest, only_broken

# Of what was named by its first event and stayed where it was.
NAMES = """
select named.*, position from activity_v1.stream_names as named join activity_v1.activity as said
on said.org_id = named.org_id and said.stream = named.stream and said.type = 'milestone.planned'
"""


async def test_a_row_that_was_changed_is_named_with_both_sides(at_rest: AtRest) -> None:
    row = await at_rest.row(
        "timeline", "select * from milestone_history_v1.milestones order by known_from limit 1"
    )
    report = await at_rest.damaged(
        "timeline",
        f"update milestone_history_v1.milestones set name = 'X' where known_from = {row['known_from']}",
    )
    key = {"org_id": str(row["org_id"]), "milestone_id": str(row["milestone_id"])}
    assert only_broken(report, "milestones") == [
        Finding(
            "milestone_history_v1.milestones",
            "different",
            row["known_from"],
            key,
            {"name": row["name"]},
            {"name": "X"},
        )
    ]


@pytest.mark.parametrize(
    ("check", "table", "column", "value"),
    [
        ("projects", "project_history_v1.projects", "state", "'closed'"),
        ("projects", "project_history_v1.project_changes", "note", "'never said'"),
        ("milestones", "milestone_history_v1.milestone_changes", "reforecast_count", "99"),
        ("issues", "issue_history_v1.issues", "comment_count", "comment_count + 1"),
        (
            "issues",
            "issue_history_v1.issue_changes",
            "effective_at",
            "effective_at - interval '1 microsecond'",
        ),
        ("members", "member_history_v1.members", "role", "'owner'"),
        ("api_keys", "api_key_history_v1.api_keys", "is_revoked", "true"),
        ("activity", "activity_v1.activity", "sentence", "''"),
        ("moments", "moments_v1.moments", "position", "position - 1000000"),
    ],
)
async def test_a_column_that_was_changed_is_named_wherever_it_is(
    at_rest: AtRest, check: str, table: str, column: str, value: str
) -> None:
    position = "position" if check in ("activity", "moments") else "known_from"
    last = await at_rest.row("timeline", f"select max({position}) as position from {table}")
    report = await at_rest.damaged(
        "timeline", f"update {table} set {column} = {value} where {position} = {last['position']}"
    )
    [finding] = only_broken(report, check)
    assert finding is not None
    assert (finding.table, finding.position) == (table, last["position"])
    assert set(finding.expected or ()) == {column}
    assert report.of(check).wrong == 1


async def test_a_row_that_is_missing_is_named(at_rest: AtRest) -> None:
    row = await at_rest.row(
        "timeline", "select * from issue_history_v1.issue_changes order by known_from limit 1"
    )
    where = f"known_from = {row['known_from']}"
    report = await at_rest.damaged("timeline", f"delete from issue_history_v1.issue_changes where {where}")
    [finding] = only_broken(report, "issues")
    assert finding is not None
    assert (finding.what, finding.position, finding.found) == ("missing", row["known_from"], None)
    assert (finding.expected or {})["title"] == row["title"]


async def test_a_row_that_is_there_twice_is_named(at_rest: AtRest) -> None:
    first = "select * from activity_v1.activity order by position limit 1"
    row = await at_rest.row("timeline", first)
    report = await at_rest.damaged(
        "timeline",
        "alter table activity_v1.activity drop constraint activity_pkey",
        f"insert into activity_v1.activity {first}",
    )
    key = {"org_id": str(row["org_id"]), "project_id": str(row["project_id"]), "position": row["position"]}
    assert only_broken(report, "activity") == [
        Finding("activity_v1.activity", "doubled", row["position"], key)
    ]


async def test_a_row_of_a_foreign_organization_is_named(at_rest: AtRest) -> None:
    first = "select * from milestone_history_v1.milestones order by known_from limit 1"
    row = await at_rest.row("timeline", first)
    report = await at_rest.damaged(
        "timeline",
        f"create table copied as {first}",
        f"update copied set org_id = '{NOBODY}'",
        "insert into milestone_history_v1.milestones select * from copied",
    )
    [finding] = only_broken(report, "milestones")
    assert finding is not None
    key = {"org_id": str(NOBODY), "milestone_id": str(row["milestone_id"])}
    assert (finding.what, finding.position, finding.key) == ("surplus", row["known_from"], key)


@pytest.mark.parametrize(("column", "value"), [("name", "Another"), ("project_id", str(NOBODY))])
async def test_a_name_that_nobody_gave_is_named(at_rest: AtRest, column: str, value: str) -> None:
    row = await at_rest.row("timeline", f"{NAMES} order by position desc limit 1")
    report = await at_rest.damaged(
        "timeline",
        f"update activity_v1.stream_names set {column} = '{value}' where stream = '{row['stream']}'",
    )
    key = {"org_id": str(row["org_id"]), "stream": row["stream"]}
    sides = {column: str(row[column])}, {column: value}
    assert only_broken(report, "timeline_names") == [
        Finding("activity_v1.stream_names", "different", row["position"], key, *sides)
    ]


async def test_a_name_that_is_missing_is_named(at_rest: AtRest) -> None:
    row = await at_rest.row("timeline", f"{NAMES} order by position limit 1")
    report = await at_rest.damaged(
        "timeline", f"delete from activity_v1.stream_names where stream = '{row['stream']}'"
    )
    [finding] = only_broken(report, "timeline_names")
    assert finding is not None
    assert (finding.what, finding.position, finding.found) == ("missing", row["position"], None)
    assert finding.key == {"org_id": str(row["org_id"]), "stream": row["stream"]}


async def test_a_name_of_what_is_in_no_log_is_named(at_rest: AtRest) -> None:
    report = await at_rest.damaged(
        "timeline",
        f"insert into activity_v1.stream_names values ('{NOBODY}', 'issue-{NOBODY}', '{NOBODY}', 'Never')",
    )
    key = {"org_id": str(NOBODY), "stream": f"issue-{NOBODY}"}
    row = {**key, "project_id": str(NOBODY), "name": "Never"}
    assert only_broken(report, "timeline_names") == [
        Finding("activity_v1.stream_names", "surplus", None, key, None, row)
    ]
    assert report.of("timeline_names").wrong == 1


async def test_what_waits_is_held_against_the_log(at_rest: AtRest) -> None:
    row = await at_rest.row(
        "projects",
        "select *, cloud_event(events) as body from events where type = 'milestone.planned' limit 1",
    )
    park = (
        "insert into parked_events (position, org_id, project_id, stream, event_id, body)"
        f" values ({row['position']}, '{row['org_id']}', '{row['project_id']}', '{row['stream']}',"
        f" '{row['event_id']}', '{row['body']}')"
    )
    assert (await at_rest.damaged("timeline", park, only=("timeline",))).exit_code == 0
    spoiled = {"body": f"{row['body']} "}
    report = await at_rest.damaged(
        "timeline", park, "update parked_events set body = body || ' '", only=("timeline",)
    )
    assert only_broken(report, "timeline") == [
        Finding(
            "parked_events",
            "different",
            row["position"],
            {"position": row["position"]},
            {"body": row["body"]},
            spoiled,
        )
    ]


async def test_a_checkpoint_of_another_log_is_named(at_rest: AtRest) -> None:
    row = await at_rest.row("timeline", "select * from checkpoints where name = 'moments_v1'")
    report = await at_rest.damaged(
        "timeline", f"update checkpoints set event_id = '{NOBODY}' where name = 'moments_v1'"
    )
    sides = {"event_id": str(row["event_id"])}, {"event_id": str(NOBODY)}
    assert only_broken(report, "timeline") == [
        Finding("checkpoints", "of another log", row["position"], {"name": "moments_v1"}, *sides)
    ]


async def test_a_read_model_that_is_behind_is_not_broken(at_rest: AtRest) -> None:
    row = await at_rest.row("timeline", "select * from activity_v1.activity order by position desc limit 1")
    report = await at_rest.damaged(
        "timeline",
        f"update checkpoints set position = {row['position'] - 1}, event_id = null where name = 'activity_v1'",
        f"delete from activity_v1.activity where position >= {row['position']}",
        only=("timeline", "activity"),
    )
    assert report.exit_code == 0, report.to_json()
    assert [note for note in report.of("timeline").notes if "behind" in note]


@pytest.mark.parametrize(
    ("table", "damage", "what"),
    [
        ("access_members", "update access_members set role = 'owner' where role = 'member'", "different"),
        (
            "access_project_members",
            "delete from access_project_members where role = 'contributor'",
            "missing",
        ),
        ("access_api_keys", "update access_api_keys set secret_hash = 'of somebody else'", "different"),
        ("access_organizations", "delete from access_organizations", "missing"),
        (
            "access_members",
            f"insert into access_members select org_id, '{NOBODY}', 'owner' from access_organizations",
            "surplus",
        ),
    ],
)
async def test_a_right_that_nobody_gave_or_took_is_named(
    at_rest: AtRest, table: str, damage: str, what: str
) -> None:
    [finding] = only_broken(await at_rest.damaged("timeline", damage), "timeline_rights")
    assert finding is not None
    assert (finding.table, finding.what) == (table, what)


async def test_what_is_on_its_way_out_with_its_organization_is_no_damage(at_rest: AtRest) -> None:
    report = await at_rest.damaged(
        "timeline",
        "update access_organizations set forgotten_at = now()",
        "delete from member_history_v1.members where org_id in (select org_id from access_organizations)",
    )
    assert report.exit_code == 0, report.to_json()
