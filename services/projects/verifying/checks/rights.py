"""Who may do what, as a consumer keeps it for its requests, against an independent fold of those events.

What is held in memory is bounded by how many organizations, members and keys there are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from services.projects.verifying.consumer import Consumer
from services.projects.verifying.findings import Finding, Row, Verdict
from services.projects.verifying.folding.reading import folded, kind_of
from services.projects.verifying.folding.state import LogContradicted, State
from services.projects.verifying.log import Event
from services.projects.verifying.sessions import PAGE_ROWS

HANDLER = "access"
OF_OFFBOARDING = ("offboarded_at", "offboarded_position", "forgotten_at")
ADVICE = (
    "Whoever is named here may do too much or too little in this service. Have it read the log again: empty the tables"
    " access_…, remove the checkpoint `access`, restart (docs/operating.md, Roles, and what holds organizations apart)."
)
KEYS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "access_organizations": ("org_id",),
        "access_members": ("org_id", "person_id"),
        "access_project_members": ("org_id", "person_id", "project_id"),
        "access_api_keys": ("org_id", "api_key_id"),
    }
)
Key = tuple[str, ...]


@dataclass(slots=True)
class Rights:
    """Pages by stream."""

    consumer: Consumer
    verdict: Verdict
    stream: tuple[str, str] = ("", "")
    state: State | None = None
    expected: dict[tuple[str, Key], tuple[int, Row]] = field(default_factory=dict)

    @classmethod
    async def of(cls, consumer: Consumer) -> "Rights":
        tables = {f"{consumer.name}.{table}" for table in KEYS}
        return cls(consumer, Verdict(f"{consumer.name}_rights", ADVICE, tables=tables))

    async def see(self, events: Sequence[Event]) -> None:
        for event in events:
            if kind_of(event["stream"]) in ROWS and self._is_kept(event):
                self._fold(event)

    async def finish(self) -> None:
        self._stands()
        for table, key in KEYS.items():
            after: Key | None = None
            while page := await self._page(table, key, after):
                for row in page:
                    self._compare(table, tuple(row[name] for name in key), _shown(row))
                after = tuple(page[-1][name] for name in key)
        for (table, key_of_row), (position, missing) in self.expected.items():
            named = dict(zip(KEYS[table], key_of_row, strict=True))
            self.verdict.add(Finding.of(table, named, position, missing, None))

    def _is_kept(self, event: Event) -> bool:
        """Of an organization that was offboarded and forgotten only that stays."""
        if kind_of(event["stream"]) == "organization":
            return self.consumer.has_applied(HANDLER, event["position"])
        return self.consumer.keeps(HANDLER, event)

    def _fold(self, event: Event) -> None:
        stream = (event["org_id"], event["stream"])
        if stream != self.stream:
            self._stands()
            self.stream, self.state = stream, None
        secrets = _secrets(self.state, event)
        try:
            self.state = {**folded(self.state, event).state, **secrets}
        except LogContradicted as error:
            self.verdict.notes.append(f"position {event['position']}: {error}")

    def _stands(self) -> None:
        if self.state is None:
            return
        for table, row in ROWS[kind_of(self.stream[1])](self.state):
            key = tuple(row[name] for name in KEYS[table])
            self.expected[table, key] = (self.state["known_from"], row)

    def _compare(self, table: str, key: Key, found: Row) -> None:
        self.verdict.saw(found)
        position, row = self.expected.pop((table, key), (None, None))
        if found != row and not self._goes(found, row):
            self.verdict.add(
                Finding.of(table, dict(zip(KEYS[table], key, strict=True)), position, row, found)
            )

    def _goes(self, found: Row, expected: Row | None) -> bool:
        """Whether a row is on its way out with its organization."""
        return expected is None and found["org_id"] in self.consumer.forgotten

    async def _page(self, table: str, key: Key, after: Key | None) -> list[dict[str, Any]]:
        names = ", ".join(key)
        places = ", ".join(f"${number}::text::uuid" for number in range(1, len(key) + 1))
        behind = "" if after is None else f"where ({names}) > ({places})"
        statement = (
            f"select to_jsonb(found)::text from {table} as found {behind} order by {names} limit {PAGE_ROWS}"
        )
        return await self.consumer.session.rows(statement, *(after or ()))


def _shown(row: Row) -> Row:
    """Without what is noted of an offboarding: what was offboarded before that was noted has made-up values there."""
    return {name: value for name, value in row.items() if name not in OF_OFFBOARDING}


def _secrets(before: State | None, event: Event) -> State:
    """The hashes that open, which are no part of what timeline shows of a key."""
    data = event["data"]
    match event["type"]:
        case "api_key.issued":
            return {"secret_hash": data["secret_hash"], "former_secret_hash": None}
        case "api_key.rotated" if before is not None:
            former = before["secret_hash"] if data.get("former_valid_until") else None
            return {"secret_hash": data["secret_hash"], "former_secret_hash": former}
    return {}


def _of_organization(state: State) -> list[tuple[str, Row]]:
    names = ("org_id", "requires_if_match", "is_offboarded")
    return [("access_organizations", {name: state[name] for name in names})]


def _of_member(state: State) -> list[tuple[str, Row]]:
    if state["role"] is None:
        return []
    person = {"org_id": state["org_id"], "person_id": state["member_id"]}
    roles = state["project_roles"].items()
    return [
        ("access_members", {**person, "role": state["role"]}),
        *(("access_project_members", {**person, "project_id": each, "role": role}) for each, role in roles),
    ]


def _of_api_key(state: State) -> list[tuple[str, Row]]:
    names = ("org_id", "api_key_id", "secret_hash", "former_secret_hash", "former_valid_until", "scopes")
    row = {name: state[name] for name in (*names, "project_ids", "expires_at")}
    return [] if state["is_revoked"] else [("access_api_keys", row)]


ROWS = MappingProxyType({"organization": _of_organization, "member": _of_member, "api_key": _of_api_key})
