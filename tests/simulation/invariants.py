"""What must hold once everything is calm again, read from the servers of a world."""

import json
from collections import deque
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from standardwebhooks import Webhook

from libs.events.envelope import Envelope
from tests.simulation import reference
from tests.simulation.people import ENDPOINTS, PERSON, PERSONS_PROJECT, SECRET
from tests.simulation.postgres.server import SimulatedPostgres
from tests.simulation.postgres.tables import Row
from tests.simulation.receivers import Receipt
from tests.simulation.world import World

SIGNING = Webhook(SECRET)


class Violated(AssertionError):
    """A promise was broken."""


def lag(world: World) -> str | None:
    """What has not arrived yet where it belongs; `None` once stream and consumers have reached the end of the log."""
    head = len(world.script.rows)
    stream = world.servers.broker.store.stream
    if stream is None or stream.last != head:
        return f"the stream ends at {stream and stream.last}, the log at {head}"
    for server in world.servers.of_consumers:
        checkpoints = {
            row["name"]: row["position"] for row in server.database.tables["checkpoints"].rows.values()
        }
        if set(checkpoints.values()) != {head}:
            return f"{server.name} is at {checkpoints}, the log at {head}"
    return None


def backlog(world: World) -> str | None:
    """What people still have to be told, and what could be applied and is not."""
    deliveries = world.servers.notifications.database.tables["deliveries"].rows.values()
    pending = [row["position"] for row in deliveries if row["state"] == "pending"]
    if pending:
        return f"webhooks of positions {pending[:5]} are pending"
    waiting = [each.position for each in world.script.waiting]
    for server in world.servers.of_consumers:
        parked = sorted(row["position"] for row in server.database.tables["parked_events"].rows.values())
        if parked != waiting:
            return f"{server.name} has parked {_difference(parked, waiting)}"
        if any(
            row["carried_out_at"] is None for row in server.database.tables["parking_decisions"].rows.values()
        ):
            return f"{server.name} has not carried out every decision"
    return None


def only_what_failed_is_parked(world: World) -> None:
    """Raise `Violated` where something waits that neither is ill nor comes behind what is."""
    failed = world.illness.ever | world.script.unreadable
    may_wait = {envelope.position for envelope in world.script.waiting_behind(failed)}
    for server in world.servers.of_consumers:
        parked = {row["position"] for row in server.database.tables["parked_events"].rows.values()}
        _holds(parked <= may_wait, f"{server.name} has parked {sorted(parked - may_wait)[:10]} for nothing")


def check(world: World) -> None:
    """Raise `Violated` with what is wrong first."""
    stream_is_the_log(world)
    waiting = {envelope.position for envelope in world.script.waiting}
    for server in world.servers.of_consumers:
        applied_once_and_in_order(server, world, waiting)
        nothing_is_left_behind(server)
    if "timeline" in world.consumers:
        read_models_are_the_fold(world)
    if "notifications" in world.consumers:
        everybody_was_told(world, waiting)


def everybody_was_told(world: World, waiting: set[int]) -> None:
    told = [envelope for envelope in world.script.envelopes if envelope.position not in waiting]
    shown_once(world, told)
    for endpoint in ENDPOINTS:
        delivered_in_order(world, endpoint.url, _wanted(told, endpoint.project_id, endpoint.kinds))


def stream_is_the_log(world: World) -> None:
    stream = world.servers.broker.store.stream
    _holds(stream is not None, "there is no stream")
    assert stream is not None
    expected = [row["body"].encode() for row in world.script.rows[stream.first - 1 :]]
    _holds([body for _, body in stream.messages] == expected, "the stream is not a copy of the log")


def applied_once_and_in_order(server: SimulatedPostgres, world: World, waiting: set[int]) -> None:
    seen = sorted(server.database.tables["seen"].rows.values(), key=lambda row: row["entry"])
    positions = [row["position"] for row in seen]
    expected = [position for position in range(1, len(world.script.rows) + 1) if position not in waiting]
    if sorted(positions) != expected:
        raise Violated(f"{server.name}: applied {_difference(positions, expected)}")
    versions: dict[str, int] = {}
    for row in seen:
        before = versions.get(row["stream"], 0)
        if row["version"] != before + 1:
            raise Violated(f"{server.name}: {row['stream']} {before} → {row['version']}")
        versions[row["stream"]] = row["version"]


def nothing_is_left_behind(server: SimulatedPostgres) -> None:
    tables = server.database.tables
    _holds(len(tables["attempts"].rows) <= 1, f"{server.name}: attempts are left")
    parked = {row["stream"] for row in tables["parked_events"].rows.values()}
    sequences = {row["sequence"] for row in tables["parked_sequences"].rows.values()}
    _holds(bool(parked) == bool(sequences), f"{server.name}: {sequences} are parked, {parked} wait")


def read_models_are_the_fold(world: World) -> None:
    expected = world.script.expected()
    for name in reference.TABLES:
        rows = world.servers.timeline.database.tables[name].rows.values()
        found = {reference.identity(name, row): _comparable(row) for row in rows}
        _holds(len(found) == len(rows), f"{name}: a row is there twice")
        for key in found.keys() | expected[name].keys():
            left, right = found.get(key), expected[name].get(key)
            if left != right:
                raise Violated(f"{name}: found {left}, expected {right}")


def shown_once(world: World, told: list[Envelope]) -> None:
    items = world.servers.notifications.database.tables["inbox_items"].rows.values()
    shown = sorted(row["position"] for row in items if row["person_id"] == PERSON)
    expected = [envelope.position for envelope in _wanted(told, PERSONS_PROJECT, ())]
    if shown != expected:
        raise Violated(f"the inbox has {_difference(shown, expected)}")


def delivered_in_order(world: World, url: str, wanted: list[Envelope]) -> None:
    """At least once, and in the order of the log but for what was announced as skipped or was parked for a while."""
    receipts = world.servers.receivers.receipts.get(url, [])
    accepted = {receipt.webhook_id for receipt in receipts if receipt.is_accepted}
    positions = {str(envelope.event_id): envelope.position for envelope in wanted}
    never = [positions[each] for each in positions.keys() - accepted - _given_up(world)]
    _holds(not never, f"{url} was never told of positions {sorted(never)[:5]}")
    for receipt in receipts:
        _holds(receipt.webhook_id in positions, f"{url} was told what it did not ask for")
        _holds(_is_signed(receipt), f"{url}: the signature of {receipt.webhook_id} is wrong")
    held_up = world.script.waiting_behind(world.illness.ever)
    _nobody_waits_in_vain(url, receipts, positions, {str(envelope.event_id) for envelope in held_up})


def _nobody_waits_in_vain(
    url: str, receipts: list[Receipt], positions: dict[str, int], may_be_late: set[str]
) -> None:
    """What is sent comes after everything before it was accepted, or names it as skipped, or something accepted did."""
    settled = may_be_late
    open_ids = deque(sorted(positions, key=positions.__getitem__))
    for receipt in receipts:
        skipped = set(json.loads(receipt.body).get("skipped", "").split())
        _holds(skipped <= positions.keys(), f"{url} was told to wait for what it did not ask for")
        while open_ids and open_ids[0] in settled:
            open_ids.popleft()
        position = positions[receipt.webhook_id]
        for each in open_ids:
            if positions[each] >= position:
                break
            if each not in settled and each not in skipped:
                raise Violated(f"{url} was told of {position}, and not that {positions[each]} was skipped")
        if receipt.is_accepted:
            settled |= {receipt.webhook_id, *skipped}


def _is_signed(receipt: Receipt) -> bool:
    sent_at = datetime.fromtimestamp(int(receipt.headers["webhook-timestamp"]), UTC)
    expected = SIGNING.sign(receipt.webhook_id, sent_at, receipt.body.decode())
    return receipt.headers["webhook-signature"] == expected


def _given_up(world: World) -> set[str]:
    """Deliveries whose whole schedule failed: parked, and to be resent by hand."""
    deliveries = world.servers.notifications.database.tables["deliveries"].rows.values()
    return {str(row["event_id"]) for row in deliveries if row["state"] == "parked"}


def _wanted(told: list[Envelope], project_id: UUID | None, kinds: tuple[str, ...]) -> list[Envelope]:
    return [
        envelope
        for envelope in told
        if (project_id is None or envelope.project_id == project_id) and (not kinds or envelope.type in kinds)
    ]


def _comparable(row: Row) -> dict[str, Any]:
    """The row without the sentence for people, and with its JSON read."""
    plain = dict(row.items())
    plain.pop("sentence", None)
    if plain.get("detail") is not None:
        plain["detail"] = json.loads(plain["detail"])
    return plain


def _difference(found: list[int], expected: list[int]) -> str:
    twice = sorted({position for position in found if found.count(position) > 1})
    missing = sorted(set(expected) - set(found))
    surplus = sorted(set(found) - set(expected))
    return f"twice {twice[:5]}, never {missing[:5]}, wrongly {surplus[:5]}"


def _holds(condition: bool, sentence: str) -> None:
    if not condition:
        raise Violated(sentence)
