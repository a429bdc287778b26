"""Drills: the great losses an operator is promised to survive without lifting a hand, at the size that is promised."""

from tests.support.proof import evidence, invariants
from tests.support.proof.campaign import Campaign
from tests.support.proof.recording import record

EVENTS = 100_000
HEALED_SECONDS_MAX = 300


async def test_the_loss_of_all_nats_storage_at_100_000_events_heals_within_five_minutes(
    campaign: Campaign,
) -> None:
    for place in campaign.world.places:
        await record(campaign, place, EVENTS // len(campaign.world.places))
    head = await invariants.converged(campaign.stack, HEALED_SECONDS_MAX)
    assert head >= EVENTS

    async with campaign.under_load(per_second=20) as load:
        await campaign.wipe_nats()
        await load.acknowledges(50)
        await campaign.start_again("nats")
        await load.acknowledges(50)
    await invariants.converged(campaign.stack, HEALED_SECONDS_MAX)
    async with evidence.broker(campaign.stack) as client:
        end = await evidence.stream_end(client)
    assert (end.first, end.messages) == (1, end.last)
    await campaign.everything_holds()
