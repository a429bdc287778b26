"""Each user of nats.conf can do its own work on the real server, and nothing else."""

import asyncio
import json
from typing import Any

import pytest

from deploy.local.nats import USERS, EmbeddedNats
from libs.events.jetstream import API, IMPORTED_API
from tests.component.nats.integrations import REFUSED, greeting
from tests.component.nats.visiting import Visitor
from tests.support.empty_stream import STREAM_CONFIGURATION, make_stream_anew

CONSUMERS = ("timeline", "notifications")
EVENT = "milepost.org.project.milestone.planned"

# What could hurt, of every kind: writing, reading around one's durable, sniffing, deleting, restoring.
API_VERBS = (
    "INFO", "STREAM.NAMES", "STREAM.LIST", "STREAM.INFO.PROJECTS", "STREAM.INFO.OTHER",
    "STREAM.CREATE.PROJECTS", "STREAM.CREATE.OTHER", "STREAM.UPDATE.PROJECTS", "STREAM.UPDATE.OTHER",
    "STREAM.DELETE.PROJECTS", "STREAM.DELETE.OTHER", "STREAM.PURGE.PROJECTS", "STREAM.SNAPSHOT.PROJECTS",
    "STREAM.RESTORE.PROJECTS", "STREAM.MSG.GET.PROJECTS", "STREAM.MSG.DELETE.PROJECTS",
    "STREAM.PEER.REMOVE.PROJECTS", "STREAM.LEADER.STEPDOWN.PROJECTS", "DIRECT.GET.PROJECTS",
    f"DIRECT.GET.PROJECTS.{EVENT}", "CONSUMER.NAMES.PROJECTS", "CONSUMER.LIST.PROJECTS",
    "CONSUMER.CREATE.PROJECTS", "CONSUMER.CREATE.PROJECTS.other", "CONSUMER.DURABLE.CREATE.PROJECTS.timeline",
    *(
        f"CONSUMER.{verb}.PROJECTS.{durable}"
        for durable in CONSUMERS
        for verb in ("CREATE", "INFO", "DELETE", "MSG.NEXT", "PAUSE", "UNPIN", "RESET", "LEADER.STEPDOWN")
    ),
    *(f"CONSUMER.CREATE.PROJECTS.{durable}.milepost.>" for durable in CONSUMERS),
    "META.LEADER.STEPDOWN", "SERVER.REMOVE", "ACCOUNT.PURGE.MILEPOST",
)  # fmt: skip
OTHER_SUBJECTS = (
    EVENT,
    *(f"$JS.ACK.PROJECTS.{durable}.1.1.1.1.0" for durable in CONSUMERS),
    *(f"_INBOX_{user}.forged" for user in USERS),
    "_INBOX.forged", "_R_.forged", "$JS.EVENT.ADVISORY.API", "$SYS.REQ.SERVER.PING",
    "$SYS.REQ.USER.INFO.forged", "$SYS.REQ.USER.AUTH", "$SYS.REQ.SERVER.FORGED.KICK",
    "$KV.bucket.key", "projects.other",
)  # fmt: skip


def allowed_subjects(user: str) -> set[str]:
    """Of all the subjects above, those the user needs."""
    if user == "relay":
        return {EVENT, f"{API}.STREAM.INFO.PROJECTS", f"{API}.STREAM.MSG.GET.PROJECTS"}
    if user == "keeper":
        return {f"{API}.STREAM.{verb}.PROJECTS" for verb in ("CREATE", "UPDATE", "INFO", "DELETE")}
    durables = (*CONSUMERS, "other")
    if user == "admission":
        return {
            f"{IMPORTED_API}.CONSUMER.NAMES.PROJECTS",
            *(f"{IMPORTED_API}.CONSUMER.CREATE.PROJECTS.{durable}" for durable in durables),
            *(f"{IMPORTED_API}.CONSUMER.DELETE.PROJECTS.{durable}" for durable in CONSUMERS),
        }
    return {
        f"{IMPORTED_API}.STREAM.INFO.PROJECTS",
        *(
            f"{IMPORTED_API}.CONSUMER.{verb}.PROJECTS.{user}"
            for verb in ("CREATE", "INFO", "DELETE", "MSG.NEXT")
        ),
    }


# --- What each user does all day ---
async def test_the_relay_publishes_a_fenced_batch_all_or_none(visitors: dict[str, Visitor]) -> None:
    relay = visitors["relay"]
    assert await publish_batch(relay, events=3, last_sequence=0) == {"seq": 3, "batch": "batch-0", "count": 3}
    assert (await publish_batch(relay, events=3, last_sequence=0))["error"]["err_code"] == 10071
    state = (await relay.ask("STREAM.INFO.PROJECTS"))["state"]
    assert (state["messages"], state["last_seq"]) == (3, 3)
    assert (await relay.ask("STREAM.MSG.GET.PROJECTS", {"seq": 2}))["message"]["seq"] == 2
    assert relay.refusals == []


async def test_the_keeper_heals_the_stream_at_a_sequence_of_its_choice(visitors: dict[str, Visitor]) -> None:
    keeper = visitors["keeper"]
    await make_stream_anew(keeper.client, first_seq=41)
    updated = await keeper.ask(
        "STREAM.UPDATE.PROJECTS", STREAM_CONFIGURATION | {"first_seq": 41, "description": "healed"}
    )
    assert updated["config"]["description"] == "healed"
    assert (await keeper.ask("STREAM.INFO.PROJECTS"))["state"]["last_seq"] == 40
    assert keeper.refusals == []


@pytest.mark.parametrize("user", CONSUMERS)
async def test_a_consumer_reads_through_its_own_durable(visitors: dict[str, Visitor], user: str) -> None:
    await publish_batch(visitors["relay"], events=3, last_sequence=0)
    reader = visitors[user]
    assert "error" not in await reader.ask(f"CONSUMER.CREATE.PROJECTS.{user}", durable(user))
    received = await reader.pull(user, 3)
    assert [message.subject for message in received] == [EVENT] * 3
    assert (await reader.ask(f"CONSUMER.INFO.PROJECTS.{user}"))["delivered"]["stream_seq"] == 3
    assert (await reader.ask(f"CONSUMER.DELETE.PROJECTS.{user}"))["success"]
    assert (await reader.ask("STREAM.INFO.PROJECTS"))["state"]["last_seq"] == 3
    assert reader.refusals == []


# --- What is refused ---
@pytest.mark.parametrize("user", USERS)
async def test_every_other_subject_is_refused(visitors: dict[str, Visitor], user: str) -> None:
    visitor = visitors[user]
    subjects = [f"{api}.{verb}" for api in (API, IMPORTED_API) for verb in API_VERBS] + list(OTHER_SUBJECTS)
    accepted = {subject for subject in subjects if await visitor.may_publish(subject)}
    assert accepted == allowed_subjects(user)


@pytest.mark.parametrize("user", USERS)
async def test_a_user_hears_only_its_own_inbox(visitors: dict[str, Visitor], user: str) -> None:
    visitor = visitors[user]
    strangers = [f"_INBOX_{other}.>" for other in USERS if other != user]
    subjects = [
        *strangers,
        ">",
        "*",
        "_INBOX.>",
        "*.>",
        "milepost.>",
        EVENT,
        "$JS.>",
        "$JS.API.>",
        "$JS.ACK.>",
        "$SYS.>",
        *(["$SYS.REQ.USER.AUTH"] if user != "admission" else []),
    ]
    heard = {
        (subject, queue)
        for subject in subjects
        for queue in ("", "q")
        if await visitor.may_subscribe(subject, queue)
    }
    assert heard == set()
    assert await visitor.may_subscribe(f"_INBOX_{user}.>")


@pytest.mark.parametrize("user", CONSUMERS)
async def test_a_consumer_cannot_name_another_durable_or_stream_in_the_body(
    visitors: dict[str, Visitor], user: str
) -> None:
    other = next(name for name in CONSUMERS if name != user)
    disguised = await visitors[user].ask(f"CONSUMER.CREATE.PROJECTS.{user}", durable(other))
    elsewhere = await visitors[user].ask(
        f"CONSUMER.CREATE.PROJECTS.{user}", durable(user) | {"stream_name": "OTHER"}
    )
    assert (disguised["error"]["err_code"], elsewhere["error"]["err_code"]) == (10017, 10056)


async def test_a_consumer_cannot_have_events_delivered_into_the_stream(visitors: dict[str, Visitor]) -> None:
    wish = durable("timeline")
    wish["config"] |= {"deliver_subject": EVENT, "ack_policy": "none"}
    answer = await visitors["timeline"].ask("CONSUMER.CREATE.PROJECTS.timeline", wish)
    assert answer["error"]["description"] == "consumer deliver subject forms a cycle"


async def test_a_delivery_cannot_be_aimed_at_the_api(visitors: dict[str, Visitor]) -> None:
    """A consumer whose deliveries are requests to delete the stream: the server delivers nothing there."""
    await publish_batch(visitors["relay"], events=2, last_sequence=0)
    wish = durable("timeline")
    wish["config"] |= {
        "deliver_subject": "$JS.API.STREAM.DELETE.PROJECTS",
        "headers_only": True,
        "ack_policy": "none",
    }
    await visitors["timeline"].ask("CONSUMER.CREATE.PROJECTS.timeline", wish)

    consumer = await visitors["timeline"].ask("CONSUMER.INFO.PROJECTS.timeline")
    assert (consumer["num_pending"], consumer["delivered"]["stream_seq"]) == (2, 0)
    assert (await visitors["keeper"].ask("STREAM.INFO.PROJECTS"))["state"]["messages"] == 2


async def test_there_is_no_second_stream(visitors: dict[str, Visitor]) -> None:
    disguised = await visitors["keeper"].ask(
        "STREAM.CREATE.PROJECTS", {"name": "OTHER", "subjects": ["other.>"]}
    )
    assert disguised["error"]["err_code"] == 10056


@pytest.mark.parametrize(
    "login",
    [
        {},
        {"user": "relay", "pass": "wrong"},
        {"user": "timeline", "pass": ""},
        {"user": "x"},
        {"auth_token": f"mpk_{'0' * 64}_{'0' * 64}"},
    ],
)
async def test_nobody_enters_without_a_password_and_nobody_with_a_key_while_projects_is_away(
    own_nats: EmbeddedNats, login: dict[str, str]
) -> None:
    async with asyncio.timeout(8):
        assert await greeting(own_nats, **login) == REFUSED


def durable(name: str) -> dict[str, Any]:
    configuration = {"name": name, "durable_name": name, "ack_policy": "none"}
    return {"stream_name": "PROJECTS", "config": configuration, "action": "create"}


async def publish_batch(relay: Visitor, events: int, last_sequence: int) -> dict[str, Any]:
    """One atomic batch behind `last_sequence`; returns the server's answer to its commit."""
    batch = f"batch-{last_sequence}"
    for number in range(1, events):
        headers = {"Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(number)}
        if number == 1:
            headers["Nats-Expected-Last-Sequence"] = str(last_sequence)
        await relay.client.publish(EVENT, b"{}", headers=headers)
    headers = {"Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(events), "Nats-Batch-Commit": "1"}
    reply = await relay.client.request(EVENT, b"{}", timeout=2, headers=headers)
    answer: dict[str, Any] = json.loads(reply.data)
    answer.pop("stream", None)
    return answer
