"""An organization: what it is called, how its resources may be changed, and whether it still uses Milepost.

Operators found and offboard organizations; its own people adopt its policies.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, assert_never
from uuid import UUID

from pydantic import Field

from libs.events.access import OrganizationFounded, OrganizationOffboarded, OrganizationPolicyAdopted
from services.projects.aggregate import Aggregate, Command, Name, Rejection, Sentence, begun, unbegun
from services.projects.facts import Facts

# --- Commands ---


class FoundOrganization(Command):
    """Begins an organization."""

    organization_id: UUID
    name: Name


class AdoptPolicy(Command):
    """Decides how resources of the organization may be changed."""

    requires_if_match: bool = Field(
        description="True: a command on an existing resource without `If-Match` is refused with 428."
    )


class OffboardOrganization(Command):
    """Ends the organization's use of Milepost; from then on nobody gets in."""

    reason: Sentence = ""


OrganizationCommand = FoundOrganization | AdoptPolicy | OffboardOrganization

# --- Rejections ---


class OrganizationUnknown(Rejection):
    """There is no such organization."""


class OrganizationAlreadyFounded(Rejection):
    """An organization was already founded under this id."""


class OrganizationIsOffboarded(Rejection):
    """The organization has ended its use of Milepost."""


# --- State ---


@dataclass(frozen=True, slots=True)
class Organization:
    """`requires_if_match` says whether commands must name the version they have seen."""

    project_id: ClassVar[UUID | None] = None

    name: str
    requires_if_match: bool = False
    is_offboarded: bool = False


# --- Decide ---

OrganizationEvent = OrganizationFounded | OrganizationPolicyAdopted | OrganizationOffboarded


def decide(
    organization: Organization | None, command: OrganizationCommand, facts: Facts
) -> Sequence[OrganizationEvent]:
    if isinstance(command, FoundOrganization):
        return found(organization, command)
    if organization is None:
        raise OrganizationUnknown
    match command:
        case AdoptPolicy():
            return adopt_policy(active(organization), command)
        case OffboardOrganization():
            return offboard(organization, command)
    assert_never(command)


def found(organization: Organization | None, command: FoundOrganization) -> list[OrganizationEvent]:
    if organization is None:
        return [OrganizationFounded(name=command.name)]
    if organization == Organization(command.name):
        return []
    raise OrganizationAlreadyFounded


def active(organization: Organization) -> Organization:
    if organization.is_offboarded:
        raise OrganizationIsOffboarded
    return organization


def adopt_policy(organization: Organization, command: AdoptPolicy) -> list[OrganizationEvent]:
    if organization.requires_if_match == command.requires_if_match:
        return []
    return [OrganizationPolicyAdopted(requires_if_match=command.requires_if_match)]


def offboard(organization: Organization, command: OffboardOrganization) -> list[OrganizationEvent]:
    return [] if organization.is_offboarded else [OrganizationOffboarded(reason=command.reason)]


# --- Evolve ---


def evolve(organization: Organization | None, event: OrganizationEvent) -> Organization:
    if isinstance(event, OrganizationFounded):
        unbegun(organization)
        return Organization(event.name)
    organization = begun(organization)
    match event:
        case OrganizationPolicyAdopted():
            return replace(organization, requires_if_match=event.requires_if_match)
        case OrganizationOffboarded():
            return replace(organization, is_offboarded=True)
    assert_never(event)


AGGREGATE = Aggregate(
    name="organization",
    plural="organizations",
    creating=("found", FoundOrganization),
    commands={"adopt-policy": AdoptPolicy, "offboard": OffboardOrganization},
    for_operators=frozenset({"found", "offboard"}),
    decide=decide,
    evolve=evolve,
    action="administer",
    state=Organization,
)
