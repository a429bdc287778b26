"""A TCP proxy on loopback through which one end sees the other, as well or as badly as the proxy is told.

What is on its way when it is told to misbehave is treated like what comes after: a network does not ask either.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from random import Random

CHUNK_BYTES = 16_384
LINGER_NOT = struct.pack("ii", 1, 0)
CONNECT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Weather:
    """How bytes fare. The default is fine weather; `bytes_per_second` 0 means as many as there are.

    `swallows` takes everything and passes nothing on; a connection that lost something so is reset when that is over,
    as what was lost would never come. `refuses` lets nobody in. After `reset_after_bytes` in either
    direction a connection is reset, in the middle of whatever was being said. `is_half_open` hides from either end
    that the other one has gone.
    """

    delay_seconds: float = 0.0
    jitter_seconds: float = 0.0
    bytes_per_second: int = 0
    reset_after_bytes: int | None = None
    swallows: bool = False
    refuses: bool = False
    is_half_open: bool = False


FINE = Weather()


@dataclass
class Proxy:
    """Listens on a port of its own from the beginning, so that its address can be told before it serves."""

    port_beyond: int
    chance: Random = field(default_factory=Random)
    weather: Weather = FINE
    connections: int = 0
    """Opened so far."""
    retelling: Callable[[], Callable[[bytes], bytes]] = lambda: bytes
    """Makes, for each connection, what turns what the far end says into what the near end hears."""

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._listener.getsockname()[1]
        self._changed = asyncio.Event()
        self._open: set[asyncio.StreamWriter] = set()
        self._half_open: set[asyncio.StreamWriter] = set()
        self._deprived: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator["Proxy"]:
        server = await asyncio.start_server(self._serve, sock=self._listener)
        try:
            yield self
        finally:
            server.close()
            self.cut()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def become(self, weather: Weather) -> None:
        """From now on; connections that stay open are treated so too."""
        self.weather = weather
        self._changed.set()
        self._changed = asyncio.Event()
        if not weather.is_half_open:
            self._abort(self._half_open)
        if not weather.swallows:
            self._abort(self._deprived)

    def cut(self) -> None:
        """End every connection as a cable does that is torn out: with a reset, and whatever was on its way is lost."""
        self._abort(self._open)

    def _abort(self, writers: set[asyncio.StreamWriter]) -> None:
        for writer in list(writers):
            reset(writer)
            writers.discard(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            await self._connect_through(reader, writer)
        except (OSError, TimeoutError, asyncio.CancelledError):
            pass
        finally:
            reset(writer)
            self._tasks.discard(task)

    async def _connect_through(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.weather.refuses:
            return
        async with asyncio.timeout(CONNECT_SECONDS):
            reader_beyond, writer_beyond = await asyncio.open_connection("127.0.0.1", self.port_beyond)
        self._open |= {writer, writer_beyond}
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass_on(reader, writer_beyond, bytes))
                both.create_task(self._pass_on(reader_beyond, writer, self.retelling()))
        except* OSError:
            pass
        finally:
            self._open -= {writer, writer_beyond}
            self._half_open -= {writer, writer_beyond}
            self._deprived -= {writer, writer_beyond}
            reset(writer)
            reset(writer_beyond)

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, retold: Callable[[bytes], bytes]
    ) -> None:
        passed = 0
        while said := await self._said(reader, writer):
            await self._weathered(len(said))
            data = retold(said)
            limit = self.weather.reset_after_bytes
            if limit is not None and passed + len(data) > limit:
                writer.write(data[: max(0, limit - passed)])
                await writer.drain()
                raise ConnectionResetError
            if self.weather.swallows:
                self._deprived.add(writer)
            else:
                writer.write(data)
                await writer.drain()
            passed += len(data)
        raise ConnectionResetError

    async def _said(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        """What comes next; nothing at the end, which the other end does not learn while the connection is half open."""
        try:
            data = await reader.read(CHUNK_BYTES)
        except OSError:
            data = b""
        if not data and self.weather.is_half_open:
            self._half_open.add(writer)
            while self.weather.is_half_open:
                await self._changed.wait()
        return data

    async def _weathered(self, count: int) -> None:
        """Wait as long as so many bytes take now, or until the weather changes."""
        now = self.weather
        seconds = now.delay_seconds + self.chance.uniform(-now.jitter_seconds, now.jitter_seconds)
        if now.bytes_per_second:
            seconds += count / now.bytes_per_second
        if seconds <= 0:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection with a reset instead of a farewell."""
    connected: socket.socket | None = writer.get_extra_info("socket")
    if connected is not None and connected.fileno() >= 0:
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
    writer.transport.abort()
