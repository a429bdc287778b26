"""Freshness, documents, limits and the rest, numbered as the conventions are, on every service."""

import asyncio
import time
from typing import Any

import pytest
from openapi_spec_validator import validate

from deploy.local.stack import Stack
from tests.end_to_end.conftest import ALLOWED_ORIGIN
from tests.end_to_end.surfaces import JSON, Surface, problem

ALL = ("projects", "timeline", "notifications")
COMMANDED = ("projects", "notifications")
HUNG_SECONDS = 20.0

on_all = pytest.mark.parametrize("surface", ALL, indirect=True)
with_commands = pytest.mark.parametrize("surface", COMMANDED, indirect=True)
of_timeline = pytest.mark.parametrize("surface", ["timeline"], indirect=True)


# --- Freshness and time ---


@on_all
async def test_line_15_every_read_says_from_where_it_answers(surface: Surface) -> None:
    answer = await surface.ask("GET", surface.resource)
    assert int(answer.headers["milepost-position"]) > 0


@with_commands
async def test_line_15_every_write_says_its_position(surface: Surface) -> None:
    answer = await surface.ask("POST", surface.creating, json=surface.creation)
    assert (answer.status_code, answer.headers["milepost-position"].isdigit()) == (201, True)


@pytest.mark.parametrize(
    ("surface", "path"),
    [("timeline", "/v1/timeline/milestones"), ("notifications", "/v1/notifications/inbox")],
    indirect=["surface"],
)
async def test_line_15_what_is_not_reached_is_not_called_recorded(surface: Surface, path: str) -> None:
    answer = await surface.ask("GET", path, params={"min_position": 2**62}, headers={"Prefer": "wait=0"})
    body = problem(answer, 503, "projection_behind")
    assert "recorded" not in body["detail"]
    assert (answer.headers["retry-after"], int(answer.headers["milepost-position"])) == (
        "1",
        body["position"],
    )
    again = await surface.ask("GET", path, params=[("min_position", "1"), ("min_position", "2")])
    problem(again, 422, "repeated_parameter")


@of_timeline
async def test_line_16_the_same_question_has_the_same_answer_for_ever(surface: Surface) -> None:
    position = (await surface.ask("GET", surface.resource)).headers["milepost-position"]
    answers = [await surface.ask("GET", surface.resource, params={"as_of": position}) for _ in range(2)]
    assert answers[0].content == answers[1].content
    twice = await surface.ask("GET", f"{surface.resource}?as_of=1&as_of=2")
    problem(twice, 422, "repeated_parameter")
    detail = problem(await surface.ask("GET", f"{surface.resource}?as_of=soon"), 422)["detail"]
    assert detail.startswith("as_of must be a position")
    problem(await surface.ask("GET", surface.resource, params={"as_of": 2**62}), 422, "as_of_beyond_head")


# --- Documents ---


@on_all
async def test_line_20_the_document_is_valid_and_its_page_needs_no_network(surface: Surface) -> None:
    document: dict[str, Any] = (await surface.ask("GET", "/openapi.json")).json()
    await asyncio.to_thread(validate, document)
    page = (await surface.ask("GET", "/docs")).text
    assert (document["openapi"][:3], "https://" in page) == ("3.1", False)


# --- Limits ---


@on_all
async def test_line_22_json_means_one_thing_only(surface: Surface) -> None:
    if not surface.creating:
        return
    depth = b'{"name":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    for body in (
        b"{",
        b'{"a":1,"a":2}',
        b'{"a":NaN}',
        b'{"a":"\\u0000"}',
        b'{"a":"\\ud800"}',
        b'"\xff"',
        depth,
    ):
        answer = await surface.ask("POST", surface.creating, content=body, headers=JSON)
        problem(answer, 400, "malformed_request")
    huge = await surface.ask(
        "POST", surface.creating, content=b'{"name":' + b"9" * 5_000 + b"}", headers=JSON
    )
    assert huge.status_code in (400, 422)


@on_all
async def test_line_22_a_body_says_what_it_is_and_none_says_nothing(surface: Surface) -> None:
    path = surface.creating or surface.resource
    for content_type in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=utf-16",
    ):
        answer = await surface.ask("POST", path, content=b"{}", headers={"Content-Type": content_type})
        problem(answer, 415, "unsupported_media_type")
    without = await surface.ask("POST", path)
    assert without.status_code in (405, 422)


async def test_line_22_an_import_is_lines_of_json(surfaces: dict[str, Surface]) -> None:
    projects = surfaces["projects"]
    problem(
        await projects.ask("POST", "/v1/imports", content=b"{}", headers=JSON), 415, "unsupported_media_type"
    )
    lines = {"Content-Type": "application/x-ndjson"}
    assert (await projects.ask("POST", "/v1/imports", content=b"{}\n", headers=lines)).status_code == 200
    problem(
        await projects.ask("POST", "/v1/imports?dry=1", content=b"{}\n", headers=lines),
        422,
        "unknown_parameter",
    )


@on_all
async def test_line_23_every_answer_says_what_is_left(surface: Surface) -> None:
    answers = [await surface.ask("GET", path) for path in (surface.resource, "/v1/nothing", surface.resource)]
    for answer in answers:
        assert answer.headers["ratelimit"].startswith('"')
        assert {'"organization"', '"person"', '"address"'} <= {
            policy.partition(";")[0].strip() for policy in answer.headers["ratelimit-policy"].split(",")
        }
    probe = await surface.ask("GET", "/livez")
    assert "ratelimit" not in probe.headers


@on_all
async def test_line_23_an_allowed_page_may_ask_from_a_browser(surface: Surface) -> None:
    asking = {"Origin": ALLOWED_ORIGIN, "Access-Control-Request-Method": "POST", "Authorization": ""}
    preflight = await surface.ask("OPTIONS", surface.resource, headers=asking)
    answers = [
        await surface.ask("GET", path, headers={"Origin": ALLOWED_ORIGIN})
        for path in (surface.resource, "/v1/nothing")
    ]
    for answer in (preflight, *answers):
        assert answer.headers["access-control-allow-origin"] == ALLOWED_ORIGIN
    assert "Milepost-Position" in answers[0].headers["access-control-expose-headers"]
    other = await surface.ask("GET", surface.resource, headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in other.headers


@on_all
async def test_line_23_what_is_large_is_compressed(surface: Surface) -> None:
    accepting = {"Accept-Encoding": "gzip"}
    large = await surface.ask("GET", "/openapi.json", headers=accepting)
    small = await surface.ask("GET", "/v1/nothing", headers=accepting)
    assert (large.headers["content-encoding"], "content-encoding" in small.headers) == ("gzip", False)


@on_all
async def test_line_24_head_works_where_get_does(surface: Surface) -> None:
    for path in (surface.resource, surface.lists, "/docs", "/livez", "/readyz"):
        if path:
            got, headed = await surface.ask("GET", path), await surface.ask("HEAD", path)
            assert (headed.status_code, headed.content) == (200, b"")
            assert set(headed.headers) == set(got.headers)
    refused = await surface.ask("HEAD", "/v1/nothing")
    assert (refused.status_code, refused.content) == (404, b"")


@on_all
async def test_line_24_probes_answer_anybody_at_once(surface: Surface, end_to_end: Stack) -> None:
    started = time.monotonic()
    for path in ("/livez", "/readyz"):
        assert (await surface.ask("GET", path, headers={"Authorization": ""})).status_code == 200
    assert time.monotonic() - started < HUNG_SECONDS
