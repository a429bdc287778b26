"""Two processes of a service at once: they write one log, one of them leads, and one that was frozen does no harm."""

from tests.support.proof import evidence, invariants
from tests.support.proof.campaign import Campaign
from tests.support.proof.replicas import Voice, second, two_replicas


async def test_two_processes_write_one_log(campaign: Campaign) -> None:
    async with two_replicas(campaign):
        async with campaign.under_load() as load:
            await load.acknowledges(800)
        await campaign.everything_holds()


async def test_the_leader_is_killed_and_the_other_relays(campaign: Campaign) -> None:
    async with two_replicas(campaign) as replicas:
        async with campaign.under_load() as load:
            for _ in range(2):
                leader = await replicas.leader()
                await load.acknowledges(150)
                await campaign.kill(leader.name)
                await replicas.leader(but=leader)
                await campaign.start_again(leader.name)
                await load.acknowledges(150)
        await campaign.everything_holds()


async def test_the_leader_is_frozen_beyond_its_lease_and_goes_on(campaign: Campaign) -> None:
    async with two_replicas(campaign) as replicas:
        async with campaign.under_load() as load:
            leader = await replicas.leader()
            await load.acknowledges(150)
            await replicas.freeze(leader)
            await replicas.leader(but=leader)
            await load.acknowledges(50)
            await replicas.thaw(leader)
            await load.acknowledges(150)
        await campaign.everything_holds()


async def test_of_two_readers_one_applies_and_the_other_takes_over(campaign: Campaign) -> None:
    async with second(campaign, "timeline"), second(campaign, "notifications"):
        async with campaign.under_load() as load:
            for _ in range(2):
                await load.acknowledges(150)
                await campaign.kill_and_start_again("timeline", "notifications")
            await load.acknowledges(150)
        await campaign.everything_holds()


async def test_readers_frozen_beyond_their_lease_wake_up_behind_their_successors(campaign: Campaign) -> None:
    readers = ("timeline", "notifications")
    async with second(campaign, "timeline"), second(campaign, "notifications"):
        async with campaign.under_load() as load:
            await load.acknowledges(150)
            await campaign.freeze(*readers)
            await load.acknowledges(150)
            await invariants.consumers_reach(campaign.stack, await evidence.head(campaign.stack))
            await campaign.thaw(*readers)
            await load.acknowledges(150)
        await campaign.everything_holds()


async def test_neither_process_answers_from_what_the_other_has_outdated(campaign: Campaign) -> None:
    """Each process remembers aggregates; what it remembers may be old, what it says may not be."""
    async with two_replicas(campaign) as replicas:
        one, other = (Voice(campaign, replica.url) for replica in replicas.all)
        milestone = await one.plans()
        await one.says(milestone, "reforecast", forecast_on="2031-01-01")
        await other.says(milestone, "reforecast", forecast_on="2031-01-02")

        await one.says(milestone, "reforecast", forecast_on="2031-01-03")
        unchanged_to_whom_is_behind = await other.says(milestone, "reforecast", forecast_on="2031-01-02")
        assert unchanged_to_whom_is_behind["forecast_on"] == "2031-01-02"
        assert (await one.sees(milestone))["forecast_on"] == "2031-01-02"

        await one.says(milestone, "achieve", achieved_on="2026-01-01")
        await other.says(milestone, "withdraw-achievement", reason="It was not.")
        await one.says(milestone, "reforecast", forecast_on="2031-01-04")

        version = (await other.says(milestone, "reforecast", forecast_on="2031-01-05"))["version"]
        await one.says(milestone, "reforecast", if_match=version, forecast_on="2031-01-06")
