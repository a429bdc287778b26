"""The durable consumer of each API key: its own window on the stream, which we make and which it fetches from.

Its name is the public part of the key, organization and key id in hexadecimal; so it needs no table of its own.
"""

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from nats.aio.client import Client

from libs.chassis.identity import KeyScope
from libs.events import jetstream
from libs.events.catalogue import SUBJECT_ROOT

# What types of events begin with. A key for the whole organization hears what happens in projects, not what concerns
# the organization itself: members and keys. A new beginning has to be put into one of the two.
OF_PROJECTS = (
    "charter",
    "issue",
    "methodology",
    "milestone",
    "phase",
    "project",
    "project-member",
    "workflow",
)
OF_ORGANIZATION = ("api-key", "member", "organization", "person")

DURABLES_MAX = 1_000
DURABLES_OF_ORGANIZATION_MAX = 50
UNACKNOWLEDGED_EVENTS_MAX = 1_000
ACKNOWLEDGE_SECONDS = 60
REQUESTS_WAITING_MAX = 32
REQUEST_EVENTS_MAX = 1_000
# Below the two minutes after which the server forgets, across accounts, who asked.
REQUEST_SECONDS_MAX = 60
UNUSED_SECONDS_MAX = 30 * 86_400

NAME = re.compile("[0-9a-f]{64}")
PAGE_NAMES_MAX = 1_024
NANOSECONDS = 1_000_000_000


class TooManyDurables(Exception):
    """There is no room for another durable, of the organization or at all."""


def name_of(org_id: UUID, api_key_id: UUID) -> str:
    """The name of a key's durable."""
    return org_id.hex + api_key_id.hex


def key_of(name: str) -> tuple[UUID, UUID] | None:
    """Organization and id of the key whose durable it is; `None` for a consumer of our own."""
    return (UUID(hex=name[:32]), UUID(hex=name[32:])) if NAME.fullmatch(name) else None


def filters_of(org_id: UUID, scope: KeyScope) -> tuple[str, ...]:
    """The subjects a key may hear: everything in its projects. None at all for a key that may not read."""
    organization = f"{SUBJECT_ROOT}.{org_id}"
    if "read" not in scope.actions:
        return ()
    if scope.project_ids is None:
        return tuple(f"{organization}.*.{beginning}.>" for beginning in OF_PROJECTS)
    return tuple(f"{organization}.{project_id}.>" for project_id in sorted(scope.project_ids))


class Durables:
    """The durables of all keys, kept with a connection of the user `admission`."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: frozenset[str] = frozenset()

    async def names(self) -> frozenset[str]:
        """Those there are; raises `ApiError` or what the client raises."""
        found: list[str] = []
        while True:
            page = await self._ask("NAMES", None, {"offset": len(found)})
            found += page["consumers"] or []
            if len(found) >= page["total"] or not page["consumers"]:
                self._known = frozenset(name for name in found if key_of(name) is not None)
                return self._known

    async def put(self, name: str, filters: Sequence[str]) -> None:
        """Make the durable, or give it these filters; what it has delivered stays delivered.

        A new one begins with the oldest event of the stream. Raises `TooManyDurables`, `ApiError`, or what
        the client raises.
        """
        if not filters:
            raise ValueError("a durable without filters would hear everything")
        self._require_room(name)
        await self._ask(
            "CREATE", name, {"stream_name": jetstream.STREAM, "config": _configuration(name, filters)}
        )
        self._known |= {name}

    async def remove(self, name: str) -> None:
        """Delete the durable if there is one."""
        try:
            await self._ask("DELETE", name, None)
        except jetstream.ApiError as error:
            if error.code != jetstream.CONSUMER_NOT_FOUND:
                raise
        self._known -= {name}

    def _require_room(self, name: str) -> None:
        if name in self._known:
            return
        of_organization = sum(known.startswith(name[:32]) for known in self._known)
        if len(self._known) >= DURABLES_MAX or of_organization >= DURABLES_OF_ORGANIZATION_MAX:
            raise TooManyDurables(f"{of_organization} of the organization, {len(self._known)} in all")

    async def _ask(self, verb: str, name: str | None, body: dict[str, object] | None) -> dict[str, Any]:
        subject = f"CONSUMER.{verb}.{jetstream.STREAM}" + (f".{name}" if name else "")
        return await jetstream.request(self._client, subject, body)


def _configuration(name: str, filters: Sequence[str]) -> dict[str, object]:
    return {
        "name": name,
        "durable_name": name,
        "filter_subjects": list(filters),
        "deliver_policy": "all",
        "ack_policy": "explicit",
        "ack_wait": ACKNOWLEDGE_SECONDS * NANOSECONDS,
        "max_deliver": -1,
        "max_ack_pending": UNACKNOWLEDGED_EVENTS_MAX,
        "max_waiting": REQUESTS_WAITING_MAX,
        "max_batch": REQUEST_EVENTS_MAX,
        "max_expires": REQUEST_SECONDS_MAX * NANOSECONDS,
        "inactive_threshold": UNUSED_SECONDS_MAX * NANOSECONDS,
    }
