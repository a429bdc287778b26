"""What NATS tells a service, told otherwise on the way: messages of the stream come again, not at all, or too late.

Frames are whole: a message is doubled or lost as a message, and everything else passes as it is.
"""

from collections import Counter, deque
from dataclasses import dataclass, field

OF_THE_STREAM = b" $JS.ACK."
END = b"\r\n"
AGAIN, NEVER, LATE = "messages told again", "messages never told", "messages told too late"
MANNERS = (AGAIN, NEVER, LATE)


@dataclass
class Mischief:
    """`wanted` is how the next messages shall be told; `done` counts what was."""

    wanted: deque[str] = field(default_factory=deque)
    done: Counter[str] = field(default_factory=Counter)

    def retelling(self) -> "Retelling":
        """Of one connection."""
        return Retelling(self)


class Retelling:
    """Takes what was said, in whatever pieces, and gives what is to be said instead."""

    def __init__(self, mischief: Mischief) -> None:
        self._mischief = mischief
        self._rest = b""
        self._held = b""

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
        held, self._held = self._held, b""
        if held or not self._mischief.wanted:
            return frame + held
        manner = self._mischief.wanted.popleft()
        self._mischief.done[manner] += 1
        if manner == AGAIN:
            return frame + frame
        if manner == LATE:
            self._held = frame
        return b""


def _frame_bytes(data: bytes) -> int | None:
    """The length of the first frame; `None` while it is not there to its end."""
    line, end, _ = data.partition(END)
    if not end:
        return None
    length = len(line) + len(END)
    if line.startswith((b"MSG ", b"HMSG ")):
        length += int(line.rpartition(b" ")[2]) + len(END)
    return length if len(data) >= length else None
