"""`python -m services.notifications organization`: export and import what people asked for and were told."""

from collections import Counter
from collections.abc import Iterator
from uuid import UUID

from libs.access import organization_commands
from libs.access.organization_commands import MovingHouse
from libs.chassis.organization_files import Item, NotImportable
from libs.chassis.postgres import Database
from libs.events.feed import Feed, FeedUnavailable
from services.notifications import moving_house
from services.notifications.settings import MovingSettings, ParkingSettings


def _dsn() -> str:
    return ParkingSettings().internal_database_url.get_secret_value()


async def _take_in(database: Database, organization_id: UUID, items: Iterator[Item]) -> Counter[str]:
    settings = MovingSettings()
    async with Feed(settings.projects_url, settings.current_service_token) as feed:
        try:
            return await moving_house.take_in(database, feed, settings.resealing, organization_id, items)
        except FeedUnavailable as error:
            raise NotImportable(f"{error}; run it again when projects answers") from None


cli = organization_commands.commands(
    MovingHouse("notifications", _dsn, moving_house.export, _take_in), __doc__
)
