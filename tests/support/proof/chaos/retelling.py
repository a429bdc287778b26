"""What NATS tells a service, told otherwise on the way: messages of the stream come again, not at all, out of order, or
with something else in them.

Frames are whole: a message is doubled, lost or spoiled as a message, and everything else passes as it is.
"""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from types import MappingProxyType

from tests.support.proof.chaos.spoiling import Spoil, an_older_one, broken, foreign, huge

OF_THE_STREAM = b" $JS.ACK."
END = b"\r\n"
AGAIN, NEVER, SWAPPED = "messages told again", "messages never told", "messages told after the next one"
LATE, OLD = "messages told too late", "old messages told again"
# Each in place of a message, under its sequence.
SPOILED: Mapping[str, Spoil] = MappingProxyType(
    {
        "old events told instead": an_older_one,
        "events of a foreign organization told instead": foreign,
        "broken JSON told instead": broken,
        "900 kB told instead": huge,
    }
)
MANNERS = (AGAIN, NEVER, SWAPPED, LATE, OLD, *SPOILED)
AGAIN_MAX, LATER_MAX, REMEMBERED_MAX = 5, 20, 100


@dataclass
class Mischief:
    """`wanted` is how the next messages shall be told; `done` counts what was. `earlier` are messages told before."""

    chance: Random = field(default_factory=Random)
    wanted: deque[str] = field(default_factory=deque)
    done: Counter[str] = field(default_factory=Counter)
    earlier: deque[bytes] = field(default_factory=lambda: deque(maxlen=REMEMBERED_MAX))

    def retelling(self) -> "Retelling":
        """Of one connection."""
        return Retelling(self)


class Retelling:
    """Takes what was said, in whatever pieces, and gives what is to be said instead."""

    def __init__(self, mischief: Mischief) -> None:
        self._mischief = mischief
        self._rest = b""
        self._held = b""
        self._held_for = 0

    def __call__(self, data: bytes) -> bytes:
        self._rest += data
        told = []
        while (length := _frame_bytes(self._rest)) is not None:
            frame, self._rest = self._rest[:length], self._rest[length:]
            told.append(self._tell(frame))
        return b"".join(told)

    def _tell(self, frame: bytes) -> bytes:
        if OF_THE_STREAM not in frame.partition(END)[0]:
            return frame
        told = self._otherwise(frame)
        self._mischief.earlier.append(frame)
        return told

    def _otherwise(self, frame: bytes) -> bytes:
        if self._held:
            return frame + self._what_is_due()
        mischief = self._mischief
        if not mischief.wanted or not mischief.earlier:
            return frame
        manner, chance = mischief.wanted.popleft(), mischief.chance
        mischief.done[manner] += 1
        if manner == AGAIN:
            return frame * (1 + chance.randint(1, AGAIN_MAX))
        if manner == OLD:
            return chance.choice(mischief.earlier) + frame
        if manner in SPOILED:
            return _with_body(frame, SPOILED[manner](_body(frame), _body(chance.choice(mischief.earlier))))
        if manner != NEVER:
            self._held, self._held_for = frame, 1 if manner == SWAPPED else chance.randint(2, LATER_MAX)
        return b""

    def _what_is_due(self) -> bytes:
        self._held_for -= 1
        if self._held_for:
            return b""
        held, self._held = self._held, b""
        return held


def _body(frame: bytes) -> bytes:
    line, _, rest = frame.partition(END)
    return rest[_headers_bytes(line) : -len(END)]


def _with_body(frame: bytes, body: bytes) -> bytes:
    """The same message with something else in it; its headers stay."""
    line, _, rest = frame.partition(END)
    headers = rest[: _headers_bytes(line)]
    words = [*line.split(b" ")[:-1], b"%d" % (len(headers) + len(body))]
    return b" ".join(words) + END + headers + body + END


def _headers_bytes(line: bytes) -> int:
    return int(line.split(b" ")[-2]) if line.startswith(b"HMSG ") else 0


def _frame_bytes(data: bytes) -> int | None:
    """The length of the first frame; `None` while it is not there to its end."""
    line, end, _ = data.partition(END)
    if not end:
        return None
    length = len(line) + len(END)
    if line.startswith((b"MSG ", b"HMSG ")):
        length += int(line.rpartition(b" ")[2]) + len(END)
    return length if len(data) >= length else None
