"""Who asked to hear of an event: the index answers as the naive definition does, for any rules and events."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.events.catalogue import event_types
from libs.events.envelope import Envelope
from libs.events.schedule import MilestoneAchieved, MilestonePlanned
from services.notifications.matching import Channel, Rule, Rules, known_kinds, matches
from tests.support.notifications.events import ACTOR, NOON, ONE_OF_EACH, ORGANIZATION, PROJECT, recorded

FEW_IDS = [UUID(int=number) for number in range(1, 4)]
ids = st.sampled_from(FEW_IDS)
streams = st.sampled_from([f"{aggregate}-{each}" for aggregate in ("milestone", "issue") for each in FEW_IDS])
kinds = st.frozensets(st.sampled_from(known_kinds()), max_size=3)
REFORECAST = recorded(ONE_OF_EACH[12], position=10).envelope


@st.composite
def many_rules(draw: st.DrawFn) -> list[Rule]:
    count = draw(st.integers(0, 12))
    return [
        Rule(
            org_id=draw(ids),
            rule_id=UUID(int=1_000 + number),
            channel=draw(st.sampled_from(Channel)),
            recipient=draw(ids),
            since_position=draw(st.integers(0, 4)),
            project_id=draw(st.none() | ids),
            kinds=draw(kinds),
            stream=draw(st.none() | streams),
            own_actions_of=draw(st.none() | ids),
            include_imported=draw(st.booleans()),
        )
        for number in range(count)
    ]


@st.composite
def events(draw: st.DrawFn) -> Envelope:
    return recorded(
        draw(st.sampled_from(ONE_OF_EACH)),
        position=draw(st.integers(1, 6)),
        org_id=draw(ids),
        project_id=draw(st.none() | ids),
        stream=draw(streams),
        actor=draw(ids),
        on_behalf_of=draw(st.none() | ids),
        effective_at=NOON - timedelta(hours=draw(st.sampled_from([0, 23, 24, 25, 24_000]))),
    ).envelope


def naive_matches(rules: Sequence[Rule], event: Envelope) -> list[Rule]:
    return sorted((rule for rule in rules if matches(rule, event)), key=lambda rule: rule.rule_id)


@settings(max_examples=400)
@given(many_rules(), st.lists(events(), min_size=1, max_size=5))
def test_the_index_finds_exactly_the_rules_that_match(rules: list[Rule], told: list[Envelope]) -> None:
    index = Rules(rules)

    assert [list(index.matching(event)) for event in told] == [naive_matches(rules, event) for event in told]


def rule(**parts: object) -> Rule:
    values = {
        "org_id": ORGANIZATION,
        "rule_id": UUID(int=7),
        "channel": Channel.INBOX,
        "recipient": UUID(int=8),
    }
    return Rule(**{**values, "since_position": 0, **parts})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"project_id": PROJECT},
        {"kinds": frozenset({"milestone.*"})},
        {"kinds": frozenset({"milestone.reforecast", "issue.raised"})},
        {"stream": REFORECAST.stream, "project_id": PROJECT},
        {"since_position": 9},
        {"own_actions_of": UUID(int=8)},
    ],
)
def test_a_rule_matches_when_all_it_names_holds(parts: dict[str, object]) -> None:
    assert matches(rule(**parts), REFORECAST)


@pytest.mark.parametrize(
    "parts",
    [
        {"org_id": UUID(int=99)},
        {"project_id": UUID(int=99)},
        {"kinds": frozenset({"issue.*"})},
        {"kinds": frozenset({"milestone.re"})},
        {"stream": "milestone-00000000-0000-0000-0000-000000000000"},
        {"since_position": 10},
        {"own_actions_of": ACTOR},
    ],
)
def test_a_rule_does_not_match_when_one_thing_it_names_does_not_hold(parts: dict[str, object]) -> None:
    assert not matches(rule(**parts), REFORECAST)


def test_what_is_done_on_a_persons_behalf_is_that_persons_own_action() -> None:
    person_id = UUID(int=8)
    event = recorded(MilestoneAchieved(achieved_on=NOON.date()), on_behalf_of=person_id).envelope

    assert not matches(rule(own_actions_of=person_id), event)


def test_imported_history_is_told_only_to_who_asked_for_it() -> None:
    old = recorded(
        MilestonePlanned(project_id=PROJECT, name="3.2 final"),
        effective_at=NOON - timedelta(days=1, seconds=1),
    ).envelope

    assert not matches(rule(), old)
    assert matches(rule(include_imported=True), old)


def test_a_fact_that_is_told_a_day_late_is_no_import() -> None:
    late = recorded(
        MilestoneAchieved(achieved_on=NOON.date()), effective_at=NOON - timedelta(days=1)
    ).envelope

    assert matches(rule(), late)


def test_the_kinds_are_the_types_of_the_catalogue_and_their_prefixes() -> None:
    types = {event_type.name for event_type in event_types()}

    assert types < set(known_kinds())
    assert set(known_kinds()) - types >= {"milestone.*", "issue.*", "project.*"}
