"""Bad messages and bad receivers, alongside the faults: always somebody answers badly or tells things otherwise."""

import asyncio
from collections.abc import Iterator, Sequence
from itertools import cycle
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
    """So many times, spread over so many seconds: each manner and each bad answer in its turn."""
    receivers = round(times * RECEIVERS_SHARE)
    turns = [False] * receivers + [True] * (times - receivers)
    chance.shuffle(turns)
    manners, answers = _in_turn(MANNERS, chance), _in_turn(list(RECEIVERS), chance)
    for is_of_messages in turns:
        await asyncio.sleep(seconds / times * chance.uniform(0.5, 1.4))
        if is_of_messages:
            wanted = ground.stack.mischief[chance.choice(CONSUMERS)].wanted
            wanted.extend(next(manners) for _ in range(chance.randint(1, MESSAGES_MAX)))
        else:
            _answer_badly(ground, chance.choice(ground.campaign.hooks), next(answers))


def _in_turn(kinds: Sequence[str], chance: Random) -> Iterator[str]:
    """Over and over, in an order of chance."""
    return cycle(chance.sample(kinds, len(kinds)))


def _answer_badly(ground: Ground, path: str, what: str) -> None:
    """One receiver, until the next one does; the others answer as ever."""
    answers = ground.campaign.receiver.answers
    answers.clear()
    answers[path] = RECEIVERS[what]
    ground.counts[f"a receiver {what}"] += 1
