"""One trace from a client's request through the log and NATS to the projections: in events, log lines and spans."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from deploy.local.stack import Stack
from tests.end_to_end.people import Person
from tests.support.eventually import eventually
from tests.support.proof import evidence
from tests.support.spans import Collector, Span

CONSUMERS = ("timeline", "notifications")
EXPORT_SECONDS = 30


def some_traceparent() -> str:
    return f"00-{uuid4().hex}-{uuid4().hex[:16]}-01"


async def proposed(person: Person, traceparent: str) -> int:
    """The position of a project proposed in a trace."""
    answer = await person.projects.post(
        "/v1/projects", json={"name": "Traced"}, headers={"traceparent": traceparent}
    )
    assert answer.is_success, answer.text
    return int(answer.headers["Milepost-Position"])


def lines_of_trace(stack: Stack, service: str, trace_id: str) -> list[Mapping[str, Any]]:
    lines = map(json.loads, stack.whereabouts.log(service).read_text().splitlines())
    return [
        line for line in lines if line.get("trace_id") == trace_id or trace_id in line.get("trace_ids", ())
    ]


def is_applied(spans: list[Span], trace_id: str, service: str) -> bool:
    """Whether the service exported a span of applying that is a part of the trace, or linked to it."""
    return any(
        span.name == "apply PROJECTS" and span.service == service and trace_id in (span.trace_id, *span.links)
        for span in spans
    )


async def test_the_event_carries_the_trace_of_its_request_through_log_and_stream(
    end_to_end: Stack, owner: Person
) -> None:
    traceparent = some_traceparent()
    position = await proposed(owner, traceparent)
    [event] = [each for each in await evidence.log(end_to_end) if each["position"] == position]
    assert event["traceparent"][:36] == traceparent[:36]
    assert event["traceparent"][36:52] != traceparent[36:52]

    async def relayed() -> None:
        async with evidence.broker(end_to_end) as client:
            message = await evidence.message(client, position)
        assert message["traceparent"] == event["traceparent"]

    await eventually(relayed)


async def test_the_spans_of_all_services_are_one_tree_under_the_span_of_the_client(
    end_to_end: Stack, owner: Person, collector: Collector
) -> None:
    traceparent = some_traceparent()
    trace_id, client_span_id = traceparent[3:35], traceparent[36:52]
    position = await proposed(owner, traceparent)
    [event] = [each for each in await evidence.log(end_to_end) if each["position"] == position]
    request_id = event["traceparent"][36:52]

    def is_whole() -> None:
        spans = collector.of_trace(trace_id)
        assert {(span.service, span.name, span.parent_id) for span in spans} == {
            ("projects", "POST /v1/projects", client_span_id),
            ("projects", "append", request_id),
            ("projects", "publish PROJECTS", request_id),
            *((service, "apply PROJECTS", request_id) for service in CONSUMERS),
        }
        assert [span.span_id for span in spans if span.parent_id == client_span_id] == [request_id]

    await eventually(is_whole, seconds=EXPORT_SECONDS)


async def test_the_log_lines_of_all_services_name_the_trace(end_to_end: Stack, owner: Person) -> None:
    traceparent = some_traceparent()
    await proposed(owner, traceparent)

    def are_written() -> None:
        requested = lines_of_trace(end_to_end, "projects", traceparent[3:35])
        assert [(line["event"], line["route"]) for line in requested] == [("request", "/v1/projects")]
        for service in CONSUMERS:
            lines = lines_of_trace(end_to_end, service, traceparent[3:35])
            assert [line["event"] for line in lines] == ["applied"]

    await eventually(are_written)


async def test_what_is_applied_together_is_found_from_each_of_its_traces(
    end_to_end: Stack, owner: Person, collector: Collector
) -> None:
    traceparents = [some_traceparent() for _ in range(50)]
    await asyncio.gather(*(proposed(owner, each) for each in traceparents))

    def are_found() -> None:
        spans = list(collector.spans)
        for service in CONSUMERS:
            missing = [each for each in traceparents if not is_applied(spans, each[3:35], service)]
            assert missing == []
            assert all(lines_of_trace(end_to_end, service, each[3:35]) for each in traceparents)
        assert any(len(span.links) > 1 for span in spans), "nothing was applied together"

    await eventually(are_found, seconds=EXPORT_SECONDS)
