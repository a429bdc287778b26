"""Every door through which bytes of others come in, as a function that raises nothing whatever it is given.

What a door may refuse with is caught here, and what it lets in is held to what it promises.
"""

import asyncio
import json
import tempfile
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_network
from pathlib import Path
from uuid import UUID

from pydantic import ValidationError
from starlette.requests import Request

from libs.access import api_keys
from libs.chassis import claims as says
from libs.chassis.bodies import require_strict
from libs.chassis.client_address import ClientAddresses
from libs.chassis.conditional import if_match, is_unmodified
from libs.chassis.development_issuer import AUDIENCE, ISSUER, DevelopmentIssuer
from libs.chassis.freshness import wait_seconds
from libs.chassis.identity import MALFORMED, SERVICE_AUDIENCE, bearer_token, person_of, person_verifier
from libs.chassis.key_sets import SigningKeys
from libs.chassis.moments import read_instant, read_moment
from libs.chassis.pagination import page_request, sort_keys
from libs.chassis.problems import Problem, problem_of
from libs.chassis.tracing import child_of
from libs.events import catalogue, vocabulary
from libs.events.envelope import UnreadableEvent, cloud_event, read_cloud_event
from services.notifications.channels.webhooks.addresses import EgressPolicy, RefusedDestination, check_url
from services.projects.aggregate import Command
from services.projects.aggregates import AGGREGATES
from tests.support.any_bytes import converters

Door = Callable[[bytes], None]

assert vocabulary.CONTEXTS, "the catalogue is filled by the vocabulary"
DEVELOPMENT, PUBLIC = EgressPolicy(allow_loopback=True), EgressPolicy()
COMMANDS: tuple[type[Command], ...] = tuple(
    kind for aggregate in AGGREGATES for kind in (aggregate.creating[1], *aggregate.commands.values())
)
EXPECTED = says.Expected(ISSUER, AUDIENCE, SERVICE_AUDIENCE, 900)
ISSUED_AT = 1_800_000_000.0
LOOP = asyncio.new_event_loop()
KEYS = tempfile.TemporaryDirectory(prefix="milepost-any-bytes-")
VERIFIER = person_verifier(
    SigningKeys.of_file(DevelopmentIssuer(Path(KEYS.name)).jwks_file), ISSUER, AUDIENCE, 900
)
ADDRESSES = ClientAddresses([ip_network("127.0.0.0/8")])


def text_of(content: bytes) -> str:
    """As servers read headers."""
    return content.decode("latin-1")


def body(content: bytes) -> None:
    """What is strict is read alike by everybody, and again the same once it was written."""
    with suppress(Problem):
        require_strict(content)
        written = json.dumps(json.loads(content)).encode()
        require_strict(written)


def command(content: bytes) -> None:
    """The first byte chooses the command, the others are its body."""
    kind = COMMANDS[content[0] % len(COMMANDS)] if content else COMMANDS[0]
    try:
        require_strict(content[1:])
        read = kind.model_validate_json(content[1:])
    except Problem:
        return
    except ValidationError as refused:
        problem_of(refused)
        return
    assert kind.model_validate_json(read.model_dump_json()) == read


def event(content: bytes) -> None:
    """What was read can be written, and reads the same again."""
    with suppress(UnreadableEvent, catalogue.UnknownEvent, catalogue.InvalidEvent):
        envelope = read_cloud_event(content)
        assert read_cloud_event(cloud_event(envelope)) == envelope
        catalogue.read(envelope)


def page(content: bytes) -> None:
    """A query string with whatever it asks of a page; servers let only ASCII in."""
    if not content.isascii():
        return
    scope = {"type": "http", "path": "/v1/timeline/issues", "query_string": content, "headers": []}
    request = Request({**scope, "server": ("timeline", 80), "scheme": "http"})
    with suppress(Problem):
        asked = page_request(request, UUID(int=1))
        asked.headers(asked.next_cursor(["a", 1, None]))
        sort_keys(request.query_params.get("sort"), ("name", "state"), "name")


def moment(content: bytes) -> None:
    for text in (text_of(content), content.decode(errors="replace")):
        with suppress(Problem):
            read_moment("as_of", text)
        with suppress(Problem):
            read_instant("effective_at", text)


def condition(content: bytes) -> None:
    header = text_of(content)
    with suppress(Problem):
        if_match(header)
    with suppress(Problem):
        is_unmodified(header, '"7"')
    assert 0 <= wait_seconds(header) <= 5


def trace(content: bytes) -> None:
    """Whatever a client sends, what goes on is a valid trace."""
    own = child_of(text_of(content))
    assert child_of(own)[3:35] == own[3:35]
    ADDRESSES.of("127.0.0.1", text_of(content))


def token(content: bytes) -> None:
    with suppress(Problem):
        LOOP.run_until_complete(VERIFIER.identify(bearer_token(f"Bearer {text_of(content)}")))


def claims(content: bytes) -> None:
    """What a signed token says; whoever signed it may have been careless."""
    with suppress(*MALFORMED):
        found = says.strict_object(content)
        says.expiry(found, EXPECTED, ISSUED_AT)
        says.require_access_token(found)
        person_of(found)


def api_key(content: bytes) -> None:
    text = text_of(content)
    key = api_keys.read(text)
    assert key is None or str(key) == text


def url(content: bytes) -> None:
    """What may be connected to is read the same way once more."""
    for policy in (PUBLIC, DEVELOPMENT):
        with suppress(RefusedDestination):
            allowed = check_url(policy, content.decode(errors="replace"))
            assert check_url(policy, str(allowed)).host == allowed.host


DOORS: dict[str, Door] = {
    "body": body,
    "command": command,
    "event": event,
    "page": page,
    "moment": moment,
    "condition": condition,
    "trace": trace,
    "token": token,
    "claims": claims,
    "api_key": api_key,
    "url": url,
    "csv": converters.csv,
    "xes": converters.log_of_xes,
    "milestones": converters.milestones,
    "timestamp": converters.timestamp,
}
