"""`python -m tests.bench`: every figure in one run, beside its limit and its peers, in one table; counts must agree."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import structlog
import typer
from rich.console import Console

from tests.bench import (
    appends,
    catching_up,
    climbing,
    commands,
    following,
    growing,
    idling,
    importing,
    in_process,
    loading,
    rebuilding,
    relaying,
    streaming,
    visibility,
)
from tests.bench.figures import Report, machine
from tests.bench.system import System
from tests.support.stacks import running_stack

console = Console(width=190)
application = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


class Part(StrEnum):
    APPENDS = "appends"
    LOADS = "loads"
    GROWTH = "growth"
    RELAY = "relay"
    IN_PROCESS = "in-process"
    IDLE = "idle"
    HTTP = "http"
    VISIBILITY = "visibility"
    STREAMS = "streams"
    SIZES = "sizes"
    IMPORTS = "imports"
    CATCH_UP = "catch-up"
    REBUILD = "rebuild"
    FOLLOWING = "following"


@application.command()
def main(
    parts: Annotated[list[Part] | None, typer.Argument(help="Only these; all of them unless named.")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer and shorter rounds: a look, not a figure.")
    ] = False,
    rounds: Annotated[int, typer.Option(help="How often each contestant is measured.")] = 0,
    seconds: Annotated[float, typer.Option(help="How long a round of load lasts.")] = 0,
    events: Annotated[int, typer.Option(help="How many catch-up carries; rebuild reads twice.")] = 0,
    patient: Annotated[
        bool,
        typer.Option(
            "--patient", help="Repeat rounds over HTTP that others took a tenth of the machine from."
        ),
    ] = False,
    profile: Annotated[
        bool, typer.Option("--profile", help="Show where the processes spend their time.")
    ] = False,
    output: Annotated[Path | None, typer.Option(help="A file for the same as JSON.")] = None,
) -> None:
    """Measure. Fails where an event was lost or doubled, never for being slow."""
    extent = Extent(
        rounds or (2 if quick else 5),
        seconds or (1.5 if quick else 4),
        events or (10_000 if quick else 50_000),
        is_quick=quick,
        is_profiled=profile,
        is_patient=patient,
    )
    report = Report(say=lambda what: console.print(f"[dim]{what}"))
    console.print(machine())
    try:
        measure(set(parts or Part), report, extent)
    finally:
        report.show(console)
        if output is not None:
            report.write(output)


# Parts that need no services.
OF_THE_LOG = frozenset({Part.APPENDS, Part.LOADS, Part.GROWTH, Part.RELAY, Part.IN_PROCESS})


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured."""

    rounds: int
    seconds: float
    events: int
    is_quick: bool
    is_profiled: bool
    is_patient: bool

    @property
    def long_rounds(self) -> int:
        """Of what takes long and varies little."""
        return min(self.rounds, 3)


def measure(parts: set[Part], report: Report, extent: Extent) -> None:
    measure_log(parts, report, extent)
    if Part.FOLLOWING in parts:
        # A system of its own, which begins small.
        with system_running() as system:
            following.measure(system, report, is_quick=extent.is_quick)
    if not parts <= OF_THE_LOG | {Part.FOLLOWING}:
        with system_running() as system:
            measure_system(system, parts, report, extent)


def measure_system(system: System, parts: set[Part], report: Report, extent: Extent) -> None:
    if Part.IDLE in parts:
        # Before anything has been asked for: load leaves caches behind.
        idling.measure(system, report, extent.long_rounds, 5 * extent.seconds)
    if Part.HTTP in parts:
        # Many short rounds: the machine's own speed drifts within seconds, and ratios are taken round by round.
        commands.measure(
            system,
            report,
            2 * extent.rounds,
            extent.seconds / 2,
            is_profiled=extent.is_profiled,
            is_patient=extent.is_patient,
        )
    if Part.VISIBILITY in parts:
        visibility.measure(system, report, extent.rounds, int(40 * extent.seconds))
    if Part.STREAMS in parts:
        streaming.measure(system, report, extent.long_rounds, extent.events // 50, int(20 * extent.seconds))
    if Part.SIZES in parts:
        climbing.measure(system, report, extent.long_rounds)
    if Part.IMPORTS in parts:
        importing.measure(system, report, extent.long_rounds)
    if Part.CATCH_UP in parts:
        catching_up.measure(system, report, extent.long_rounds, extent.events, is_profiled=extent.is_profiled)
    if Part.REBUILD in parts:
        rebuilding.measure(
            system, report, extent.long_rounds, 2 * extent.events, is_profiled=extent.is_profiled
        )


def measure_log(parts: set[Part], report: Report, extent: Extent) -> None:
    """What needs no services, only servers of its own."""
    if Part.APPENDS in parts:
        appends.measure(report, extent.rounds, extent.seconds / 2)
    if Part.LOADS in parts:
        loading.measure(report, extent.rounds)
    if Part.GROWTH in parts:
        growing.measure(report, extent.long_rounds, extent.seconds / 2, 20 * extent.events)
    if Part.RELAY in parts:
        relaying.measure(report, extent.rounds, extent.events)
    if Part.IN_PROCESS in parts:
        in_process.measure(report, extent.rounds)


@contextmanager
def system_running() -> Iterator[System]:
    with running_stack() as stack:
        system = System(stack)
        try:
            yield system
        finally:
            system.close()


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    application()
