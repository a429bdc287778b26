"""What happened reaches the inboxes of those who asked, once, and nobody else's."""

from datetime import timedelta
from uuid import UUID

from libs.events.envelope import Event, stream_name
from libs.events.portfolio import ProjectProposed, StateCategory
from libs.events.raid import IssueBlocked, IssueMovedOut, IssueRaised
from libs.events.schedule import MilestonePlanned
from services.notifications import inbox
from services.notifications.inbox import InboxFilter
from services.notifications.matching import Channel, Rule, matches
from services.notifications.rules import load_rules
from services.notifications.subscriptions import Wish
from services.notifications.telling import Telling
from tests.support.notifications.events import (
    ACTOR,
    ISSUE,
    MILESTONE,
    NOON,
    ONE_OF_EACH,
    ORGANIZATION,
    OTHER_PROJECT,
    PROJECT,
)
from tests.support.notifications.world import World, comment, reader

PERSON = UUID(int=0xA1)
ANOTHER = UUID(int=0xA2)


async def test_an_event_is_told_in_a_sentence_with_the_names_it_had(world: World) -> None:
    await world.subscribe(PERSON)
    await world.tell(
        world.happened(ProjectProposed(project_id=PROJECT, name="Python 3.9")),
        world.happened(
            IssueRaised(project_id=PROJECT, title="Parser crashes", state="Open", category=StateCategory.TODO)
        ),
    )
    await world.tell(comment(world))

    assert [item.sentence for item in await world.items(PERSON)] == [
        "Issue “Parser crashes” in “Python 3.9” was commented on: hello.",
        "Issue “Parser crashes” in “Python 3.9” was raised as a task.",
        "Project “Python 3.9” was proposed.",
    ]


async def test_a_sentence_names_nothing_of_a_project_that_its_reader_may_not_see(world: World) -> None:
    await world.subscribe(PERSON)
    other = {"project_id": OTHER_PROJECT}
    await world.tell(
        world.happened(ProjectProposed(project_id=PROJECT, name="Python 3.9")),
        world.happened(
            ProjectProposed(project_id=OTHER_PROJECT, name="Secret"),
            **other,
            stream=stream_name("project", OTHER_PROJECT),
        ),
        world.happened(MilestonePlanned(project_id=OTHER_PROJECT, name="Acquire Foo Ltd"), **other),
        world.happened(
            IssueRaised(project_id=PROJECT, title="Parser crashes", state="Open", category=StateCategory.TODO)
        ),
    )
    await world.tell(
        world.happened(IssueBlocked(reason="wait", blocked_by=stream_name("milestone", MILESTONE))),
        world.happened(IssueMovedOut(to_project_id=OTHER_PROJECT, reason="theirs")),
        # Of the same batch: the issue is noted as one of the other project before anything is told.
        comment(world, **other),
    )

    assert [item.sentence for item in await world.items(PERSON)][:2] == [
        f"Issue “Parser crashes” in “Python 3.9” moved to project {str(OTHER_PROJECT)[:8]}: theirs.",
        f"Issue “Parser crashes” in “Python 3.9” is blocked by milestone {str(MILESTONE)[:8]}: wait.",
    ]


async def test_two_subscriptions_that_ask_for_the_same_event_tell_it_once_and_are_both_named(
    world: World,
) -> None:
    first = await world.subscribe(PERSON)
    second = await world.subscribe(PERSON, Wish(kinds=("issue.*",)))
    await world.tell(comment(world))

    (item,) = await world.items(PERSON)
    assert set(item.subscription_ids) == {first.subscription_id, second.subscription_id}


async def test_nobody_is_told_what_they_did_not_ask_for(world: World) -> None:
    await world.subscribe(PERSON, Wish(project_id=OTHER_PROJECT))
    await world.subscribe(ANOTHER, Wish(kinds=("milestone.*",)))
    await world.tell(comment(world), comment(world, org_id=UUID(int=99)))

    assert await world.items(PERSON) == []
    assert await world.items(ANOTHER) == []


async def test_handling_events_again_tells_nothing_twice_even_after_inbox_and_jobs_are_forgotten(
    world: World,
) -> None:
    await world.subscribe(PERSON)
    await world.register()
    events = [comment(world) for _ in range(3)]
    await world.tell(*events)
    async with world.database.transaction() as connection:
        await connection.execute("delete from inbox_items")
        await connection.execute("delete from deliveries")
        await connection.execute("update checkpoints set position = 0")

    world.telling = Telling(world.clock)
    await world.tell(*events, comment(world))
    assert [item.position for item in await world.items(PERSON)] == [4]
    assert [position for position, *_ in await world.states()] == [4]


async def test_a_parked_stream_is_told_later_although_others_were_told_before_it(world: World) -> None:
    await world.subscribe(PERSON)
    early, late = comment(world), comment(world, stream=f"issue-{UUID(int=5)}")
    await world.tell(late)
    await world.tell(early)

    assert [item.position for item in await world.items(PERSON)] == [2, 1]


async def test_a_new_subscription_tells_nothing_old(world: World) -> None:
    await world.tell(comment(world), comment(world))
    made = await world.subscribe(PERSON)
    await world.tell(comment(world))

    assert made.since_position == 2
    assert [item.position for item in await world.items(PERSON)] == [3]


async def test_a_subscription_may_begin_at_a_later_position_that_the_client_has_seen(world: World) -> None:
    await world.subscribe(PERSON, Wish(project_id=PROJECT, since_position=2))
    await world.tell(comment(world), comment(world), comment(world))

    assert [item.position for item in await world.items(PERSON)] == [3]


async def test_imported_history_fills_no_inbox(world: World) -> None:
    await world.subscribe(PERSON)
    await world.subscribe(ANOTHER, Wish(project_id=PROJECT, include_imported=True))
    await world.tell(
        world.happened(
            MilestonePlanned(project_id=PROJECT, name="3.2"), effective_at=NOON - timedelta(days=999)
        )
    )

    assert await world.items(PERSON) == []
    assert len(await world.items(ANOTHER)) == 1


async def test_what_one_did_oneself_is_told_only_when_asked_for(world: World) -> None:
    await world.subscribe(ACTOR)
    await world.tell(comment(world))
    await world.subscribe(ACTOR, Wish(project_id=PROJECT, mute_own=False))
    await world.tell(comment(world))

    assert [item.position for item in await world.items(ACTOR)] == [2]


async def test_one_sees_only_what_one_may_see_today(world: World) -> None:
    await world.subscribe(PERSON, Wish(kinds=("issue.*",)))
    await world.tell(
        comment(world), comment(world, project_id=OTHER_PROJECT), comment(world, project_id=None)
    )

    assert [item.position for item in await world.items(PERSON, frozenset({PROJECT}))] == [1]
    assert await world.items(PERSON, frozenset()) == []
    assert len(await world.items(PERSON, None)) == 3
    assert await world.inbox.unread_count(reader(PERSON, frozenset({PROJECT}))) == 1
    async with world.database.transaction() as connection:
        of_one = reader(PERSON, frozenset({PROJECT}))
        assert await inbox.mark_read_up_to(connection, of_one, 3, (), world.clock()) == 1
    assert await world.inbox.unread_count(reader(PERSON)) == 2


async def test_paging_neither_skips_nor_repeats_while_more_arrives(world: World) -> None:
    await world.subscribe(PERSON)
    await world.tell(*[comment(world) for _ in range(7)])
    person, found, after = reader(PERSON), [], None
    while page := await world.inbox.page(person, InboxFilter(), after, 2):
        found += [item.position for item in page]
        after = page[-1].position
        await world.tell(comment(world))

    assert found == [7, 6, 5, 4, 3, 2, 1]


async def test_since_a_position_the_inbox_is_read_forward(world: World) -> None:
    await world.subscribe(PERSON)
    await world.tell(*[comment(world) for _ in range(5)])
    person = reader(PERSON)
    first = await world.inbox.page(person, InboxFilter(since_position=2), None, 2)
    second = await world.inbox.page(person, InboxFilter(since_position=2), first[-1].position, 2)

    assert [item.position for item in (*first, *second)] == [3, 4, 5]


async def test_inboxes_hold_exactly_what_the_naive_definition_says(world: World) -> None:
    """The reference is the definition itself, applied to each rule and each event by itself."""
    people = [UUID(int=0xB0 + number) for number in range(4)]
    wishes = [
        Wish(project_id=PROJECT),
        Wish(project_id=OTHER_PROJECT, kinds=("issue.*",)),
        Wish(kinds=("milestone.reforecast", "project.*"), mute_own=False),
        Wish(stream=f"issue-{ISSUE}", include_imported=True),
    ]
    told: list[Event] = []
    for number, data in enumerate(ONE_OF_EACH * 3):
        if number % 7 == 0:
            await world.subscribe(people[number % 4], wishes[number % 3])
            await world.subscribe(people[number % 3], wishes[3])
        event = world.happened(
            data,
            project_id=(PROJECT, OTHER_PROJECT, None)[number % 3],
            actor=people[number % 4],
            effective_at=NOON - timedelta(hours=30 * (number % 2)),
        )
        told.append(event)
        await world.tell(event)

    async with world.database.connection() as connection:
        rows = await connection.fetch(
            "select person_id, event_id, unnest(subscription_ids) as subscription_id from inbox_items"
        )
        rules = await every_rule(world)
    expected = {
        (rule.recipient, event.envelope.event_id, rule.rule_id)
        for event in told
        for rule in rules
        if matches(rule, event.envelope)
    }
    assert len(expected) > 50
    assert sorted(tuple(row) for row in rows) == sorted(expected)


async def every_rule(world: World) -> list[Rule]:
    async with world.database.connection() as connection:
        assert await load_rules(connection, [ORGANIZATION])
        rows = await connection.fetch("select * from subscriptions")
    return [
        Rule(
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
        for row in rows
    ]
