"""How long a process that ends may still take: one bound for all it has to finish, to release and to close.

Each phase of the end gets what those before it have left, so that slow ones do not add up.
"""

import faulthandler
import math
import time

# From the signal to the end of the last phase; the interpreter ends within a second after.
ENDING_SECONDS_MAX = 13.0
# What still hangs then is left where it is, and says where: all that was promised is in Postgres.
INSISTING_SECONDS = 1.0
DELAY_SECONDS_MAX = 8.0
STANDARD_ERROR = 2


class Ending:
    """The end of this process. Until it has begun, everybody may take the time they would take."""

    def __init__(self) -> None:
        self._deadline = math.inf

    def begin(self) -> None:
        """From now on time runs out; what has begun already is not begun again."""
        if self._deadline == math.inf:
            self._deadline = time.monotonic() + ENDING_SECONDS_MAX
            # A thread that needs nothing of Python, whatever holds it up; a signal would be lost on a first process.
            seconds = ENDING_SECONDS_MAX + INSISTING_SECONDS
            faulthandler.dump_traceback_later(seconds, exit=True, file=STANDARD_ERROR)

    def over(self) -> None:
        """Nothing is left to do; what comes now has its own time."""
        self._deadline = math.inf
        faulthandler.cancel_dump_traceback_later()

    def seconds(self, most: float, *, keeping: float = 0.0) -> float:
        """At most `most`, and no more than is left when `keeping` seconds are kept for what comes after."""
        return min(most, max(0.0, self._deadline - time.monotonic() - keeping))


# A process ends once.
ENDING = Ending()
