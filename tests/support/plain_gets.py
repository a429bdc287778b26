"""Somebody who asks one plain question after the other, in a process of their own, and how long each answer took.

As a program: `<port> <path> <token>`; asks until standard input ends, then writes what it saw as JSON. An empty line
after the first answer says that it has begun.
"""

import asyncio
import http.client
import json
import select
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

PAUSE_SECONDS = 0.01
HUNG_SECONDS = 30.0


@dataclass
class PlainGets:
    """`seconds` of each answer, and the statuses that were not 200."""

    seconds: list[float] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)

    @property
    def p99_seconds(self) -> float:
        return sorted(self.seconds)[int(len(self.seconds) * 0.99)]


@asynccontextmanager
async def plain_gets(port: int, path: str, token: str) -> AsyncIterator[PlainGets]:
    """While the block runs somebody asks, who has begun before it does; what they saw is known after it."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.plain_gets", str(port), path, token),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    seen = PlainGets()
    assert process.stdout is not None
    await asyncio.wait_for(process.stdout.readline(), HUNG_SECONDS)
    try:
        yield seen
    finally:
        told, _ = await asyncio.wait_for(process.communicate(b""), HUNG_SECONDS)
        seen.seconds, seen.refused = json.loads(told)


def ask_until_told(port: int, path: str, token: str) -> PlainGets:
    """One question after the other on one connection."""
    seen = PlainGets()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=HUNG_SECONDS)
    while not select.select([sys.stdin], [], [], PAUSE_SECONDS)[0]:
        started = time.monotonic()
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        answer.read()
        seen.seconds.append(time.monotonic() - started)
        if answer.status != http.client.OK:
            seen.refused.append(answer.status)
        if len(seen.seconds) == 1:
            print(flush=True)  # noqa: T201
    connection.close()
    return seen


if __name__ == "__main__":
    found = ask_until_told(int(sys.argv[1]), sys.argv[2], sys.argv[3])
    print(json.dumps([found.seconds, found.refused]))  # noqa: T201
