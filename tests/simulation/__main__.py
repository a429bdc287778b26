"""`python -m tests.simulation`: many seeds, or one with everything that is logged on the way."""

import argparse
import sys

import structlog

from tests.simulation import campaign
from tests.simulation.loop import PROCESS
from tests.simulation.simulating import simulate

SEEDS = 5_000


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="one seed, told in full")
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"how many seeds (default {SEEDS})")
    parser.add_argument("--first", type=int, default=0, help="the first of the seeds (default 0)")
    arguments = parser.parse_args()
    if arguments.seed is not None:
        return _tell(arguments.seed)
    report = campaign.run(range(arguments.first, arguments.first + arguments.seeds))
    sys.stdout.write(f"{report}\n")
    return 1 if report.failures else 0


def _tell(seed: int) -> int:
    structlog.configure(processors=[_where_and_when, structlog.processors.KeyValueRenderer()])
    outcome = simulate(seed, lambda instant, fault: sys.stdout.write(f"{instant:8.3f} *** {fault}\n"))
    sys.stdout.write(f"{outcome.failure or 'everything held'}, after {outcome.seconds} simulated seconds\n")
    return 0 if outcome.failure is None else 1


def _where_and_when(
    logger: object, method: str, said: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    process = PROCESS.get()
    return {"process": process.name if process else None, "at": process.seconds if process else None, **said}


if __name__ == "__main__":
    sys.exit(main())
