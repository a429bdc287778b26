"""Streams of events: what they send, where they resume, and how many there may be."""

import asyncio
import random
import time
from uuid import UUID, uuid4

import pytest

from services.projects import event_streaming, event_tail
from tests.component.projects.events.conftest import Feed, Feeds
from tests.support.eventually import eventually
from tests.support.recordings import ORGANIZATION

OTHER_ORGANIZATION = UUID("00000000-0000-4000-8000-000000000002")


async def test_a_stream_begins_where_it_was_asked_to_and_goes_on_as_things_happen(feed: Feed) -> None:
    await feed.propose(3)
    async with feed.listen(after=1) as stream:
        await stream.has_heard(2)
        await feed.propose(2)
        await stream.has_heard(4)

    assert stream.positions == [2, 3, 4, 5]
    assert [frame.id for frame in stream.frames if frame.event == "message"] == [2, 3, 4, 5]
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert (stream.headers["cache-control"], stream.headers["x-accel-buffering"]) == ("no-store", "no")
    assert stream.retry_milliseconds is not None


async def test_without_a_position_a_stream_begins_now_and_says_where_that_is(feed: Feed) -> None:
    await feed.propose(3)
    async with feed.listen() as stream:
        await stream.has_begun()
        assert (stream.frames[0].event, stream.frames[0].id) == ("ping", 3)
        await feed.propose(1)
        await stream.has_heard(1)
    assert stream.positions == [4]


async def test_the_last_event_id_of_a_browser_counts_more_than_its_address(feed: Feed) -> None:
    await feed.propose(4)
    async with feed.listen(last_event_id=3, after=1) as stream:
        await stream.has_heard(1)
    assert stream.positions == [4]


async def test_streams_hold_what_their_readers_want_and_may_see_of_their_organization(feed: Feed) -> None:
    one, other = uuid4(), uuid4()
    member = feed.token(project_roles={one: "viewer"}, actor=uuid4())
    foreign = feed.token(org_id=OTHER_ORGANIZATION)
    async with (
        feed.listen(after=0) as everything,
        feed.listen(after=0, project_id=[str(other)]) as filtered,
        feed.listen(after=0, type=["milestone.*"]) as of_milestones,
        feed.listen(member, after=0) as of_member,
        feed.listen(foreign, after=0) as elsewhere,
    ):
        for stream in (everything, filtered, of_milestones, of_member, elsewhere):
            await stream.has_begun()
        await feed.propose(2, one)
        await feed.propose(2, other)
        await feed.propose(1, org_id=OTHER_ORGANIZATION)
        await everything.has_heard(4)
        await filtered.has_heard(2)
        await of_member.has_heard(2)
        await elsewhere.has_heard(1)

    assert everything.positions == [1, 2, 3, 4]
    assert filtered.positions == [3, 4]
    assert of_milestones.positions == []
    assert of_member.positions == [1, 2]
    assert elsewhere.positions == [5]


async def test_pings_let_a_reader_of_other_things_advance(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_streaming, "PING_SECONDS", 0.2)
    async with feed.listen(project_id=[str(uuid4())]) as stream:
        await stream.has_begun()
        await feed.propose(5)

        def advanced() -> None:
            assert stream.last_id == 5

        await eventually(advanced)
        assert stream.positions == []
        assert stream.frames[-1].data == {"head": 5}


async def test_a_thousand_events_and_random_disconnects_leave_no_gap_and_nothing_twice(feed: Feed) -> None:
    chance = random.Random(7)
    heard: list[list[int]] = []
    total = 1_200

    async def write(events: int) -> None:
        left = events
        while left > 0:
            count = min(left, chance.randint(1, 9))
            await feed.propose(count)
            left -= count

    async def read(actor: UUID) -> None:
        got: list[int] = []
        last_id, token = 0, feed.token(actor=actor)
        while len(got) < total:
            async with feed.listen(token, last_event_id=last_id) as stream:
                await stream.has_heard(min(total - len(got), chance.randint(1, 150)))
                got += stream.positions
                last_id = stream.last_id
        heard.append(got)

    readers = [asyncio.create_task(read(uuid4())) for _ in range(4)]
    await asyncio.gather(*(write(total // 4) for _ in range(4)))
    await asyncio.gather(*readers)

    assert heard == [list(range(1, total + 1))] * 4


async def test_who_comes_while_a_batch_is_read_misses_nothing_of_another_organization(feed: Feed) -> None:
    foreign = feed.token(org_id=OTHER_ORGANIZATION)
    expected = 40

    async def write() -> None:
        for _ in range(expected):
            await asyncio.gather(feed.propose(1), feed.propose(1, org_id=OTHER_ORGANIZATION))

    async with feed.listen(after=0) as stream:
        writing = asyncio.create_task(write())
        got: list[int] = []
        last_id = 0
        while len(got) < expected:
            async with feed.listen(foreign, last_event_id=last_id) as other:
                await other.has_heard(1)
                got += other.positions
                last_id = other.last_id
        await writing
        await stream.has_heard(expected)

    assert len(set(got)) == len(got) == expected
    assert set(got).isdisjoint(stream.positions)
    assert sorted([*got, *stream.positions]) == list(range(1, 2 * expected + 1))


async def test_a_reader_who_lags_goes_on_from_the_database_and_misses_nothing(feed: Feed) -> None:
    async with feed.listen() as slow, feed.listen(feed.token(actor=uuid4())) as quick:
        await slow.has_begun()
        await quick.has_begun()
        slow.is_reading.clear()
        await feed.propose(event_tail.QUEUE_EVENTS_MAX)
        await feed.propose(event_tail.QUEUE_EVENTS_MAX)
        total = 2 * event_tail.QUEUE_EVENTS_MAX
        await quick.has_heard(total)
        assert len(slow.positions) == 0
        slow.is_reading.set()
        await slow.has_heard(total)

    assert slow.positions == quick.positions == list(range(1, total + 1))


async def test_a_reader_who_takes_nothing_is_dropped(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_streaming, "SEND_SECONDS_MAX", 0.3)
    async with feed.listen() as stream, feed.listen(feed.token(actor=uuid4())) as quick:
        await stream.has_begun()
        stream.is_reading.clear()
        await feed.propose(10)
        await stream.has_ended()
        await quick.has_heard(10)
        assert not quick.is_over


async def test_limits_hold_by_person_by_organization_and_in_all_and_places_come_back(feeds: Feeds) -> None:
    feed = await feeds(
        event_streams_of_person_max=1, event_streams_of_organization_max=2, event_streams_max=3
    )
    one, two, three = (feed.token(actor=uuid4()) for _ in range(3))
    foreign = [feed.token(org_id=OTHER_ORGANIZATION, actor=uuid4()) for _ in range(2)]

    async def is_refused(token: dict[str, str]) -> None:
        async with feed.listen(token) as refused:
            await refused.has_begun()
        assert (refused.status, refused.problem["code"]) == (429, "too_many_streams")
        assert "retry-after" in refused.headers

    async with feed.listen(one) as first:
        await first.has_begun()
        await is_refused(one)
        async with feed.listen(two) as second, feed.listen(foreign[0]) as third:
            await second.has_begun()
            await is_refused(three)
            await third.has_begun()
            await is_refused(foreign[1])
    async with feed.listen(one) as again:
        await again.has_begun()
        assert again.status == 200


async def test_every_open_stream_gets_a_last_frame_when_the_process_stops(feed: Feed) -> None:
    await feed.propose(2)
    async with feed.listen(after=0) as stream:
        await stream.has_heard(2)
        feed.stopping.set()
        assert await stream.has_ended() == "server_stopping"
        assert stream.last_id == 2
    async with feed.listen(after=0) as late:
        await late.has_ended()
        assert (late.status, late.problem["code"]) == (503, "unavailable")


async def test_a_token_that_expires_ends_the_stream_and_says_so(feed: Feed) -> None:
    # A token counts a minute longer than it says: this one for three more seconds.
    now = int(time.time())
    times = {"iat": now - 120, "nbf": now - 120, "exp": now - 57}
    who = {"sub": str(uuid4()), "org": str(ORGANIZATION), "org_role": "owner", "aud": "milepost"}
    token = {"Authorization": f"Bearer {feed.issuer.sign({**who, **times}, 0)}"}
    async with feed.listen(token) as stream:
        await stream.has_begun()
        await feed.propose(1)
        assert await stream.has_ended() == "token_expired"
        assert stream.last_id == 1
    async with feed.listen(token) as late:
        await late.has_ended()
        assert late.status == 401
