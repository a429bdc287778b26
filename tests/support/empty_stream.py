"""The stream emptied for a test, on a server that other tests use too."""

import json
from typing import Any

from nats.aio.client import Client

from libs.events.jetstream import API, STREAM, STREAM_NOT_FOUND
from tests.support.eventually import eventually

STREAM_CONFIGURATION: dict[str, Any] = {
    "name": STREAM,
    "subjects": ["milepost.>"],
    "storage": "file",
    "num_replicas": 1,
    "allow_atomic": True,
    "allow_direct": True,
    "deny_delete": True,
    "deny_purge": True,
}


async def make_stream_anew(keeper: Client, first_seq: int = 1) -> None:
    """Delete the stream and make it without messages, the first of which will be `first_seq`.

    nats-server 2.15 removes the files of a deleted stream later, and those of a stream that is deleted meanwhile not at
    all: whoever makes the stream next gets its old messages. So it is deleted until it comes back empty.
    """

    async def made_empty() -> None:
        await delete_stream(keeper)
        made = await _ask(keeper, "CREATE", STREAM_CONFIGURATION | {"first_seq": first_seq})
        assert "error" not in made, made
        assert (made["state"]["messages"], made["state"]["last_seq"]) == (0, first_seq - 1)

    await eventually(made_empty)


async def forget_stream(keeper: Client) -> None:
    """Leave no stream, and nothing that comes back with the next one."""
    await make_stream_anew(keeper)
    await delete_stream(keeper)


async def delete_stream(keeper: Client) -> None:
    """Nothing happens where there is none."""
    deleted = await _ask(keeper, "DELETE")
    assert deleted.get("success") or deleted["error"]["err_code"] == STREAM_NOT_FOUND, deleted


async def _ask(keeper: Client, verb: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    payload = b"" if body is None else json.dumps(body).encode()
    answer = await keeper.request(f"{API}.STREAM.{verb}.{STREAM}", payload, timeout=2)
    told: dict[str, Any] = json.loads(answer.data)
    return told
