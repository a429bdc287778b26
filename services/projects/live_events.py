"""The public feed of events put together: pages, the tail, open streams, and their routes and loops."""

import asyncio

from starlette.routing import BaseRoute

from libs.chassis.postgres import Database
from libs.chassis.server import Loop
from libs.events.log.selecting import EventPages
from services.projects.api.event_feed import EventFeed
from services.projects.api.event_stream import EventStreams
from services.projects.event_tail import EventTail
from services.projects.open_streams import OpenStreams, StreamLimits
from services.projects.settings import ProjectsSettings


class LiveEvents:
    """`database` is a pool of its own, so that readers of events keep nobody else waiting."""

    def __init__(self, settings: ProjectsSettings, database: Database, stopping: asyncio.Event) -> None:
        limits = StreamLimits(
            settings.event_streams_max,
            settings.event_streams_of_organization_max,
            settings.event_streams_of_person_max,
        )
        self.tail = EventTail(database)
        self._open_streams = OpenStreams(limits, stopping)
        self._pages = EventPages(database, settings.event_reads_max)

    def routes(self) -> list[BaseRoute]:
        feed = EventFeed(self._pages, self.tail)
        streams = EventStreams(self._pages, self.tail, self._open_streams)
        return [*streams.routes(), *feed.routes()]

    def loops(self) -> dict[str, Loop]:
        return {"event tail": self.tail.run, "event streams": self._open_streams.run}
