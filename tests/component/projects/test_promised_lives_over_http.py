"""Whatever is asked in whatever order, under whatever condition, also twice and at once: answered as was promised."""

import asyncio

from tests.component.projects.conftest import Clients
from tests.support.promised.asking import OverHttp
from tests.support.promised.machines import Asking, keeps_promises
from tests.support.rounds import examples

RUNS = examples(short=10, long=200)


async def test_the_service_answers_as_was_promised(clients: Clients) -> None:
    loop = asyncio.get_running_loop()

    class AskingTheService(Asking):
        begin = staticmethod(lambda: OverHttp(loop, clients))

    await asyncio.to_thread(keeps_promises, AskingTheService, RUNS, shortest=False)
