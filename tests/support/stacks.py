"""The whole system for a test: the processes that `make run` starts, in a directory and on ports of its own."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from deploy.local.processes import StepFailed, last_lines
from deploy.local.stack import Stack
from tests.support.servers import temporary_run

# Tests press harder than people do, on machines that are busy with other tests.
FOR_TESTS = {
    "MILEPOST_PERSON_REQUESTS_PER_SECOND_MAX": "100000",
    "MILEPOST_ORGANIZATION_REQUESTS_PER_SECOND_MAX": "100000",
    "MILEPOST_ADDRESS_REQUESTS_PER_SECOND_MAX": "100000",
    "MILEPOST_LOOP_LAG_SECONDS_MAX": "10",
    "MILEPOST_POOL_WAIT_SECONDS_MAX": "2",
}


def for_tests(directory: Path, extra_settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """The settings of a stack in this directory, in which each service's clock can be moved (`clocks`)."""
    return {**FOR_TESTS, "MILEPOST_CLOCK_OFFSETS": str(directory / "clocks"), **(extra_settings or {})}


def move_clock(stack: Stack, service: str, offset_seconds: float) -> None:
    """From now on the clock of a service's processes is off by so much."""
    file = Path(stack.extra_settings["MILEPOST_CLOCK_OFFSETS"]) / service
    file.parent.mkdir(exist_ok=True)
    written = file.with_suffix(".written")
    written.write_text(str(offset_seconds))
    written.replace(file)


@contextmanager
def running_stack(extra_settings: Mapping[str, str] | None = None) -> Iterator[Stack]:
    """PostgreSQL, NATS and the three services, ready; all of it gone afterwards.

    Blocking: in a test, ask for it with a plain (not async) fixture, and call its methods with `asyncio.to_thread`.
    A failed start is an AssertionError that shows the last lines of the log.
    """
    with temporary_run("stack") as directory:
        stack = Stack(directory / "run", extra_settings=for_tests(directory, extra_settings))
        with started(stack):
            yield stack


@contextmanager
def started(stack: Stack) -> Iterator[None]:
    """All of a stack runs as long as the block; a failed step is an AssertionError that shows its log."""
    with shown_when_it_fails():
        try:
            stack.start()
            yield
        finally:
            stack.stop()


@contextmanager
def shown_when_it_fails() -> Iterator[None]:
    """A step that failed is an AssertionError that shows the last lines of its log."""
    try:
        yield
    except StepFailed as failure:
        lines = last_lines(failure.log) if failure.log else []
        raise AssertionError("\n".join([failure.sentence, *lines])) from failure
