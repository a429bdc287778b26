"""Trace context travels with the work."""

import pytest

from libs.chassis import tracing

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


def test_inside_a_span_its_own_traceparent_is_current() -> None:
    tracing.adopt(PARENT)
    outer = tracing.current()
    with tracing.span("doing"):
        inner = tracing.current()
        assert inner is not None
        assert inner != outer
        assert tracing.trace_id() == PARENT[3:35]
    assert tracing.current() == outer
