"""Messages of a stream are told otherwise as whole messages, however the bytes arrive; all else passes as it is."""

import pytest

from tests.support.proof.chaos.retelling import AGAIN, LATE, NEVER, Mischief

INFORMATION = b'INFO {"server_id":"x"}\r\n'
ANSWER = b"MSG _INBOX_timeline.1 1 5\r\nhello\r\n"


def message(number: int) -> bytes:
    body = b"the %dth\r\n" % number
    return b"MSG milepost.a.b 7 $JS.ACK.PROJECTS.timeline.1.%d.%d.0.0 %d\r\n%s\r\n" % (
        number,
        number,
        len(body),
        body,
    )


ONE, TWO, THREE = map(message, range(3))
SAID = INFORMATION + ANSWER + ONE + b"PING\r\n" + TWO + THREE


@pytest.mark.parametrize("piece_bytes", [1, 7, 10_000])
@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ([], SAID),
        ([AGAIN], INFORMATION + ANSWER + ONE + ONE + b"PING\r\n" + TWO + THREE),
        ([NEVER], INFORMATION + ANSWER + b"PING\r\n" + TWO + THREE),
        ([LATE], INFORMATION + ANSWER + b"PING\r\n" + TWO + ONE + THREE),
        ([NEVER, AGAIN], INFORMATION + ANSWER + b"PING\r\n" + TWO + TWO + THREE),
    ],
    ids=["as it was", "again", "never", "too late", "never and again"],
)
def test_messages_are_told_as_it_is_wanted(wanted: list[str], told: bytes, piece_bytes: int) -> None:
    mischief = Mischief()
    mischief.wanted.extend(wanted)
    retelling = mischief.retelling()
    pieces = [SAID[first : first + piece_bytes] for first in range(0, len(SAID), piece_bytes)]
    assert b"".join(map(retelling, pieces)) == told
    assert sorted(mischief.done.elements()) == sorted(wanted)
