"""Bad messages and bad receivers, alongside the faults: all the time somebody answers badly or hears things twice."""

import asyncio
import json
from random import Random

import nats.errors

from libs.events.jetstream import IMPORTED_API
from tests.support.notifications.receiver import Answer, drip, flood, hang_up, silence, status
from tests.support.proof import evidence
from tests.support.proof.chaos.brokers import CONSUMERS
from tests.support.proof.chaos.fault import Ground

RECEIVERS: dict[str, Answer] = {
    "answers 500": status(500),
    "answers 503 and asks to wait": status(503, retry_after="1"),
    "answers 302": status(302, location="http://127.0.0.1:9/elsewhere"),
    "answers 404": status(404),
    "says nothing": silence,
    "never ends": drip,
    "hangs up": hang_up,
    "says too much": flood,
}
AGAIN_EVENTS_MAX = 300
AGAIN_SHARE = 0.6


async def bother(ground: Ground, chance: Random, times: int, seconds: float) -> None:
    """So many nuisances, spread over so many seconds; what a broken link or server refuses is tried at the next."""
    hooks = ground.campaign.hooks
    done = 0
    while done < times:
        await asyncio.sleep(seconds / times * chance.uniform(0.5, 1.4))
        if chance.random() < 0.4:
            await _answer_badly(ground, chance, chance.choice(hooks))
            done += 1
        else:
            done += await _tell_otherwise(ground, chance)


async def _answer_badly(ground: Ground, chance: Random, path: str) -> None:
    """One receiver, until the next nuisance comes its way; the others answer as ever."""
    answers = ground.campaign.receiver.answers
    what, answer = chance.choice(list(RECEIVERS.items()))
    answers.clear()
    answers[path] = answer
    ground.count(f"a receiver {what}")


async def _tell_otherwise(ground: Ground, chance: Random) -> bool:
    """Put a durable elsewhere: what follows comes again, or out of turn with a gap before it."""
    name = chance.choice(CONSUMERS)
    try:
        head = await evidence.head(ground.stack)
        async with evidence.broker(ground.stack, name) as client:
            is_again = chance.random() < AGAIN_SHARE
            start = (
                max(1, head - chance.randrange(AGAIN_EVENTS_MAX))
                if is_again
                else head + chance.randrange(2, 6)
            )
            await client.request(f"{IMPORTED_API}.CONSUMER.DELETE.PROJECTS.{name}", timeout=2)
            wish = {"stream_name": "PROJECTS", "config": _durable(name, start), "action": "create"}
            request = json.dumps(wish).encode()
            await client.request(f"{IMPORTED_API}.CONSUMER.CREATE.PROJECTS.{name}", request, timeout=2)
    except (evidence.Unreachable, nats.errors.Error, OSError):
        return False
    ground.count("events told again" if is_again else "events told out of turn")
    return True


def _durable(name: str, start: int) -> dict[str, object]:
    return {
        "name": name,
        "durable_name": name,
        "deliver_policy": "by_start_sequence",
        "opt_start_seq": start,
        "ack_policy": "none",
        "max_waiting": 16,
    }
