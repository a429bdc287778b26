"""What may stand in a message where an event should: each is made of the event and of an older one."""

import json
from collections.abc import Callable
from uuid import uuid4

HUGE_BYTES = 900_000
Spoil = Callable[[bytes, bytes], bytes]


def an_older_one(_: bytes, older: bytes) -> bytes:
    """A whole event, which had its turn before."""
    return older


def foreign(_: bytes, older: bytes) -> bytes:
    """An event as it stands in the log of somebody else: of an organization nobody here has heard of."""
    return json.dumps({**json.loads(older), "orgid": str(uuid4()), "id": str(uuid4())}).encode()


def broken(body: bytes, _: bytes) -> bytes:
    """It ends in the middle of a word."""
    return body[: len(body) // 2]


def huge(body: bytes, _: bytes) -> bytes:
    """JSON, nearly as much as a server passes on, and no event."""
    return b'{"data":"' + body.hex().encode().ljust(HUGE_BYTES, b"x") + b'"}'
