"""Who is let in, and what for: decided without a server, with a clock that is moved by hand."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from libs.access.api_keys import KeyText, hash_of, new_secret
from libs.access.directory import Grants, IssuedKey
from libs.chassis.identity import KeyScope
from libs.events import vocabulary
from libs.events.catalogue import event_types
from services.projects.admission import durables
from services.projects.admission.admitting import Keeping
from services.projects.admission.deciding import Doorkeeper
from services.projects.admission.durables import Durables, TooManyDurables, filters_of, name_of
from services.projects.admission.issuing import Issuer
from services.projects.admission.keys import AccountKey
from tests.unit.projects.admission.test_issuing import claims_of, question

NOW = datetime(2026, 11, 1, tzinfo=UTC)


class NoDurables(Durables):
    """Remembers what a server would be told."""

    def __init__(self) -> None:
        self.there: dict[str, tuple[str, ...]] = {}
        self.told = 0
        self.is_full = False

    async def names(self) -> frozenset[str]:
        return frozenset(self.there)

    async def put(self, name: str, filters: Any) -> None:
        if self.is_full:
            raise TooManyDurables(name)
        self.there[name] = tuple(filters)
        self.told += 1

    async def remove(self, name: str) -> None:
        self.there.pop(name, None)


@dataclass
class World:
    """One key, and a door it may open."""

    key: KeyText = field(default_factory=lambda: KeyText(uuid4(), uuid4(), new_secret()))
    issued: IssuedKey | None = None
    fails: bool = False
    now: datetime = NOW
    durables: NoDurables = field(default_factory=NoDurables)
    uses: list[tuple[UUID, UUID, datetime]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.issued = IssuedKey(KeyScope(frozenset({"read"})), hash_of(self.key.secret))
        self.door = Doorkeeper(
            Issuer(AccountKey.new().seed),
            self,
            self.durables,
            self.note_use,
            clock=lambda: self.now,
            seconds=lambda: self.now.timestamp(),
        )

    def note_use(self, org_id: UUID, api_key_id: UUID, used_at: datetime) -> None:
        self.uses.append((org_id, api_key_id, used_at))

    async def person(self, org_id: UUID, person_id: UUID) -> Grants | None:
        return None

    async def api_key(self, org_id: UUID, api_key_id: UUID) -> IssuedKey | None:
        if self.fails:
            raise ConnectionError("the database is away")
        return self.issued if (org_id, api_key_id) == (self.key.org_id, self.key.api_key_id) else None

    async def ask(self, secret: str | None = None, address: str = "10.0.0.1") -> dict[str, Any] | None:
        """What the user let in may do, `None` for a refusal."""
        given = {"connect_opts": {"auth_token": secret or str(self.key)}, "client_info": {"host": address}}
        answer = await self.door.answer(question(nats=given))
        assert answer is not None
        token = claims_of(answer.decode())["nats"].get("jwt")
        return claims_of(token) if token else None


async def test_the_durable_is_there_before_the_answer() -> None:
    world = World()
    name = name_of(world.key.org_id, world.key.api_key_id)
    user = await world.ask()
    assert list(world.durables.there) == [name]
    assert user is not None
    assert user["nats"]["sub"]["allow"] == [f"_INBOX_{name}.>"]
    assert all(name in subject for subject in user["nats"]["pub"]["allow"])


async def test_a_key_is_used_when_it_was_let_in_and_not_before() -> None:
    world = World()
    assert await world.ask(secret="mpk_nonsense") is None
    assert await world.ask(secret=str(replace(world.key, secret=new_secret()))) is None
    world.durables.is_full = True
    assert await world.ask() is None
    assert world.uses == []
    world.durables.is_full = False
    assert await world.ask() is not None
    assert world.uses == [(world.key.org_id, world.key.api_key_id, NOW)]


async def test_nobody_stays_longer_than_five_minutes_or_the_key() -> None:
    world = World()
    user = await world.ask()
    assert user is not None
    assert user["exp"] == (NOW + timedelta(minutes=5)).timestamp()
    assert world.issued is not None
    world.issued = replace(world.issued, expires_at=NOW + timedelta(minutes=1))
    user = await world.ask()
    assert user is not None
    assert user["exp"] == (NOW + timedelta(minutes=1)).timestamp()


async def test_the_former_secret_opens_until_its_time_is_over() -> None:
    world = World()
    assert world.issued is not None
    world.issued = replace(
        world.issued,
        secret_hash=hash_of(new_secret()),
        former_secret_hash=hash_of(world.key.secret),
        former_valid_until=NOW + timedelta(minutes=1),
    )
    assert await world.ask()
    world.now += timedelta(minutes=1)
    assert await world.ask() is None


async def test_a_directory_that_is_away_lets_nobody_in_and_takes_nothing_away() -> None:
    world = World()
    keeping = Keeping(world.door, world.durables)
    assert await world.ask()
    world.fails = True
    assert await world.ask() is None
    with pytest.raises(ConnectionError):
        await keeping.keep()
    assert len(world.durables.there) == 1


async def test_guessing_from_one_address_is_stopped_and_locks_no_other_out() -> None:
    world = World()
    for _ in range(120):
        assert await world.ask(str(replace(world.key, secret=new_secret()))) is None
    assert await world.ask() is None
    assert await world.ask(address="10.0.0.2")


async def test_keeping_tells_the_server_only_what_is_new() -> None:
    world = World()
    keeping = Keeping(world.door, world.durables)
    await world.ask()
    for _ in range(3):
        await keeping.keep()
    assert world.durables.told == 2
    world.issued = None
    await keeping.keep()
    assert world.durables.there == {}


async def test_a_durable_that_cannot_be_kept_keeps_no_other_from_being_removed() -> None:
    world = World()
    kept, removed = name_of(world.key.org_id, world.key.api_key_id), "0" * 63
    world.durables.there = {kept: (), **{f"{removed}{number}": ("x",) for number in range(5)}}
    world.durables.is_full = True
    await Keeping(world.door, world.durables).keep()
    assert world.durables.there == {kept: ()}


async def test_a_durable_without_filters_is_never_made() -> None:
    """It would hear everything there is."""
    with pytest.raises(ValueError, match="everything"):
        await Durables.put(World().durables, "name", ())
    assert filters_of(uuid4(), KeyScope(frozenset({"read"}), frozenset())) == ()
    assert filters_of(uuid4(), KeyScope(frozenset({"comment", "manage"}))) == ()


def test_every_event_is_heard_in_projects_or_belongs_to_the_organization() -> None:
    """Whoever adds a kind of events decides whether keys of a whole organization hear them."""
    assert vocabulary.CONTEXTS
    kinds = {event_type.name.split(".")[0].replace("_", "-") for event_type in event_types()}
    assert sorted(kinds) == sorted((*durables.OF_PROJECTS, *durables.OF_ORGANIZATION))


def test_filters_are_made_of_ids_and_known_kinds_alone() -> None:
    org_id, project_id = uuid4(), uuid4()
    scope = KeyScope(frozenset({"read"}), frozenset({project_id}))
    assert filters_of(org_id, scope) == (f"milepost.{org_id}.{project_id}.>",)
    for subject in filters_of(org_id, KeyScope(frozenset({"read"}))):
        assert subject.startswith(f"milepost.{org_id}.*.")
        assert subject.endswith(".>")
