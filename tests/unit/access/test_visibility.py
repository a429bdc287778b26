"""Who sees which events."""

from types import MappingProxyType
from uuid import uuid4

import pytest

from libs.access.visibility import sees
from libs.chassis.identity import Caller, KeyScope

ORGANIZATION, PERSON, OWN, OTHER = uuid4(), uuid4(), uuid4(), uuid4()


def person(role: str | None, own: str | None = None) -> Caller:
    return Caller(ORGANIZATION, PERSON, role, MappingProxyType({OWN: own} if own else {}))


@pytest.mark.parametrize("role", ["owner", "admin", "auditor"])
def test_who_sees_every_project_sees_every_event(role: str) -> None:
    caller = person(role)
    assert sees(caller, OTHER, "milestone.planned")
    assert sees(caller, None, "member.joined")
    assert sees(caller, None, "api_key.issued")


@pytest.mark.parametrize("role", ["manager", "contributor", "viewer", "stakeholder"])
def test_members_see_their_projects_and_the_organization_but_no_keys(role: str) -> None:
    caller = person("member", own=role)
    assert sees(caller, OWN, "milestone.planned")
    assert not sees(caller, OTHER, "milestone.planned")
    assert sees(caller, None, "member.joined")
    assert not sees(caller, None, "api_key.issued")


def test_without_a_role_in_the_organization_its_own_events_are_not_there() -> None:
    caller = person(None, own="viewer")
    assert sees(caller, OWN, "milestone.planned")
    assert not sees(caller, None, "organization.founded")


def test_keys_see_what_they_may_read_and_nothing_of_keys() -> None:
    of_one = Caller(ORGANIZATION, PERSON, key_scope=KeyScope(frozenset({"read"}), frozenset({OWN})))
    of_all = Caller(ORGANIZATION, PERSON, key_scope=KeyScope(frozenset({"read"})))
    of_none = Caller(ORGANIZATION, PERSON, key_scope=KeyScope(frozenset({"comment"})))

    assert [sees(of_one, each, "issue.raised") for each in (OWN, OTHER, None)] == [True, False, False]
    assert [sees(of_all, each, "issue.raised") for each in (OWN, OTHER, None)] == [True, True, True]
    assert [sees(of_none, each, "issue.raised") for each in (OWN, OTHER, None)] == [False, False, False]
    assert not sees(of_all, None, "api_key.issued")
