"""The example consumers as a stranger runs them: processes with a ledger, killed at any moment and started again."""

import asyncio
import random
import sqlite3
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support import node

EXAMPLES = Path(__file__).parents[2] / "examples/consumers"


@dataclass
class ExampleConsumer:
    """`settings` are the variables its README names; `directory` keeps its ledger and what it said."""

    program: tuple[str | Path, ...]
    settings: Mapping[str, str]
    directory: Path

    @property
    def ledger(self) -> Path:
        return self.directory / "ledger.sqlite"

    async def start(self) -> asyncio.subprocess.Process:
        with (self.directory / "said.txt").open("ab") as said:
            return await asyncio.create_subprocess_exec(
                *self.program,
                self.ledger,
                env={**node.environment(), **self.settings, "PYTHONDONTWRITEBYTECODE": "1"},
                stdout=said,
                stderr=said,
            )

    async def run_for(self, seconds: float) -> None:
        """Start it, and kill it when that time is over; fails if it ended by itself."""
        process = await self.start()
        try:
            async with asyncio.timeout(seconds):
                await process.wait()
            raise AssertionError(f"it ended by itself: {self.said()}")
        except TimeoutError:
            pass
        finally:
            await kill(process)

    async def killed_again_and_again(self, times: int, lifetimes: random.Random, seconds_max: float) -> None:
        for _ in range(times):
            await self.run_for(lifetimes.uniform(0.05, seconds_max))

    def effects(self) -> list[tuple[int, str]]:
        """Position and type of every event it dealt with, in the order in which it did."""
        if not self.ledger.exists():
            return []
        database = sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True, timeout=10)
        try:
            return database.execute("select position, type from effects order by number").fetchall()
        except sqlite3.OperationalError:
            return []
        finally:
            database.close()

    def said(self) -> str:
        return (self.directory / "said.txt").read_text()[-2_000:]


async def kill(process: asyncio.subprocess.Process) -> None:
    """With SIGKILL, and wait until it is gone."""
    if process.returncode is None:
        process.kill()
    await process.wait()


def python_program(name: str) -> tuple[str | Path, ...]:
    return (sys.executable, EXAMPLES / "python" / f"{name}.py")


def typescript_program(name: str) -> tuple[str | Path, ...]:
    return (node.NODE, node.installed(EXAMPLES / "typescript") / f"{name}.ts")
