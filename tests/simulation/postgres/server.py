"""A PostgreSQL in memory: sessions, transactions, locks of sessions, and everything that may befall it."""

import asyncio
from collections import deque
from typing import Any, cast

import asyncpg

from libs.chassis.postgres import Database as Pooled
from libs.chassis.sessions import CONNECT_SECONDS
from tests.simulation.loop import Process, this_process
from tests.simulation.network import Network
from tests.simulation.postgres.sessions import COMMITTED, LOST, SimulatedSession
from tests.simulation.postgres.tables import empty_tables
from tests.simulation.postgres.transactions import Database, Transaction

REFUSALS = (
    asyncpg.TooManyConnectionsError,
    asyncpg.DiskFullError,
    asyncpg.SerializationError,
    asyncpg.AdminShutdownError,
)


class SimulatedPostgres:
    """One database. `migrations` are the texts that define its tables."""

    def __init__(self, network: Network, name: str, migrations: tuple[str, ...]) -> None:
        self.network = network
        self.name = name
        self.database = Database(empty_tables(migrations))
        self.sessions: dict[SimulatedSession, None] = {}
        self.is_up = True
        self.refuses_with: type[asyncpg.PostgresError] | None = None
        self.answers_lost = 0
        """So many of the next commits take effect, and the session ends before anybody is told."""
        self._locks: dict[str, SimulatedSession] = {}

    async def connect(self, dsn: str, *, timeout: float, **options: Any) -> Any:
        """Open a session for this process, as the driver does."""
        process = this_process()
        await asyncio.sleep(self.network.seconds(self.name))
        while process.cut_off_until.get(self.name, 0.0) > self.network.loop.time():
            await asyncio.sleep(timeout)
            raise TimeoutError
        if not self.is_up or process.is_dead:
            raise ConnectionRefusedError(f"{self.name} is down")
        idle = options.get("server_settings", {}).get("idle_session_timeout", "")
        idle_seconds = float(idle.removesuffix("s")) if idle else None
        return SimulatedSession(self, process, options.get("command_timeout"), idle_seconds)

    def pool(self, size: int) -> Pooled:
        """The pool of a service over sessions of this database."""
        return Pooled(cast("Any", SimulatedPool(self, this_process(), size)), self.name)

    # --- What sessions ask of it ---

    def admit(self) -> None:
        if self.refuses_with is not None:
            raise self.refuses_with("the database refuses")

    def try_lock(self, session: SimulatedSession, name: str) -> bool:
        return self._locks.setdefault(name, session) is session

    def commit(self, session: SimulatedSession, transaction: Transaction) -> Any:
        if self.refuses_with is not None:
            transaction.end()
            return self.refuses_with("the database refuses to commit")
        transaction.commit()
        if self.answers_lost:
            self.answers_lost -= 1
            session.cut()
            return LOST
        return COMMITTED

    def forget(self, session: SimulatedSession) -> None:
        self.sessions.pop(session, None)
        for name in [name for name, holder in self._locks.items() if holder is session]:
            del self._locks[name]

    # --- What befalls it ---

    def cut_sessions(self, process: Process | None = None) -> None:
        """End every session, or those of one process."""
        for session in list(self.sessions):
            if process is None or session.process is process:
                session.cut()

    def go_down(self) -> None:
        self.is_up = False
        self.cut_sessions()

    def come_up(self) -> None:
        self.is_up = True


class SimulatedPool:
    """Lends sessions as the driver's pool does."""

    def __init__(self, server: SimulatedPostgres, process: Process, size: int) -> None:
        self._server = server
        self._process = process
        self._size = size
        self._idle: list[SimulatedSession] = []
        self._lent = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def acquire(self, *, timeout: float | None = None) -> SimulatedSession:
        async with asyncio.timeout(timeout):
            while self._lent >= self._size:
                freed: asyncio.Future[None] = self._server.network.loop.create_future()
                self._waiting.append(freed)
                await freed
            self._lent += 1
            try:
                while self._idle:
                    session = self._idle.pop()
                    if not session.is_closed():
                        return session
                made: SimulatedSession = await self._server.connect("", timeout=CONNECT_SECONDS)
                return made
            except BaseException:
                self._give_back()
                raise

    async def release(self, session: SimulatedSession, *, timeout: float) -> None:
        try:
            if session.is_in_transaction() and not session.is_closed():
                async with asyncio.timeout(timeout):
                    await session.roll_back()
        finally:
            if not session.is_closed():
                self._idle.append(session)
            self._give_back()

    def _give_back(self) -> None:
        self._lent -= 1
        while self._waiting:
            freed = self._waiting.popleft()
            if not freed.done():
                freed.set_result(None)
                return

    async def expire_connections(self) -> None:
        for session in self._idle:
            session.terminate()

    def get_max_size(self) -> int:
        return self._size

    def get_size(self) -> int:
        return self._lent + len(self._idle)

    def get_idle_size(self) -> int:
        return len(self._idle)
