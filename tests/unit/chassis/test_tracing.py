"""Trace context travels with the work."""

import pytest

from libs.chassis import tracing
from tests.support.spans import Collector

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_child_stays_in_the_trace_and_has_a_span_of_its_own() -> None:
    child = tracing.child_of(PARENT)
    assert child[:36] == PARENT[:36]
    assert child[36:52] != PARENT[36:52]
    assert tracing.is_valid(child)


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "garbage",
        PARENT.upper(),
        PARENT.replace("-", "_"),
        PARENT[:-1],
        PARENT + "0",
        "ff" + PARENT[2:],
        "00-" + "0" * 32 + PARENT[35:],
        PARENT[:36] + "0" * 16 + "-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473\n-00f067aa0ba902b7-01",
    ],
)
def test_a_broken_parent_starts_a_new_trace(broken: str) -> None:
    child = tracing.child_of(broken)
    assert tracing.is_valid(child)
    assert child[3:35] not in (PARENT[3:35], broken[3:35])


def test_a_later_version_of_the_format_is_understood() -> None:
    assert tracing.is_valid("01" + PARENT[2:] + "-what-the-future-brings")


def test_while_nobody_collects_a_span_is_nothing() -> None:
    own = tracing.adopt(PARENT)
    with tracing.span("doing"):
        assert tracing.current() == own


def test_what_continues_a_trace_leaves_it_again() -> None:
    outer = tracing.adopt(None)
    with tracing.continuing(PARENT):
        assert tracing.trace_id() == PARENT[3:35]
    assert tracing.current() == outer


def test_of_each_trace_one_traceparent_is_linked_and_of_many_traces_not_all() -> None:
    sibling = tracing.child_of(PARENT)
    assert tracing.distinct([None, "broken", PARENT, sibling, PARENT]) == [PARENT]
    many = [tracing.child_of(None) for _ in range(1_000)]
    assert tracing.distinct(many) == many[: tracing.LINKS_MAX]


def test_inside_a_span_its_own_traceparent_is_current(collector: Collector) -> None:
    outer = tracing.adopt(PARENT)
    with tracing.span("doing"):
        inner = tracing.current()
    assert tracing.current() == outer
    tracing.stop()
    [span] = collector.spans
    assert inner == f"00-{span.trace_id}-{span.span_id}-01"
    assert (span.name, span.trace_id, span.parent_id) == ("doing", PARENT[3:35], outer[36:52])


def test_work_on_one_message_is_a_child_and_on_several_is_linked_to_each(collector: Collector) -> None:
    other = tracing.child_of(None)
    with tracing.batch_span("apply one", "consumer", [PARENT]):
        assert tracing.trace_id() == PARENT[3:35]
    with tracing.batch_span("apply two", "consumer", [PARENT, other]):
        assert tracing.trace_id() not in (PARENT[3:35], other[3:35])
    tracing.stop()
    one, two = collector.spans
    assert (one.trace_id, one.parent_id, one.links) == (PARENT[3:35], PARENT[36:52], ())
    assert (two.parent_id, two.links) == ("", (PARENT[3:35], other[3:35]))


def test_an_error_is_told_by_its_kind_and_never_by_its_text(collector: Collector) -> None:
    with pytest.raises(ValueError, match="secret"), tracing.span("failing"):
        raise ValueError("a secret")
    tracing.stop()
    assert len(collector.spans) == 1
    assert b"ValueError" in collector.received
    assert b"secret" not in collector.received


def test_what_its_sender_does_not_sample_is_not_exported_and_goes_on_unsampled(collector: Collector) -> None:
    tracing.adopt(PARENT[:-2] + "00")
    with tracing.span("doing"):
        current = tracing.current()
    tracing.stop()
    assert collector.spans == []
    assert current is not None
    assert (current[3:35], current[-2:]) == (PARENT[3:35], "00")
