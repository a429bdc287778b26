"""Who asks too often is told to wait, and everybody is told what is left."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

import httpx2
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from libs.chassis import application, rate_limiting
from libs.chassis.identity import unauthenticated
from libs.chassis.problems import Problem
from libs.chassis.rate_limiting import ASKERS_MAX, Quota, RateLimits, Rates
from libs.chassis.settings import ServiceSettings

ORGANIZATION, PERSON, COLLEAGUE = UUID(int=1), UUID(int=2), UUID(int=3)
ONE_A_MINUTE = 1 / 60


@dataclass
class Clock:
    seconds: float = 1_000.0

    def __call__(self) -> float:
        return self.seconds


async def work(request: Request) -> Response:
    """An operation that knows its caller by a header, and refuses the token `wrong`."""
    if request.headers.get("authorization") == "Bearer wrong":
        raise unauthenticated("invalid_token")
    if "person" in request.headers:
        rate_limiting.spend(ORGANIZATION, UUID(int=int(request.headers["person"])))
    return PlainTextResponse("done")


@pytest_asyncio.fixture
async def client(settings: ServiceSettings) -> AsyncIterator[httpx2.AsyncClient]:
    narrow = settings.model_copy(
        update={
            "person_requests_per_second_max": 2 * ONE_A_MINUTE,
            "organization_requests_per_second_max": 4 * ONE_A_MINUTE,
            "refused_tokens_per_second_max": 2 * ONE_A_MINUTE,
        }
    )
    app = application.create("limited", narrow, routes=[Route("/work", work)])
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://limited") as client:
        yield client


async def test_everybody_is_told_what_is_left_in_the_bucket_that_empties_first(
    client: httpx2.AsyncClient,
) -> None:
    answer = await client.get("/work", headers={"person": "2"})
    assert answer.headers["ratelimit"] == '"person";r=1;t=30'
    assert answer.headers["ratelimit-policy"] == (
        '"organization";q=4;w=60, "person";q=2;w=60, "address";q=60000;w=60'
    )


async def test_who_asks_too_often_is_told_when_to_come_back(client: httpx2.AsyncClient) -> None:
    answers = [await client.get("/work", headers={"person": "2"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    refused = answers[-1]
    assert (refused.json()["code"], refused.json()["violated_policies"]) == ("too_many_requests", ["person"])
    assert 25 <= int(refused.headers["retry-after"]) <= 30
    assert refused.headers["ratelimit"].startswith('"person";r=0;t=')


async def test_a_colleague_goes_on_until_the_organization_has_asked_too_often(
    client: httpx2.AsyncClient,
) -> None:
    people = ["2", "2", "2", "3", "4", "5"]
    statuses = [(await client.get("/work", headers={"person": person})).status_code for person in people]
    assert statuses == [200, 200, 429, 200, 429, 429]


async def test_wrong_tokens_are_answered_429_in_the_end_and_right_ones_still_count(
    client: httpx2.AsyncClient,
) -> None:
    wrong = [await client.get("/work", headers={"authorization": "Bearer wrong"}) for _ in range(4)]
    assert [answer.status_code for answer in wrong] == [401, 401, 429, 429]
    assert wrong[-1].json()["violated_policies"] == ["refused-tokens"]
    assert (await client.get("/work", headers={"person": "9"})).status_code == 200


async def test_probes_are_never_limited(settings: ServiceSettings) -> None:
    narrow = settings.model_copy(update={"address_requests_per_second_max": ONE_A_MINUTE})
    app = application.create("limited", narrow)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://limited") as client:
        statuses = [(await client.get("/livez")).status_code for _ in range(3)]
        others = [(await client.get("/problems")).status_code for _ in range(2)]
    assert (statuses, others) == ([200, 200, 200], [200, 429])


def test_a_bucket_fills_up_again() -> None:
    quota, now = Quota("person", 1), 1_000.0
    assert [quota.take("a", now)[0] for _ in range(62)][-3:] == [0, -1, -1]
    assert quota.seconds_until_one(quota.take("a", now)[1]) == 1
    assert [quota.take("a", now + 2.5)[0] for _ in range(3)] == [1, 0, -1]
    assert quota.take("a", now + 3_600)[0] == 59


@given(st.lists(st.floats(0, 20), min_size=1, max_size=200), st.integers(1, 20))
def test_never_more_than_the_rate_and_one_burst(pauses: list[float], requests_max: int) -> None:
    quota, now, given_out = Quota("person", requests_max / 60), 0.0, 0
    for pause in pauses:
        now += pause
        left, _ = quota.take("a", now)
        given_out += left >= 0
    assert given_out <= requests_max * (1 + now / 60) + 1e-6


def test_a_bucket_in_use_is_remembered_and_memory_is_bounded() -> None:
    quota = Quota("address", 1)
    for number in range(3 * ASKERS_MAX):
        quota.take(number, 0.0)
        if number % (ASKERS_MAX // 2) == 0:
            quota.take("regular", 0.0)
    assert len(quota._recent) + len(quota._older) <= 2 * ASKERS_MAX + 1  # noqa: SLF001
    assert quota.take("regular", 0.0)[0] == 60 - 7


def test_an_address_that_asks_too_often_is_refused_before_anything_is_done() -> None:
    limits = RateLimits(Rates(1, 1, 1, 1), Clock())
    for _ in range(60):
        limits.begin("192.0.2.1")
    assert limits.begin("192.0.2.2").refusal is None
    with pytest.raises(Problem, match="too_many_requests"):
        limits.begin("192.0.2.1").require()
