"""Whether somebody with an API key is let into NATS, and what they may do there: fetch and acknowledge."""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import structlog

from libs.access import api_keys
from libs.access.directory import Directory, IssuedKey
from libs.access.key_uses import NoteUse
from libs.chassis.clock import utc_now
from libs.chassis.rate_limiting import Quota
from libs.events.jetstream import IMPORTED_API, STREAM
from services.projects.admission.durables import Durables, filters_of, name_of
from services.projects.admission.issuing import Admission, Issuer, NoRequest, Request, read_request
from services.projects.admission.measuring import ADMISSIONS

ACCOUNT = "INTEGRATIONS"
# The server asks again when this is over: what was taken from a key is gone from its open connections by then.
ADMITTED_SECONDS_MAX = 300
# The server waits two seconds for an answer.
DECIDE_SECONDS_MAX = 1.5
ATTEMPTS_OF_ADDRESS_PER_SECOND = 2.0
# With the time a connection lasts, this is also how many a key can have: 36 in each process.
ADMISSIONS_OF_KEY_PER_SECOND = 0.1

log = structlog.get_logger(__name__)


class Refused(Exception):
    """Somebody is not let in. Only operators are told why."""


class Doorkeeper:
    """Answers the servers' questions. `note_use` is told of every key that was let in.

    `clock` tells the instant, `seconds` the seconds for rate limits.
    """

    def __init__(
        self,
        issuer: Issuer,
        directory: Directory,
        durables: Durables,
        note_use: NoteUse,
        *,
        clock: Callable[[], datetime] = utc_now,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuer = issuer
        self._directory = directory
        self._durables = durables
        self._note_use = note_use
        self._clock = clock
        self._seconds = seconds
        self._addresses = Quota("address", ATTEMPTS_OF_ADDRESS_PER_SECOND)
        self._keys = Quota("key", ADMISSIONS_OF_KEY_PER_SECOND)
        self._admitted: dict[str, int] = {}

    async def answer(self, question: bytes) -> bytes | None:
        """The signed answer, a refusal if anything is in doubt; `None` for what no server asked. Never raises."""
        try:
            request = read_request(question)
        except NoRequest as error:
            log.warning("admission_not_asked", error=str(error))
            return None
        try:
            async with asyncio.timeout(DECIDE_SECONDS_MAX):
                admission = await self._decide(request)
        except Refused as refused:
            ADMISSIONS.labels("refused").inc()
            log.info("admission_refused", address=request.address, reason=str(refused))
            return self._issuer.refuse(request)
        except Exception as error:
            ADMISSIONS.labels("failed").inc()
            log.warning("admission_failed", address=request.address, error=f"{type(error).__name__}: {error}")
            return self._issuer.refuse(request)
        ADMISSIONS.labels("admitted").inc()
        log.info("admitted", key=admission.name, address=request.address)
        return self._issuer.admit(request, admission)

    def admitted(self) -> frozenset[str]:
        """The durables of those who were let in here and may still be connected."""
        now = self._clock().timestamp()
        self._admitted = {name: until for name, until in self._admitted.items() if until > now}
        return frozenset(self._admitted)

    async def filters(self, org_id: UUID, api_key_id: UUID) -> tuple[str, ...]:
        """What the durable of a key may deliver today: nothing, where the key opens nothing."""
        issued = await self._directory.api_key(org_id, api_key_id)
        if issued is None or (issued.expires_at is not None and issued.expires_at <= self._clock()):
            return ()
        return filters_of(org_id, issued.scope)

    async def _decide(self, request: Request) -> Admission:
        if self._addresses.take(request.address, self._seconds())[0] < 0:
            raise Refused("too many attempts from this address")
        key = api_keys.read(request.secret)
        if key is None:
            raise Refused("no API key")
        name = name_of(key.org_id, key.api_key_id)
        issued = await self._directory.api_key(key.org_id, key.api_key_id)
        if issued is None or not issued.opens_with(key, self._clock()):
            raise Refused(f"{name} is no valid key")
        filters = filters_of(key.org_id, issued.scope)
        if not filters:
            raise Refused(f"{name} may read no project")
        # Only who has the key takes from it: nobody else can lock its holder out.
        if self._keys.take(name, self._seconds())[0] < 0:
            raise Refused(f"{name} connects too often")
        await self._durables.put(name, filters)
        self._note_use(key.org_id, key.api_key_id, self._clock())
        return self._admission(name, issued)

    def _admission(self, name: str, issued: IssuedKey) -> Admission:
        until = int(self._clock().timestamp()) + ADMITTED_SECONDS_MAX
        if issued.expires_at is not None:
            until = min(until, int(issued.expires_at.timestamp()))
        self._admitted[name] = until
        return Admission(
            account=ACCOUNT,
            name=name,
            publish=(
                f"{IMPORTED_API}.CONSUMER.MSG.NEXT.{STREAM}.{name}",
                f"{IMPORTED_API}.CONSUMER.INFO.{STREAM}.{name}",
                f"$JS.ACK.{STREAM}.{name}.>",
            ),
            subscribe=(f"_INBOX_{name}.>",),
            expires_at=until,
        )
