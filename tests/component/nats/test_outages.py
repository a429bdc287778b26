"""Nothing that happens to NATS ends the loop that admits integrations, and afterwards it admits them again."""

import asyncio

from deploy.local.nats import EmbeddedNats
from services.projects.admission.admitting import Admitting
from services.projects.admission.issuing import Issuer
from tests.component.nats.integrations import KnownKeys, greeting, is_admitted, publish, subject
from tests.component.nats.visiting import visit
from tests.support.empty_stream import make_stream_anew
from tests.support.eventually import eventually


async def test_the_loop_outlives_a_server_that_is_away_dies_and_loses_everything(
    disposable_nats: EmbeddedNats,
) -> None:
    known = KnownKeys()
    issuer = Issuer(disposable_nats.issuer.seed)
    await asyncio.to_thread(disposable_nats.stop)
    loop = Admitting(disposable_nats.url("admission"), issuer, known, known.note_use, keep_seconds=0.1)
    running = asyncio.create_task(loop.run())
    for _ in range(2):
        await asyncio.to_thread(disposable_nats.start)
        keeper = await visit(disposable_nats.url("keeper"), "keeper")
        assert await greeting(disposable_nats, auth_token="mpk_") != b"PONG"
        await make_stream_anew(keeper.client)
        await keeper.client.close()
        await eventually(lambda: is_admitted(disposable_nats, known.issue()), seconds=30)
        relay = await visit(disposable_nats.url("relay"), "relay")
        await publish({"relay": relay}, subject())
        await relay.client.close()
        await asyncio.to_thread(disposable_nats.kill)
        await asyncio.to_thread(disposable_nats.wipe)
        assert not running.done()
    running.cancel()
    await asyncio.wait([running], timeout=10)
