"""Faults of a deploy half done: events are in the log that those who read it do not know yet, or never will."""

from random import Random

from libs.events.parking import project_sequence
from tests.support.proof import newer
from tests.support.proof.chaos.fault import Ground, Strike, fault, lasting
from tests.support.proof.chaos.links import CONSUMERS


def tells(kind: tuple[str, int]) -> Strike:
    """Its project waits at both consumers, whatever else befalls them, until an operator has it left out."""

    async def strike(ground: Ground, chance: Random) -> None:
        campaign = ground.campaign
        place = chance.choice(campaign.world.places)
        sequence = project_sequence(place.project_id)
        campaign.parked.add(place.project_id)
        await newer.record(campaign, place, kind)
        for service in CONSUMERS:
            await newer.waits_for_a_deploy(campaign, service, sequence)
        ground.counts["events of a newer program"] += 1
        await lasting(chance, 0, 3)
        for service in CONSUMERS:
            await newer.is_given_up(campaign, service, sequence, place.organization.org_id)

    return strike


# One at a time: what two of them park in one project is given up one after the other.
ALL = [
    fault("an event is of an unknown type", tells(newer.UNKNOWN_TYPE), "a newer program"),
    fault("an event is of a later schema", tells(newer.LATER_SCHEMA), "a newer program"),
]
