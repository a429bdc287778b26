"""Messages of a stream are told otherwise as whole messages, however the bytes arrive; all else passes as it is."""

import json
from random import Random

import pytest

from tests.support.proof.chaos.retelling import (
    AGAIN,
    AGAIN_MAX,
    LATE,
    LATER_MAX,
    MANNERS,
    NEVER,
    OLD,
    SPOILED,
    SWAPPED,
    Mischief,
)
from tests.support.proof.chaos.spoiling import HUGE_BYTES

INFORMATION = b'INFO {"server_id":"x"}\r\n'
ANSWER = b"MSG _INBOX_timeline.1 1 5\r\nhello\r\n"
HEADERS = b"NATS/1.0\r\nNats-Batch-Id: x\r\n\r\n"


def body(number: int) -> bytes:
    return json.dumps({"position": number, "orgid": "ours", "id": f"event {number}"}).encode()


def message(number: int, told: bytes = b"", headers: bytes = HEADERS) -> bytes:
    told = told or body(number)
    subject = b"milepost.a.b 7 $JS.ACK.PROJECTS.timeline.1.%d.%d.0.0" % (number, number)
    if not headers:
        return b"MSG %s %d\r\n%s\r\n" % (subject, len(told), told)
    lengths = len(headers), len(headers) + len(told)
    return b"HMSG %s %d %d\r\n%s%s\r\n" % (subject, *lengths, headers, told)


ZERO, ONE, TWO, THREE = map(message, range(4))
BEFORE = INFORMATION + ANSWER + ZERO
SAID = BEFORE + ONE + b"PING\r\n" + TWO + THREE


def retold(said: bytes, wanted: list[str], piece_bytes: int = 10_000) -> bytes:
    mischief = Mischief(Random(1))
    mischief.wanted.extend(wanted)
    retelling = mischief.retelling()
    pieces = [said[first : first + piece_bytes] for first in range(0, len(said), piece_bytes)]
    told = b"".join(map(retelling, pieces))
    assert sorted(mischief.done.elements()) == sorted(wanted)
    return told


@pytest.mark.parametrize("piece_bytes", [1, 7, 10_000])
@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ([], SAID),
        ([NEVER], BEFORE + b"PING\r\n" + TWO + THREE),
        ([SWAPPED], BEFORE + b"PING\r\n" + TWO + ONE + THREE),
        ([OLD], BEFORE + ZERO + ONE + b"PING\r\n" + TWO + THREE),
        ([NEVER, SWAPPED], BEFORE + b"PING\r\n" + THREE + TWO),
    ],
    ids=["as it was", "never", "after the next", "an old one again", "never and after the next"],
)
def test_messages_are_told_as_it_is_wanted(wanted: list[str], told: bytes, piece_bytes: int) -> None:
    assert retold(SAID, wanted, piece_bytes) == told


def test_a_message_is_told_up_to_five_times_more() -> None:
    told = retold(SAID, [AGAIN])
    assert 2 <= told.count(ONE) <= 1 + AGAIN_MAX
    assert told.replace(ONE, b"") == SAID.replace(ONE, b"")


def test_a_message_comes_late_and_only_once() -> None:
    later = [message(number) for number in range(2, 2 + LATER_MAX)]
    told = retold(ZERO + ONE + b"".join(later), [LATE])
    before, _, after = told.partition(ONE)
    assert before.startswith(ZERO + TWO + THREE)
    assert before + after == ZERO + b"".join(later)


@pytest.mark.parametrize("headers", [b"", HEADERS], ids=["without headers", "with headers"])
@pytest.mark.parametrize("manner", SPOILED)
def test_something_else_is_told_under_the_sequence_of_a_message(manner: str, headers: bytes) -> None:
    zero, one, two = (message(number, headers=headers) for number in range(3))
    told = retold(zero + one + two, [manner])
    assert told.startswith(zero)
    assert told.endswith(two)
    spoiled = told.removeprefix(zero).removesuffix(two)
    inside = spoiled.partition(b"\r\n")[2].removeprefix(headers).removesuffix(b"\r\n")
    assert spoiled == message(1, inside, headers)
    assert inside != body(1)


def test_what_is_told_instead_is_what_it_is_called() -> None:
    old, strange, broken, huge = (
        retold(ZERO + ONE, [manner])
        .removeprefix(ZERO)
        .partition(b"\r\n")[2]
        .removeprefix(HEADERS)
        .removesuffix(b"\r\n")
        for manner in SPOILED
    )
    assert old == body(0)
    assert json.loads(strange)["position"] == 0
    assert json.loads(strange)["orgid"] != "ours"
    assert body(1).startswith(broken)
    assert len(huge) > HUGE_BYTES
    assert json.loads(huge).keys() == {"data"}
    assert set(SPOILED) < set(MANNERS)
