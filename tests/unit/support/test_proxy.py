"""The proxy of the fault campaigns: what each kind of bad weather does to two programs that talk through it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from tests.support.eventually import eventually
from tests.support.proof.proxy import FINE, Proxy, Weather

HANG_SECONDS = 5


class Echo:
    """A server that says what it hears, and remembers who is connected."""

    def __init__(self) -> None:
        self.connected = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connected += 1
        try:
            while data := await reader.read(1_000):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            self.connected -= 1
            writer.close()


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def say(self, words: bytes) -> None:
        self.writer.write(words)

    async def hears(self, words: bytes) -> None:
        async with asyncio.timeout(HANG_SECONDS):
            assert await self.reader.readexactly(len(words)) == words

    async def hears_nothing(self, seconds: float = 0.2) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.reader.read(1)

    async def is_reset(self) -> None:
        with pytest.raises(ConnectionResetError):
            async with asyncio.timeout(HANG_SECONDS):
                await self.reader.readexactly(1_000_000)


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest_asyncio.fixture
async def proxy(echo: Echo) -> AsyncIterator[Proxy]:
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with Proxy(server.sockets[0].getsockname()[1]).serving() as serving:
        yield serving
    server.close()


@asynccontextmanager
async def talking(proxy: Proxy) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        yield Client(reader, writer)
    finally:
        writer.transport.abort()


async def test_in_fine_weather_all_bytes_arrive_in_order(proxy: Proxy) -> None:
    words = b"".join(b"%07d\n" % number for number in range(100_000))
    async with talking(proxy) as client:
        client.say(words)
        await client.hears(words)


async def test_a_cut_resets_whoever_is_connected_and_lets_others_in(proxy: Proxy, echo: Echo) -> None:
    async with talking(proxy) as client:
        client.say(b"before")
        await client.hears(b"before")
        proxy.cut()
        await client.is_reset()
    await eventually(lambda: nobody_is_left(echo))
    async with talking(proxy) as client:
        client.say(b"after")
        await client.hears(b"after")


async def test_who_is_refused_is_reset_without_reaching_the_other_end(proxy: Proxy, echo: Echo) -> None:
    proxy.become(Weather(refuses=True))
    async with talking(proxy) as client:
        await client.is_reset()
    nobody_is_left(echo)


async def test_a_black_hole_says_nothing_and_resets_in_the_end_who_lost_something(proxy: Proxy) -> None:
    async with talking(proxy) as client:
        client.say(b"before")
        await client.hears(b"before")
        proxy.become(Weather(swallows=True))
        client.say(b"lost")
        await client.hears_nothing()
        proxy.become(FINE)
        await client.is_reset()
    async with talking(proxy) as client:
        client.say(b"after")
        await client.hears(b"after")


async def test_what_is_delayed_arrives_late_and_as_soon_as_the_weather_is_fine(proxy: Proxy) -> None:
    proxy.become(Weather(delay_seconds=600, jitter_seconds=300))
    async with talking(proxy) as client:
        client.say(b"patience")
        await client.hears_nothing()
        proxy.become(FINE)
        await client.hears(b"patience")


async def test_a_narrow_line_passes_few_bytes_at_a_time(proxy: Proxy) -> None:
    proxy.become(Weather(bytes_per_second=1))
    async with talking(proxy) as client:
        client.say(b"x" * 600)
        await client.hears_nothing()
        proxy.become(FINE)
        await client.hears(b"x" * 600)


async def test_a_reset_comes_in_the_middle_of_a_sentence(proxy: Proxy) -> None:
    proxy.become(Weather(reset_after_bytes=4))
    async with talking(proxy) as client:
        client.say(b"a sentence")
        await client.is_reset()


async def test_of_a_half_open_connection_one_end_does_not_learn_that_the_other_is_gone(
    proxy: Proxy, echo: Echo
) -> None:
    async with talking(proxy) as client:
        client.say(b"before")
        await client.hears(b"before")
        proxy.become(Weather(is_half_open=True))
    await asyncio.to_thread(lambda: None)
    assert echo.connected == 1
    proxy.become(FINE)
    await eventually(lambda: nobody_is_left(echo))


def nobody_is_left(echo: Echo) -> None:
    assert echo.connected == 0
