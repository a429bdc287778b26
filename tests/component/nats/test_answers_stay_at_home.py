"""A request names the subject of its answer: wherever that points, what is fetched stays with whoever fetched it."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest
from nats.aio.msg import Msg

from deploy.local.nats import EmbeddedNats
from libs.events.jetstream import API, IMPORTED_API
from tests.component.nats.integrations import (
    ORG,
    PROJECT,
    KnownKeys,
    durable_of,
    greeting,
    heard,
    integrate,
    is_admitted,
    publish,
    subject,
)
from tests.component.nats.visiting import Visitor

WISHES: tuple[dict[str, object], ...] = (
    {"batch": 2, "expires": 100_000_000},
    {"batch": 5, "no_wait": True},
    {"batch": 1, "no_wait": True, "idle_heartbeat": 1},
    {},
)
TARGETS = (
    f"milepost.{ORG}.{PROJECT}.milestone.planned",
    "milepost.x.y",
    f"{API}.STREAM.DELETE.PROJECTS",
    f"{API}.STREAM.PURGE.PROJECTS",
    f"{API}.CONSUMER.DELETE.PROJECTS.victim",
    f"{IMPORTED_API}.CONSUMER.DELETE.PROJECTS.victim",
    f"{IMPORTED_API}.CONSUMER.CREATE.PROJECTS.victim",
    f"{IMPORTED_API}.CONSUMER.MSG.NEXT.PROJECTS.victim",
    f"{IMPORTED_API}.CONSUMER.INFO.PROJECTS.victim",
    "$JS.ACK.PROJECTS.victim.1.1.1.1795427064192570347.4",
    "$SYS.REQ.USER.AUTH",
    "_INBOX_relay.forged",
    "_INBOX_admission.forged",
    "_INBOX_timeline.forged",
    "_R_.forged",
    "_GR_.forged",
)


async def aim(visitor: Visitor, durable: str, target: str) -> None:
    """Fetch in every manner, to be answered there."""
    for wish in WISHES:
        body = json.dumps(wish).encode()
        await visitor.client.publish(
            f"{visitor.api}.CONSUMER.MSG.NEXT.PROJECTS.{durable}", body, reply=target
        )
    await visitor.settle()


async def eavesdrop(visitor: Visitor) -> list[Msg]:
    """Everything that arrives in the inbox of a user from now on."""
    arrived: list[Msg] = []

    async def note(message: Msg) -> None:
        arrived.append(message)

    await visitor.client.subscribe(f"_INBOX_{visitor.user}.>", cb=note)
    await visitor.settle()
    return arrived


@pytest.mark.parametrize("target", TARGETS)
async def test_no_answer_to_an_integration_leaves_its_account(
    own_nats: EmbeddedNats, directory: KnownKeys, visitors: dict[str, Visitor], target: str
) -> None:
    victim_key, key = directory.issue(PROJECT), directory.issue(PROJECT)
    await publish(visitors, *(subject() for _ in range(8)))
    victim, attacker = await integrate(own_nats, victim_key), await integrate(own_nats, key)
    inboxes = [await eavesdrop(visitors[user]) for user in ("relay", "timeline", "admission")]
    before = await victim.ask(f"CONSUMER.INFO.PROJECTS.{victim.user}")

    await aim(attacker, durable_of(key), target.replace("victim", durable_of(victim_key)))

    after = await victim.ask(f"CONSUMER.INFO.PROJECTS.{victim.user}")
    for fact in ("delivered", "ack_floor", "num_ack_pending", "num_waiting", "num_pending"):
        assert after[fact] == before[fact]
    state = (await visitors["relay"].ask("STREAM.INFO.PROJECTS"))["state"]
    assert (state["messages"], state["last_seq"]) == (8, 8)
    assert [[m for m in inbox if m.subject.endswith("forged")] for inbox in inboxes] == [[], [], []]
    assert await heard(victim, 8) == [subject()] * 8
    await asyncio.gather(victim.client.close(), attacker.client.close())


@pytest.mark.parametrize("user", ["timeline", "notifications"])
@pytest.mark.parametrize("target", [t for t in TARGETS if "admission" not in t and "timeline" not in t])
async def test_no_answer_to_a_consumer_of_ours_leaves_its_account(
    visitors: dict[str, Visitor], user: str, target: str
) -> None:
    """Also with a stolen password: nothing gets into the stream, nobody loses anything."""
    other = "notifications" if user == "timeline" else "timeline"
    for name in (user, other):
        wish = {"name": name, "durable_name": name, "ack_policy": "none"}
        body = {"stream_name": "PROJECTS", "config": wish, "action": "create"}
        assert "error" not in await visitors[name].ask(f"CONSUMER.CREATE.PROJECTS.{name}", body)
    await publish(visitors, *(subject() for _ in range(8)))
    inbox = await eavesdrop(visitors["relay"])

    await aim(visitors[user], user, target.replace("victim", other))

    state = (await visitors["relay"].ask("STREAM.INFO.PROJECTS"))["state"]
    assert (state["messages"], state["last_seq"]) == (8, 8)
    assert [message for message in inbox if message.subject.endswith("forged")] == []
    assert len(await visitors[other].pull(other, 8)) == 8


async def test_an_integration_may_do_nothing_but_fetch_and_acknowledge(
    own_nats: EmbeddedNats, directory: KnownKeys, visitors: dict[str, Visitor]
) -> None:
    key, other = directory.issue(PROJECT), directory.issue(PROJECT)
    await is_admitted(own_nats, other)
    reader = await integrate(own_nats, key)
    durables = (durable_of(key), durable_of(other), "timeline", "*", ">")
    verbs = (
        *("INFO", "STREAM.NAMES", "STREAM.LIST", "CONSUMER.NAMES.PROJECTS", "CONSUMER.LIST.PROJECTS"),
        *(f"STREAM.{verb}.PROJECTS" for verb in ("INFO", "CREATE", "UPDATE", "DELETE", "PURGE", "SNAPSHOT")),
        *(
            "STREAM.RESTORE.PROJECTS",
            "STREAM.MSG.GET.PROJECTS",
            "DIRECT.GET.PROJECTS",
            "META.LEADER.STEPDOWN",
        ),
        *(
            f"CONSUMER.{verb}.PROJECTS.{durable}"
            for verb in ("CREATE", "DURABLE.CREATE", "INFO", "DELETE", "MSG.NEXT", "PAUSE", "UNPIN", "RESET")
            for durable in durables
        ),
    )
    subjects = [
        *(f"{api}.{verb}" for api in (API, IMPORTED_API) for verb in verbs),
        *(f"$JS.ACK.PROJECTS.{durable}.1.1.1.1.0" for durable in durables),
        *(subject(), "milepost.>", "_INBOX.x", f"_INBOX_{durable_of(other)}.x", f"_INBOX_{reader.user}.x"),
        *("$SYS.REQ.USER.AUTH", "$SYS.REQ.USER.INFO", "$SYS.REQ.SERVER.PING", "$KV.x.y", "anything"),
    ]
    allowed = {name for name in subjects if await reader.may_publish(name)}
    assert allowed == {
        f"{IMPORTED_API}.CONSUMER.MSG.NEXT.PROJECTS.{reader.user}",
        f"{IMPORTED_API}.CONSUMER.INFO.PROJECTS.{reader.user}",
        f"$JS.ACK.PROJECTS.{reader.user}.1.1.1.1.0",
    }
    await reader.client.close()


async def test_an_integration_hears_only_its_own_inbox(
    own_nats: EmbeddedNats, directory: KnownKeys, visitors: dict[str, Visitor]
) -> None:
    key, other = directory.issue(PROJECT), directory.issue(PROJECT)
    reader = await integrate(own_nats, key)
    own = f"_INBOX_{reader.user}"
    foreign = [f"_INBOX_{durable_of(other)}.>", "_INBOX_timeline.>", own]
    patterns = [*foreign, ">", "*", "*.>", "_INBOX.>", "milepost.>", subject(), "$JS.>", "$SYS.>", "_R_.>"]
    assert not [name for name in patterns for q in ("", "q") if await reader.may_subscribe(name, q)]
    assert await reader.may_subscribe(f"{own}.>")
    await reader.client.close()


async def test_it_is_cut_off_when_it_sends_more_than_a_request(
    own_nats: EmbeddedNats, directory: KnownKeys, visitors: dict[str, Visitor]
) -> None:
    reader = await integrate(own_nats, directory.issue(PROJECT))
    fetching = f"{IMPORTED_API}.CONSUMER.MSG.NEXT.PROJECTS.{reader.user}"
    await reader.client.publish(fetching, b"x" * 5_000)
    fetches: Callable[[], Awaitable[None]] = reader.settle
    with pytest.raises(Exception, match=r"(?i)payload|closed|eof|timeout"):
        await fetches()
    assert await greeting(own_nats) != b"PONG"
    await reader.client.close()
