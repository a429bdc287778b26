"""`adopt-log`: an operator decides that the log is right where the stream of events holds something else."""

from collections.abc import Callable

import asyncpg

from libs.access.access_log.entries import operator_name, record_operator
from libs.events.log.adopting import Divergence, StreamUnknown, compared
from services.projects.app import keeper_of
from services.projects.settings import ProjectsSettings


class NothingToAdopt(Exception):
    """Nothing was changed; the text says why."""


async def adopt_log(settings: ProjectsSettings, reason: str, agreed: Callable[[Divergence], bool]) -> str:
    """Delete a stream that is no copy of the log, which the relay then makes anew; returns what is to be done next.

    `agreed` is asked before anything is changed. Raises `NothingToAdopt`.
    """
    if settings.nats_url is None:
        raise NothingToAdopt("MILEPOST_NATS_URL is missing")
    nats_url = settings.nats_url.get_secret_value()
    try:
        found = await compared(settings.relay_dsn, nats_url)
    except StreamUnknown as error:
        raise NothingToAdopt(f"{error}; nothing was changed") from error
    if found is None:
        raise NothingToAdopt(TRUE_COPY)
    if not agreed(found):
        raise NothingToAdopt("nothing was changed")
    connection = await asyncpg.connect(settings.database_url.get_secret_value(), timeout=10)
    try:
        async with connection.transaction():
            await record_operator(connection, operator_name(), f"adopt-log {found.common}: {reason}")
    finally:
        await connection.close(timeout=5)
    await keeper_of(settings, nats_url).remove()
    return f"{account_of(found)}\n{NEXT.format(common=found.common)}"


def account_of(found: Divergence) -> str:
    """What is lost, in words."""
    return (
        f"Log and stream are alike up to position {found.common:,}; the log ends at {found.head:,}, the stream at"
        f" {found.last:,}. {found.lost:,} events of the stream are in no log, and others may have received them."
    )


NEXT = """\
The stream is deleted; the relay makes it anew from the log within seconds. Then, in either order:
  python -m services.notifications adopt-log --position {common}
  python -m services.timeline adopt-log"""
TRUE_COPY = """\
the stream is a true copy of the log; nothing was changed. Should consumers stand still all the same, as after NATS was
lost as well, go on with
  python -m services.notifications adopt-log --position <where the restored log ended>
  python -m services.timeline adopt-log"""
