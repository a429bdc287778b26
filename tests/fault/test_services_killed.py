"""Each service is killed again and again under load: nothing acknowledged is lost, nothing is there twice."""

from tests.support.proof.campaign import Campaign

STRIKES = 4


async def settled(campaign: Campaign, number: int, *services: str) -> None:
    """Every other strike hits a service that works, the others one that may still be starting."""
    if number % 2:
        await campaign.ready(*services)


async def test_nothing_is_wrong_under_load_alone(campaign: Campaign) -> None:
    async with campaign.under_load() as load:
        await load.acknowledges(500)
    await campaign.everything_holds()


async def test_projects_is_killed(campaign: Campaign) -> None:
    async with campaign.under_load() as load:
        for number in range(STRIKES):
            await load.acknowledges(150)
            await campaign.kill_and_start_again("projects")
            await settled(campaign, number, "projects")
    await campaign.everything_holds()


async def test_timeline_is_killed(campaign: Campaign) -> None:
    async with campaign.under_load() as load:
        for number in range(STRIKES):
            await load.acknowledges(150)
            await campaign.kill_and_start_again("timeline")
            await settled(campaign, number, "timeline")
    await campaign.everything_holds()


async def test_notifications_is_killed(campaign: Campaign) -> None:
    async with campaign.under_load() as load:
        for number in range(STRIKES):
            await load.acknowledges(150)
            await campaign.kill_and_start_again("notifications")
            await settled(campaign, number, "notifications")
    await campaign.everything_holds()


async def test_all_services_are_killed_at_once(campaign: Campaign) -> None:
    async with campaign.under_load() as load:
        for number in range(STRIKES // 2):
            await load.acknowledges(150)
            await campaign.kill_and_start_again("projects", "timeline", "notifications")
            await settled(campaign, number, "projects", "timeline", "notifications")
    await campaign.everything_holds()
