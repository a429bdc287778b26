"""Whoever brings an API key is let into NATS, to fetch what the key may see and to acknowledge it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import nats.errors
import pytest

from deploy.local.nats import EmbeddedNats
from libs.access.api_keys import new_secret
from libs.chassis.identity import KeyScope
from libs.events.jetstream import IMPORTED_API
from tests.component.nats.integrations import (
    ORG,
    OTHER_ORG,
    OTHER_PROJECT,
    PROJECT,
    REFUSED,
    KnownKeys,
    durable_of,
    greeting,
    heard,
    integrate,
    is_admitted,
    is_refused,
    publish,
    subject,
)
from tests.component.nats.visiting import Visitor
from tests.support.empty_stream import make_stream_anew
from tests.support.eventually import eventually


@pytest.mark.parametrize("form", ["password", "token", "address"])
async def test_a_key_is_given_as_password_or_token(
    own_nats: EmbeddedNats, directory: KnownKeys, visitors: dict[str, Visitor], form: str
) -> None:
    key = directory.issue(PROJECT)
    options = {
        "password": {"user": "anything", "password": str(key)},
        "token": {"token": str(key)},
        "address": {"address": f"nats://{key}@127.0.0.1:{own_nats.port}"},
    }[form]
    reader = await integrate(own_nats, key, **options)
    await publish(visitors, subject())
    assert await heard(reader, 1) == [subject()]
    await reader.client.close()


async def test_it_fetches_acknowledges_and_goes_on_where_it_was(
    own_nats: EmbeddedNats, directory: KnownKeys, visitors: dict[str, Visitor]
) -> None:
    key = directory.issue(PROJECT)
    await publish(visitors, *(subject() for _ in range(4)))
    reader = await integrate(own_nats, key)
    for message in await reader.pull(reader.user, 3):
        await message.ack_sync(timeout=2)
    await reader.client.close()
    reader = await integrate(own_nats, key)
    [message] = await reader.pull(reader.user, 1)
    assert message.metadata.sequence.stream == 4
    assert reader.refusals == []
    await reader.client.close()


async def test_the_ordinary_client_library_is_enough(
    own_nats: EmbeddedNats, directory: KnownKeys, visitors: dict[str, Visitor]
) -> None:
    key = directory.issue()
    await publish(visitors, subject(), subject(OTHER_PROJECT))
    reader = await integrate(own_nats, key)
    events = await reader.client.jetstream(domain="milepost").pull_subscribe_bind(durable_of(key), "PROJECTS")
    for message in await events.fetch(2, timeout=2):
        await message.ack()
    assert (await events.consumer_info()).num_pending == 0
    await reader.client.close()


async def test_a_key_hears_its_projects_and_nothing_else(
    own_nats: EmbeddedNats, directory: KnownKeys, visitors: dict[str, Visitor]
) -> None:
    reader = await integrate(own_nats, directory.issue(PROJECT))
    foreign = [subject(OTHER_PROJECT), subject(org_id=OTHER_ORG), subject(None, event="api-key.issued")]
    await publish(visitors, *foreign, subject(), *foreign)
    assert await heard(reader, 1) == [subject()]
    assert (await reader.ask(f"CONSUMER.INFO.PROJECTS.{reader.user}"))["num_pending"] == 0
    await reader.client.close()


async def test_a_key_of_the_whole_organization_hears_all_projects_and_no_keys(
    own_nats: EmbeddedNats, directory: KnownKeys, visitors: dict[str, Visitor]
) -> None:
    reader = await integrate(own_nats, directory.issue())
    of_organization = [
        subject(None, event=event) for event in ("api-key.issued", "member.joined", "organization.founded")
    ]
    await publish(visitors, *of_organization, subject(), subject(org_id=OTHER_ORG), subject(OTHER_PROJECT))
    assert await heard(reader, 2) == [subject(), subject(OTHER_PROJECT)]
    assert (await reader.ask(f"CONSUMER.INFO.PROJECTS.{reader.user}"))["num_pending"] == 0
    await reader.client.close()


async def test_a_changed_scope_changes_what_is_heard(
    own_nats: EmbeddedNats, directory: KnownKeys, visitors: dict[str, Visitor]
) -> None:
    key = directory.issue(PROJECT)
    reader = await integrate(own_nats, key)
    place = (key.org_id, key.api_key_id)
    directory.keys[place] = replace(
        directory.keys[place], scope=KeyScope(frozenset({"read"}), frozenset({OTHER_PROJECT}))
    )

    async def filters_follow() -> None:
        info = await reader.ask(f"CONSUMER.INFO.PROJECTS.{reader.user}")
        assert info["config"]["filter_subjects"] == [f"milepost.{ORG}.{OTHER_PROJECT}.>"]

    await eventually(filters_follow)
    await publish(visitors, subject(), subject(OTHER_PROJECT))
    assert await heard(reader, 1) == [subject(OTHER_PROJECT)]
    await reader.client.close()


# --- Who is not let in ---
async def test_whoever_has_no_valid_key_is_refused(own_nats: EmbeddedNats, directory: KnownKeys) -> None:
    key = directory.issue()
    await is_refused(own_nats, replace(key, secret=new_secret()))
    await is_refused(own_nats, replace(key, api_key_id=uuid4()))
    await is_refused(own_nats, replace(key, org_id=OTHER_ORG))
    await is_refused(own_nats, directory.issue(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    await is_refused(own_nats, directory.issue(actions=("comment",)))
    directory.revoke(key)
    await is_refused(own_nats, key)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"auth_token": "mpk_"},
        {"auth_token": "mpk_" + "0" * 64 + "_" + "0" * 64},
        {"auth_token": "' or 1=1 --"},
        {"auth_token": "x" * 3_000},
        {"auth_token": "mpk_*.>_\u0000"},
        {"user": "relay", "pass": "wrong"},
        {"user": "admission", "pass": "wrong"},
        {"user": "$SYS", "pass": "x"},
    ],
    ids=["empty", "prefix", "unknown", "sql", "long", "wildcards", "relay", "admission", "system"],
)
async def test_hostile_names_and_passwords_are_refused(
    own_nats: EmbeddedNats, directory: KnownKeys, options: dict[str, str]
) -> None:
    assert await greeting(own_nats, **options) == REFUSED


@pytest.mark.parametrize("user", ["relay", "keeper", "timeline", "notifications", "admission"])
async def test_a_key_opens_no_user_of_ours(own_nats: EmbeddedNats, directory: KnownKeys, user: str) -> None:
    key = directory.issue()
    assert await greeting(own_nats, user=user, **{"pass": str(key)}) == REFUSED


async def test_a_key_connects_only_so_often(own_nats: EmbeddedNats, directory: KnownKeys) -> None:
    key = directory.issue()
    for _ in range(6):
        await is_admitted(own_nats, key)
    await is_refused(own_nats, key)
    await is_admitted(own_nats, directory.issue())


async def test_an_organization_has_only_so_many_durables(
    own_nats: EmbeddedNats, directory: KnownKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.projects.admission.durables.DURABLES_OF_ORGANIZATION_MAX", 2)
    org_id = uuid4()
    for _ in range(2):
        await is_admitted(own_nats, directory.issue(org_id=org_id))
    await is_refused(own_nats, directory.issue(org_id=org_id))
    await is_admitted(own_nats, directory.issue(org_id=uuid4()))


# --- What is taken away ---
async def test_a_revoked_key_fetches_nothing_more_through_the_connection_it_has(
    own_nats: EmbeddedNats, directory: KnownKeys, visitors: dict[str, Visitor]
) -> None:
    key = directory.issue(PROJECT)
    reader = await integrate(own_nats, key)
    await publish(visitors, subject())
    directory.revoke(key)

    async def durable_is_gone() -> None:
        names = await visitors["admission"].ask("CONSUMER.NAMES.PROJECTS")
        assert durable_of(key) not in (names["consumers"] or [])

    await eventually(durable_is_gone)
    subject_of_fetching = f"{IMPORTED_API}.CONSUMER.MSG.NEXT.PROJECTS.{reader.user}"
    with pytest.raises((nats.errors.NoRespondersError, nats.errors.TimeoutError)):
        await reader.client.request(subject_of_fetching, b"", timeout=0.5)
    await reader.client.close()


async def test_a_connection_ends_with_its_key(own_nats: EmbeddedNats, directory: KnownKeys) -> None:
    reader = await integrate(own_nats, directory.issue(expires_at=datetime.now(UTC) + timedelta(seconds=2)))

    def is_over() -> None:
        assert reader.client.is_closed

    await eventually(is_over)


async def test_the_store_is_lost_and_whoever_is_connected_hears_on(
    own_nats: EmbeddedNats, directory: KnownKeys, visitors: dict[str, Visitor]
) -> None:
    reader = await integrate(own_nats, directory.issue(PROJECT))
    await make_stream_anew(visitors["keeper"].client, first_seq=41)
    await publish(visitors, subject())

    async def hears() -> None:
        assert "error" not in await reader.ask(f"CONSUMER.INFO.PROJECTS.{reader.user}")

    await eventually(hears)
    [message] = await reader.pull(reader.user, 1)
    assert message.metadata.sequence.stream == 41
    await reader.client.close()
