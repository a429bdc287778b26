"""Alive and ready are two questions."""

import asyncio

import pytest

from libs.chassis import health
from libs.chassis.health import Readiness


async def passes() -> bool:
    return True


async def fails() -> bool:
    return False


async def raises() -> bool:
    raise ConnectionRefusedError


async def hangs() -> bool:
    await asyncio.Event().wait()
    return True


async def test_ready_while_every_check_passes() -> None:
    assert await Readiness({"a": passes, "b": passes}).failing() == []


async def test_what_fails_raises_or_hangs_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "CHECK_SECONDS_MAX", 0.05)
    checks = {"fine": passes, "false": fails, "broken": raises, "frozen": hangs}
    assert await Readiness(checks).failing() == ["false", "broken", "frozen"]


async def test_not_ready_any_more_once_stopping() -> None:
    stopping = asyncio.Event()
    readiness = Readiness({"a": passes}, stopping)
    stopping.set()
    assert await readiness.failing() == ["stopping"]
