"""What a sender makes of receivers: the same of real ones as of simulated ones."""

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from services.notifications.channels.webhooks.addresses import EgressPolicy
from services.notifications.channels.webhooks.connecting import guarded_client
from services.notifications.channels.webhooks.sending import Attempt, Letter, Sender
from tests.component.simulation.playing import simulated
from tests.simulation.network import Network
from tests.simulation.people import SECRET
from tests.simulation.receivers import Receivers
from tests.support.notifications.receiver import Answer, hang_up, receiving, silence, status

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
LOOPBACK = EgressPolicy(allow_loopback=True)
BODY = b'{"type":"milestone.achieved"}'
BEHAVIORS: dict[str, Answer] = {
    "honest": status(204),
    "refuses": status(500),
    "redirects": status(302, location="https://elsewhere.example"),
    "overloaded": status(503, retry_after="2"),
    "gone": status(410),
    "silent": silence,
    "answer lost": hang_up,
}


def _told(attempt: Attempt) -> tuple[Any, ...]:
    return attempt.outcome, attempt.status, attempt.retry_after_seconds


@pytest.mark.parametrize("behavior", BEHAVIORS)
async def test_an_attempt_ends_as_with_a_real_receiver(behavior: str) -> None:
    async with receiving() as receiver:
        receiver.answer = BEHAVIORS[behavior]
        sender = Sender(guarded_client(LOOPBACK), LOOPBACK, attempt_seconds_max=1.0)
        real = await sender.send(Letter(receiver.url("/hooks"), "id", BODY, [SECRET]), NOON)
        await sender.close()

    async def act(network: Network) -> Attempt:
        receivers = Receivers(network)
        receivers.behaviors["https://one.example/hooks"] = behavior
        sender = Sender(cast("Any", receivers), LOOPBACK, attempt_seconds_max=1.0)
        return await sender.send(Letter("https://one.example/hooks", "id", BODY, [SECRET]), NOON)

    assert _told(await simulated(act)) == _told(real)
