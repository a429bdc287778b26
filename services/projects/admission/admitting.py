"""The loop that lets integrations into NATS, and keeps their durables what their keys say.

Every replica runs it, and each answers a part of the questions. Nothing that happens to NATS or to a question ends
it: commands live in the same process.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

from libs.access.directory import Directory
from libs.access.key_uses import NoteUse
from libs.chassis.leading import backoff_seconds
from libs.events import jetstream
from services.projects.admission.deciding import Doorkeeper
from services.projects.admission.durables import Durables, TooManyDurables, key_of
from services.projects.admission.issuing import Issuer
from services.projects.admission.measuring import DURABLES
from services.projects.settings import ProjectsSettings

QUESTION = "$SYS.REQ.USER.AUTH"
QUEUE = "admission"
# Questions answered at a time, and those that may wait behind each; more go to another replica, or unanswered.
AT_A_TIME = 8
WAITING_MAX = 32
# How long a revoked key can go on fetching through a connection it has.
KEEP_SECONDS = 5.0

log = structlog.get_logger(__name__)


def loops(
    settings: ProjectsSettings, directory: Directory, note_use: NoteUse
) -> dict[str, Callable[[], Awaitable[None]]]:
    """The loop to run beside the service; none where the settings do not say how to admit anybody."""
    if settings.admission_nats_url is None or settings.nats_issuer_seed is None:
        log.info(
            "admitting_nobody", reason="MILEPOST_ADMISSION_NATS_URL and MILEPOST_NATS_ISSUER_SEED are missing"
        )
        return {}
    issuer = Issuer(settings.nats_issuer_seed.get_secret_value())
    admitting = Admitting(settings.admission_nats_url.get_secret_value(), issuer, directory, note_use)
    return {"admitting": admitting.run}


class Admitting:
    """Admits with keys of `directory` at the server of `nats_url`; `run` goes on for ever."""

    def __init__(
        self,
        nats_url: str,
        issuer: Issuer,
        directory: Directory,
        note_use: NoteUse,
        *,
        keep_seconds: float = KEEP_SECONDS,
    ) -> None:
        self._nats_url = nats_url
        self._issuer = issuer
        self._directory = directory
        self._note_use = note_use
        self._keep_seconds = keep_seconds

    async def run(self) -> None:
        failures = 0
        while True:
            try:
                async with jetstream.connected(self._nats_url, "admission") as client:
                    failures = 0
                    await self._admit(client)
            except Exception as error:
                log.warning("admission_interrupted", error=f"{type(error).__name__}: {error}")
            failures += 1
            await asyncio.sleep(backoff_seconds(failures))

    async def _admit(self, client: Client) -> None:
        durables = Durables(client)
        doorkeeper = Doorkeeper(self._issuer, self._directory, durables, self._note_use)

        async def answer(question: Msg) -> None:
            signed = await doorkeeper.answer(question.data)
            if signed is not None:
                with suppress(nats.errors.Error):
                    await question.respond(signed)

        for _ in range(AT_A_TIME):
            await client.subscribe(QUESTION, queue=QUEUE, cb=answer, pending_msgs_limit=WAITING_MAX)
        log.info("admitting", issuer=self._issuer.public_key)
        keeping = Keeping(doorkeeper, durables)
        while not client.is_closed:
            try:
                await keeping.keep()
            except Exception as error:
                log.warning("durables_not_kept", error=f"{type(error).__name__}: {error}")
            await asyncio.sleep(self._keep_seconds)


class Keeping:
    """Brings the durables there are in line with the keys there are, whoever changed what."""

    def __init__(self, doorkeeper: Doorkeeper, durables: Durables) -> None:
        self._doorkeeper = doorkeeper
        self._durables = durables
        self._filters: dict[str, tuple[str, ...]] = {}

    async def keep(self) -> None:
        """One look at all of them. What a directory or a server that is away did not say changes nothing."""
        there = await self._durables.names()
        DURABLES.set(len(there))
        self._filters = {name: filters for name, filters in self._filters.items() if name in there}
        # Who is connected while the store is lost finds its durable again.
        for name in there | self._doorkeeper.admitted():
            try:
                await self._keep(name, is_there=name in there)
            except (TooManyDurables, jetstream.ApiError) as error:
                # One that cannot be kept keeps no other from being removed.
                log.warning("durable_not_kept", key=name, error=str(error))

    async def _keep(self, name: str, *, is_there: bool) -> None:
        key = key_of(name)
        filters = await self._doorkeeper.filters(*key) if key else ()
        if filters:
            if self._filters.get(name) != filters:
                await self._durables.put(name, filters)
                self._filters[name] = filters
        elif is_there:
            await self._durables.remove(name)
            log.info("durable_removed", key=name)
