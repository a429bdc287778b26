"""Schemas, the AsyncAPI document and its page, as a stranger asks for them."""

import json
import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser

import httpx2 as httpx
import pytest
from starlette.applications import Starlette

from libs.events import contract_routes
from libs.events.schema_files import SCHEMAS, Published, every_published

PATHS = ("/schemas/milestone.reforecast/1", "/schemas/envelope/1", "/asyncapi.json", "/asyncapi")


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(Starlette(routes=contract_routes.routes()))
    async with httpx.AsyncClient(transport=transport, base_url="http://projects") as client:
        yield client


@pytest.mark.parametrize("which", every_published(), ids=lambda which: which.file_name)
async def test_a_schema_is_served_without_a_token_where_it_says_it_stands(
    client: httpx.AsyncClient, which: Published
) -> None:
    schema = json.loads((SCHEMAS / which.file_name).read_text())
    answer = await client.get(schema["$id"])
    assert (answer.status_code, answer.json()) == (200, schema)
    assert answer.headers["Content-Type"] == "application/schema+json"
    assert answer.headers["Cache-Control"] == "public, max-age=86400, immutable"


@pytest.mark.parametrize(
    "path",
    [
        "/schemas/milestone.celebrated/1",
        "/schemas/milestone.reforecast/2000000",
        "/schemas/milestone.reforecast/0",
        "/schemas/milestone.reforecast/01",
        "/schemas/milestone.reforecast/-1",
        "/schemas/milestone.reforecast/one",
        "/schemas/milestone.reforecast/" + "9" * 5000,
        "/schemas/..%2Fschemas%2Fmilestone.reforecast/1",
        "/schemas/%2Fetc%2Fpasswd/1",
    ],
)
async def test_what_was_never_published_is_not_found(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404


@pytest.mark.parametrize("path", PATHS)
async def test_who_has_it_already_is_not_sent_it_again(client: httpx.AsyncClient, path: str) -> None:
    first = await client.get(path)
    etag = first.headers["ETag"]
    for seen in (etag, f'"other", W/{etag}', "*"):
        again = await client.get(path, headers={"If-None-Match": seen})
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", etag)
    assert (await client.get(path, headers={"If-None-Match": '"other"'})).content == first.content
    head = await client.head(path)
    assert (head.status_code, head.content, head.headers["ETag"]) == (200, b"", etag)


class Page(HTMLParser):
    """What a page links to and loads, and the ids in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.ids: list[str] = []
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name == "href" and tag == "a":
                self.links.append(value or "")
            elif name in ("src", "href", "srcset", "action"):
                self.loaded.append(value or "")
            elif name == "id":
                self.ids.append(value or "")


async def test_the_page_loads_nothing_and_every_link_leads_somewhere(client: httpx.AsyncClient) -> None:
    text = (await client.get("/asyncapi")).text
    page = Page(text)
    assert page.loaded == []
    assert page.tags.isdisjoint({"script", "iframe", "img", "link", "object"})
    assert "url(" not in text
    assert "@import" not in text
    assert len(set(page.ids)) == len(page.ids)
    for link in set(page.links):
        if link.startswith("#"):
            assert link[1:] in page.ids
        else:
            assert (await client.get(link)).status_code == 200, link


async def test_the_page_tells_every_event_with_its_fields_and_an_example(client: httpx.AsyncClient) -> None:
    text = (await client.get("/asyncapi")).text
    document = (await client.get("/asyncapi.json")).json()
    for name, message in document["components"]["messages"].items():
        if "tags" in message:
            assert f'<section id="{name}">' in text
    assert re.search(r"<code>forecast_on_before</code></td><td>date, optional</td>", text)
    assert "&quot;sequence&quot;: &quot;000000" in text


async def test_every_event_has_its_message_on_every_way_that_carries_single_ones(
    client: httpx.AsyncClient,
) -> None:
    document = (await client.get("/asyncapi.json")).json()
    names = {f"{which.name}.v{which.version}" for which in every_published() if which.name != "envelope"}
    for way in ("stream", "subjects"):
        assert set(document["channels"][way]["messages"]) == names
    assert {"webhook", "feed.page"} | names == set(document["components"]["messages"])
