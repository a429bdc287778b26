"""One NATS server for the whole module, with the users of nats.conf and a stream made by the keeper."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from deploy.local.nats import USERS, EmbeddedNats
from tests.component.nats.integrations import KnownKeys, admitting, is_admitted
from tests.component.nats.visiting import Visitor, visit
from tests.support.empty_stream import make_stream_anew
from tests.support.eventually import eventually
from tests.support.servers import embedded_nats


@pytest.fixture(scope="module")
def own_nats() -> Iterator[EmbeddedNats]:
    """Embedded even where a DSN is given or Docker answers: what is tested here is nats.conf itself."""
    with embedded_nats() as server:
        yield server


@pytest_asyncio.fixture
async def visitors(own_nats: EmbeddedNats) -> AsyncIterator[dict[str, Visitor]]:
    """Each user connected, and an empty stream."""
    connected = {user: await visit(own_nats.url(user), user) for user in USERS}
    await make_stream_anew(connected["keeper"].client)
    yield connected
    for visitor in connected.values():
        await visitor.client.close()


@pytest_asyncio.fixture(scope="module")
async def directory(own_nats: EmbeddedNats) -> AsyncIterator[KnownKeys]:
    """The API keys there are, and the loop that admits them."""
    keeper = await visit(own_nats.url("keeper"), "keeper")
    await make_stream_anew(keeper.client)
    await keeper.client.close()
    known = KnownKeys()
    async with admitting(own_nats, known):
        await eventually(lambda: is_admitted(own_nats, known.issue()))
        yield known
