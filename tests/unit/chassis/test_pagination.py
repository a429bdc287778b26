"""Cursors belong to one question."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from libs.chassis.pagination import PageRequest, SortKey, page_body, page_request, sort_keys
from libs.chassis.problems import Problem

ORGANIZATION, ANOTHER = UUID(int=1), UUID(int=2)


def asked(query: str, path: str = "/v1/timeline/milestones", org_id: UUID = ORGANIZATION) -> PageRequest:
    scope = {"type": "http", "path": path, "query_string": query.encode(), "headers": []}
    return page_request(Request({**scope, "server": ("things", 80), "scheme": "http"}), org_id)


def code_of(query: str, path: str = "/v1/timeline/milestones", org_id: UUID = ORGANIZATION) -> str:
    with pytest.raises(Problem) as refused:
        asked(query, path, org_id)
    assert refused.value.status == 422
    return refused.value.code


@given(
    st.lists(st.text() | st.integers() | st.booleans() | st.none(), max_size=4),
    st.none() | st.integers(0, 2**62),
)
def test_a_cursor_leads_behind_the_row_it_came_from(
    keys: list[str | int | bool | None], position: int | None
) -> None:
    cursor = asked("state=open").next_cursor(keys, position)
    page = asked(f"state=open&cursor={cursor}")
    assert (page.after, page.position) == (tuple(keys), position)


def test_the_first_page_has_no_cursor_and_fifty_rows() -> None:
    page = asked("")
    assert (page.limit, page.after, page.position) == (50, None, None)


def test_a_cursor_is_refused_by_every_other_question() -> None:
    cursor = asked("state=open&sort=name").next_cursor(["a"])
    assert asked(f"sort=name&state=open&limit=7&min_position=9&cursor={cursor}").after == ("a",)
    assert code_of(f"state=closed&sort=name&cursor={cursor}") == "cursor_mismatch"
    assert code_of(f"state=open&sort=-name&cursor={cursor}") == "cursor_mismatch"
    assert code_of(f"state=open&cursor={cursor}") == "cursor_mismatch"
    assert code_of(f"state=open&sort=name&cursor={cursor}", org_id=ANOTHER) == "cursor_mismatch"
    assert code_of(f"state=open&sort=name&cursor={cursor}", path="/v1/timeline/issues") == "cursor_mismatch"


@given(st.text(max_size=40))
def test_what_is_no_cursor_is_refused(text: str) -> None:
    page = asked("")
    cursor = page.next_cursor(["a"])
    for damaged in (cursor[:-1], cursor[1:], cursor + "A", cursor[::-1]):
        assert code_of(f"cursor={damaged}") in ("invalid_cursor", "cursor_mismatch")
    from urllib.parse import quote

    assert code_of(f"cursor={quote(text)}") == "invalid_cursor"


@pytest.mark.parametrize("limit", ["0", "201", "-1", "1.5", "many", "", "9" * 30, "٣"])
def test_a_limit_out_of_bounds_is_refused(limit: str) -> None:
    assert code_of(f"limit={limit}") == "invalid_request"


def test_links_agree_with_the_cursor() -> None:
    page = asked("state=open&limit=2")
    cursor = page.next_cursor(["a"])
    assert page.headers(cursor)["Link"] == (
        '</v1/timeline/milestones?state=open&limit=2>; rel="first", '
        f'</v1/timeline/milestones?state=open&limit=2&cursor={cursor}>; rel="next"'
    )
    assert asked("").headers(None)["Link"] == '</v1/timeline/milestones>; rel="first"'


def test_a_page_is_made_of_ready_items() -> None:
    assert page_body([b'{"a":1}', b'{"a":2}'], "abc") == b'{"items":[{"a":1},{"a":2}],"next_cursor":"abc"}'
    assert page_body([], None) == b'{"items":[],"next_cursor":null}'


def test_sort_terms_come_from_a_list() -> None:
    assert sort_keys("-a,b", ("a", "b"), "b") == (SortKey("a", True), SortKey("b", False))
    assert sort_keys(None, ("a", "b"), "-b") == (SortKey("b", True),)
    for wrong in ("c", "a,a", "a,-a", "--a", ",", "a;drop table"):
        with pytest.raises(Problem):
            sort_keys(wrong, ("a", "b"), "b")
