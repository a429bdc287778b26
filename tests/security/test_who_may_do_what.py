"""Who may do what, whole (T1, T3): every operation by everybody, compared with the table in who_may.txt.

`yes` allowed, `no` forbidden (403), `hidden` answered as if there were nothing (404), `-` not let in (401).
"""

import json
from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path

import pytest

from deploy.local.stack import Stack
from tests.security.operations import LINES, Operation, import_line
from tests.security.organizations import (
    KEYS,
    ORGANIZATION_ROLES,
    PROJECT_ROLES,
    Clients,
    Organization,
    clients,
    token_of,
)

TABLE = Path(__file__).with_name("who_may.txt")
LINE_WORDS = {"forbidden": "no", "not_found": "hidden"}
WORDS = {401: "-", 403: "no", 404: "hidden"}
# Every version is another one: whoever is allowed is told so by 412, and nothing changes for the next.
NOBODYS_VERSION = {"If-Match": '"999999"'}
ASKED_WRONGLY = {"invalid_request", "method_not_allowed", "unsupported_media_type", "too_many_requests"}
WHO = ("nobody", "expired", "stranger", "outsider", *PROJECT_ROLES, *ORGANIZATION_ROLES, *KEYS)


@pytest.fixture(scope="session")
def everybody(stack: Stack, ours: Organization, theirs: Organization) -> Iterator[dict[str, Clients]]:
    expired = token_of(stack, ours, "owner", lifetime_seconds=-600)
    with clients(stack, None) as nobody, clients(stack, expired) as too_late:
        yield {"nobody": nobody, "expired": too_late, "stranger": theirs.owner, **ours.people}


def word_for(person: Clients, operation: Operation, ours: Organization) -> str:
    request = operation.request(ours.shared.ids)
    request["headers"] = {**request.get("headers", {}), **NOBODYS_VERSION}
    answer = operation.sent_by(person[operation.service], request)
    problem = answer.json().get("code") if answer.is_error else None
    assert answer.status_code < 500, f"{operation}: {answer.text}"
    assert problem not in ASKED_WRONGLY, f"{operation}: {answer.text}"
    if operation.media_type == LINES and answer.is_success:
        return LINE_WORDS.get(json.loads(answer.text.splitlines()[0]).get("code"), "yes")
    return WORDS.get(answer.status_code, "yes")


def test_the_whole_matrix_is_the_one_in_the_table(
    every_operation: list[Operation], everybody: dict[str, Clients], ours: Organization
) -> None:
    wide = max(len(str(operation)) for operation in every_operation)
    lines = ["  ".join([" " * wide, *WHO])]
    for operation in every_operation:
        words = (f"{word_for(everybody[who], operation, ours):<{len(who)}}" for who in WHO)
        lines.append("  ".join([f"{operation!s:<{wide}}", *words]))

    found, wanted = [line.rstrip() for line in lines], TABLE.read_text(encoding="utf-8").splitlines()
    assert found == wanted, "\n".join(unified_diff(wanted, found, "who_may.txt", "the services", lineterm=""))


@pytest.mark.parametrize("verb", ["found", "offboard"])
def test_no_line_of_an_import_does_what_only_operators_may(ours: Organization, verb: str) -> None:
    for aggregate, entity_id in (("organization", ours.org_id), ("member", ours.person_ids["outsider"])):
        line = import_line(f"{aggregate}.{verb}", f"{aggregate}-{entity_id}")
        answer = ours.owner["projects"].post("/v1/imports", content=line, headers={"Content-Type": LINES})
        assert json.loads(answer.text.splitlines()[0])["outcome"] in ("malformed", "refused"), answer.text
