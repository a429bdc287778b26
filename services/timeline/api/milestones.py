"""Milestones: which there are, how one stands, everything ever said about it, and its trend."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import Field

from libs.access.authentication import current_caller
from libs.access.authorize import not_found
from libs.chassis.identity import Caller
from libs.events.schedule import MilestoneState
from services.timeline import milestone_history
from services.timeline.api.asking import CHART, Listing, answer, asked, drawn, listed, shown
from services.timeline.api.forms import Standpoint
from services.timeline.api.milestone_forms import (
    MilestoneAnswer,
    MilestoneChange,
    MilestoneForm,
    MilestoneHistory,
    MilestoneList,
    MilestoneTrend,
    dated_facts,
    report,
    trend_answer,
)
from services.timeline.api.questions import FILTER_VALUES_MAX, AsOfParameters, PageParameters, Text
from services.timeline.asking import Conditions, Reading, Sort
from services.timeline.charts.milestone_trend import milestone_trend_chart
from services.timeline.measures.trend import Trend, trend
from services.timeline.milestone_history import Story

router = APIRouter(prefix="/v1/timeline", tags=["milestones"])

OPEN = "state in ('planned', 'committed')"
EXPECTED = "coalesce(achieved_on, forecast_on)"
LISTING = Listing(
    sorts={
        "name": Sort('lower(name) collate "C"', "text"),
        "baseline_on": Sort("coalesce(baseline_on, 'infinity')", "date"),
        "forecast_on": Sort("coalesce(forecast_on, 'infinity')", "date"),
        "achieved_on": Sort("coalesce(achieved_on, 'infinity')", "date"),
        "expected_on": Sort(f"coalesce({EXPECTED}, 'infinity')", "date"),
        "slip_days_calendar": Sort(
            f"case when state = 'cancelled' then -1000000 else coalesce({EXPECTED} - baseline_on, -1000000) end",
            "integer",
        ),
        "reforecast_count": Sort("reforecast_count", "integer"),
        "known_from": Sort("known_from", "bigint"),
    },
    default_sort="expected_on",
    id_column="milestone_id",
)


class MilestoneFilter(PageParameters):
    """Which milestones; every filter looks at the state as of then."""

    project_id: list[UUID] = Field(default=[], max_length=FILTER_VALUES_MAX)
    state: list[MilestoneState] = Field(default=[], max_length=FILTER_VALUES_MAX)
    is_overdue: bool | None = None
    is_missed: bool | None = None
    is_at_risk: bool | None = None
    baseline_on_from: date | None = None
    baseline_on_before: date | None = None
    forecast_on_from: date | None = None
    forecast_on_before: date | None = None
    achieved_on_from: date | None = None
    achieved_on_before: date | None = None
    q: Text | None = Field(default=None, description="Part of the name, in any case.")
    sort: Text | None = Field(default=None, description=f"{', '.join(LISTING.sorts)}; - for descending.")

    def conditions(self) -> Conditions:
        conditions = (
            Conditions(milestone_history.source)
            .where("project_id = any(:project_ids)", project_ids=self.project_id)
            .where("state = any(:states)", states=[state.value for state in self.state])
            .where("position(lower(:q::text) in lower(name)) > 0", q=self.q)
            .flag(f"{OPEN} and forecast_on < :judged_on", self.is_overdue)
            .flag("state <> 'cancelled' and baseline_on < coalesce(achieved_on, :judged_on)", self.is_missed)
            .flag(f"{OPEN} and :judged_on <= baseline_on and baseline_on < forecast_on", self.is_at_risk)
        )
        for name in ("baseline_on", "forecast_on", "achieved_on"):
            conditions.where(f"{name} >= :{name}_from", **{f"{name}_from": getattr(self, f"{name}_from")})
            conditions.where(
                f"{name} < :{name}_before", **{f"{name}_before": getattr(self, f"{name}_before")}
            )
        return conditions


@router.get(
    "/milestones",
    response_model=MilestoneList,
    summary="Milestones as of then",
)
async def list_milestones(
    request: Request,
    parameters: Annotated[MilestoneFilter, Query()],
    caller: Annotated[Caller, Depends(current_caller)],
) -> Response:
    page = await listed(request, caller, parameters, LISTING, parameters.conditions(), parameters.sort)
    form = MilestoneList(
        as_of=Standpoint.of(page.as_of),
        items=[MilestoneForm.of(row, page.as_of) for row in page.rows],
        next_cursor=page.next_cursor,
    )
    return answer(form, page.as_of, headers=page.headers)


@router.get(
    "/milestones/{milestone_id}",
    response_model=MilestoneAnswer,
    summary="A milestone as of then",
)
async def get_milestone(
    request: Request,
    milestone_id: UUID,
    parameters: Annotated[AsOfParameters, Query()],
    caller: Annotated[Caller, Depends(current_caller)],
) -> Response:
    async with asked(request, caller, parameters) as reading:
        story = await _story(reading, milestone_id)
    standing = _standing(story, reading)
    form = MilestoneAnswer(
        **standing.model_dump(), description=story.description, as_of=Standpoint.of(reading.as_of)
    )
    # What is known of another day may change without a change of that day: an achievement is withdrawn later.
    depends_on_day = reading.as_of.effective_at is not None or standing.has_aged(reading.as_of)
    return shown(request, form, reading.as_of, standing.version, depends_on_day=depends_on_day)


@router.get(
    "/milestones/{milestone_id}/history",
    response_model=MilestoneHistory,
    summary="Every baseline, forecast and actual of a milestone",
)
async def get_milestone_history(
    request: Request,
    milestone_id: UUID,
    parameters: Annotated[AsOfParameters, Query()],
    caller: Annotated[Caller, Depends(current_caller)],
) -> Response:
    async with asked(request, caller, parameters) as reading:
        story = await _story(reading, milestone_id)
    changes = [MilestoneChange.of(row) for row in story.changes]
    form = MilestoneHistory(
        as_of=Standpoint.of(reading.as_of),
        milestone=_standing(story, reading),
        baselines=dated_facts(changes, "baseline_on"),
        forecasts=dated_facts(changes, "forecast_on"),
        actuals=dated_facts(changes, "achieved_on"),
        changes=changes,
    )
    return answer(form, reading.as_of, version=story.standing.version)


@router.get(
    "/milestones/{milestone_id}/trend",
    response_model=MilestoneTrend,
    summary="The trend of a milestone: its forecast against the day it was reported",
)
async def get_milestone_trend(
    request: Request,
    milestone_id: UUID,
    parameters: Annotated[AsOfParameters, Query()],
    caller: Annotated[Caller, Depends(current_caller)],
) -> Response:
    async with asked(request, caller, parameters) as reading:
        story = await _story(reading, milestone_id)
    form = trend_answer(_standing(story, reading), _trend(story, reading), reading.as_of)
    return answer(form, reading.as_of, version=story.standing.version)


@router.get(
    "/milestones/{milestone_id}/trend.svg",
    response_class=Response,
    summary="The trend of a milestone as a chart",
    responses=CHART,
)
async def draw_milestone_trend(
    request: Request,
    milestone_id: UUID,
    parameters: Annotated[AsOfParameters, Query()],
    caller: Annotated[Caller, Depends(current_caller)],
) -> Response:
    async with asked(request, caller, parameters) as reading:
        story = await _story(reading, milestone_id)
    chart = milestone_trend_chart(story.standing.name, _trend(story, reading))
    return await drawn(request, chart, reading.as_of)


async def _story(reading: Reading, milestone_id: UUID) -> Story:
    story = await milestone_history.story(reading, milestone_id)
    if story is None or not reading.scope.sees(story.standing.project_id):
        raise not_found()
    return story


def _standing(story: Story, reading: Reading) -> MilestoneForm:
    row: dict[str, Any] = story.standing._asdict()
    return MilestoneForm.of(row, reading.as_of)


def _trend(story: Story, reading: Reading) -> Trend:
    reports = [report(change) for change in story.changes]
    return trend(reports, report(story.standing._asdict()), reading.as_of.judged_on)
