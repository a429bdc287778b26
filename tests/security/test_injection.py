"""Whatever people type is data in every request: stored as it was typed or refused, never anything else."""

import base64
import json
import re
from uuid import uuid4

import httpx2
import pytest

from tests.security.hostile_strings import ALL, FORGED, UNSPEAKABLE
from tests.security.operations import LINES, Operation, import_line
from tests.security.organizations import Clients, Organization, Place, ask

LINK = re.compile(r'</v1/[a-z0-9/-]+\?[A-Za-z0-9%._~&=+*-]*>; rel="(first|next|self)"(, (?=<)|$)')
URI_PATH = re.compile(r"(?:[A-Za-z0-9/._~!$&'()*+,;=:@-]|%[0-9A-F]{2})*")
PROBLEM = "application/problem+json"


def as_stored(text: str) -> str:
    """Names are kept without space around them."""
    return text.strip()


def json_of(**wish: object) -> bytes:
    """JSON in ASCII, so that strings no UTF-8 can say reach the service too."""
    return json.dumps(wish, ensure_ascii=True).encode()


def post(person: Clients, path: str, body: bytes, media_type: str = "application/json") -> httpx2.Response:
    return person["projects"].post(path, content=body, headers={"Content-Type": media_type})


def assert_refused(answer: httpx2.Response) -> None:
    """A problem that says what is wrong, without a word of what was sent."""
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["content-type"].startswith(PROBLEM)
    assert answer.json()["status"] == answer.status_code
    assert_nothing_broke_out(answer)


def assert_nothing_broke_out(answer: httpx2.Response) -> None:
    assert answer.status_code < 500, answer.text
    # Links say again what was asked, percent-encoded, and are looked at where they are expected.
    assert FORGED not in str([header for header in answer.headers.raw if header[0].lower() != b"link"])
    assert "set-cookie" not in answer.headers
    if answer.is_error:
        problem = answer.json()
        assert URI_PATH.fullmatch(problem.pop("instance"))
        assert FORGED not in json.dumps(problem)


def test_the_table_is_as_long_as_promised() -> None:
    assert len(ALL) >= 200


def test_every_string_is_kept_in_the_log_and_in_the_read_models_as_it_was_typed(ours: Organization) -> None:
    place, kept = ours.hidden, {}
    for text in ALL:
        wish = {"project_id": place.ids["project_id"], "title": text, "description": text}
        answer = post(ours.owner, "/v1/issues", json_of(**wish))
        assert_nothing_broke_out(answer)
        if answer.is_success:
            kept[answer.json()["issue_id"]] = (text, answer.headers)
        else:
            assert answer.status_code == 422
            assert as_stored(text) == "" or len(text) > 200, repr(text)
    assert len(kept) >= 200
    position = int(list(kept.values())[-1][1]["milepost-position"])
    for issue_id, (text, headers) in kept.items():
        assert headers["location"] == f"/v1/issues/{issue_id}"
        found = ours.owner["projects"].get(f"/v1/issues/{issue_id}").json()
        assert found["title"] == as_stored(text), repr(text)
        shown = ask(ours.owner, "timeline", f"timeline/issues/{issue_id}", min_position=position).json()
        assert as_stored(text) in strings_in(shown), repr(text)


def strings_in(value: object) -> list[object]:
    if isinstance(value, dict):
        return [each for part in value.values() for each in strings_in(part)]
    if isinstance(value, list):
        return [each for part in value for each in strings_in(part)]
    return [value]


@pytest.mark.parametrize("text", UNSPEAKABLE, ids=ascii)
def test_what_is_no_text_is_refused_in_any_place_of_a_body(ours: Organization, text: str) -> None:
    wish = {"project_id": ours.hidden.ids["project_id"], "title": "x"}
    for body in ({**wish, "title": text}, {**wish, "description": text}, {**wish, text: "x"}):
        assert_refused(post(ours.owner, "/v1/issues", json_of(**body)))


@pytest.mark.parametrize("service", ["projects", "timeline", "notifications"])
def test_every_string_is_refused_or_data_in_every_parameter(
    every_operation: list[Operation], ours: Organization, service: str
) -> None:
    """Each string goes into one parameter after the other, so that all strings meet all services."""
    operations = [each for each in every_operation if each.service == service and not each.is_stream]
    places = [
        (operation, name) for operation in operations for name in (*operation.names, *operation.queries)
    ]
    if not places:
        pytest.fail(f"{service} has no parameters any more")
    for number, text in enumerate(ALL * (1 + len(places) // len(ALL))):
        operation, name = places[number % len(places)]
        request = operation.request({**ours.shared.ids, name: httpx2.QueryParams({"x": text}).__str__()[2:]})
        if name in operation.queries:
            request["params"] = {**request["params"], name: text}
        request["headers"] = {**request.get("headers", {}), "If-Match": '"999999"'}
        answer = operation.sent_by(ours.owner[service], request)
        assert_nothing_broke_out(answer)
        link = answer.headers.get("link")
        assert link is None or LINK.sub("", link) == "", link


def test_a_search_for_any_string_finds_exactly_the_names_that_have_it(ours: Organization) -> None:
    texts = [text for text in ALL if as_stored(text) and len(text) <= 200]
    lines = [import_line("project.propose", f"project-{uuid4()}", name=text) for text in texts]
    answer = post(ours.owner, "/v1/imports", b"".join(lines), LINES)
    position = json.loads(answer.text.split("\n")[-2])["position"]
    for text in texts:
        found = ask(
            ours.owner, "timeline", "timeline/projects", q=as_stored(text), limit=200, min_position=position
        )
        names = [item["name"] for item in found.json()["items"]]
        assert as_stored(text) in names, repr(text)
        if text.isascii():
            assert all(as_stored(text).lower() in name.lower() for name in names), repr(text)


@pytest.mark.parametrize(
    "wrap", [str.encode, lambda text: json.dumps([text, text]).encode()], ids=["raw", "JSON"]
)
def test_no_string_is_a_cursor(ours: Organization, wrap: object) -> None:
    lists = {"timeline": "timeline/milestones", "notifications": "notifications/inbox"}
    for service, path in lists.items():
        for text in ALL:
            cursor = base64.urlsafe_b64encode(wrap(text)).decode()  # type: ignore[operator]
            for sent in (text, cursor):
                answer = ours.owner[service].get(f"/v1/{path}", params={"cursor": sent})
                assert_refused(answer)


def test_every_string_is_one_line_of_an_import_and_never_two(ours: Organization) -> None:
    place = ours.hidden
    lines = [import_line("issue.comment", f"issue-{place.ids['issue_id']}", text=text) for text in ALL]
    answer = post(ours.owner, "/v1/imports", b"".join(lines), LINES)
    *results, total = (json.loads(line) for line in answer.text.split("\n") if line)
    assert total["lines"] == len(results) == len(ALL)
    assert {result["outcome"] for result in results} <= {"recorded", "refused"}

    raw = [text.encode() + b"\n" for text in ALL]
    answer = post(ours.owner, "/v1/imports", b"".join(raw), LINES)
    assert answer.status_code == 200
    assert '"recorded":0' in answer.text.replace(" ", "")


def test_every_string_is_refused_or_kept_as_an_idempotency_key(ours: Organization) -> None:
    place: Place = ours.hidden
    path = f"/v1/issues/{place.ids['issue_id']}/comment"
    for text in ALL:
        for service, target in (("projects", path), ("notifications", "/v1/notifications/inbox/mark-read")):
            body = json_of(text="hello") if service == "projects" else json_of(up_to_position=1)
            answer = sent_with_header(ours.owner[service], target, body, "Idempotency-Key", text)
            if answer is None:
                continue
            assert_nothing_broke_out(answer)
            if answer.is_success:
                again = sent_with_header(ours.owner[service], target, body, "Idempotency-Key", text)
                assert again is not None
                assert again.headers.get("idempotency-replayed") == "true"


@pytest.mark.parametrize(
    "name", ["If-Match", "If-None-Match", "Prefer", "traceparent", "Accept", "Origin", "User-Agent"]
)
def test_every_string_in_a_header_is_refused_or_ignored(ours: Organization, name: str) -> None:
    for text in ALL[::3]:
        for service, path in (
            ("timeline", "/v1/timeline/projects"),
            ("notifications", "/v1/notifications/webhooks"),
        ):
            try:
                answer = ours.owner[service].get(path, headers={name.encode(): text.encode()})
            except httpx2.LocalProtocolError:
                continue
            assert_nothing_broke_out(answer)


def sent_with_header(
    client: httpx2.Client, path: str, body: bytes, name: str, text: str
) -> httpx2.Response | None:
    """The answer; `None` for what no client can send as a header."""
    headers = {name.encode(): text.encode(), b"Content-Type": b"application/json"}
    try:
        return client.post(path, content=body, headers=headers)
    except httpx2.LocalProtocolError:
        return None
