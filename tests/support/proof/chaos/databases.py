"""Faults of PostgreSQL: it crashes or is stopped at once, its sessions end, and one of them stands still."""

import os
import signal
from random import Random

import psutil

from deploy.local.programs import SERVICES
from tests.support.proof import evidence
from tests.support.proof.chaos.fault import Ground, done, fault, lasting

STOP_SECONDS_MAX = 30
OF_SERVICES = "usename ~ '^({})_'".format("|".join(SERVICES))
END_SOME = f"select count(pg_terminate_backend(pid)) from pg_stat_activity where {OF_SERVICES}"
ONE_OF_THEM = f"select pid from pg_stat_activity where {OF_SERVICES} order by random() limit 1"


async def crashes(ground: Ground, chance: Random) -> None:
    await ground.campaign.kill("postgres")
    await lasting(chance, 0, 1)
    await ground.campaign.start_again("postgres")


async def is_stopped_at_once(ground: Ground, chance: Random) -> None:
    """`pg_ctl stop -m immediate`: no checkpoint, no farewell to anybody."""
    process = ground.stack.processes["postgres"]
    ground.campaign.struck.add("postgres")
    os.kill(process.pid, signal.SIGQUIT)
    await lasting(chance, 0.5, 1)
    await crashes(ground, chance)


async def ends_sessions(ground: Ground, chance: Random) -> None:
    """Those of one service, or of all."""
    some = chance.choice(("", *(f" and usename ~ '^{service}_'" for service in SERVICES)))
    await done(lambda: evidence.value(ground.stack.postgres.dsn(), END_SOME + some))


async def has_a_frozen_session(ground: Ground, chance: Random) -> None:
    """One of its processes stands still with whatever it holds, a lock perhaps."""
    pid = await done(lambda: evidence.value(ground.stack.postgres.dsn(), ONE_OF_THEM))
    if pid is None:
        return
    try:
        stopped = psutil.Process(pid)
        stopped.suspend()
        await lasting(chance, 2, 6)
        stopped.resume()
    except psutil.NoSuchProcess:
        return


CRASH = fault("postgres crashes", crashes, "postgres")
STOP = fault("postgres is stopped at once", is_stopped_at_once, "postgres")
SESSIONS = fault("postgres ends sessions", ends_sessions, "postgres")
STANDSTILL = fault("a session of postgres is frozen", has_a_frozen_session, "postgres")
