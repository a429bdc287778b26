"""Guesses what the states of an unknown log mean, from the words in their names.

A guess is printed and can be overruled; the order of the rules is the order of belief.
"""

import re
from collections.abc import Iterable, Mapping

from libs.events.portfolio import StateCategory

_WORDS: tuple[tuple[StateCategory, str], ...] = (
    (
        StateCategory.CANCELLED,
        """cancel reject withdr[ae]w abort abandon declin duplicate invalid obsolete discard
        won'?t_fix won'?t_do wontfix not_planned""",
    ),
    (StateCategory.ACTIVE, "re-?open in_progress$"),
    (StateCategory.TODO, "queue unassigned awaiting_assignment awaiting_triage not_started"),
    (StateCategory.WAITING, "wait awaiting pending hold on_?hold block suspend paused deferred"),
    (
        StateCategory.DONE,
        """closed close$ complete done resol solved fix(?:ed)?$ finish merged delivered released ended end$
        archiv paid$""",
    ),
    (
        StateCategory.TODO,
        """new$ open(?:ed)?$ to_?do backlog creat regist submit draft report receiv unmatched triage planned
        start$""",
    ),
)
# `_` is a space or a dash, `$` the end of a word; a word may go on unless it says where it ends.
_RULES = tuple(
    (
        category,
        re.compile(
            rf"(?<![a-z])(?:{'|'.join(words.split())})".replace("_", "[ -]").replace("$", r"(?![a-z])"),
            re.IGNORECASE,
        ),
    )
    for category, words in _WORDS
)


def guessed(state: str) -> StateCategory:
    """The category the words of a state's name suggest; `active` where they say nothing."""
    return next((category for category, words in _RULES if words.search(state)), StateCategory.ACTIVE)


def workflow(
    states: Iterable[str], told: Mapping[str, StateCategory] | None = None
) -> dict[str, StateCategory]:
    """Each state with its category, as told or else guessed, in the order of the categories.

    Work moves from `todo` towards `done`; states of one category keep the order in which they came.
    """
    known = told or {}
    categories = {state: known.get(state, guessed(state)) for state in states}
    order = list(StateCategory)
    return dict(sorted(categories.items(), key=lambda item: order.index(item[1])))
