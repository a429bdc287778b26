"""Every aggregate of the service, by the name of its streams and by the plural in its URLs."""

from typing import Any

from services.projects.access.api_key import AGGREGATE as API_KEY
from services.projects.access.member import AGGREGATE as MEMBER
from services.projects.access.organization import AGGREGATE as ORGANIZATION
from services.projects.aggregate import Aggregate
from services.projects.portfolio.project.life import AGGREGATE as PROJECT
from services.projects.raid.issue.life import AGGREGATE as ISSUE
from services.projects.schedule.milestone.life import AGGREGATE as MILESTONE

AGGREGATES: tuple[Aggregate[Any], ...] = (ORGANIZATION, MEMBER, API_KEY, PROJECT, MILESTONE, ISSUE)
BY_NAME = {aggregate.name: aggregate for aggregate in AGGREGATES}
