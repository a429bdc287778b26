"""The checker: reads the log twice, by positions and by streams, and holds everything made of it against it.

Nothing is written, and no more is kept in memory than a page and one entity. It may run while commands go on: what is
compared is what was there when it began.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Protocol

from services.projects.settings import VerifyingSettings
from services.projects.verifying.checks.activity import Activity
from services.projects.verifying.checks.answers import Answers
from services.projects.verifying.checks.checkpoints import Checkpoints
from services.projects.verifying.checks.copy_in_stream import CopyInStream
from services.projects.verifying.checks.history import HISTORIES, History
from services.projects.verifying.checks.moments import Moments
from services.projects.verifying.checks.names import Names
from services.projects.verifying.checks.positions import Positions
from services.projects.verifying.checks.rights import Rights
from services.projects.verifying.checks.streams import Streams
from services.projects.verifying.checks.told import DELIVERIES, INBOX, Told
from services.projects.verifying.checks.webhooks import Webhooks
from services.projects.verifying.findings import Report, Verdict
from services.projects.verifying.log import Event
from services.projects.verifying.places import Places, opened
from services.projects.verifying.sessions import Unreachable

Progress = Callable[[str, int, int], None]
"""Told in which order events are read, how many were, and how many there are."""


class Check(Protocol):
    """Sees every event once, in pages, and says in the end what it found."""

    verdict: Verdict

    async def see(self, events: Sequence[Event]) -> None: ...
    async def finish(self) -> None: ...


Making = Callable[[Places], Awaitable[Check]]

# A check that finds the place it is about out of reach says so when it is made.
BY_POSITION: Mapping[str, Making] = MappingProxyType(
    {
        "log": Positions.of,
        "answers": Answers.of,
        "stream": CopyInStream.of,
        "timeline": lambda places: Checkpoints.of(places.timeline, places.log),
        "activity": Activity.of,
        "moments": Moments.of,
        "notifications": lambda places: Checkpoints.of(places.notifications, places.log),
        "inbox": lambda places: Told.of(INBOX, places, places.settings.inbox_kept),
        "deliveries": lambda places: Told.of(DELIVERIES, places, places.settings.deliveries_kept),
        "webhooks": Webhooks.of,
    }
)
BY_STREAM: Mapping[str, Making] = MappingProxyType(
    {
        "streams": Streams.of,
        **{f"{kind}s": partial(History.of, kind) for kind in HISTORIES},
        "timeline_names": Names.of_timeline,
        "timeline_rights": lambda places: Rights.of(places.timeline),
        "notifications_names": Names.of_notifications,
        "notifications_rights": lambda places: Rights.of(places.notifications),
    }
)
CHECKS = (*BY_POSITION, *BY_STREAM)


async def verify(
    settings: VerifyingSettings, only: Collection[str] = CHECKS, progress: Progress | None = None
) -> Report:
    """Hold everything against the log. Raises `Unreachable` where there is no log to hold anything against."""
    tell = progress or _nobody
    async with opened(settings) as places:
        pages = places.log.by_position()
        verdicts = await _walked(
            places, pages, _chosen(BY_POSITION, only), lambda n, of: tell("positions", n, of)
        )
        pages = places.log.by_stream()
        verdicts += await _walked(
            places, pages, _chosen(BY_STREAM, only), lambda n, of: tell("streams", n, of)
        )
        parked = [row for each in places.consumers for row in each.parked]
        return Report(places.log.head, verdicts, parked)


async def _walked(
    places: Places,
    pages: AsyncIterator[list[Event]],
    making: Mapping[str, Making],
    tell: Callable[[int, int], None],
) -> list[Verdict]:
    """Read the log once for all of these checks; one that loses what it needs does not end the others."""
    if not making:
        return []
    checks, verdicts = {}, {}
    for name, make in making.items():
        try:
            check = checks[name] = await make(places)
            verdicts[name] = check.verdict
        except Unreachable as reason:
            verdicts[name] = Verdict(name, "", not_checked=str(reason))
    done = 0
    async for page in pages:
        for name, check in list(checks.items()):
            if not await _reached(check.see(page), check):
                del checks[name]
        done += len(page)
        tell(done, places.log.head)
    for check in checks.values():
        await _reached(check.finish(), check)
    return list(verdicts.values())


async def _reached(step: Awaitable[None], check: Check) -> bool:
    try:
        await step
    except Unreachable as reason:
        check.verdict.not_checked = str(reason)
        return False
    return True


def _chosen(making: Mapping[str, Making], only: Collection[str]) -> dict[str, Making]:
    return {name: make for name, make in making.items() if name in only}


def _nobody(order: str, done: int, total: int) -> None:
    """Nobody watches."""
