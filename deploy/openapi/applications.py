"""The API documents of the three services, made from their code with no server behind them."""

import asyncio
import inspect
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

from libs.chassis.application import Application
from libs.chassis.freshness import Progress
from libs.chassis.settings import ServiceSettings
from services.notifications import app as notifications
from services.notifications.settings import Settings as NotificationsSettings
from services.projects import app as projects
from services.projects.settings import ProjectsSettings
from services.timeline import app as timeline
from services.timeline.settings import Settings as TimelineSettings

Document = dict[str, Any]


class _Nothing:
    """Stands for every database, log and key: an application is put together of it, and asks it nothing."""

    org_id = UUID(int=0)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return self


NOTHING: Any = _Nothing()
NOWHERE = "http://projects.invalid"


def documents() -> dict[str, Document]:
    """The document of each service, by its name."""
    return {name: assembled(create, settings).openapi() for name, (create, settings) in APPLICATIONS.items()}


def assembled(create: Callable[..., Application], settings: type[ServiceSettings]) -> Application:
    """The application as `create` puts it together out of settings and nothing."""
    known = {
        "settings": settings.model_construct(projects_url=NOWHERE),
        "stopping": asyncio.Event(),
        "progress": Progress(),
    }
    needed = [
        parameter.name
        for parameter in inspect.signature(create).parameters.values()
        if parameter.default is inspect.Parameter.empty
    ]
    return create(**{name: known.get(name, NOTHING) for name in needed})


APPLICATIONS: dict[str, tuple[Callable[..., Application], type[ServiceSettings]]] = {
    "projects": (projects.create_app, ProjectsSettings),
    "timeline": (timeline.create, TimelineSettings),
    "notifications": (notifications.http, NotificationsSettings),
}
