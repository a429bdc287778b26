"""Why a command may not be recorded, beside the rules of its own aggregate."""

from libs.chassis.problems import Problem
from services.projects.aggregate import Rejection


class EffectiveInFuture(Rejection):
    """Nothing can have become effective in the future; leave `effective_at` out to mean now."""


class EffectiveBeforeLastChange(Rejection):
    """The resource has changed since that instant; history can be told late, but not out of order."""


class DayInFuture(Rejection):
    """That day has not come yet anywhere; only what has happened can be recorded as done."""


class HistoryFull(Rejection):
    """The resource has 10,000 events, which is as long as a history may be; go on with a new one."""


class NotFound(Exception):
    """There is no such resource, or the caller may not know of it."""


class VersionMismatch(Exception):
    """The resource is not at the version the caller has seen."""

    def __init__(self, current_version: int) -> None:
        self.current_version = current_version


class KeyInUse(Exception):
    """A request with the same key is being handled right now."""


class KeyMisused(Exception):
    """The key was used before, for another request."""


class Contended(Exception):
    """Others kept changing the resource; the command was not recorded."""


class NewerHistory(Problem):
    """A newer program has written to the history of the resource: this one can not read it, and another one may."""

    def __init__(self) -> None:
        detail = "The history has events of a newer program than this one, as during a deploy. Ask again."
        super().__init__(503, "unavailable", detail, headers={"Retry-After": "5"})
