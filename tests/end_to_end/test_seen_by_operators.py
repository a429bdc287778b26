"""What operators see: health, metrics of every kind that is promised, log lines and spans that belong together."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from deploy.local.stack import Stack
from tests.end_to_end.people import Person
from tests.support.eventually import eventually

SERVICES = ("projects", "timeline", "notifications")
REQUESTS = ("milepost_http_request_seconds",)
CONSUMING = (
    *("milepost_applied_position", "milepost_lag_events", "milepost_lag_seconds"),
    *("milepost_parked_sequences", "milepost_batch_events", "milepost_batch_seconds"),
)
PROMISED = {
    "projects": (
        *("milepost_append_seconds", "milepost_append_group_items", "milepost_log_head_position"),
        *("milepost_relay_position", "milepost_relay_lag_events", "milepost_relay_lag_seconds"),
        *("milepost_relay_batch_events", "milepost_relay_leading"),
    ),
    "timeline": CONSUMING,
    "notifications": CONSUMING,
}


async def metrics(stack: Stack, service: str) -> str:
    async with httpx2.AsyncClient(trust_env=False) as client:
        return (await client.get(stack.whereabouts.metrics_url(service))).text


@pytest.mark.parametrize("service", SERVICES)
async def test_every_promised_family_of_metrics_is_there(
    end_to_end: Stack, owner: Person, service: str
) -> None:
    await owner.says("projects", name="Measured")
    await owner.asks("projects")
    await owner.hears("inbox")
    text = await metrics(end_to_end, service)
    missing = [name for name in (*REQUESTS, *PROMISED[service]) if f"# TYPE {name} " not in text]
    assert missing == []


async def test_the_position_of_a_command_is_seen_at_every_stage(end_to_end: Stack, owner: Person) -> None:
    await owner.says("projects", name="Measured")
    stages = {
        "projects": "milepost_relay_position",
        "timeline": "milepost_applied_position",
        "notifications": "milepost_applied_position",
    }

    async def everywhere() -> None:
        for service, name in stages.items():
            assert value_of(await metrics(end_to_end, service), name) >= owner.position

    await eventually(everywhere)


def value_of(text: str, name: str) -> float:
    return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(f"{name} "))


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_says_that_it_lives_and_is_ready(end_to_end: Stack, service: str) -> None:
    async with httpx2.AsyncClient(base_url=end_to_end.url(service), trust_env=False) as client:
        assert [(await client.get(path)).status_code for path in ("/livez", "/readyz")] == [200, 200]


def log_lines(log: Path) -> list[Mapping[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()]


@pytest.mark.parametrize("service", SERVICES)
async def test_every_line_of_the_log_is_json_and_says_who_wrote_it(end_to_end: Stack, service: str) -> None:
    lines = log_lines(end_to_end.whereabouts.log(service))
    assert lines
    for line in lines:
        assert {"event", "level", "timestamp", "service"} <= line.keys()
        assert line["service"] == service


async def test_a_problem_names_the_trace_under_which_it_is_logged(end_to_end: Stack, owner: Person) -> None:
    answer = await owner.projects.get(f"/v1/milestones/{uuid4()}")
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (404, "not_found")

    def logged() -> None:
        lines = log_lines(end_to_end.whereabouts.log("projects"))
        assert [line["status"] for line in lines if line.get("trace_id") == problem["trace_id"]] == [404]

    await eventually(logged)
