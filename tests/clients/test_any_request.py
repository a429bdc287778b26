"""Whatever is asked, of any operation: no fault of ours, and no answer that the API document does not describe.

`ROUND=long` tries much more; `make test-requests` does that.
"""

import json
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from deploy.local.stack import Stack
from tests.clients.generating import PROGRAMS, document_of, said
from tests.support import tools
from tests.support.rounds import IS_LONG

SEED = 20_260_302
SECONDS_MAX = 1_800
CHECKS = (
    "status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance,"
    "no_server_error,only_documented_problems,only_documented_headers"
)
FIRST, OTHERS = "projects", ("timeline", "notifications")


@dataclass(frozen=True)
class Round:
    """How much is tried: `examples` of each operation in each phase that makes them up."""

    phases: str
    examples: int
    requests_min: int


SHORT = Round("examples,coverage,fuzzing", 4, 3_000)
LONG = Round("examples,coverage,fuzzing,stateful", 100, 10_000)


def test_any_request_is_answered_as_documented(
    stack: Stack, told: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Projects first, so that what was made there is asked for by the other two, which do not wait for each other."""
    chosen = LONG if IS_LONG else SHORT

    def asked(service: str) -> Counter[str]:
        started, found = time.monotonic(), tried(stack, told, tmp_path, service, chosen)
        figures = ", ".join(f"{count} x {status}" for status, count in sorted(found.items()))
        with capsys.disabled():
            seconds = time.monotonic() - started
            sys.stdout.write(
                f"\nseed {SEED}, {service}: {found.total()} requests in {seconds:.0f} s: {figures}"
            )
        return found

    statuses = asked(FIRST)
    with ThreadPoolExecutor() as pool:
        for found in pool.map(asked, OTHERS):
            statuses += found
    assert statuses.total() >= chosen.requests_min
    assert {"200", "201", "304", "401", "403", "404", "409", "412", "422"} <= statuses.keys()


def tried(stack: Stack, told: dict[str, str], place: Path, service: str, chosen: Round) -> Counter[str]:
    """Run Schemathesis on one service; raises `AssertionError` with its report if it finds anything."""
    program = tools.tool("schemathesis")
    counts = place / f"{service}.json"
    environment = {
        **tools.environment(program),
        **told,
        "SCHEMATHESIS_HOOKS": str(PROGRAMS / "any_request.py"),
        "MILEPOST_IDS": str(place / "ids.json"),
        "MILEPOST_MAKES_IDS": str(service == FIRST),
        "MILEPOST_COUNTS": str(counts),
        "MILEPOST_OTHER_TOKENS": json.dumps(other_tokens(stack)),
        "MILEPOST_SEED": str(SEED),
    }
    command: list[str | Path] = [
        program, "run", document_of(service), "--url", stack.url(service),
        "--seed", str(SEED), "--phases", chosen.phases,
        "--max-examples", str(chosen.examples), "--checks", CHECKS, "--continue-on-failure", "--no-shrink",
        "--generation-database", "none", "--request-timeout", "20", "--warnings", "off",
        *(f"--exclude-operation-id={name}" for name in endless(service)),
    ]  # fmt: skip
    said(command, place, environment, SECONDS_MAX)
    return Counter(json.loads(counts.read_text()))


def other_tokens(stack: Stack) -> list[str]:
    """Of somebody in another organization, of somebody with no role in this one, and no token at all."""
    stranger = stack.whereabouts.token(org_id=uuid4(), actor=uuid4(), org_role="owner")
    member = stack.whereabouts.token(org_id=uuid4(), actor=uuid4(), org_role="member")
    return [stranger, member, "nobody"]


def endless(service: str) -> list[str]:
    """Operations whose answer is a stream of events: it ends when nobody listens any more."""
    document = json.loads(document_of(service).read_text())
    return [
        operation["operationId"]
        for path in document["paths"].values()
        for operation in path.values()
        if "text/event-stream" in operation["responses"].get("200", {}).get("content", {})
    ]
