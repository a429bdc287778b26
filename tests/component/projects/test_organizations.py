"""Organizations come and go by commands of the operator."""

import pytest

from libs.events.log.log import Log
from services.projects import organizations
from services.projects.access.organization import OrganizationAlreadyFounded
from tests.component.projects.conftest import OWNER, Clients
from tests.component.projects.test_members import propose
from tests.support.eventually import eventually
from tests.support.recordings import ORGANIZATION


@pytest.fixture
def grants_in_tokens() -> bool:
    return False


async def test_founding_again_changes_nothing_and_another_name_is_refused(operator_log: Log) -> None:
    first = await organizations.found(operator_log, ORGANIZATION, "Apollo program", OWNER)

    assert await organizations.found(operator_log, ORGANIZATION, "Apollo program", OWNER) == first == 2
    with pytest.raises(OrganizationAlreadyFounded):
        await organizations.found(operator_log, ORGANIZATION, "Gemini program", OWNER)


async def test_nobody_gets_into_an_organization_that_was_offboarded(
    founded: Clients, operator_log: Log
) -> None:
    project_id = await propose(founded(OWNER))

    await organizations.offboard(operator_log, ORGANIZATION, "Moved house")

    async def closed() -> None:
        answer = await founded(OWNER).get(f"/v1/projects/{project_id}")
        assert (answer.status_code, answer.json().get("code")) == (403, "not_a_member")

    await eventually(closed)
