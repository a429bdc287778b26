"""Charts are drawn by a process of their own, which may die, be slow, or be given hostile words."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import psutil
import pytest
import pytest_asyncio

from libs.chassis.problems import Problem
from services.timeline.charts import rendering
from services.timeline.charts.milestone_trend import milestone_trend_chart
from services.timeline.charts.rendering import WAITING_MAX, Renderer
from services.timeline.measures.trend import Report, trend
from tests.support.eventually import eventually


@pytest_asyncio.fixture
async def renderer() -> AsyncIterator[Renderer]:
    made = Renderer()
    yield made
    await made.close()


def a_chart(name: str) -> dict[str, Any]:
    report = Report(date(2020, 1, 1), date(2020, 6, 8), date(2020, 6, 8), None, True)
    return milestone_trend_chart(name, trend([report], report, date(2020, 3, 1)))


def drawing_process() -> psutil.Process:
    found = [
        each for each in psutil.Process().children() if "services.timeline.charts.drawing" in each.cmdline()
    ]
    assert len(found) == 1
    return found[0]


async def test_words_of_users_are_text_and_nothing_else(renderer: Renderer) -> None:
    name = '</text><script>alert(1)</script>\n{"signal": "1"} & “quoted”'
    svg = (await renderer.svg(a_chart(name))).decode()
    assert "<script" not in svg
    assert "&lt;script&gt;alert(1)" in svg


async def test_a_process_that_died_is_replaced(renderer: Renderer) -> None:
    before = await renderer.svg(a_chart("Landing"))
    drawing_process().kill()
    assert await renderer.svg(a_chart("Landing")) == before


async def test_the_first_chart_waits_until_the_library_is_read_from_a_slow_disk(
    renderer: Renderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rendering, "RENDER_SECONDS_MAX", 0.5)
    assert (await renderer.svg(a_chart("Landing"))).startswith(b"<svg")


async def test_who_gives_up_while_the_library_is_read_leaves_it_to_whoever_comes_next(
    renderer: Renderer,
) -> None:
    asking = asyncio.create_task(renderer.svg(a_chart("Landing")))
    loading = await eventually(drawing_process)
    asking.cancel()
    await asyncio.wait([asking])

    assert (await renderer.svg(a_chart("Landing"))).startswith(b"<svg")
    assert drawing_process() == loading


async def test_a_chart_that_takes_too_long_is_given_up_and_the_next_one_is_drawn(
    renderer: Renderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await renderer.svg(a_chart("Landing"))
    with monkeypatch.context() as hurried:
        hurried.setattr(rendering, "RENDER_SECONDS_MAX", 0.0)
        with pytest.raises(Problem) as refused:
            await renderer.svg(a_chart("Landing"))
    assert refused.value.status == 503
    assert (await renderer.svg(a_chart("Landing"))).startswith(b"<svg")


async def test_a_chart_that_cannot_be_drawn_is_a_problem_and_the_next_one_is_drawn(
    renderer: Renderer,
) -> None:
    with pytest.raises(Problem) as refused:
        await renderer.svg({"mark": "no such mark"})
    assert refused.value.status == 503
    assert (await renderer.svg(a_chart("Landing"))).startswith(b"<svg")


async def test_too_many_who_wait_are_sent_away(renderer: Renderer) -> None:
    charts = [asyncio.ensure_future(renderer.svg(a_chart("Landing"))) for _ in range(WAITING_MAX + 1)]
    outcomes = await asyncio.gather(*charts, return_exceptions=True)
    refused = [each for each in outcomes if isinstance(each, Problem)]
    assert [each.code for each in refused] == ["overloaded"]
    assert len({each for each in outcomes if isinstance(each, bytes)}) == 1
