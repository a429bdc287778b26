"""What the refusals of the domain and of the command handler mean over HTTP."""

import re
from collections.abc import Iterator
from inspect import getdoc

from libs.access.authorize import not_found
from libs.chassis import conditional, problem_codes
from libs.chassis.problems import RETRY_AFTER, Problem
from libs.events.log.grouping import NoRoom, OutcomeUnknown, Overloaded
from services.projects.aggregate import Rejection, code_of
from services.projects.refusals import Contended, KeyInUse, KeyMisused, NotFound, VersionMismatch

SOON = {"Retry-After": "1"}
REFUSALS = (
    *(Rejection, NotFound, VersionMismatch, KeyInUse, KeyMisused, Contended),
    *(Overloaded, NoRoom, OutcomeUnknown),
)

problem_codes.register(
    "outcome_unknown",
    503,
    "Outcome unknown",
    "The log did not answer in time. The command may or may not be recorded: send it again with the same "
    "Idempotency-Key, which tells and never records twice.",
)
problem_codes.register(
    "contended",
    409,
    "Contended",
    "Others kept changing the resource at the same moment; nothing was recorded. Send the command again.",
)


def register_rejections() -> None:
    """Give every rejection of the domain its page under `/problems/`."""
    for rejection in _all_rejections(Rejection):
        title = re.sub(r"(?<!^)(?=[A-Z])", " ", rejection.__name__).capitalize()
        problem_codes.register(code_of(rejection), 409, title, getdoc(rejection) or title)


def _all_rejections(kind: type[Rejection]) -> Iterator[type[Rejection]]:
    for rejection in kind.__subclasses__():
        yield rejection
        yield from _all_rejections(rejection)


def problem_of(refusal: Exception) -> Problem:
    """The problem a refusal is to a client; anything else is raised again."""
    match refusal:
        case Rejection():
            return Problem(409, refusal.code, refusal.detail)
        case NotFound():
            return not_found()
        case VersionMismatch():
            return conditional.stale(refusal.current_version)
        case KeyInUse():
            return Problem(409, "in_progress", headers=SOON)
        case KeyMisused():
            return Problem(422, "idempotency_key_reused")
        case Contended():
            return Problem(409, "contended", headers=SOON)
        case Overloaded():
            return Problem(503, "overloaded", headers=SOON)
        case NoRoom():
            return Problem(507, "storage_full", headers=RETRY_AFTER[507])
        case OutcomeUnknown():
            return Problem(503, "outcome_unknown", headers=SOON)
    raise refusal
