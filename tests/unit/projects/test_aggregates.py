"""What holds of every aggregate, whoever adds the next one."""

import dataclasses
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from libs.events.schedule import MilestonePlanned
from services.projects.aggregate import Aggregate, CorruptHistory, Rejection, code_of
from services.projects.portfolio.project.life import AGGREGATE as PROJECT
from services.projects.raid.issue.life import AGGREGATE as ISSUE
from services.projects.schedule.milestone.life import AGGREGATE as MILESTONE
from services.projects.schedule.milestone.promise import PlanMilestone
from tests.support.issues import RAISED, STARTED
from tests.support.worlds import PROJECT_ID

PLANNED = MilestonePlanned(project_id=PROJECT_ID, name="Beta")

AGGREGATES = (PROJECT, MILESTONE, ISSUE)
COMMANDS = {
    f"{aggregate.name}.{verb}": command
    for aggregate in AGGREGATES
    for verb, command in [aggregate.creating, *aggregate.commands.items()]
}
ID = "0198a000-0000-7000-8000-000000000001"
BODIES = {
    "project.propose": f'{{"project_id": "{ID}", "name": "Python"}}',
    "project.approve-charter": '{"purpose": "Ship it", "objectives": ["On time"], "starts_on": "2026-01-01"}',
    "project.adopt-methodology": '{"methodology": "stage_gate"}',
    "project.adopt-workflow": '{"states": [{"name": "Open", "category": "todo"}]}',
    "project.enter-phase": '{"phase": "executing"}',
    "project.put-on-hold": '{"reason": "No budget"}',
    "project.resume": '{"effective_at": "2026-01-01T09:00:00+01:00"}',
    "project.close": '{"outcome": "Shipped"}',
    "project.cancel": '{"reason": "No budget"}',
    "milestone.plan": f'{{"project_id": "{ID}", "name": "Beta", "target_on": "2026-01-01"}}',
    "milestone.commit": "{}",
    "milestone.rebaseline": '{"baseline_on": "2026-01-01", "change": "CR-7"}',
    "milestone.reforecast": '{"forecast_on": "2026-01-01", "reason": "Late", '
    f'"caused_by": [{{"cause_class": "external", "stream": "issue-{ID}"}}]}}',
    "milestone.achieve": '{"achieved_on": "2026-01-01"}',
    "milestone.correct-achievement": '{"achieved_on": "2026-01-01", "reason": "Typing mistake"}',
    "milestone.withdraw-achievement": '{"reason": "Not met"}',
    "milestone.cancel": '{"reason": "Not wanted"}',
    "milestone.reinstate": '{"reason": "Wanted again"}',
    "issue.raise": f'{{"project_id": "{ID}", "title": "Crash", "kind": "bug", "priority": "high"}}',
    "issue.triage": '{"priority": "low"}',
    "issue.assign": f'{{"assignee_id": "{ID}"}}',
    "issue.estimate": '{"estimate": 1.5, "unit": "days"}',
    "issue.transition": '{"state": "Done"}',
    "issue.block": f'{{"reason": "No log", "blocked_by": "issue-{ID}"}}',
    "issue.unblock": "{}",
    "issue.link": f'{{"relation": "delivers", "target": "milestone-{ID}"}}',
    "issue.comment": '{"text": "Me too"}',
    "issue.cancel": '{"reason": "Not a bug"}',
    "issue.reopen": '{"reason": "Back again"}',
    "issue.move": f'{{"project_id": "{ID}"}}',
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_read_from_its_json_and_written_back(name: str) -> None:
    command = COMMANDS[name].model_validate_json(BODIES[name])
    assert COMMANDS[name].model_validate_json(command.model_dump_json()) == command


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_refuses_what_it_does_not_know(name: str) -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        COMMANDS[name].model_validate_json('{"deadline": 1}')


def strings(schema: Any) -> Iterator[dict[str, Any]]:
    """Every free string of a JSON Schema: neither a constant nor of a format that has its own grammar."""
    if isinstance(schema, list):
        for each in schema:
            yield from strings(each)
    elif isinstance(schema, dict):
        if schema.get("type") == "string" and not {"enum", "const", "format"} & set(schema):
            yield schema
        for each in schema.values():
            yield from strings(each)


def lists(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, list):
        for each in schema:
            yield from lists(each)
    elif isinstance(schema, dict):
        if schema.get("type") == "array":
            yield schema
        for each in schema.values():
            yield from lists(each)


def is_bounded(schema: dict[str, Any]) -> bool:
    """Short enough and without NUL, or spelled out character by character."""
    pattern = schema.get("pattern", "")
    refuses_nul = bool(pattern) and re.search(pattern, "a\x00b") is None
    return refuses_nul and ("maxLength" in schema or "*" not in pattern)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_text_and_list_of_a_command_is_bounded_and_free_of_nul(name: str) -> None:
    schema = COMMANDS[name].model_json_schema(mode="validation")
    assert [each for each in strings(schema) if not is_bounded(each)] == []
    assert [each for each in lists(schema) if "maxItems" not in each] == []


@pytest.mark.parametrize("text", [r"\u0000", r"Be\u0000ta", r"\ud800", " ", ""], ids=repr)
def test_a_name_holds_no_nul_no_lone_surrogate_and_is_not_blank(text: str) -> None:
    with pytest.raises(ValidationError):
        PlanMilestone.model_validate_json(f'{{"project_id": "{ID}", "name": "{text}"}}')


def test_a_name_is_trimmed_and_may_hold_any_other_character() -> None:
    command = PlanMilestone.model_validate_json(f'{{"project_id": "{ID}", "name": " Bêta\\n\\u2028 😀 "}}')
    assert command.name == "Bêta\n\u2028 😀"


@pytest.mark.parametrize("aggregate", AGGREGATES, ids=lambda aggregate: aggregate.name)
def test_every_state_names_its_project_and_every_verb_is_fit_for_a_url(aggregate: Aggregate[Any]) -> None:
    assert "project_id" in {field.name for field in dataclasses.fields(aggregate.state)}
    verbs = [aggregate.creating[0], *aggregate.commands]
    assert [verb for verb in verbs if not re.fullmatch(r"[a-z]+(-[a-z]+)*", verb)] == []
    assert {verb: aggregate.command_named(verb) for verb in verbs} == {
        aggregate.creating[0]: aggregate.creating[1],
        **aggregate.commands,
    }
    assert aggregate.command_named("update") is None


def rejections(kind: type[Rejection] = Rejection) -> Iterator[type[Rejection]]:
    for each in kind.__subclasses__():
        yield each
        yield from rejections(each)


def test_every_rejection_has_a_code_of_its_own_and_a_sentence_for_the_reader() -> None:
    kinds = list(rejections())
    codes = [code_of(kind) for kind in kinds]
    assert sorted(set(codes)) == sorted(codes)
    assert "milestone_already_achieved" in codes
    assert [kind for kind in kinds if not re.fullmatch(r"[A-Z].*\.", kind().detail)] == []


def test_a_rejection_may_say_more_than_its_sentence() -> None:
    assert next(rejections())("There is none.").detail == "There is none."


def test_a_history_that_no_decision_wrote_is_corrupt() -> None:
    with pytest.raises(CorruptHistory, match="does not begin"):
        ISSUE.evolve(None, STARTED)
    with pytest.raises(CorruptHistory, match="begins twice"):
        ISSUE.evolve(ISSUE.evolve(None, RAISED), RAISED)
    with pytest.raises(AssertionError):
        MILESTONE.evolve(MILESTONE.evolve(None, PLANNED), RAISED)


@pytest.mark.parametrize(
    "instant", ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "1899-12-31T23:59:59Z"]
)
@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_reaches_the_beginning_of_the_calendar(name: str, instant: str) -> None:
    body = {**json.loads(BODIES[name]), "effective_at": instant}

    with pytest.raises(ValidationError, match="effective_at"):
        COMMANDS[name].model_validate_json(json.dumps(body))


@pytest.mark.parametrize("day", ["0001-01-01", "1899-12-31", "3000-01-01", "9999-12-31"])
@pytest.mark.parametrize("name", [name for name, body in BODIES.items() if "_on" in body])
def test_no_command_names_a_day_at_the_ends_of_the_calendar(name: str, day: str) -> None:
    body = json.loads(BODIES[name])
    days = {field: day for field in body if field.endswith("_on")}

    with pytest.raises(ValidationError, match="_on"):
        COMMANDS[name].model_validate_json(json.dumps({**body, **days}))
