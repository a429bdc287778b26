"""Lines reach the service once, whatever happens on the way: by thousands, in order, again under their keys."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import httpx2
import pytest
from pydantic_core import to_json

from integrations import sending
from integrations.sending import Interrupted, LineResult, NotAccepted, Patience, Summary
from tests.unit.integrations.import_service import Service, ndjson

AT_ONCE = Patience(attempts=4, wait_seconds_initial=0, wait_seconds_max=0, jitter_seconds=0)


def lines(*keys: str) -> list[bytes]:
    return [to_json({"key": key}) for key in keys]


def send(service: Service, content: Sequence[bytes], **options: Any) -> Summary:
    with service.client() as client:
        return sending.send(client, content, patience=AT_ONCE, **options)


def breaks_off_after(count: int) -> Callable[[list[bytes]], httpx2.Response]:
    return lambda answers: httpx2.Response(200, content=b"".join(answers[:count]))


def breaks_off_inside_a_line(answers: list[bytes]) -> httpx2.Response:
    return httpx2.Response(200, content=answers[0] + answers[1][:10])


def does_not_know_from(count: int) -> Callable[[list[bytes]], httpx2.Response]:
    def answer(answers: list[bytes]) -> httpx2.Response:
        unknown = ndjson(line=count + 1, key="?", outcome="unknown", code="outcome_unknown")
        return httpx2.Response(200, content=b"".join((*answers[:count], unknown, *answers[count + 1 :])))

    return answer


def answers_with(status: int, **headers: str) -> Callable[[list[bytes]], httpx2.Response]:
    def answer(_: list[bytes]) -> httpx2.Response:
        return httpx2.Response(status, headers=headers, json={"title": "No", "detail": "Not now."})

    return answer


def is_unreachable(_: list[bytes]) -> httpx2.Response:
    raise httpx2.ConnectError("connection refused")


def times_out(_: list[bytes]) -> httpx2.Response:
    raise httpx2.ReadTimeout("nothing came")


def test_lines_are_sent_a_thousand_at_a_time_in_order_and_numbered_through() -> None:
    service = Service()
    seen: list[LineResult] = []
    keys = [f"key {number}" for number in range(2_500)]

    summary = send(service, lines(*keys), seen=seen.append)

    assert [len(request) for request in service.requests] == [1_000, 1_000, 500]
    assert [key for request in service.requests for key in request] == keys
    assert [(result.number, result.key) for result in seen] == list(enumerate(keys, start=1))
    assert (summary.outcomes, summary.position) == ({"recorded": 2_500}, 2_500)


def test_sending_again_is_a_replay() -> None:
    service = Service()
    send(service, lines("a", "b"))

    assert send(service, lines("a", "b", "c")).outcomes == {"replayed": 2, "recorded": 1}
    assert list(service.positions) == ["a", "b", "c"]


def test_a_refused_line_is_kept_by_number_and_the_rest_goes_on() -> None:
    content = [*lines("a"), to_json({"key": "b", "command": "refuse me"}), *lines("c")]

    summary = send(Service(), content)

    assert summary.outcomes == {"recorded": 2, "refused": 1}
    assert summary.refused == [LineResult(2, "b", "refused", None, "milestone_unknown", "None.")]


@pytest.mark.parametrize(
    "trouble",
    [
        times_out,
        is_unreachable,
        breaks_off_after(0),
        breaks_off_after(2),
        breaks_off_inside_a_line,
        does_not_know_from(1),
        answers_with(503),
        answers_with(500),
        answers_with(429, **{"Retry-After": "0"}),
        answers_with(503, **{"Retry-After": "0"}),
    ],
)
def test_lines_of_unknown_outcome_are_sent_again_until_each_is_known(
    trouble: Callable[[list[bytes]], httpx2.Response],
) -> None:
    service = Service(trouble, None)

    summary = send(service, lines("a", "b", "c"))

    assert list(service.positions) == ["a", "b", "c"]
    assert summary.lines == 3
    assert set(summary.outcomes) <= {"recorded", "replayed"}
    assert len(service.requests) == 2


def test_only_lines_without_an_outcome_are_sent_again() -> None:
    service = Service(breaks_off_after(2))

    send(service, lines("a", "b", "c"))

    assert service.requests == [["a", "b", "c"], ["c"]]


def test_lines_behind_one_of_unknown_outcome_are_sent_again_with_it() -> None:
    service = Service(does_not_know_from(1))
    seen: list[LineResult] = []

    summary = send(service, lines("a", "b", "c"), seen=seen.append)

    assert service.requests == [["a", "b", "c"], ["b", "c"]]
    assert [result.number for result in seen] == [1, 2, 3]
    assert summary.lines == 3


def test_patience_ends_and_what_is_known_stays_known() -> None:
    summary = Summary()

    with pytest.raises(Interrupted, match="503 from http://projects/v1/imports: Not now"):
        send(
            Service(None, *[answers_with(503)] * 4),
            lines(*(str(number) for number in range(1_500))),
            summary=summary,
        )

    assert summary.outcomes == {"recorded": 1_000}


def test_a_connection_that_never_comes_is_given_up() -> None:
    service = Service(*[is_unreachable] * 4)

    with pytest.raises(httpx2.ConnectError):
        send(service, lines("a"))
    assert len(service.requests) == 4


@pytest.mark.parametrize("status", [401, 403, 404, 413, 422])
def test_a_request_that_is_refused_as_a_whole_is_not_sent_again(status: int) -> None:
    service = Service(answers_with(status))

    with pytest.raises(NotAccepted, match=f"{status} .*Not now"):
        send(service, lines("a"))
    assert len(service.requests) == 1


def test_a_sum_that_says_why_the_rest_was_not_read_ends_the_sending() -> None:
    def stops(answers: list[bytes]) -> httpx2.Response:
        total = ndjson(lines=1, position=1, code="content_too_large", detail="A line may have 262144 bytes.")
        return httpx2.Response(200, content=answers[0] + total)

    service = Service(stops)

    with pytest.raises(NotAccepted, match="after line 1: A line may have"):
        send(service, lines("a", "b"))
    assert len(service.requests) == 1


def test_lines_are_taken_from_an_iterator_as_they_are_needed() -> None:
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield to_json({"key": str(taken)})

    with pytest.raises(NotAccepted), Service(None, answers_with(403)).client() as client:
        sending.send(client, endless(), patience=AT_ONCE)
    assert taken == 2_000
