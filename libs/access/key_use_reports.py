"""How the services tell projects which API keys were used: `POST /internal/v1/key-uses`, with a service token."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from libs.access.key_uses import PORTION, KeyUse
from libs.chassis.service_client import ServiceClient

PATH = "/internal/v1/key-uses"


class _Report(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class ReportedUse(_Report):
    """A key, and when it was used last."""

    org_id: UUID
    api_key_id: UUID
    used_at: AwareDatetime


class KeyUseReport(_Report):
    """What one service tells at a time."""

    uses: Annotated[tuple[ReportedUse, ...], Field(max_length=PORTION)]


class ReportsToProjects:
    """Whom the services that do not own the keys tell of their uses: a `Told`. `client` is closed with it."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def tell(self, uses: Sequence[KeyUse]) -> None:
        """Tell projects; raises `ServiceUnavailable`."""
        report = KeyUseReport(uses=tuple(ReportedUse(**use._asdict()) for use in uses))
        await self._client.post(PATH, report.model_dump_json().encode())

    async def close(self) -> None:
        await self._client.close()
