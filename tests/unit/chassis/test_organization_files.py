"""A file of an organization is used whole or not at all."""

from collections import Counter
from collections.abc import AsyncIterator
from io import BytesIO
from uuid import UUID

import pytest
import pytest_asyncio

from libs.chassis import organization_files
from libs.chassis.organization_files import Item, NotImportable, checked, items_of, lines_of, written

ORGANIZATION = UUID(int=7)
ITEMS = (Item("event", b'{"id":1}'), Item("event", b'{"id":2}'), Item("profile", b'{"name":"Ann"}'))


async def given() -> AsyncIterator[Item]:
    for item in ITEMS:
        yield item


@pytest_asyncio.fixture
async def lines() -> list[bytes]:
    counts = Counter[str]()
    lines = [line async for line in written("projects", ORGANIZATION, given(), counts)]
    assert counts == Counter(event=2, profile=1)
    return lines


def test_what_was_written_is_read(lines: list[bytes]) -> None:
    assert checked("projects", lines) == ORGANIZATION
    assert [(item.kind, item.body, item.number) for item in items_of(lines)] == [
        ("event", b'{"id":1}', 2),
        ("event", b'{"id":2}', 3),
        ("profile", b'{"name":"Ann"}', 4),
    ]


def test_a_file_that_is_not_whole_is_refused(lines: list[bytes]) -> None:
    head, first, second, profile, foot = lines
    for broken, reason in (
        ([], "line 1: not the beginning"),
        ([b"{}\n", first, foot], "line 1: not a line of an export"),
        ([first, foot], "line 1: not the beginning"),
        ([head.replace(b"/2", b"/1"), first, second, profile, foot], "line 1: not the beginning"),
        ([head, first, second, profile], "breaks off after 3 lines"),
        ([head, first, profile, foot], "its lines are not those"),
        ([head, second, first, profile, foot], "its lines are not those"),
        ([head, first, second, profile.replace(b"Ann", b"Bob"), foot], "its lines are not those"),
        ([head, first, b"{broken\n", profile, foot], "line 3: not a line"),
        ([head, first, second, profile, foot, first], "line 6: something follows"),
        ([head, first, second, profile, foot[:-3]], "line 5: not a line"),
        ([b'{"head":[]}\n', foot], "line 1: not the beginning"),
        ([b'{"head":x}\n', foot], "line 1: "),
    ):
        with pytest.raises(NotImportable, match=reason):
            checked("projects", broken)


def test_a_file_of_another_service_is_refused(lines: list[bytes]) -> None:
    with pytest.raises(NotImportable, match="an export of projects, and this is notifications"):
        checked("notifications", lines)


def test_a_line_without_an_end_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(organization_files, "LINE_BYTES_MAX", 10)
    assert list(lines_of(BytesIO(b"123\n456\n"))) == [b"123\n", b"456\n"]
    with pytest.raises(NotImportable, match="line 2: longer"):
        list(lines_of(BytesIO(b"123\n" + b"x" * 20)))
