"""The command tells programs and people the same, and what it could not check."""

import asyncio
import json
import os
import subprocess

from pydantic import SecretStr

from deploy.local import programs
from deploy.local.stack import Stack
from services.projects.verifying.verifying import verify
from tests.support.proof import invariants
from tests.support.proof.damage import AtRest


def command(stack: Stack, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **stack.settings("projects", administrator=True), **variables}
    return subprocess.run(
        programs.command("projects", "verify", *arguments),
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


async def test_the_command_reports_to_programs_and_to_people(at_rest: AtRest) -> None:
    as_json = await asyncio.to_thread(command, at_rest.stack, "--json")
    assert (as_json.returncode, as_json.stderr) == (0, "")
    assert json.loads(as_json.stdout) == json.loads((await at_rest.verified()).to_json())
    for_people = await asyncio.to_thread(command, at_rest.stack, "--only", "log,inbox")
    assert for_people.returncode == 0
    lines = for_people.stdout.splitlines()
    assert [line.split()[:2] for line in lines[2:]] == [["log", "held"], ["inbox", "held"]]


async def test_what_is_not_named_is_not_checked_and_what_was_not_asked_for_is_no_matter(
    at_rest: AtRest,
) -> None:
    places = invariants.places(at_rest.stack).model_copy(
        update={"timeline_database_url": None, "nats_url": None}
    )
    report = await verify(places)
    assert report.exit_code == 2
    assert {verdict.not_checked for verdict in report.verdicts} == {
        "",
        "MILEPOST_TIMELINE_DATABASE_URL is missing",
        "MILEPOST_NATS_URL is missing",
    }
    assert (await verify(places, ("log", "inbox", "deliveries"))).exit_code == 0


async def test_a_place_out_of_reach_is_not_checked(at_rest: AtRest) -> None:
    nowhere = SecretStr("postgresql://timeline_internal:secret@127.0.0.1:1/milepost_timeline")
    places = invariants.places(at_rest.stack).model_copy(update={"timeline_database_url": nowhere})
    report = await verify(places, ("log", "moments"))
    reasons = {verdict.check: verdict.not_checked for verdict in report.verdicts}
    assert (report.exit_code, reasons) == (2, {"log": "", "moments": "timeline: ConnectionRefusedError"})


async def test_without_a_log_nothing_is_checked(at_rest: AtRest) -> None:
    nowhere = "postgresql://projects_service:secret@127.0.0.1:1/milepost_projects"
    outcome = await asyncio.to_thread(command, at_rest.stack, MILEPOST_DATABASE_URL=nowhere)
    assert (outcome.returncode, outcome.stdout) == (2, "")
    assert outcome.stderr.strip() == "nothing was checked: projects: ConnectionRefusedError"
