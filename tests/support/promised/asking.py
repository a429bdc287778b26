"""The projects service over HTTP, for machines that ask from a thread of their own."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from uuid import uuid4

import httpx2 as httpx

from services.projects.aggregates import BY_NAME
from tests.support.promised.world import Answer, Wish

SECONDS_MAX = 30.0


class OverHttp:
    """One organization nobody has heard of; `client(org_id)` asks as its owner, on the event loop `loop`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, client: Callable[..., httpx.AsyncClient]) -> None:
        self._loop = loop
        self._client = client(org_id=uuid4())
        self.head = int(
            self._send([self._client.post("/v1/projects", json={"name": "First"})])[0].headers[
                "milepost-position"
            ]
        )

    def ask(self, *wishes: Wish) -> list[Answer]:
        """Ask all of it at the same time."""
        answers = self._send([self._command(wish) for wish in wishes])
        return [read(wish, answer) for wish, answer in zip(wishes, answers, strict=True)]

    def show(self, wish: Wish, if_none_match: str | None) -> Answer:
        headers = {} if if_none_match is None else {"If-None-Match": if_none_match}
        path = f"/v1/{BY_NAME[wish.kind].plural}/{wish.entity_id}"
        return read(wish, self._send([self._client.get(path, headers=headers)])[0])

    def _command(self, wish: Wish) -> Awaitable[httpx.Response]:
        path = f"/v1/{BY_NAME[wish.kind].plural}"
        if not wish.is_creating:
            path = f"{path}/{wish.entity_id}/{wish.verb}"
        said = {"If-Match": wish.if_match, "Idempotency-Key": wish.key}
        headers = {name: value for name, value in said.items() if value is not None}
        return self._client.post(path, json=dict(wish.body), headers=headers)

    def _send(self, requests: Sequence[Awaitable[httpx.Response]]) -> list[httpx.Response]:
        async def together() -> list[httpx.Response]:
            return await asyncio.gather(*requests)

        answers = asyncio.run_coroutine_threadsafe(together(), self._loop)
        return answers.result(SECONDS_MAX)


def read(wish: Wish, answer: httpx.Response) -> Answer:
    """What was answered; that its parts agree with one another is asserted here."""
    if answer.status_code >= 400:
        problem = answer.json()
        return Answer(answer.status_code, problem["code"], version=problem.get("current_version"))
    # A long answer is compressed, and its tag weak.
    version = int(answer.headers["etag"].removeprefix("W/").strip('"'))
    position = int(answer.headers["milepost-position"])
    if answer.status_code == 304:
        assert answer.content == b""
        return Answer(304, version=version, position=position)
    shown = answer.json()
    tells_secret = shown.pop("secret", None) is not None
    assert (shown.pop(f"{wish.kind}_id"), shown.pop("version")) == (wish.entity_id, version)
    location = f"/v1/{BY_NAME[wish.kind].plural}/{wish.entity_id}" if answer.status_code == 201 else None
    assert answer.headers.get("location") == location
    is_replayed = answer.headers.get("idempotency-replayed") == "true"
    return Answer(answer.status_code, None, shown, version, position, tells_secret, is_replayed)
