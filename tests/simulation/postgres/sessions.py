"""A session as the driver offers it, each statement a message there and an answer back.

What was sent takes effect even if nobody waits for the answer any more, as over a real connection.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

import asyncpg

from libs.chassis.leading import TRY_LOCK
from tests.simulation.loop import Link, Process
from tests.simulation.network import Wire, answer
from tests.simulation.postgres.tables import Row
from tests.simulation.postgres.together import Steps, understood
from tests.simulation.postgres.transactions import Blocked, Transaction

if TYPE_CHECKING:
    from tests.simulation.postgres.server import SimulatedPostgres

LOCK_SECONDS = 1.0
GONE = "connection was closed in the middle of operation"
Work = Callable[[], Any]


class SimulatedSession(Link):
    """Statements of one connection run in the order in which they were sent."""

    def __init__(
        self,
        server: "SimulatedPostgres",
        process: Process,
        command_timeout: float | None = None,
        idle_seconds_max: float | None = None,
    ) -> None:
        self._server = server
        self.process = process
        self._command_timeout = command_timeout
        self._idle_seconds_max = idle_seconds_max
        self._loop = server.network.loop
        self._there = Wire(server.network, process, server.name)
        self._back = Wire(server.network, process, server.name)
        self._queue: deque[tuple[Work, asyncio.Future[Any]]] = deque()
        self._waiting: set[asyncio.Future[Any]] = set()
        self._listeners: list[Callable[[Any], None]] = []
        self._heard_at = self._loop.time()
        self._is_blocked = False
        self._is_open = True
        self.transaction_there: Transaction | None = None
        process.links[self] = None
        server.sessions[self] = None
        if idle_seconds_max is not None:
            self._loop.call_later(idle_seconds_max, self._end_if_idle, context=self._loop.world)

    # --- What the driver offers ---

    async def fetch(self, statement: str, *values: Any) -> list[Row]:
        rows: list[Row] = await self._ask(lambda: self._run(statement, values))
        return rows

    async def fetchrow(self, statement: str, *values: Any) -> Row | None:
        rows = await self.fetch(statement, *values)
        return rows[0] if rows else None

    async def fetchval(self, statement: str, *values: Any) -> Any:
        if statement == TRY_LOCK:
            return await self._ask(lambda: self._server.try_lock(self, values[0]))
        row = await self.fetchrow(statement, *values)
        return None if row is None else next(iter(row))

    async def execute(self, statement: str, *values: Any) -> str:
        if values:
            return f"DONE {len(await self.fetch(statement, *values))}"
        control = {
            "begin": self._begin_there,
            "commit": self._commit_there,
            "rollback": self._roll_back_there,
        }
        told: str = await self._ask(Steps(statement, lambda each: self._run(each, ()), control))
        return told

    async def executemany(self, statement: str, many: Sequence[Sequence[Any]]) -> None:
        await self._ask(lambda: [self._run(statement, tuple(values)) for values in many])

    def transaction(self, *, isolation: str = "read_committed", readonly: bool = False) -> "Unit":
        return Unit(self)

    def add_termination_listener(self, listener: Callable[[Any], None]) -> None:
        self._listeners.append(listener)

    def is_in_transaction(self) -> bool:
        """The driver knows, for every answer says so."""
        return self.transaction_there is not None

    def is_closed(self) -> bool:
        return not self._is_open

    async def close(self) -> None:
        if self._is_open:
            await self._ask(self._end_there)
            self._end_here(None)

    def terminate(self) -> None:
        """Close without waiting; the server learns of it after everything that was sent before."""
        if self._is_open:
            self._there.send(self._end_there)
            self._end_here(ConnectionResetError("the connection was terminated"))

    # --- How it ends ---

    def abandon(self) -> None:
        self.terminate()

    def cut(self) -> None:
        """The server ends the session: nothing more takes effect, and the driver is told."""
        self._end_there()
        self._there.is_cut = True
        self._back.send(self._lose)

    def _lose(self) -> None:
        self._end_here(asyncpg.ConnectionDoesNotExistError(GONE))

    def _end_here(self, error: Exception | None) -> None:
        if not self._is_open:
            return
        self._is_open = False
        self._back.is_cut = True
        self.process.links.pop(self, None)
        for future in self._waiting:
            answer(future, error)
        self._waiting.clear()
        if not self.process.is_dead:
            for listener in self._listeners:
                self.process.call(listener, self)

    def _end_there(self) -> None:
        self._server.forget(self)
        if self.transaction_there is not None:
            self.transaction_there.end()
            self.transaction_there = None
        self._queue.clear()

    def _end_if_idle(self) -> None:
        assert self._idle_seconds_max is not None
        left = self._heard_at + self._idle_seconds_max - self._loop.time()
        if self not in self._server.sessions:
            return
        if left <= 0:
            self.cut()
        else:
            self._loop.call_later(left, self._end_if_idle, context=self._loop.world)

    # --- There and back ---

    async def _ask(self, work: Work) -> Any:
        if not self._is_open:
            raise asyncpg.InterfaceError("connection is closed")
        future: asyncio.Future[Any] = self._loop.create_future()
        self._waiting.add(future)
        self._there.send(self._arrive, work, future)
        try:
            if self._command_timeout is None:
                return await future
            async with asyncio.timeout(self._command_timeout):
                return await future
        finally:
            self._waiting.discard(future)

    def _arrive(self, work: Work, future: "asyncio.Future[Any]") -> None:
        self._heard_at = self._loop.time()
        if self._is_blocked and self._queue and self._queue[0][1].done():
            self._queue.popleft()
            self._is_blocked = False
        self._queue.append((work, future))
        if not self._is_blocked:
            self._go_on()

    def _go_on(self) -> None:
        self._is_blocked = False
        while self._queue:
            work, future = self._queue.popleft()
            try:
                result = work()
            except Blocked as blocked:
                self._queue.appendleft((work, future))
                self._wait_for(blocked.holder, future)
                return
            except asyncpg.PostgresError as error:
                result = error
            if result is COMMITTED:
                # The one answer of which it matters what happens while it is under way.
                self._back.send(answer, future, None)
            elif result is not LOST:
                answer(future, result)

    def _wait_for(self, holder: Transaction, future: "asyncio.Future[Any]") -> None:
        """Another transaction holds what this statement needs: at most for as long as the lock time-out says."""
        self._is_blocked = True
        head = self._queue[0]

        def go_on() -> None:
            if self._is_blocked and self._queue and self._queue[0] is head:
                self._go_on()

        def give_up() -> None:
            if self._is_blocked and self._queue and self._queue[0] is head:
                self._queue.popleft()
                answer(future, asyncpg.LockNotAvailableError("lock time-out"))
                self._go_on()

        holder.when_over(go_on)
        self._loop.call_later(LOCK_SECONDS, give_up, context=self._loop.world)

    def _run(self, statement: str, values: tuple[Any, ...]) -> list[Row]:
        self._server.admit()
        run = understood(statement)
        if self.transaction_there is not None:
            found: list[Row] = self.transaction_there.execute(run, values)
            return found
        alone = Transaction(self._server.database)
        try:
            rows: list[Row] = alone.execute(run, values)
        except BaseException:
            alone.end()
            raise
        alone.commit()
        return rows

    # --- Transactions ---

    async def begin(self) -> None:
        await self._ask(self._begin_there)

    async def commit(self) -> None:
        await self._ask(self._commit_there)

    async def roll_back(self) -> None:
        await self._ask(self._roll_back_there)

    def _begin_there(self) -> None:
        self._server.admit()
        self.transaction_there = Transaction(self._server.database)

    def _commit_there(self) -> Any:
        transaction, self.transaction_there = self.transaction_there, None
        assert transaction is not None
        return self._server.commit(self, transaction)

    def _roll_back_there(self) -> None:
        if self.transaction_there is not None:
            self.transaction_there.end()
            self.transaction_there = None


class Unit:
    """`async with session.transaction():`, committed at the end and rolled back when the body raises."""

    def __init__(self, session: SimulatedSession) -> None:
        self._session = session

    async def __aenter__(self) -> None:
        await self._session.begin()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            await self._session.commit()
        else:
            await self._session.roll_back()


LOST: Any = object()
COMMITTED: Any = object()
