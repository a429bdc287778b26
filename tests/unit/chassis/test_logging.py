"""Log lines lead to causes and away from secrets."""

import asyncio
import json
import logging as standard
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import structlog
from starlette.types import Receive, Scope, Send

from libs.chassis import logging, server, settings, tracing
from libs.chassis.development_issuer import DevelopmentIssuer
from tests.support.eventually import eventually

TOKEN = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl"
CANARIES = ("hunter2", TOKEN, "mpk_abc_s3cr3t", "whsec_c2VjcmV0", "s3cr3t-value")


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = standard.getLogger()
    handlers, level = root.handlers[:], root.level
    configuration = structlog.get_config()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**configuration)


def lines(captured: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in captured.splitlines()]


def test_a_line_says_what_where_and_in_which_trace(capsys: pytest.CaptureFixture[str]) -> None:
    logging.configure("things", log_format="json")
    traceparent = tracing.adopt(None)
    structlog.get_logger("x").info("grown", thing_id=7)
    (line,) = lines(capsys.readouterr().out)
    assert line.pop("timestamp")
    assert line == {
        "event": "grown",
        "thing_id": 7,
        "level": "info",
        "service": "things",
        "trace_id": traceparent[3:35],
    }


def test_no_secret_gets_into_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    logging.configure("things", log_format="json")
    logger = structlog.get_logger("x")
    logger.info(
        "connecting",
        url="postgresql://service:hunter2@db/milepost",
        header=f"Bearer {TOKEN}",
        password="s3cr3t-value",
        nested={"Authorization": "s3cr3t-value", "list": [f"token {TOKEN}", "key mpk_abc_s3cr3t"]},
        webhook="whsec_c2VjcmV0",
    )
    try:
        raise RuntimeError("cannot reach nats://relay:hunter2@broker:4222")
    except RuntimeError:
        logger.exception("failed")
    standard.getLogger("library").error("nats://relay:%s@broker", "hunter2")
    written = capsys.readouterr().out
    assert [canary for canary in CANARIES if canary in written] == []
    assert len(lines(written)) == 3


def test_a_line_break_in_a_value_makes_no_second_line(capsys: pytest.CaptureFixture[str]) -> None:
    logging.configure("things", log_format="json")
    structlog.get_logger("x").info("named", name='a"\r\n{"event":"forged"}')
    (line,) = lines(capsys.readouterr().out)
    assert line["event"] == "named"


def test_the_line_of_a_request_is_json_as_well(capsys: pytest.CaptureFixture[str]) -> None:
    write = logging.request_log("things", log_format="json")
    write("GET", "/v1/things/{thing_id}", 200, 0.0123, "4bf92f3577b34da6a3ce929d0e0e4736")
    write("GET", "/livez", 200, 0.0001, "4bf92f3577b34da6a3ce929d0e0e4736")
    (line,) = lines(capsys.readouterr().out)
    assert (line["route"], line["status"], line["milliseconds"]) == ("/v1/things/{thing_id}", 200, 12.3)


async def test_lines_of_requests_are_out_after_a_turn_of_the_event_loop(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with (tmp_path / "lines").open("w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        write = logging.request_log("things", log_format="json")
        for number in (2, 4):
            write("GET", "/v1/things", 200, 0.1, "4bf92f3577b34da6a3ce929d0e0e4736")
            write("GET", "/v1/things", 404, 0.1, "4bf92f3577b34da6a3ce929d0e0e4736")

            def are_out(expected: int = number) -> None:
                assert len(lines((tmp_path / "lines").read_text())) == expected

            await eventually(are_out)


def test_below_its_level_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    logging.configure("things", log_format="json", level="warning")
    structlog.get_logger("x").info("chatter")
    assert capsys.readouterr().out == ""


def test_a_production_that_knows_no_gateway_says_so_at_start(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, issuer: DevelopmentIssuer
) -> None:
    monkeypatch.setattr(settings, "is_safe_interpreter", lambda: True)
    # An address that is none of this machine's: the process ends where it would listen.
    production = settings.ServiceSettings(
        environment="production",
        host="192.0.2.1",
        database_url="postgresql://service@localhost/none",
        jwks_file=issuer.jwks_file,
        issuer="https://identity.example",
        log_format="json",
    )
    with pytest.raises(SystemExit):
        server.serve("things", production, small_program)
    told = [(line["event"], line["level"]) for line in lines(capsys.readouterr().out)]
    assert told == [("doubtful_in_production", "warning"), ("cannot_start", "error")]


@asynccontextmanager
async def small_program(stopping: asyncio.Event) -> AsyncIterator[server.Program]:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("nobody can ask")

    yield server.Program(app)
