"""Scenes that are played twice, over a real server and over its simulation, and must go the same way."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any, TypeVar

from libs.chassis.postgres import Database
from tests.simulation.loop import Process, SimulatedLoop
from tests.simulation.network import Network
from tests.simulation.postgres.server import SimulatedPostgres
from tests.simulation.postgres.tables import Row

Told = TypeVar("Told")
Scene = Callable[[Database], Awaitable[Told]]


async def simulated(act: Callable[[Network], Awaitable[Told]]) -> Told:
    """Play in a process of a simulated loop, which has a thread of its own for as long as it takes."""

    def play() -> Told:
        loop = SimulatedLoop()
        told: list[Told] = []

        async def begin() -> None:
            told.append(await act(Network(loop, Random(1))))

        try:
            process = Process(loop, "player")
            process.start(begin)
            loop.run_until_complete(process.is_over())
            if process.failure is not None:
                raise process.failure
            return told[0]
        finally:
            loop.close()

    return await asyncio.to_thread(play)


async def in_simulated_database(migrations: tuple[str, ...], scene: Scene[Told]) -> Told:
    async def act(network: Network) -> Told:
        return await scene(SimulatedPostgres(network, "database", migrations).pool(5))

    return await simulated(act)


async def told_of(database: Database, table: str, leave_out: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """Every row of a table, as plain values that compare, in an order of their own."""
    async with database.connection() as connection:
        rows = [dict(row.items()) for row in await connection.fetch(f"select * from {table}")]
    plain = [{name: _plain(value) for name, value in row.items() if name not in leave_out} for row in rows]
    return sorted(plain, key=lambda row: sorted((name, str(value)) for name, value in row.items()))


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list | tuple) and not isinstance(value, Row) else value
