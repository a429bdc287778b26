"""Faults of disks: one is full for a while, and somebody makes room. Where nobody may mount disks there are none."""

from random import Random

from tests.support.eventually import eventually
from tests.support.proof import evidence
from tests.support.proof.chaos.fault import Ground, done, fault, lasting
from tests.support.small_disks import may_mount

JOURNAL_FULL_SECONDS_MAX = 60
SWITCHES_MAX = 30


async def nats_has_no_room(ground: Ground, chance: Random) -> None:
    disk = ground.stack.disks["nats"]
    await disk.fill()
    try:
        await lasting(chance, 3, 8)
    finally:
        disk.make_room()


async def postgres_has_no_room(ground: Ground, chance: Random) -> None:
    """For a table, most likely; where it is the journal that needs some, PostgreSQL crashes."""
    disk = ground.stack.disks["postgres"]
    ground.campaign.struck.add("postgres")
    await disk.fill()
    try:
        await lasting(chance, 3, 6)
    finally:
        disk.make_room()
    await recovers(ground)


async def fill_the_journal(ground: Ground) -> None:
    """The disk is full: PostgreSQL crashes, comes back, finds no room to recover in, and ends."""
    ground.campaign.struck.add("postgres")
    server, dsn = ground.stack.processes["postgres"], ground.stack.postgres.dsn()

    async def has_ended() -> None:
        try:
            for _ in range(SWITCHES_MAX):
                await evidence.value(dsn, "select pg_switch_wal()")
        except evidence.Unreachable:
            pass
        assert not server.alive, "PostgreSQL is there"

    await eventually(has_ended, JOURNAL_FULL_SECONDS_MAX, every=0.5)


async def recovers(ground: Ground) -> None:
    """Once there is room: by itself, or as a supervisor starts it again where it has ended."""

    async def answers() -> None:
        if not ground.stack.processes["postgres"].alive:
            await ground.campaign.start_again("postgres")
        await evidence.value(ground.stack.postgres.dsn(), "select 1")

    await done(answers)
    ground.campaign.struck.discard("postgres")


NATS = fault("the disk of nats is full", nats_has_no_room, "nats")
POSTGRES = fault("the disk of postgres is full", postgres_has_no_room, "postgres")
# Where nobody may mount a disk, none is filled.
ALL = [NATS, POSTGRES] if may_mount() else []
