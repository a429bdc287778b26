"""Imports: ordinary commands, a line each; sent again they are replayed, and a bad line stops nobody else."""

import json
from typing import Any
from uuid import UUID, uuid4

import httpx2 as httpx

from tests.component.projects.conftest import Clients


def line(key: str, command: str, stream: str, effective_at: str = "2010-01-01T00:00:00Z", **body: Any) -> str:
    return json.dumps(
        {"key": key, "command": command, "stream": stream, "effective_at": effective_at, "body": body}
    )


async def send(client: httpx.AsyncClient, *lines: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    content = "\n".join(lines).encode()
    answer = await client.post(
        "/v1/imports", content=content, headers={"Content-Type": "application/x-ndjson"}
    )
    assert answer.status_code == 200, answer.text
    *results, total = [json.loads(each) for each in answer.text.splitlines()]
    return results, total


def history() -> tuple[str, str, list[str]]:
    project, milestone = f"project-{uuid4()}", f"milestone-{uuid4()}"
    return (
        project,
        milestone,
        [
            line("1", "project.propose", project, name="Python 3.9"),
            line(
                "2",
                "milestone.plan",
                milestone,
                project_id=project[8:],
                name="3.9.0 final",
                target_on="2020-06-08",
            ),
            line("3", "milestone.commit", milestone),
            line(
                "4",
                "milestone.reforecast",
                milestone,
                "2019-09-09T12:00:00+02:00",
                forecast_on="2020-10-05",
                reason="PEP 602",
            ),
            line("5", "milestone.achieve", milestone, "2020-10-05T20:00:00Z", achieved_on="2020-10-05"),
        ],
    )


async def test_history_is_imported_line_by_line(owner: httpx.AsyncClient) -> None:
    _, milestone, lines = history()

    results, total = await send(owner, *lines)

    assert [(result["line"], result["outcome"], result["position"]) for result in results] == [
        (number, "recorded", number) for number in range(1, 6)
    ]
    assert (total["lines"], total["recorded"], total["position"]) == (5, 5, 5)
    shown = (await owner.get(f"/v1/milestones/{milestone[10:]}")).json()
    assert (shown["state"], shown["baseline_on"], shown["achieved_on"], shown["reforecast_count"]) == (
        "achieved",
        "2020-06-08",
        "2020-10-05",
        1,
    )


async def test_an_import_sent_again_is_replayed_and_goes_on(owner: httpx.AsyncClient) -> None:
    _, _, lines = history()
    await send(owner, *lines[:3])

    results, total = await send(owner, *lines)

    assert [result["outcome"] for result in results] == ["replayed"] * 3 + ["recorded"] * 2
    assert [result["position"] for result in results] == [1, 2, 3, 4, 5]
    assert (await send(owner, *lines))[1]["replayed"] == 5
    assert total["position"] == 5


async def test_bad_lines_are_reported_by_number_and_the_rest_goes_on(owner: httpx.AsyncClient) -> None:
    project, milestone, lines = history()
    stranger = f"milestone-{uuid4()}"

    results, total = await send(
        owner,
        lines[0],
        "{broken",
        line("b1", "milestone.explode", milestone),
        line("b2", "milestone.reforecast", stranger, forecast_on="2020-01-01", reason="None"),
        line("b3", "milestone.plan", milestone, project_id=project[8:], name=""),
        lines[1],
        line(
            "b4",
            "milestone.reforecast",
            milestone,
            "2009-01-01T00:00:00Z",
            forecast_on="2020-01-01",
            reason="Early",
        ),
        line("b5", "milestone.withdraw-achievement", milestone, reason="Never was"),
        line("b6", "milestone.reforecast", milestone, forecast_on="2020-06-08", reason="The same"),
        lines[2],
    )

    assert [(result["line"], result["outcome"], result.get("code")) for result in results] == [
        (1, "recorded", None),
        (2, "malformed", "invalid_request"),
        (3, "malformed", "unknown_command"),
        (4, "refused", "not_found"),
        (5, "malformed", "invalid_request"),
        (6, "recorded", None),
        (7, "refused", "effective_before_last_change"),
        (8, "refused", "milestone_not_achieved"),
        (9, "unchanged", None),
        (10, "recorded", None),
    ]
    assert (total["recorded"], total["refused"], total["malformed"], total["unchanged"]) == (3, 3, 3, 1)


async def test_a_key_used_for_another_line_is_refused(owner: httpx.AsyncClient) -> None:
    _, _, lines = history()
    await send(owner, *lines)
    other = line("1", "project.propose", f"project-{uuid4()}", name="Python 4")

    [across], _ = await send(owner, other)
    first, second = (
        await send(
            owner,
            line("n", "project.propose", f"project-{uuid4()}", name="A"),
            line("n", "project.propose", f"project-{uuid4()}", name="B"),
        )
    )[0]

    assert (across["outcome"], across["code"]) == ("refused", "idempotency_key_reused")
    assert (first["outcome"], second["outcome"], second["code"]) == (
        "recorded",
        "refused",
        "idempotency_key_reused",
    )


async def test_more_lines_than_a_chunk_keep_their_order(owner: httpx.AsyncClient) -> None:
    project, issue = f"project-{uuid4()}", f"issue-{uuid4()}"
    lines = [
        line("p", "project.propose", project, name="Volvo"),
        line("i", "issue.raise", issue, project_id=project[8:], title="Problem"),
        *(
            line(f"c{number}", "issue.comment", issue, text=f"Look {number}", comment_id=str(uuid4()))
            for number in range(1_200)
        ),
    ]

    results, total = await send(owner, *lines)

    assert total["recorded"] == len(lines)
    assert [result["position"] for result in results] == list(range(1, len(lines) + 1))


async def test_an_import_may_only_do_what_its_caller_may(owner: httpx.AsyncClient, clients: Clients) -> None:
    _, milestone, lines = history()
    await send(owner, *lines[:3])

    stranger = clients(org_role="member", actor=uuid4())
    [result], _ = await send(
        stranger, line("s", "milestone.reforecast", milestone, forecast_on="2030-01-01", reason="Mine")
    )

    assert (result["outcome"], result["code"]) == ("refused", "not_found")


async def test_who_may_not_say_a_line_any_more_is_not_told_what_became_of_it(
    owner: httpx.AsyncClient, clients: Clients
) -> None:
    project, _, lines = history()
    actor, project_id = uuid4(), UUID(project[8:])
    await send(owner, lines[0])
    manager = clients(org_role="member", actor=actor, projects={project_id: "manager"})
    recorded, _ = await send(manager, *lines[1:])
    again, _ = await send(manager, *lines[1:])
    viewer, _ = await send(
        clients(org_role="member", actor=actor, projects={project_id: "viewer"}), *lines[1:]
    )
    gone, _ = await send(clients(org_role="member", actor=actor), *lines[1:])

    assert [result["outcome"] for result in again] == ["replayed"] * 4
    assert [result["position"] for result in again] == [result["position"] for result in recorded]
    assert {(result["outcome"], result["code"]) for result in viewer} == {("refused", "forbidden")}
    assert {(result["outcome"], result["code"]) for result in gone} == {("refused", "not_found")}
    assert not [result for result in (*viewer, *gone) if "position" in result]


async def test_commands_and_imports_meet_on_one_resource(owner: httpx.AsyncClient) -> None:
    _, milestone, lines = history()
    await send(owner, *lines[:4])
    body = {"forecast_on": "2020-11-01", "reason": "By hand"}
    await owner.post(f"/v1/milestones/{milestone[10:]}/reforecast", json=body)

    [result], _ = await send(owner, lines[4])

    assert (result["outcome"], result["code"]) == ("refused", "effective_before_last_change")


async def test_lines_are_numbered_as_in_the_file_and_a_long_one_stops_nobody(
    owner: httpx.AsyncClient,
) -> None:
    _, _, lines = history()

    results, total = await send(
        owner, lines[0], "", "  ", '{"key": "' + "x" * 300_000, lines[1], "", lines[2]
    )

    assert [(result["line"], result["outcome"], result.get("code")) for result in results] == [
        (1, "recorded", None),
        (4, "malformed", "content_too_large"),
        (5, "recorded", None),
        (7, "recorded", None),
    ]
    assert (total["lines"], total["malformed"], total.get("code")) == (4, 1, None)


async def test_a_line_that_says_something_twice_is_malformed(owner: httpx.AsyncClient) -> None:
    _, _, lines = history()

    [result], _ = await send(owner, lines[0].replace('"body": {', '"body": {"name": "Another", '))

    assert (result["outcome"], result["code"]) == ("malformed", "malformed_request")
