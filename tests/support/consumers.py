"""The example consumers as a stranger runs them: processes with a ledger, killed at any moment and started again."""

import asyncio
import random
import sqlite3
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support import node
from tests.support.eventually import eventually

# Of the lives it is given, those that last until something was done.
WORKING_SHARE = 0.7
WORK_SECONDS_MAX = 60
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

    async def killed_again_and_again(self, times: int, chance: random.Random, seconds_max: float) -> None:
        """Start it and kill it, at any moment: while it starts, or in the middle of its work."""
        for _ in range(times):
            process = await self.start()
            try:
                if chance.random() < WORKING_SHARE:
                    await self._has_done_more(process)
                await self._lives_on(process, chance.uniform(0, seconds_max))
            finally:
                await kill(process)

    async def _has_done_more(self, process: asyncio.subprocess.Process) -> None:
        done = len(self.effects())

        def more() -> None:
            assert len(self.effects()) > done or process.returncode is not None, self.said()

        await eventually(more, seconds=WORK_SECONDS_MAX, every=0.05)

    async def _lives_on(self, process: asyncio.subprocess.Process, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await process.wait()
        except TimeoutError:
            return
        raise AssertionError(f"it ended by itself: {self.said()}")

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
