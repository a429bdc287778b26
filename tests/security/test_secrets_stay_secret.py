"""Canaries in every place where a secret or a person's words may be: none comes out in a log, span, metric or error."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx2
import pytest

from deploy.local.programs import SERVICES
from deploy.local.stack import Stack
from tests.security.organizations import Clients, Organization, say, settled
from tests.support.spans import Collector, collecting
from tests.support.stacks import running_stack

WORDS = "ann.canary@private.example"
FORGED = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJl"
BASIC = "Y2FuYXJ5OmNhbmFyeQ"
LINE_BREAK = "spoofed%0d%0a%7b%22event%22:%22forged_line%22%7d"
SECRET_SETTINGS = ("_URL", "_TOKEN", "_KEY", "_SEED")
# Whatever looks like a token is one, whoever minted it.
TOKEN_FORMS = re.compile(r"eyJ[\w-]{8,}\.eyJ|mpk_[0-9a-f]{64}_|whsec_[\w+/]{8,}")


@dataclass
class Seen:
    """What came out, by where it came out, and the secrets that must not be in it."""

    secrets: set[str] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)

    def answered(self, answer: httpx2.Response) -> None:
        assert answer.status_code >= 400, answer.text
        self.errors.append(answer.text)


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as collecting_spans:
        yield collecting_spans


@pytest.fixture(scope="module")
def watched(collector: Collector) -> Iterator[Stack]:
    """A system of its own that tells as much as it can: debugging lines and spans."""
    told = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "MILEPOST_LOG_LEVEL": "debug"}
    with running_stack({**told, "MILEPOST_GRANTS_IN_TOKENS": "false"}) as stack:
        yield stack


def secrets_of(stack: Stack) -> set[str]:
    """Passwords, keys and tokens that the services are told by their environment."""
    found = set()
    for service in SERVICES:
        for name, value in stack.settings(service, administrator=True).items():
            if name.startswith("MILEPOST_") and name.endswith(SECRET_SETTINGS):
                secret = urlsplit(value).password if "://" in value else value.rpartition(":")[2]
                found |= {secret} if secret and len(secret) > 15 else set()
    assert len(found) >= 8
    return found


def live(stack: Stack, organization: Organization, seen: Seen) -> None:
    """What people and programs do all day, with the words of a person in every text."""
    owner = organization.owner
    wish = {"url": "http://127.0.0.1:9/hooks", "description": WORDS}
    hook = say(owner, "notifications", "notifications/webhooks", **wish).json()
    key = say(owner, "projects", "api-keys", name=WORDS, scopes=["read"]).json()
    again = say(owner, "projects", f"api-keys/{key['api_key_id']}/rotate").json()
    seen.secrets |= {hook["secret"].removeprefix("whsec_"), key["secret"], again["secret"]}
    for clients in organization.people.values():
        seen.secrets.add(clients["projects"].headers["authorization"].partition(" ")[2])


def offend(person: Clients, seen: Seen) -> None:
    """What is refused, and must not be quoted."""
    for service in SERVICES:
        client = person[service]
        for value in (f"Bearer {FORGED}", f"Basic {BASIC}", f"Bearer mpk_{'a' * 64}_{'b' * 64}", WORDS):
            seen.answered(client.get("/v1/access-log", headers={"Authorization": value}))
        seen.answered(client.get(f"/v1/{LINE_BREAK}", headers={"traceparent": f"00-{FORGED}\r\tx"[:40]}))
        seen.answered(client.get("/v1/access-log", params={"cursor": FORGED, "access_token": FORGED}))
    # A field that does not exist is named to its sender, its value is not.
    for body in (f'{{"name": "{WORDS}", "unknown": "{WORDS}"}}', f'{{"name": ["{WORDS}"]}}', f"{{{WORDS}"):
        seen.answered(
            person["projects"].post(
                "/v1/projects", content=body, headers={"Content-Type": "application/json"}
            )
        )


def fail(stack: Stack, person: Clients, seen: Seen) -> None:
    """The database goes away while requests come: drivers like to quote what they were told."""
    stack.kill("postgres")
    try:
        for service, path in {"projects": "access-log", "timeline": "timeline/projects"}.items():
            seen.answered(person[service].get(f"/v1/{path}"))
        seen.answered(person["projects"].post("/v1/projects", json={"name": WORDS}))
    finally:
        stack.start_again("postgres")
        for service in SERVICES:
            stack.wait_until_ready(service)


def logs(stack: Stack) -> dict[str, str]:
    return {
        file.name: file.read_text() for file in (stack.directory / "logs").iterdir() if file.suffix == ".log"
    }


def test_no_secret_and_no_persons_words_come_out_where_operators_look(
    watched: Stack, collector: Collector
) -> None:
    seen = Seen(secrets_of(watched) | {WORDS, FORGED, BASIC})
    with settled(watched, WORDS) as organization:
        live(watched, organization, seen)
        offend(organization.owner, seen)
        fail(watched, organization.owner, seen)
    metrics = {
        service: httpx2.get(watched.whereabouts.metrics_url(service), trust_env=False).text
        for service in SERVICES
    }
    for service in SERVICES:
        watched.restart(service)
    told = {
        **{f"log of {name}": text for name, text in logs(watched).items()},
        **{f"metrics of {service}": text for service, text in metrics.items()},
        "spans": collector.received.decode("latin-1"),
        "errors": "\n".join(seen.errors),
    }
    assert len(told["spans"]) > 1_000
    for place, text in told.items():
        for secret in seen.secrets:
            assert secret not in text, (place, secret)
        assert not TOKEN_FORMS.search(text), (place, TOKEN_FORMS.search(text))


def test_no_request_can_write_a_line_of_its_own_into_a_log(watched: Stack) -> None:
    for service in SERVICES:
        lines = watched.whereabouts.log(service).read_text().splitlines()
        assert len(lines) > 10
        for line in lines:
            assert json.loads(line)["event"] != "forged_line", line


def test_no_refused_token_is_logged_as_an_error(watched: Stack) -> None:
    for service in SERVICES:
        lines = map(json.loads, watched.whereabouts.log(service).read_text().splitlines())
        assert not [line for line in lines if line["event"] == "request_failed"]
