"""Errors, concurrency and collections, numbered as the conventions are, on every service."""

import asyncio
import re
from uuid import uuid4

import pytest

from tests.end_to_end.surfaces import JSON, Surface, foreign, problem

ALL = ("projects", "timeline", "notifications")
COMMANDED = ("projects", "notifications")
LISTED = ("timeline", "notifications")


on_all = pytest.mark.parametrize("surface", ALL, indirect=True)
with_commands = pytest.mark.parametrize("surface", COMMANDED, indirect=True)
with_lists = pytest.mark.parametrize("surface", LISTED, indirect=True)


# --- Errors ---


@on_all
async def test_line_1_every_refusal_is_a_problem(surface: Surface) -> None:
    problem(await surface.ask("GET", "/v1/nothing"), 404, "not_found")
    wrong = await surface.ask("DELETE", surface.resource)
    problem(wrong, 405, "method_not_allowed")
    assert "GET" in wrong.headers["allow"]
    unknown = await surface.ask("GET", surface.resource, headers={"Authorization": ""})
    problem(unknown, 401, "unauthenticated")
    assert unknown.headers["www-authenticate"].startswith("Bearer")
    problem(
        await surface.ask("POST", "/v1/any", content=b" " * 262_145, headers=JSON), 413, "content_too_large"
    )
    problem(await surface.ask("POST", "/v1/any", content=b"<a/>"), 415, "unsupported_media_type")
    problem(await surface.ask("GET", "/v1/any", headers={"X-Large": "a" * 66_000}), 431, "headers_too_large")
    problem(await surface.ask("GET", "/v1/" + "a" * 17_000), 414, "url_too_long")


@on_all
async def test_line_1_one_body_for_what_is_foreign_random_or_no_id_at_all(surface: Surface) -> None:
    answers = [
        problem(await surface.ask("GET", foreign(surface.resource, identifier)), 404, "not_found")
        for identifier in (None, "1", "not-an-id", "00000000-0000-0000-0000-00000000000g")
    ]
    told = [{name: body[name] for name in set(body) - {"instance", "trace_id"}} for body in answers]
    assert told.count(told[0]) == len(told)


@on_all
async def test_line_2_faults_are_named_and_what_was_sent_is_never_repeated(surface: Surface) -> None:
    query = await surface.ask("GET", f"{surface.resource}?canary=s3cret")
    assert problem(query, 422, "unknown_parameter")["errors"][0]["parameter"] == "canary"
    assert "s3cret" not in query.text
    if surface.creating:
        body = await surface.ask("POST", surface.creating, json={**surface.creation, "canary": "s3cret"})
        (fault,) = problem(body, 422, "invalid_request")["errors"]
        assert (fault["pointer"], set(fault)) == ("/canary", {"pointer", "code", "detail"})
        assert "s3cret" not in body.text


@on_all
async def test_line_3_every_code_has_its_page_and_is_in_the_document(surface: Surface) -> None:
    document = (await surface.ask("GET", "/openapi.json")).json()
    codes = document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"]
    pages = await asyncio.gather(*(surface.ask("GET", f"/problems/{code}") for code in codes))
    assert {page.status_code for page in pages} == {200}
    assert all(re.fullmatch("[a-z][a-z0-9_]*", code) for code in codes)


@on_all
async def test_no_answer_lets_a_browser_guess_what_it_is(surface: Surface) -> None:
    answers = [
        await surface.ask("GET", surface.resource),
        await surface.ask("HEAD", surface.resource),
        await surface.ask("GET", surface.resource, headers={"If-None-Match": "*"}),
        await surface.ask("GET", "/docs"),
        await surface.ask("GET", "/livez"),
        await surface.ask("GET", "/v1/nothing"),
        await surface.ask("GET", surface.resource, headers={"Authorization": ""}),
        await surface.ask("DELETE", surface.resource),
        await surface.ask("POST", "/v1/any", content=b"<a/>"),
        await surface.ask("GET", "/v1/" + "a" * 17_000),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 304, 200, 200, 404, 401, 405, 415, 414]
    assert {answer.headers.get("x-content-type-options") for answer in answers} == {"nosniff"}


# --- Concurrency and idempotency ---


@on_all
async def test_line_5_a_single_resource_has_a_tag_and_is_not_sent_twice(surface: Surface) -> None:
    answer = await surface.ask("GET", surface.resource)
    tag = answer.headers["etag"]
    assert tag == f'"{answer.json()["version"]}"'
    again = await surface.ask("GET", surface.resource, headers={"If-None-Match": tag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    other = await surface.ask("GET", surface.resource, headers={"If-None-Match": '"999"'})
    assert other.status_code == 200


@with_commands
async def test_lines_6_and_7_a_stale_command_is_refused_and_a_weak_tag_accepted(surface: Surface) -> None:
    version = (await surface.ask("GET", surface.resource)).json()["version"]
    stale = await surface.ask("POST", surface.command, json=surface.body, headers={"If-Match": '"999"'})
    assert problem(stale, 412, "stale_version")["current_version"] == version
    body = {**(surface.body or {}), **({"forecast_on": "2027-04-01"} if surface.name == "projects" else {})}
    weak = await surface.ask("POST", surface.command, json=body, headers={"If-Match": f'W/"{version}"'})
    assert weak.status_code == 200, weak.text
    assert weak.headers["etag"] == f'"{weak.json()["version"]}"'


@with_commands
async def test_line_8_a_key_makes_a_command_happen_once(surface: Surface) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    first = await surface.ask("POST", surface.creating, json=surface.creation, headers=key)
    again = await surface.ask("POST", surface.creating, json=surface.creation, headers=key)
    assert (first.status_code, first.headers["location"]) == (201, again.headers["location"])
    assert (again.status_code, again.content) == (201, first.content)
    assert ("idempotency-replayed" in first.headers, again.headers["idempotency-replayed"]) == (False, "true")
    other = await surface.ask("POST", surface.creating, json={**surface.creation, "x": 1}, headers=key)
    problem(other, 422)
    misused = await surface.ask("POST", surface.command, json=surface.body, headers=key)
    problem(misused, 422, "idempotency_key_reused")
    long = await surface.ask(
        "POST", surface.creating, json=surface.creation, headers={"Idempotency-Key": "k" * 256}
    )
    problem(long, 422)


# --- Collections ---


@with_lists
async def test_lines_9_and_10_pages_agree_with_their_links_and_belong_to_their_question(
    surface: Surface,
) -> None:
    page = await surface.ask("GET", surface.lists, params={"limit": 1})
    cursor = page.json()["next_cursor"]
    links = dict(re.findall(r'<([^>]+)>; rel="(\w+)"', page.headers["link"]))
    by_relation = {relation: path for path, relation in links.items()}
    following = await surface.ask("GET", surface.lists, params={"limit": 1, "cursor": cursor})
    assert (await surface.ask("GET", by_relation["next"])).json()["items"] == following.json()["items"]
    assert (await surface.ask("GET", by_relation["first"])).json()["items"] == page.json()["items"]
    assert following.json()["items"] != page.json()["items"]
    other = await surface.ask("GET", surface.lists, params={"cursor": cursor, "project_id": str(uuid4())})
    problem(other, 422, "cursor_mismatch")
    problem(await surface.ask("GET", surface.lists, params={"limit": 201}), 422)
    problem(await surface.ask("GET", surface.lists, params={"cursor": "damaged"}), 422)


@with_lists
async def test_line_11_a_parameter_is_known_and_said_once_or_a_list(surface: Surface) -> None:
    problem(await surface.ask("GET", f"{surface.lists}?misspelt=1"), 422, "unknown_parameter")
    repeated = problem(
        await surface.ask("GET", f"{surface.lists}?limit=1&limit=2"), 422, "repeated_parameter"
    )
    assert [fault["parameter"] for fault in repeated["errors"]] == ["limit"]
    either = await surface.ask("GET", f"{surface.lists}?project_id={uuid4()}&project_id={uuid4()}")
    assert (either.status_code, either.json()["items"]) == (200, [])


@pytest.mark.parametrize("surface", ["timeline"], indirect=True)
async def test_line_11_a_sort_comes_from_a_list(surface: Surface) -> None:
    names = [
        [item["name"] for item in (await surface.ask("GET", f"{surface.lists}?sort={sort}")).json()["items"]]
        for sort in ("name,-forecast_on", "-name")
    ]
    assert names[0] == sorted(names[0])
    problem(await surface.ask("GET", f"{surface.lists}?sort=secret"), 422)


# --- Representation ---


@on_all
async def test_lines_12_and_14_names_and_instants_have_one_form(surface: Surface) -> None:
    text = (await surface.ask("GET", surface.resource)).text
    names = re.findall(r'"([A-Za-z_]+)":', text)
    assert all(name == name.lower() for name in names)
    instants = re.findall(r'"(\d{4}-\d\d-\d\dT[^"]+)"', text)
    assert all(instant.endswith("Z") for instant in instants)


@pytest.mark.parametrize("surface", ["timeline"], indirect=True)
async def test_line_13_what_can_not_be_said_is_null_with_a_reason(surface: Surface) -> None:
    answer = (await surface.ask("GET", surface.resource)).json()
    assert (answer["slip_days_calendar"], answer["slip_reason"]) == (None, "no_baseline")
