"""Sends import lines to the projects service, a thousand at a time, and says what became of each.

A line that may or may not have been recorded is sent again under its key, which makes that safe; so
sending a whole file again resumes where it stopped.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import httpx2
import stamina
from pydantic_core import from_json

LINES_PER_REQUEST_MAX = 1_000
REFUSED_KEPT_MAX = 1_000
PATH = "/v1/imports"
OUTCOMES = ("recorded", "unchanged", "replayed", "refused", "malformed")
_NOT_TAKEN = ("refused", "malformed")
_CONNECT_SECONDS_MAX = 10.0
_SILENCE_SECONDS_MAX = 60.0


@dataclass(frozen=True, slots=True)
class LineResult:
    """What became of one line; `number` counts all lines sent from 1."""

    number: int
    key: str
    outcome: str
    position: int | None = None
    code: str = ""
    detail: str = ""


@dataclass(slots=True)
class Summary:
    """How many lines had which outcome, the last position of the log they reached, and who was refused."""

    outcomes: Counter[str] = field(default_factory=Counter)
    position: int = 0
    refused: list[LineResult] = field(default_factory=list)

    @property
    def lines(self) -> int:
        return self.outcomes.total()

    def add(self, result: LineResult) -> None:
        self.outcomes[result.outcome] += 1
        self.position = max(self.position, result.position or 0)
        if result.outcome in _NOT_TAKEN and len(self.refused) < REFUSED_KEPT_MAX:
            self.refused.append(result)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to try one request of lines again: exponential waits up to `wait_seconds_max`."""

    attempts: int = 10
    wait_seconds_initial: float = 0.2
    wait_seconds_max: float = 5.0
    jitter_seconds: float = 0.5


class Interrupted(Exception):
    """The outcome of some lines is unknown; they are safe to send again, after `retry_after_seconds`."""

    def __init__(self, detail: str, retry_after_seconds: float | None = None) -> None:
        self.retry_after_seconds = retry_after_seconds
        super().__init__(detail)


class NotAccepted(Exception):
    """The service refused the request as a whole, and would again: no right, wrong address, too large."""


def client_for(url: str, token: str) -> httpx2.Client:
    """A client of the service at that address, with the caller's token."""
    return httpx2.Client(
        base_url=url.rstrip("/"),
        headers={"Authorization": f"Bearer {token}"},
        timeout=httpx2.Timeout(_CONNECT_SECONDS_MAX, read=_SILENCE_SECONDS_MAX),
    )


def send(
    client: httpx2.Client,
    lines: Iterable[bytes],
    *,
    summary: Summary | None = None,
    seen: Callable[[LineResult], None] = lambda _: None,
    patience: Patience = Patience(),
) -> Summary:
    """Send all lines in order; `seen` is called with each result as it arrives.

    Raises `Interrupted` or a connection error when patience ends, `NotAccepted` at once; `summary` then
    holds what is known so far, and sending the same lines again resumes.
    """
    total = Summary() if summary is None else summary

    def take(result: LineResult) -> None:
        total.add(result)
        seen(result)

    first = 1
    for chunk in _chunks(lines):
        _Request(client, chunk, first, take).send(patience)
        first += len(chunk)
    return total


def _chunks(lines: Iterable[bytes]) -> Iterator[Sequence[bytes]]:
    remaining = iter(lines)
    while chunk := tuple(islice(remaining, LINES_PER_REQUEST_MAX)):
        yield chunk


@dataclass(slots=True)
class _Request:
    """Up to a thousand lines; `known` of them have their outcome."""

    client: httpx2.Client
    lines: Sequence[bytes]
    first_number: int
    take: Callable[[LineResult], None]
    known: int = 0

    def send(self, patience: Patience) -> None:
        for attempt in stamina.retry_context(
            on=_worth_trying_again,
            attempts=patience.attempts,
            timeout=None,
            wait_initial=patience.wait_seconds_initial,
            wait_max=patience.wait_seconds_max,
            wait_jitter=patience.jitter_seconds,
        ):
            with attempt:
                self._attempt()

    def _attempt(self) -> None:
        """Send what has no outcome yet, and take results up to the first one that is not known."""
        start = self.known
        body = b"".join(line.rstrip(b"\r\n") + b"\n" for line in self.lines[start:])
        headers = {"Content-Type": "application/x-ndjson", "Accept": "application/x-ndjson"}
        with self.client.stream("POST", PATH, content=body, headers=headers) as response:
            if response.status_code != httpx2.codes.OK:
                response.read()
                raise _refusal(response)
            for text in response.iter_lines():
                self._read(text, start)
        if self.known < len(self.lines):
            raise Interrupted(f"line {self.first_number + self.known} has no known outcome")

    def _read(self, text: str, start: int) -> None:
        try:
            answer: Mapping[str, Any] = from_json(text) if text.strip() else {}
        except ValueError as error:
            raise Interrupted("the answer breaks off inside a line") from error
        if "lines" in answer and answer.get("code"):
            raise NotAccepted(f"after line {self.first_number + self.known - 1}: {answer.get('detail')}")
        is_next = answer.get("line") == self.known - start + 1
        if is_next and answer.get("outcome") in OUTCOMES and self.known < len(self.lines):
            self.take(_result(answer, self.first_number + self.known))
            self.known += 1


def _result(answer: Mapping[str, Any], number: int) -> LineResult:
    return LineResult(
        number=number,
        key=answer.get("key") or "",
        outcome=answer["outcome"],
        position=answer.get("position"),
        code=answer.get("code") or "",
        detail=answer.get("detail") or "",
    )


def _worth_trying_again(error: Exception) -> bool | float:
    """A time-out means unknown, not refused; the service may say when to come back."""
    if isinstance(error, Interrupted):
        return True if error.retry_after_seconds is None else error.retry_after_seconds
    return isinstance(error, httpx2.TransportError)


def _refusal(response: httpx2.Response) -> Exception:
    try:
        problem = from_json(response.content)
        detail = str(problem.get("detail") or problem.get("title") or "")
    except (ValueError, AttributeError):
        detail = ""
    told = f"{response.status_code} from {response.url}{': ' if detail else ''}{detail}"
    if response.status_code == httpx2.codes.TOO_MANY_REQUESTS or response.is_server_error:
        wait = response.headers.get("Retry-After", "")
        return Interrupted(told, float(wait) if wait.isdecimal() else None)
    return NotAccepted(told)
