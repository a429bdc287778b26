"""Everything that is compared, opened once and seen as it was at one instant; what can not be reached says why."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from pydantic import SecretStr

from services.projects.settings import VerifyingSettings
from services.projects.verifying.consumer import Consumer, consumer
from services.projects.verifying.log import EventLog
from services.projects.verifying.sessions import Unreachable, reading
from services.projects.verifying.stream import Stream, stream

Place = TypeVar("Place")
Opening = Callable[[str], AbstractAsyncContextManager[Place]]


@dataclass(frozen=True, slots=True)
class Places:
    """The log, and each other place or the reason why it can not be compared, raised where somebody asks for it."""

    settings: VerifyingSettings
    log: EventLog
    stream_or_reason: Stream | Unreachable
    timeline_or_reason: Consumer | Unreachable
    notifications_or_reason: Consumer | Unreachable

    @property
    def stream(self) -> Stream:
        return _there(self.stream_or_reason)

    @property
    def timeline(self) -> Consumer:
        return _there(self.timeline_or_reason)

    @property
    def notifications(self) -> Consumer:
        return _there(self.notifications_or_reason)

    @property
    def consumers(self) -> list[Consumer]:
        both = (self.timeline_or_reason, self.notifications_or_reason)
        return [each for each in both if isinstance(each, Consumer)]


@asynccontextmanager
async def opened(settings: VerifyingSettings) -> AsyncIterator[Places]:
    """Consumers and stream first: whatever they hold by now, the log held before. Raises `Unreachable` for the log."""
    async with AsyncExitStack() as stack:
        timeline = await _open(
            stack,
            "MILEPOST_TIMELINE_DATABASE_URL",
            settings.timeline_database_url,
            partial(consumer, "timeline"),
        )
        notifications = await _open(
            stack,
            "MILEPOST_NOTIFICATIONS_DATABASE_URL",
            settings.notifications_database_url,
            partial(consumer, "notifications"),
        )
        seen = await _open(stack, "MILEPOST_NATS_URL", settings.nats_url, stream)
        session = await stack.enter_async_context(
            reading(settings.database_url.get_secret_value(), "projects")
        )
        yield Places(settings, await EventLog.read(session), seen, timeline, notifications)


async def _open(
    stack: AsyncExitStack, variable: str, url: SecretStr | None, opening: Opening[Place]
) -> Place | Unreachable:
    if url is None:
        return Unreachable(f"{variable} is missing")
    try:
        return await stack.enter_async_context(opening(url.get_secret_value()))
    except Unreachable as error:
        return error


def _there(place: Place | Unreachable) -> Place:
    if isinstance(place, Unreachable):
        raise place
    return place
