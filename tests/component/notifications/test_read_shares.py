"""An organization that reads all it may at a time is told when to come back, and others do not notice (T20)."""

from contextlib import AsyncExitStack
from uuid import UUID

from libs.chassis.organizations import Organizations
from tests.support.notifications.events import ORGANIZATION
from tests.support.notifications.surface import PERSON, Service

OTHER = UUID(int=0xBEEF)


async def test_an_organization_that_reads_all_it_may_is_told_to_come_back_and_others_are_answered(
    service: Service,
) -> None:
    organizations: Organizations = service.app.state.access_log.organizations
    ours = service.client(PERSON, org_role="owner")
    theirs = service.client(PERSON, org_id=OTHER, org_role="owner")
    async with ours as our_client, theirs as their_client:
        async with AsyncExitStack() as reads:
            for _ in range(service.app.state.settings.organization_reads_max):
                await reads.enter_async_context(organizations.transaction(ORGANIZATION, readonly=True))
            refused, others = await our_client.get("/inbox"), await their_client.get("/inbox")
        again = await our_client.get("/inbox")

    problem = refused.json()
    assert (refused.status_code, problem["code"], refused.headers["retry-after"]) == (503, "overloaded", "1")
    assert (others.status_code, again.status_code) == (200, 200)
