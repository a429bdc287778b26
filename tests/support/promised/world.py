"""Everything one organization has by the rules as they were promised, and what each request to it is answered with."""

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from tests.support.promised import issues, milestones, people, projects
from tests.support.promised.outcome import Became, Body, Refused, Rule, State

RULES: dict[str, Rule] = {
    "project": projects.project,
    "milestone": milestones.milestone,
    "issue": issues.issue,
    "member": people.member,
    "api_key": people.api_key,
}
CREATING = {"project": "propose", "milestone": "plan", "issue": "raise", "member": "join", "api_key": "issue"}
MAKE_SECRETS = frozenset({"issue", "rotate"})
# Later than every instant that is named, and as texts compare.
NOW = "now"
FUTURE = "2999-01-01T00:00:00Z"


@dataclass(frozen=True)
class Wish:
    """A command for the thing of that kind and id; `if_match` is the whole header, `key` that of idempotency."""

    kind: str
    entity_id: str
    verb: str
    body: Body
    if_match: str | None = None
    key: str | None = None

    @property
    def stream(self) -> str:
        return f"{self.kind}-{self.entity_id}"

    @property
    def is_creating(self) -> bool:
        return CREATING[self.kind] == self.verb

    @property
    def operation(self) -> tuple[Any, ...]:
        """What must be the same for the same key."""
        return (self.kind, None if self.is_creating else self.entity_id, self.verb, dict(self.body))


@dataclass(frozen=True)
class Answer:
    """`state` and `version` are of the thing afterwards; a refusal has neither, but a stale one tells the version."""

    status: int
    code: str | None = None
    state: State | None = None
    version: int | None = None
    position: int | None = None
    tells_secret: bool = False
    is_replayed: bool = False


@dataclass
class Entity:
    """A thing, and of its last event the position and when it was true."""

    state: State
    version: int
    position: int
    effective_at: str


@dataclass
class World:
    """`head` is the position of the last event of all."""

    actor: str
    head: int = 0
    entities: dict[str, Entity] = field(default_factory=dict)
    answers: dict[str, tuple[Wish, Answer]] = field(default_factory=dict)
    about: str = ""

    def project(self, project_id: str) -> State | None:
        found = self.entities.get(f"project-{project_id}")
        return None if found is None else found.state

    def exists(self, stream: str) -> bool:
        return stream in self.entities

    def copy(self) -> "World":
        return deepcopy(self)

    def ask(self, wish: Wish) -> Answer:
        """The answer to a request; what its key is known for comes before everything else."""
        if wish.key in self.answers:
            asked, answer = self.answers[wish.key]
            if asked.operation != wish.operation:
                return Answer(422, "idempotency_key_reused")
            replayed = {**vars(answer), "is_replayed": True, "tells_secret": False}
            return Answer(**replayed)
        answer = self._handled(wish)
        if wish.key is not None and answer.code is None:
            self.answers[wish.key] = (wish, answer)
        return answer

    def _handled(self, wish: Wish) -> Answer:
        entity = self.entities.get(wish.stream)
        if entity is None and not wish.is_creating:
            return Answer(404, "not_found")
        if entity is not None and not _allows(wish.if_match, entity.version):
            return Answer(412, "stale_version", version=entity.version)
        try:
            _check_time(wish.body.get("effective_at"), entity)
            became = self.decide(wish)
        except Refused as refusal:
            return Answer(409, refusal.code)
        return self._recorded(wish, entity, became)

    def decide(self, wish: Wish) -> Became:
        """What the rules of the kind say; raises `Refused`."""
        entity = self.entities.get(wish.stream)
        self.about = wish.entity_id
        before = None if entity is None else entity.state
        return RULES[wish.kind](self, before, wish.verb, wish.body)

    def _recorded(self, wish: Wish, before: Entity | None, became: Became) -> Answer:
        if became.events:
            self.record(wish, became)
        entity = self.entities[wish.stream]
        if became.events and wish.verb == "propose":
            self._managed_by_proposer(wish)
        # Without an event the answer is as of the thing's last one; with a key it is recorded, as of the head.
        position = self.head if became.events or wish.key is not None else entity.position
        status = 201 if wish.is_creating else 200
        tells_secret = wish.kind == "api_key" and wish.verb in MAKE_SECRETS
        return Answer(status, None, deepcopy(entity.state), entity.version, position, tells_secret)

    def record(self, wish: Wish, became: Became) -> None:
        before = self.entities.get(wish.stream)
        self.head += became.events
        version = (before.version if before else 0) + became.events
        effective_at = wish.body.get("effective_at") or NOW
        self.entities[wish.stream] = Entity(became.state, version, self.head, effective_at)

    def _managed_by_proposer(self, wish: Wish) -> None:
        """Whoever proposes a project as a member becomes its manager, in the same append."""
        member = self.entities.get(f"member-{self.actor}")
        if member is not None and member.state["role"] is not None:
            joined = people.joined_project(member.state, wish.entity_id, "manager")
            self.record(Wish("member", self.actor, "join-project", {}), joined)


def _allows(if_match: str | None, version: int) -> bool:
    if if_match is None or if_match == "*":
        return True
    return f'"{version}"' in [tag.strip().removeprefix("W/") for tag in if_match.split(",")]


def _check_time(effective_at: str | None, entity: Entity | None) -> None:
    if effective_at == FUTURE:
        raise Refused("effective_in_future")
    if effective_at is not None and entity is not None and effective_at < entity.effective_at:
        raise Refused("effective_before_last_change")
