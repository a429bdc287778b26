"""The rules in force: what persons subscribed to and where webhooks go, read from the database and kept.

A change of an organization's rules changes its revision in the same transaction, so what is kept is exact.
"""

from collections import OrderedDict
from collections.abc import Collection
from typing import Any
from uuid import UUID

from libs.chassis.postgres import Connection
from services.notifications.matching import Channel, Rule, Rules

ORGANIZATIONS_KEPT_MAX = 1_000
CHECKPOINT_NAME = "notifications"
DURABLE = "notifications"


class RuleBook:
    """The rules of the organizations seen most recently, indexed for matching."""

    def __init__(self, organizations_max: int = ORGANIZATIONS_KEPT_MAX) -> None:
        self._kept: OrderedDict[UUID, tuple[int, Rules]] = OrderedDict()
        self._organizations_max = organizations_max

    async def rules_of(self, connection: Connection, org_ids: Collection[UUID]) -> dict[UUID, Rules]:
        """The rules of each organization, as this transaction sees them; those without any are left out."""
        revisions: dict[UUID, int] = {
            row["org_id"]: row["revision"]
            for row in await connection.fetch(
                "select org_id, revision from rule_revisions where org_id = any($1)", list(org_ids)
            )
        }
        stale = [
            org_id for org_id, revision in revisions.items() if self._kept.get(org_id, (None,))[0] != revision
        ]
        found = {
            org_id: self._kept[org_id][1] for org_id in revisions if org_id not in stale
        } | await load_rules(connection, stale)
        for org_id, rules in found.items():
            self._kept[org_id] = (revisions[org_id], rules)
            self._kept.move_to_end(org_id)
        while len(self._kept) > self._organizations_max:
            self._kept.popitem(last=False)
        return found


async def load_rules(connection: Connection, org_ids: Collection[UUID]) -> dict[UUID, Rules]:
    """Every rule of these organizations, freshly read."""
    if not org_ids:
        return {}
    rules: dict[UUID, list[Rule]] = {org_id: [] for org_id in org_ids}
    for row in await connection.fetch(
        "select org_id, subscription_id, person_id, project_id, kinds, stream, mute_own, include_imported,"
        " since_position from subscriptions where org_id = any($1)",
        list(org_ids),
    ):
        rules[row["org_id"]].append(_rule_of_person(row))
    for row in await connection.fetch(
        "select org_id, endpoint_id, project_id, kinds, include_imported, since_position"
        " from webhook_endpoints where org_id = any($1) and state <> 'retired'",
        list(org_ids),
    ):
        rules[row["org_id"]].append(_rule_of_endpoint(row))
    return {org_id: Rules(found) for org_id, found in rules.items()}


def _rule_of_person(row: Any) -> Rule:
    return Rule(
        org_id=row["org_id"],
        rule_id=row["subscription_id"],
        channel=Channel.INBOX,
        recipient=row["person_id"],
        since_position=row["since_position"],
        project_id=row["project_id"],
        kinds=frozenset(row["kinds"]),
        stream=row["stream"],
        own_actions_of=row["person_id"] if row["mute_own"] else None,
        include_imported=row["include_imported"],
    )


def _rule_of_endpoint(row: Any) -> Rule:
    return Rule(
        org_id=row["org_id"],
        rule_id=row["endpoint_id"],
        channel=Channel.WEBHOOK,
        recipient=row["endpoint_id"],
        since_position=row["since_position"],
        project_id=row["project_id"],
        kinds=frozenset(row["kinds"]),
        include_imported=row["include_imported"],
    )


async def begin_rule_change(connection: Connection, org_id: UUID) -> int:
    """Announce that rules of an organization change in this transaction; returns the position they begin after.

    Holds the checkpoint until the transaction ends, so that no batch is matched halfway: every event
    after that position is matched with the changed rules, none before it is.
    """
    await connection.execute(
        "insert into checkpoints (name, position) values ($1, 0) on conflict do nothing", CHECKPOINT_NAME
    )
    position: int = await connection.fetchval(
        "select position from checkpoints where name = $1 for share", CHECKPOINT_NAME
    )
    await connection.execute(
        "insert into rule_revisions (org_id, revision) values ($1, 1)"
        " on conflict (org_id) do update set revision = rule_revisions.revision + 1",
        org_id,
    )
    return position
