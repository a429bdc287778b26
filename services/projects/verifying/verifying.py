"""The checker: reads the log twice, by positions and by streams, and holds everything made of it against it.

Nothing is written, and no more is kept in memory than a page and one entity. It may run while commands go on: what is
compared is what was there when it began.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from services.projects.settings import VerifyingSettings
from services.projects.verifying.activity import Activity, Moments
from services.projects.verifying.consumers import Checkpoints
from services.projects.verifying.copy_in_stream import CopyInStream
from services.projects.verifying.findings import Report, Verdict
from services.projects.verifying.histories import History
from services.projects.verifying.log import Event
from services.projects.verifying.places import Places, opened
from services.projects.verifying.positions import Answers, Positions
from services.projects.verifying.rights import Rights
from services.projects.verifying.sessions import Unreachable
from services.projects.verifying.streams import Streams
from services.projects.verifying.told import Deliveries, Inbox

Progress = Callable[[str, int, int], None]
"""Told in which order events are read, how many were, and how many there are."""


class Check(Protocol):
    """Sees every event once, in pages, and says in the end what it found."""

    verdict: Verdict

    async def see(self, events: Sequence[Event]) -> None: ...
    async def finish(self) -> None: ...


Making = Callable[[Places], Awaitable[Check]]


async def log(places: Places) -> Check:
    return Positions(places.log.head)


async def answers(places: Places) -> Check:
    return Answers(places.log)


async def copy_in_stream(places: Places) -> Check:
    return CopyInStream(places.stream, places.log)


async def activity(places: Places) -> Check:
    return await Activity.of(places.timeline, places.log)


async def moments(places: Places) -> Check:
    return await Moments.of(places.timeline, places.log)


async def timeline(places: Places) -> Check:
    return Checkpoints.of(places.timeline, places.log)


async def notifications(places: Places) -> Check:
    return Checkpoints.of(places.notifications, places.log)


async def inbox(places: Places) -> Check:
    return await Inbox.of(places.notifications, places.log, places.settings.inbox_kept)


async def deliveries(places: Places) -> Check:
    return await Deliveries.of(places.notifications, places.log, places.settings.deliveries_kept)


async def streams(places: Places) -> Check:
    left_out = (each.left_out for each in places.consumers)
    return Streams(frozenset[int]().union(*left_out))


async def timeline_rights(places: Places) -> Check:
    return Rights.of(places.timeline)


async def notifications_rights(places: Places) -> Check:
    return Rights.of(places.notifications)


def history_of(kind: str) -> Making:
    async def history(places: Places) -> Check:
        return await History.of(kind, places.timeline, places.log, f"{kind}s")

    return history


BY_POSITION: Mapping[str, Making] = MappingProxyType(
    {
        "log": log,
        "answers": answers,
        "stream": copy_in_stream,
        "timeline": timeline,
        "activity": activity,
        "moments": moments,
        "notifications": notifications,
        "inbox": inbox,
        "deliveries": deliveries,
    }
)
BY_STREAM: Mapping[str, Making] = MappingProxyType(
    {
        "streams": streams,
        **{f"{kind}s": history_of(kind) for kind in ("project", "milestone", "issue", "member", "api_key")},
        "timeline_rights": timeline_rights,
        "notifications_rights": notifications_rights,
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
