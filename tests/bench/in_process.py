"""A command inside one process, from the bytes of its request to those of its answer, beside the bare FastAPI POST.

Sockets are left out on both sides, the log is the real one: what is measured is processor time of our own code, which
other programs on the machine disturb least.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, redirect_stdout
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import httpx2 as httpx
import uvloop
from pydantic import SecretStr
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from libs.chassis import garbage
from libs.chassis.development_issuer import DevelopmentIssuer
from libs.chassis.http_protocol import BoundedConfig, BoundedHttpProtocol
from services.projects.app import program
from services.projects.settings import ProjectsSettings
from tests.bench import bare
from tests.bench.arena import OURS, arena
from tests.bench.figures import Figure, Report, ratios
from tests.bench.pressure import END_OF_HEAD, LENGTH, number_after, request
from tests.bench.world import FIRST_DAY, Milestones

CONNECTIONS = 32
COMMANDS_A_ROUND = 640
ROUNDS_FOR_EACH = 10
UNLIMITED = 1_000_000.0
GROUP = f"a command inside its process, {CONNECTIONS} at once, without sockets"


class Wire(asyncio.Transport):
    """What a connection has instead of a socket: it sends the next request as soon as the answer is complete."""

    def __init__(self, requests: Sequence[bytes], answered: Callable[[], bool]) -> None:
        super().__init__({"peername": ("127.0.0.1", 50_000), "sockname": ("127.0.0.1", 80)})
        self._requests = cycle(requests)
        self._answered = answered
        self._received = b""
        self.protocol: HttpToolsProtocol

    def send(self) -> None:
        self.protocol.data_received(next(self._requests))

    def write(self, data: "bytes | bytearray | memoryview[Any]") -> None:
        self._received += bytes(data)
        end = self._received.find(END_OF_HEAD)
        if end < 0 or len(self._received) < end + 4 + number_after(LENGTH, self._received, end):
            return
        assert self._received[9:10] == b"2", self._received.decode()
        self._received = b""
        if self._answered():
            asyncio.get_running_loop().call_soon(self.send)

    def is_closing(self) -> bool:
        return False

    def resume_reading(self) -> None:
        """There is nothing to hold back: the next request leaves after the answer."""


class Load:
    """All connections to one application, and how many answers are still to come."""

    def __init__(self, connect: Callable[[], HttpToolsProtocol], requests: Sequence[Sequence[bytes]]) -> None:
        self._left = 0
        self._open = 0
        self._done = asyncio.Event()
        self._wires = [Wire(each, self._answered) for each in requests]
        for wire in self._wires:
            wire.protocol = connect()
            wire.protocol.connection_made(wire)

    async def microseconds(self, count: int) -> float:
        """Processor time of this process for each of so many requests."""
        self._left, self._open = count - len(self._wires), len(self._wires)
        self._done.clear()
        started = time.process_time()
        for wire in self._wires:
            wire.send()
        await self._done.wait()
        return 1e6 * (time.process_time() - started) / count

    def _answered(self) -> bool:
        """Whether another request is to be sent."""
        if self._left > 0:
            self._left -= 1
            return True
        self._open -= 1
        if not self._open:
            self._done.set()
        return False


def measure(report: Report, rounds: int) -> None:
    # The lines of the request log are written as in production, to where nobody reads them.
    with arena([OURS]) as here, TemporaryDirectory() as keys, open(os.devnull, "w") as nowhere:  # noqa: PTH123
        issuer = DevelopmentIssuer(Path(keys))
        with redirect_stdout(nowhere), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            used = runner.run(_measured(here.dsn(OURS), issuer, rounds * ROUNDS_FOR_EACH))
    ours, theirs = used
    report.add(
        Figure(GROUP, "bare FastAPI POST, 8 fields", "µs", theirs, beside=f"least {min(theirs):.0f}"),
        Figure(GROUP, "command, durable", "µs", ours, beside=f"least {min(ours):.0f}"),
        Figure(GROUP, "bare ÷ command", "", ratios(theirs, ours)),
    )


async def _measured(dsn: str, issuer: DevelopmentIssuer, rounds: int) -> tuple[list[float], list[float]]:
    async with _service(dsn, issuer) as app:
        milestones = await _milestones(app, issuer)
        requests = [[each.encode() for each in own] for own in milestones.reforecasts(CONNECTIONS)]
        ours = Load(_server(app, BoundedHttpProtocol), requests)
        theirs = Load(
            _server(bare.app, HttpToolsProtocol),
            [[request("POST", "/things", bare.BODY).encode()]] * CONNECTIONS,
        )
        garbage.settle()
        used: tuple[list[float], list[float]] = ([], [])
        for _ in range(rounds + 1):
            for load, microseconds in zip((ours, theirs), used, strict=True):
                microseconds.append(await load.microseconds(COMMANDS_A_ROUND))
    # The first round warms up.
    return used[0][1:], used[1][1:]


@asynccontextmanager
async def _service(dsn: str, issuer: DevelopmentIssuer) -> AsyncIterator[ASGIApp]:
    settings = ProjectsSettings(
        database_url=SecretStr(dsn),
        jwks_file=issuer.jwks_file,
        grants_in_tokens=True,
        log_format="json",
        organization_requests_per_second_max=UNLIMITED,
        person_requests_per_second_max=UNLIMITED,
        address_requests_per_second_max=UNLIMITED,
    )
    async with program(settings, asyncio.Event()) as running:
        appending = asyncio.ensure_future(running.loops["appends"]())
        try:
            yield running.app
        finally:
            appending.cancel()


async def _milestones(app: ASGIApp, issuer: DevelopmentIssuer) -> Milestones:
    org_id = uuid4()
    token = issuer.mint(org_id=org_id, actor=uuid4(), org_role="owner", project_roles={})
    headers = {"Authorization": f"Bearer {token}"}
    ids = [uuid4() for _ in range(CONNECTIONS)]
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://projects", headers=headers
    ) as client:
        proposed = await client.post("/v1/projects", json={"name": "The new line"})
        for milestone_id in ids:
            planned = {
                "milestone_id": str(milestone_id),
                "project_id": proposed.json()["project_id"],
                "name": "Sample",
                "target_on": FIRST_DAY.isoformat(),
            }
            answer = await client.post("/v1/milestones", json=planned)
            assert answer.status_code == 201, answer.text
    return Milestones(org_id, token, ids)


def _server(app: ASGIApp, protocol: type[HttpToolsProtocol]) -> Callable[[], HttpToolsProtocol]:
    """Makes connections as uvicorn does."""
    config = BoundedConfig(app, http=protocol, ws="none", lifespan="off", log_config=None, access_log=False)
    config.timeout_keep_alive = 600
    config.load()
    state = ServerState()
    return lambda: protocol(config, state, {}, asyncio.get_running_loop())
