"""Bad messages and bad receivers, alongside the faults: always somebody answers badly or tells things otherwise."""

import asyncio
from random import Random

from tests.support.notifications.receiver import Answer, drip, flood, hang_up, silence, status
from tests.support.proof.chaos.fault import Ground
from tests.support.proof.chaos.links import CONSUMERS
from tests.support.proof.chaos.retelling import MANNERS

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
RECEIVERS_SHARE = 0.4
MESSAGES_MAX = 4


async def bother(ground: Ground, chance: Random, times: int, seconds: float) -> None:
    """So many times, spread over so many seconds."""
    for _ in range(times):
        await asyncio.sleep(seconds / times * chance.uniform(0.5, 1.4))
        if chance.random() < RECEIVERS_SHARE:
            _answer_badly(ground, chance, chance.choice(ground.campaign.hooks))
        else:
            wanted = ground.stack.mischief[chance.choice(CONSUMERS)].wanted
            wanted.extend(chance.choices(MANNERS, k=chance.randint(1, MESSAGES_MAX)))


def _answer_badly(ground: Ground, chance: Random, path: str) -> None:
    """One receiver, until the next one does; the others answer as ever."""
    answers = ground.campaign.receiver.answers
    what, answer = chance.choice(list(RECEIVERS.items()))
    answers.clear()
    answers[path] = answer
    ground.counts[f"a receiver {what}"] += 1
