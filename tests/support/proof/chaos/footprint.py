"""What a process holds on to, files, sessions and tasks: what grows from one quiet moment to the next is a leak."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import httpx2
import psutil

from deploy.local.programs import SERVICES
from deploy.local.stack import Stack
from tests.support.eventually import eventually
from tests.support.proof import evidence

QUIET_SECONDS_MAX = 60
# Pools open sessions when they are needed, and keep them.
SESSIONS_MORE_MAX = 20
# The question itself, and what is renewed from time to time.
TASKS_MORE_MAX = 5
SESSIONS = "select count(*) from pg_stat_activity where usename ~ '^{}_'"


@dataclass(frozen=True, slots=True)
class Footprint:
    """`files` without the connections of clients, who come and go as they like."""

    files: int
    sessions: int
    tasks: int


async def footprints(stack: Stack) -> dict[str, Footprint]:
    """Of each service, now."""
    found = {}
    for service in SERVICES:
        process = psutil.Process(stack.processes[service].pid)
        files = await asyncio.to_thread(_files, process, stack.whereabouts.addresses.ports[service])
        sessions = int(await evidence.value(stack.postgres.dsn(), SESSIONS.format(service)))
        found[service] = Footprint(files, sessions, await _tasks(stack.whereabouts.metrics_url(service)))
    return found


def _files(process: psutil.Process, port: int) -> int:
    connections = process.net_connections("tcp")
    of_clients = [each for each in connections if each.raddr and each.laddr.port == port]
    return process.num_fds() - len(of_clients)


async def _tasks(metrics_url: str) -> int:
    async with httpx2.AsyncClient(trust_env=False) as client:
        text = (await client.get(metrics_url)).text
    [line] = [line for line in text.splitlines() if line.startswith("milepost_tasks ")]
    return int(float(line.split()[1]))


async def nothing_leaked(stack: Stack, before: Mapping[str, Footprint]) -> dict[str, Footprint]:
    """No process holds more than in the quiet moment before, but for the pools it has filled; returns what it holds."""

    async def is_back() -> dict[str, Footprint]:
        now = await footprints(stack)
        for service, footprint in now.items():
            sessions_more = footprint.sessions - before[service].sessions
            files_more = footprint.files - before[service].files
            assert sessions_more <= SESSIONS_MORE_MAX, f"{service}: {before[service]} became {footprint}"
            assert files_more <= max(0, sessions_more) + 5, f"{service}: {before[service]} became {footprint}"
            assert footprint.tasks <= before[service].tasks + TASKS_MORE_MAX, (
                f"{service}: {before[service]} became {footprint}"
            )
        return now

    return await eventually(is_back, QUIET_SECONDS_MAX, every=1)
