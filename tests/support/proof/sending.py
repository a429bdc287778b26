"""Sends a command until it is settled, as a careful client does: with one key, whatever happens on the way."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from uuid import UUID

import httpx2

from tests.support.proof.ledger import Asked, Entry, Ledger, Told

ATTEMPTS_MAX = 400
PAUSE_SECONDS = 0.15
PATIENCE_SECONDS = 2.0
CONNECT_SECONDS = 1.0
# The command was not decided: the same key may be sent again.
NOT_SETTLED = frozenset({"in_progress", "contended"})

TokenOf = Callable[[UUID, UUID], str]


@dataclass
class Sender:
    """Knows one or more addresses of projects and picks one anew for each attempt."""

    addresses: Sequence[str]
    ledger: Ledger
    token_of: TokenOf
    chance: Random = field(default_factory=lambda: Random(1))
    frozen: set[str] = field(default_factory=set)
    patience_seconds: float = PATIENCE_SECONDS

    def __post_init__(self) -> None:
        self._client = httpx2.AsyncClient(
            timeout=httpx2.Timeout(self.patience_seconds, connect=CONNECT_SECONDS),
            trust_env=False,
            limits=httpx2.Limits(max_connections=200, max_keepalive_connections=100),
        )
        self._tokens: dict[tuple[UUID, UUID], str] = {}

    async def close(self) -> None:
        await self._client.aclose()

    async def settle(self, asked: Asked, *, hang_up_seconds: float | None = None) -> Entry:
        """Send until there is an answer that settles it; with `hang_up_seconds` the first attempt is given up."""
        entry = self.ledger.ask(asked)
        await self._settle(entry, hang_up_seconds)
        return entry

    async def ask_again(self, entry: Entry) -> None:
        """Send a settled command once more, as a client that forgot does."""
        await self._settle(entry, None)

    async def _settle(self, entry: Entry, hang_up_seconds: float | None) -> None:
        for number in range(ATTEMPTS_MAX):
            told = await self._attempt(entry, hang_up_seconds if number == 0 else None)
            if told is not None:
                self.ledger.tell(entry, told)
                return
            await asyncio.sleep(PAUSE_SECONDS * self.chance.uniform(0.2, 1.8))

    async def _attempt(self, entry: Entry, hang_up_seconds: float | None) -> Told | None:
        self.ledger.attempts += 1
        asked, address = entry.asked, self.chance.choice(self.addresses)
        try:
            async with asyncio.timeout(hang_up_seconds):
                answer = await self._client.post(
                    f"{address}{asked.path}",
                    content=asked.content,
                    headers={
                        "Content-Type": "application/json",
                        "Authorization": f"Bearer {self._token(asked)}",
                        "Idempotency-Key": asked.key,
                    },
                )
        except (httpx2.TransportError, TimeoutError) as error:
            self.ledger.disturb(type(error).__name__)
            entry.is_left_behind |= address in self.frozen
            return None
        code = "" if answer.is_success else str(answer.json().get("code", ""))
        if answer.status_code >= 500 or code in NOT_SETTLED:
            self.ledger.disturb(code or str(answer.status_code))
            return None
        position = answer.headers.get("Milepost-Position")
        version = answer.headers.get("ETag", "").strip('"')
        return Told(
            answer.status_code,
            _without_secret(answer.content),
            None if position is None else int(position),
            int(version) if version.isdecimal() else None,
            code,
        )

    def _token(self, asked: Asked) -> str:
        person = (asked.org_id, asked.actor)
        if person not in self._tokens:
            self._tokens[person] = self.token_of(*person)
        return self._tokens[person]


def _without_secret(body: bytes) -> bytes:
    """The secret of an API key is told once, and left out where the same answer is given again."""
    shown, _, secret = body.partition(b',"secret":')
    return shown + b"}" if secret else body
