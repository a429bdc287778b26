"""The demonstration finds the running system, waits for what it imported and asks page by page."""

from pathlib import Path
from typing import Any

import httpx2
import pytest

from integrations.asking import Behind, Refused, Timeline
from integrations.demo import NotRunning, read_histories, surroundings
from libs.events.raid import IssueKind

WRITTEN = (
    "# made by make run\nexport MILEPOST_TIMELINE_URL='http://127.0.0.1:8002'\nexport MILEPOST_TOKEN=abc\n"
)


class TimelineService:
    """Answers from `position`, which grows by each question; keeps what it was asked."""

    def __init__(self, position: int, items: list[int]) -> None:
        self.position, self.items = position, items
        self.asked: list[dict[str, str]] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        asked = dict(request.url.params)
        self.asked.append({"path": request.url.path, "prefer": request.headers["Prefer"], **asked})
        if request.url.path.endswith("/unknown"):
            return httpx2.Response(404, json={"title": "Not found"})
        self.position += 1
        if int(asked["min_position"]) > self.position:
            return httpx2.Response(503, headers={"Milepost-Position": str(self.position)})
        start, limit = int(asked.get("cursor", "0")), int(asked["limit"])
        rest = start + limit < len(self.items)
        page = {
            "items": self.items[start : start + limit],
            "next_cursor": str(start + limit) if rest else None,
        }
        return httpx2.Response(200, json=page)

    def timeline(self, position: int) -> Timeline:
        transport = httpx2.MockTransport(self)
        return Timeline(httpx2.Client(transport=transport, base_url="http://timeline"), position)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    file = tmp_path / "environment"
    file.write_text(WRITTEN)
    return file


def test_addresses_come_from_what_make_run_wrote_down_unless_they_are_given(written: Path) -> None:
    given = {"MILEPOST_PROJECTS_URL": "http://here", "MILEPOST_TOKEN": "mine"}

    assert surroundings(given, written) == {
        "MILEPOST_TIMELINE_URL": "http://127.0.0.1:8002",
        "MILEPOST_PROJECTS_URL": "http://here",
        "MILEPOST_TOKEN": "mine",
    }


def test_without_a_running_system_it_says_what_is_missing_and_how_to_start_one(written: Path) -> None:
    with pytest.raises(NotRunning, match=r"^MILEPOST_PROJECTS_URL not set, .*`make run`"):
        surroundings({}, written)


def test_it_waits_until_the_position_can_be_read_and_tells_how_far_it_is() -> None:
    service, reached = TimelineService(position=5, items=[]), list[int]()

    service.timeline(7).wait(reached.append)

    assert reached == [6, 7]
    assert service.asked[0] == {
        "path": "/v1/timeline/projects",
        "prefer": "wait=5",
        "limit": "1",
        "min_position": "7",
    }


def test_a_list_is_read_to_its_end_with_the_same_question_on_every_page() -> None:
    items: list[Any] = list(range(450))
    service = TimelineService(position=0, items=items)

    assert list(service.timeline(1).every("issues", sort="raised_at")) == items
    assert [(asked.get("cursor"), asked["sort"]) for asked in service.asked] == [
        (None, "raised_at"),
        ("200", "raised_at"),
        ("400", "raised_at"),
    ]


def test_a_question_that_is_not_answered_says_why() -> None:
    timeline = TimelineService(position=0, items=[]).timeline(1)

    with pytest.raises(Refused, match=r"404 .*Not found"):
        timeline.ask("unknown")
    with pytest.raises(Behind, match="at position 1"):
        TimelineService(position=0, items=[]).timeline(9).ask("projects", limit=1)


def test_without_the_data_the_extracts_are_imported() -> None:
    histories = read_histories(None)

    assert histories.releases.report.bad == histories.problems.report.bad == 0
    assert histories.desk.kind is IssueKind.PROBLEM
    assert len({line.key for line in (*histories.releases.lines, *histories.problems.lines)}) == 942 + 864
