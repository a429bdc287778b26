"""A stream that is no copy of the log is found and named; one that is shorter is one all the same."""

import pytest

from deploy.local.nats import EmbeddedNats
from services.projects.verifying.findings import Finding
from tests.support.proof.damage import AtRest, Message, Spoil, only_broken


def one_differs(messages: list[Message]) -> None:
    messages[6] = (messages[6][0], messages[6][1].replace(b'"specversion":"1.0"', b'"specversion":"1.1"'))


def two_in_each_others_place(messages: list[Message]) -> None:
    messages[6], messages[7] = messages[7], messages[6]


def one_where_nobody_looks(messages: list[Message]) -> None:
    messages[6] = (f"{messages[6][0]}-", messages[6][1])


@pytest.mark.parametrize(
    ("spoil", "columns"),
    [
        (one_differs, {"body"}),
        (two_in_each_others_place, {"body", "subject"}),
        (one_where_nobody_looks, {"subject"}),
    ],
)
async def test_a_message_that_is_not_the_event_of_its_position_is_named(
    at_rest: AtRest, disposable_nats: EmbeddedNats, spoil: Spoil, columns: set[str]
) -> None:
    [finding] = only_broken(await at_rest.published_otherwise(disposable_nats, spoil), "stream")
    assert finding is not None
    assert (finding.what, finding.position, finding.key) == ("different", 7, {"sequence": 7})
    assert set(finding.expected or ()) <= columns


async def test_a_stream_that_is_longer_than_the_log_is_named(
    at_rest: AtRest, disposable_nats: EmbeddedNats
) -> None:
    head = (await at_rest.verified("log")).head
    report = await at_rest.published_otherwise(disposable_nats, lambda messages: messages.append(messages[0]))
    assert only_broken(report, "stream") == [
        Finding("stream", f"ends at {head + 1}, beyond the log", head + 1)
    ]


async def test_a_stream_that_begins_later_or_ends_earlier_is_not_broken(
    at_rest: AtRest, disposable_nats: EmbeddedNats
) -> None:
    def less(messages: list[Message]) -> None:
        del messages[:10], messages[-2:]

    report = await at_rest.published_otherwise(disposable_nats, less, first=11)
    assert report.exit_code == 0, report.to_json()
    assert report.of("stream").notes == [
        "2 events are not relayed yet",
        "begins at 11; what is older is in the log alone",
    ]
