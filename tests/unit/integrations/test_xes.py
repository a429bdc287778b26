"""XES is read as a stream, with namespaces or without; what is odd in it is reported by number."""

import io
import tracemalloc
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from integrations import xes
from integrations.event_log import LogEvent
from integrations.noticing import Notice
from integrations.timestamps import InstantReader

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def attribute(key: str, value: str, kind: str = "string") -> str:
    return f'<{kind} key="{key}" value="{value}"/>'


def event(*attributes: str) -> str:
    return f"<event>{''.join(attributes)}</event>"


def at(text: str) -> str:
    return attribute("time:timestamp", text, "date")


def log(*content: str, root: str = "<log>", declaration: str = "<?xml version='1.0'?>") -> bytes:
    globals_ = f'<global scope="event">{attribute("concept:name", "name")}</global>'
    return f"{declaration}{root}{globals_}{''.join(content)}</log>".encode()


def read(text: bytes, encoding: str | None = None) -> list[LogEvent | Notice]:
    return list(xes.read(io.BytesIO(text), xes.Keys(), InstantReader(), encoding))


CASE = attribute("concept:name", "7")
NEW = event(attribute("concept:name", "New"), at("2026-01-05T12:00:00Z"))


def test_an_event_has_its_case_its_instant_and_who_did_it() -> None:
    whole = event(
        attribute("concept:name", "Accepted"),
        attribute("lifecycle:transition", "complete"),
        attribute("org:resource", "Ann"),
        attribute("org:group", "First line"),
        at("2026-01-05T14:00:00.000+02:00"),
    )

    assert read(log(f"<trace>{CASE}{attribute('description', 'Broken')}{whole}</trace>")) == [
        LogEvent(1, "7", NOON, "Accepted", "complete", "Ann", "First line", "Broken")
    ]


def test_namespaces_change_nothing() -> None:
    root = '<log xmlns="http://www.xes-standard.org/" xes.version="2.0">'

    assert read(log(f"<trace>{CASE}{NEW}</trace>", root=root)) == [LogEvent(1, "7", NOON, "New")]


def test_a_trace_may_name_its_case_after_its_events() -> None:
    assert read(log(f"<trace>{NEW}{CASE}</trace>")) == [LogEvent(1, "7", NOON, "New")]


def test_attributes_inside_attributes_are_not_those_of_the_event() -> None:
    nested = f'<list key="cost">{attribute("concept:name", "Other")}</list>'

    assert read(
        log(
            f"<trace>{CASE}{event(nested, attribute('concept:name', 'New'), at('2026-01-05T12:00:00Z'))}</trace>"
        )
    ) == [LogEvent(1, "7", NOON, "New")]


def test_an_event_without_a_readable_instant_is_reported_by_number_and_the_rest_goes_on() -> None:
    timeless = event(attribute("concept:name", "New"))
    broken = event(attribute("concept:name", "New"), at("yesterday"))

    assert read(log(f"<trace>{CASE}{timeless}{broken}{NEW}</trace>")) == [
        Notice("no_instant", "7: the timestamp is missing", 1, is_bad=True),
        Notice("no_instant", "7: the timestamp has no known form", 2, is_bad=True),
        LogEvent(3, "7", NOON, "New"),
    ]


def test_a_trace_without_a_name_is_a_case_by_its_number() -> None:
    assert read(log(f"<trace>{CASE}{NEW}</trace><trace>{NEW}</trace>")) == [
        LogEvent(1, "7", NOON, "New"),
        Notice("unnamed_case", "trace 2 has no concept:name"),
        LogEvent(2, "trace 2", NOON, "New"),
    ]


def test_an_instant_without_an_offset_is_read_in_the_zone_that_was_told() -> None:
    text = log(f"<trace>{CASE}{event(attribute('concept:name', 'New'), at('2026-01-05T13:00:00'))}</trace>")

    found = list(xes.read(io.BytesIO(text), xes.Keys(), InstantReader(ZoneInfo("Europe/Stockholm"))))

    assert found == [LogEvent(1, "7", NOON, "New")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1", "windows-1252"])
def test_the_declared_encoding_is_respected(encoding: str) -> None:
    declaration = f"<?xml version='1.0' encoding='{encoding}'?>"
    text = log(f"<trace>{attribute('concept:name', 'Störung')}{NEW}</trace>", declaration=declaration)

    assert read(text.decode().encode(encoding)) == [LogEvent(1, "Störung", NOON, "New")]


def test_an_encoding_that_was_told_overrules_the_declared_one() -> None:
    text = log(f"<trace>{attribute('concept:name', 'Störung')}{NEW}</trace>").decode().encode("cp1252")

    assert read(text, "cp1252") == [LogEvent(1, "Störung", NOON, "New")]
    with pytest.raises(xes.UnreadableLog, match="after event 0"):
        read(text)


def test_an_unknown_encoding_says_so() -> None:
    with pytest.raises(xes.UnreadableLog, match=r"klingon|encoding"):
        read(log(f"<trace>{CASE}{NEW}</trace>", declaration="<?xml version='1.0' encoding='klingon'?>"))


def test_a_log_that_breaks_off_says_after_which_event() -> None:
    text = log(f"<trace>{CASE}{NEW}</trace>", f"<trace>{CASE}")[:-20]

    with pytest.raises(xes.UnreadableLog, match="breaks after event 1"):
        read(text)


def test_entities_are_refused() -> None:
    bomb = '<!DOCTYPE log [<!ENTITY a "aaaa">]>'

    with pytest.raises(xes.UnreadableLog, match="no need of"):
        read(log(f"<trace>{CASE}{event(attribute('concept:name', '&a;'))}</trace>", declaration=bomb))


def test_the_first_attribute_of_a_name_counts() -> None:
    twice = event(
        attribute("concept:name", "New"), attribute("concept:name", "Old"), at("2026-01-05T12:00:00Z")
    )

    assert read(log(f"<trace>{CASE}{twice}</trace>")) == [LogEvent(1, "7", NOON, "New")]


def test_memory_follows_the_longest_trace_and_not_the_log() -> None:
    def peak(traces: int) -> int:
        text = io.BytesIO(log(f"<trace>{CASE}{NEW * 5}</trace>" * traces))
        tracemalloc.start()
        for _ in xes.read(text, xes.Keys(), InstantReader()):
            pass
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(2_000) < 2 * peak(200)
