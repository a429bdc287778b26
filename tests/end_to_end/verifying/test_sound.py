"""What is sound passes, also while commands go on, and nothing is left uncompared."""

from services.projects.verifying.findings import Report
from services.projects.verifying.verifying import CHECKS
from tests.support.proof.damage import AtRest


def test_what_is_sound_passes_while_commands_go_on(busy: list[Report]) -> None:
    assert [report.exit_code for report in busy] == [0] * len(busy), [report.to_json() for report in busy]
    heads = [report.head for report in busy]
    assert heads == sorted(set(heads))


async def test_every_check_has_something_to_compare(at_rest: AtRest) -> None:
    report = await at_rest.verified()
    assert {verdict.check for verdict in report.verdicts} == set(CHECKS)
    assert [verdict.check for verdict in report.verdicts if not verdict.compared] == []


async def test_the_same_rows_have_the_same_digest(at_rest: AtRest) -> None:
    once, again = await at_rest.verified(), await at_rest.verified()
    assert once.to_json() == again.to_json()
