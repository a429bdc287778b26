"""Whatever people typed is data wherever it ends up: in charts, pages, log lines, subjects and webhooks."""

import asyncio
import json
import re
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4
from xml.etree import ElementTree

from deploy.local.stack import Stack
from tests.security.hostile_strings import ALL, FORGED, MARKUP
from tests.security.operations import LINES, SERVICES, import_line
from tests.security.organizations import Organization, ask, say
from tests.support.eventually import eventually
from tests.support.notifications.receiver import Receiver, receiving
from tests.support.proof import evidence

SUBJECT = re.compile(r"milepost(\.[0-9a-z_-]{1,64})+")
SVG_NAMES = {
    "svg",
    "g",
    "path",
    "text",
    "tspan",
    "rect",
    "line",
    "defs",
    "clipPath",
    "style",
    "title",
    "desc",
}
WEBHOOK_HEADERS = {
    "host", "accept", "accept-encoding", "connection", "user-agent", "content-type", "content-length",
    "traceparent", "webhook-id", "webhook-timestamp", "webhook-signature",
}  # fmt: skip
DRAWN = [text for text in MARKUP if text.strip() and len(text) <= 200]


def imported(ours: Organization, lines: list[bytes]) -> int:
    """Record what lines of an import say; the position of the last one."""
    answer = ours.owner["projects"].post(
        "/v1/imports", content=b"".join(lines), headers={"Content-Type": LINES}
    )
    total = json.loads(answer.text.split("\n")[-2])
    assert total["recorded"] == len(lines), answer.text
    position: int = total["position"]
    return position


def test_no_name_becomes_a_part_of_a_chart(ours: Organization) -> None:
    project_id = ours.hidden.ids["project_id"]
    names = {str(uuid4()): text for text in DRAWN}
    plans = [
        import_line("milestone.plan", f"milestone-{milestone_id}", project_id=project_id, name=name)
        for milestone_id, name in names.items()
    ]
    position = imported(ours, plans)
    for milestone_id, name in names.items():
        path = f"timeline/milestones/{milestone_id}/trend.svg"
        answer = ask(ours.owner, "timeline", path, min_position=position)
        assert answer.headers["content-type"].startswith("image/svg+xml")
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert_harmless_svg(answer.content, name)


def assert_harmless_svg(svg: bytes, name: str) -> None:
    drawn = ElementTree.fromstring(svg)  # noqa: S314 -- ours, and it must be XML that any parser takes
    for element in drawn.iter():
        assert element.tag.rpartition("}")[2] in SVG_NAMES, f"{element.tag} in the chart of {name!r}"
        for attribute, value in element.attrib.items():
            assert not attribute.lower().startswith("on"), f"{attribute} in the chart of {name!r}"
            assert "href" not in attribute, f"{attribute} in the chart of {name!r}"
            assert "javascript:" not in value.lower() or attribute == "aria-label"
        if element.tag.endswith("style"):
            assert FORGED not in (element.text or "")


def test_no_path_is_shown_by_a_page(ours: Organization) -> None:
    for number, text in enumerate(ALL):
        for page in ("problems", "docs", "asyncapi", "schemas"):
            answer = ours.owner[SERVICES[number % 3]].get(f"/{page}/{quote(text, safe='')}")
            assert answer.status_code in (200, 307, 308, 400, 404, 405, 414, 422), answer.text
            if "html" in answer.headers.get("content-type", ""):
                assert FORGED not in answer.text


def test_nothing_that_was_typed_is_a_log_line_of_its_own(stack: Stack, ours: Organization) -> None:
    for text in ALL:
        ours.owner["timeline"].get(f"/v1/timeline/projects/{quote(text, safe='')}", params={"q": text})
        ours.owner["notifications"].get(f"/{quote(text, safe='')}")
    for service in SERVICES:
        written = Path(stack.whereabouts.log(service)).read_bytes()
        assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", written), "a raw control character"
        for line in written.decode().split("\n"):
            if line:
                told = json.loads(line)
                assert FORGED not in told["event"]
                assert told["service"] == service


async def test_subjects_are_made_of_names_of_ours_alone(stack: Stack, ours: Organization) -> None:
    ids = ours.hidden.ids
    lines = [import_line("issue.comment", f"issue-{ids['issue_id']}", text=text) for text in ALL]
    position = await asyncio.to_thread(imported, ours, lines)

    async with evidence.broker(stack, "relay") as client:

        async def relayed() -> None:
            assert (await evidence.stream_end(client)).last >= position

        await eventually(relayed, seconds=30)
        reply = await client.request(
            "$JS.API.STREAM.INFO.PROJECTS", b'{"subjects_filter": ">"}', timeout=evidence.ANSWER_SECONDS_MAX
        )
    subjects = json.loads(reply.data)["state"]["subjects"]
    assert len(subjects) > 10
    assert [subject for subject in subjects if not SUBJECT.fullmatch(subject)] == []


async def test_every_string_arrives_in_a_signed_webhook_as_it_was_typed(ours: Organization) -> None:
    ids = ours.shared.ids
    async with receiving() as receiver:
        hook = {"url": receiver.url(), "project_id": ids["project_id"], "kinds": ["issue.commented_on"]}
        made = (
            await asyncio.to_thread(say, ours.owner, "notifications", "notifications/webhooks", **hook)
        ).json()
        receiver.secrets["/hooks"] = made["secret"]
        lines = [import_line("issue.comment", f"issue-{ids['issue_id']}", text=text) for text in ALL]
        await asyncio.to_thread(imported, ours, lines)
        await eventually(lambda: assert_all_arrived(receiver), seconds=60)
        retire = f"notifications/webhooks/{made['endpoint_id']}/retire"
        await asyncio.to_thread(say, ours.owner, "notifications", retire)
    for receipt in receiver.receipts:
        assert receipt.headers.keys() <= WEBHOOK_HEADERS
        assert FORGED not in str(receipt.headers)


def assert_all_arrived(receiver: Receiver) -> None:
    """In order, each as it was typed."""
    texts = [receipt.event["data"]["text"] for receipt in receiver.receipts]
    assert list(dict.fromkeys(texts)) == ALL
