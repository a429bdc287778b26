"""Deciding on a command: who may give it, what the aggregate is, which facts count, what happens.

Nothing is recorded here; what comes out is an item for the log.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from libs.chassis.ids import new_id
from libs.events.access import ProjectRole
from libs.events.envelope import EventData, StreamKey, stream_name
from libs.events.log.log import Log
from libs.events.log.recording import Answer, Expectation, IdempotencyKey, NewEvent, Recording
from services.projects.access.member import AGGREGATE as MEMBER
from services.projects.access.member import join_project
from services.projects.aggregate import Aggregate, Command
from services.projects.facts import Facts, ProjectFacts
from services.projects.loading import NOTHING, Aggregates, Loaded
from services.projects.portfolio.project.life import AGGREGATE as PROJECT
from services.projects.portfolio.project.project import facts_of
from services.projects.refusals import (
    DayInFuture,
    EffectiveBeforeLastChange,
    EffectiveInFuture,
    HistoryFull,
    NotFound,
    VersionMismatch,
)
from services.projects.rendering import resource_body

STREAM_EVENTS_MAX = 10_000
PROJECT_AGE_SECONDS_MAX = 1.0
# The day on which something was achieved may already have begun east of here.
EASTERNMOST = timedelta(hours=14)

# Raises unless the actor may take an action in a project, or, without one, in the organization itself.
Authorize = Callable[[str, UUID | None], None]

# Aggregates as they will be once what was decided before is recorded, in the same call.
Pending = Mapping[StreamKey, Loaded]
NO_PENDING: Pending = {}


@dataclass(slots=True)
class CommandRequest:
    """A command and everything about who asks; `visible` are the projects of which the actor may know (`None`: all).

    `if_match` says of the resource's version whether the caller has seen it. `event_ids` makes ids
    for its events; imports derive them, so that a line can never be recorded twice. `secret_hash` is there where
    the command makes a secret.
    """

    aggregate: Aggregate[Any]
    entity_id: UUID
    command: Command
    org_id: UUID
    actor: UUID
    authorize: Authorize
    visible: frozenset[UUID] | None
    is_creating: bool = False
    if_match: Callable[[int], bool] | None = None
    key: IdempotencyKey | None = None
    on_behalf_of: UUID | None = None
    traceparent: str | None = None
    wants_resource: bool = True
    event_ids: Callable[[int], UUID] = lambda number: new_id()
    secret_hash: str = ""

    stream: str = field(init=False)
    stream_key: StreamKey = field(init=False)

    def __post_init__(self) -> None:
        self.stream = stream_name(self.aggregate.name, self.entity_id)
        self.stream_key = StreamKey(self.org_id, self.stream)


@dataclass(slots=True)
class Decided:
    """What a command comes to: the item for the log, and the aggregate once that is recorded."""

    recording: Recording
    before: Loaded
    state: Any

    def after(self, position: int, recorded_at: datetime) -> Loaded:
        """The aggregate once this is recorded at that position and instant."""
        before, stream = self.before, self.recording.expectations[0].stream
        own = [event for event in self.recording.events if event.stream == stream]
        if not own:
            return before
        position -= len(self.recording.events) - len(own)
        effective_at = own[-1].effective_at or max(recorded_at, before.effective_at)
        return Loaded(self.state, own[-1].version, position, effective_at, time.monotonic())


class Decider:
    """Decides on commands of one process. `clock` tells the instant, aware and in UTC."""

    def __init__(self, log: Log, aggregates: Aggregates, clock: Callable[[], datetime]) -> None:
        self._log = log
        self._aggregates = aggregates
        self._clock = clock

    async def decide(
        self, request: CommandRequest, pending: Pending = NO_PENDING, *, is_first_attempt: bool = True
    ) -> Decided:
        """Decide on the aggregate as it is known; `pending` are those about to be recorded before it.

        At the first attempt what is to be created is believed not to exist: if it does, the log says so.
        """
        loaded = pending.get(request.stream_key)
        if loaded is None and request.is_creating and is_first_attempt:
            loaded = self._aggregates.known(request.stream_key)
        elif loaded is None:
            loaded = await self._aggregates.remembered(request.aggregate, request.org_id, request.entity_id)
        self._admit(request, loaded)
        self._check_time(request.command, loaded)
        facts = await self._facts(request, loaded, pending)
        before = loaded or NOTHING
        decided = _decided(request, before, request.aggregate.decide(before.state, request.command, facts))
        if request.is_creating and request.aggregate is PROJECT and decided.recording.events:
            return await self._managed_by_proposer(request, decided)
        return decided

    def _admit(self, request: CommandRequest, loaded: Loaded | None) -> None:
        """Let the command in, or raise. Who may give it comes first: other refusals can end in a kept answer."""
        state = None if loaded is None else loaded.state
        if loaded is not None or request.is_creating or request.aggregate.is_of_organization:
            # Who may not do this here does not learn what there is here either.
            authorize_command(request, state, None if state is None else state.project_id)
        if loaded is None:
            if request.is_creating:
                return
            raise NotFound
        if request.if_match is not None and not request.if_match(loaded.version):
            raise VersionMismatch(loaded.version)
        if loaded.version >= STREAM_EVENTS_MAX:
            raise HistoryFull

    def _check_time(self, command: Command, loaded: Loaded | None) -> None:
        now = self._clock()
        if command.effective_at is not None:
            if command.effective_at > now:
                raise EffectiveInFuture
            if loaded is not None and command.effective_at < loaded.effective_at:
                raise EffectiveBeforeLastChange
        happened_on = command.happened_on()
        if happened_on is not None and happened_on > (now + EASTERNMOST).date():
            raise DayInFuture

    async def _facts(self, request: CommandRequest, loaded: Loaded | None, pending: Pending) -> Facts:
        """The facts the decision needs; another command may change them before the append (accepted)."""
        command = request.command
        wanted = command.projects_referred()
        if loaded is not None and request.aggregate is not PROJECT and loaded.state.project_id is not None:
            wanted = (loaded.state.project_id, *wanted)
        projects: dict[UUID, ProjectFacts] = {}
        for project_id in wanted:
            project = pending.get(StreamKey(request.org_id, stream_name(PROJECT.name, project_id)))
            if project is None:
                project = await self._aggregates.current(
                    PROJECT, request.org_id, project_id, PROJECT_AGE_SECONDS_MAX
                )
            if project is not None:
                projects[project_id] = facts_of(project.state)
        existing = await self._existing(request, command.streams_referred(), pending)
        return Facts(projects, existing, request.actor, request.entity_id, request.secret_hash)

    async def _existing(
        self, request: CommandRequest, streams: Sequence[str], pending: Pending
    ) -> frozenset[str]:
        """Those of the streams that exist for the actor."""
        if not streams:
            return frozenset()
        projects = await self._log.projects_of(request.org_id, streams)
        for stream in streams:
            if (coming := pending.get(StreamKey(request.org_id, stream))) is not None:
                projects[stream] = coming.state.project_id
        return frozenset(
            stream
            for stream, project_id in projects.items()
            if request.visible is None or project_id in request.visible
        )

    async def _managed_by_proposer(self, request: CommandRequest, decided: Decided) -> Decided:
        """A member who proposes a project becomes its manager, in the same append: else they could not see it."""
        member = await self._aggregates.current(MEMBER, request.org_id, request.actor)
        if member is None or member.state.role is None:
            return decided
        joined = join_project(member.state, request.actor, request.entity_id, ProjectRole.MANAGER)
        stream = stream_name(MEMBER.name, request.actor)
        recording = decided.recording
        events = (
            replace(
                recording.events[0],
                event_id=request.event_ids(len(recording.events) + number),
                stream=stream,
                version=member.version + number + 1,
                project_id=request.entity_id,
                data=data,
                effective_at=None,
                effective_floor=member.effective_at,
            )
            for number, data in enumerate(joined)
        )
        together = replace(
            recording,
            expectations=(*recording.expectations, Expectation(stream, member.version)),
            events=(*recording.events, *events),
        )
        return replace(decided, recording=together)


def authorize_command(request: CommandRequest, state: Any, project_id: UUID | None) -> None:
    """Raise unless the actor may give the command in that state of an aggregate of that project, `None` for none.

    What it refers to counts whether it exists or not: what one may not see can not be told from nothing.
    """
    command = request.command
    action = command.action_on(state) or request.aggregate.action
    request.authorize(action, _project_concerned(command, project_id))
    for referred_id in command.projects_referred():
        request.authorize(action, referred_id)


def _project_concerned(command: Command, project_id: UUID | None) -> UUID | None:
    """The project in which the command must be allowed; `None` for what concerns the organization itself."""
    if command.concerns_organization:
        return None
    return project_id or getattr(command, "project_id", None)


def _decided(request: CommandRequest, before: Loaded, events: Sequence[EventData]) -> Decided:
    """Fold the events and make them ready for the log. The project of an event is that of the state after it."""
    state = before.state
    new: list[NewEvent] = []
    for number, data in enumerate(events):
        state = request.aggregate.evolve(state, data)
        new.append(
            NewEvent(
                event_id=request.event_ids(number),
                stream=request.stream,
                version=before.version + number + 1,
                project_id=state.project_id or getattr(data, "project_id", None),
                data=data,
                effective_at=request.command.effective_at,
                effective_floor=before.effective_at if before.version else None,
                on_behalf_of=request.on_behalf_of,
                traceparent=request.traceparent,
            )
        )
    recording = Recording(
        org_id=request.org_id,
        actor=request.actor,
        expectations=(Expectation(request.stream, before.version),),
        events=tuple(new),
        answer=_answer(request, before.version + len(new), state),
        key=request.key,
    )
    return Decided(recording, before, state)


def _answer(request: CommandRequest, version: int, state: Any) -> Answer:
    aggregate = request.aggregate
    return Answer(
        status=201 if request.is_creating else 200,
        body=resource_body(aggregate, request.entity_id, version, state) if request.wants_resource else b"",
        version=version,
        location=f"/v1/{aggregate.plural}/{request.entity_id}" if request.is_creating else None,
    )
