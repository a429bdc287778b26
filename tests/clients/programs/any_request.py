"""What Schemathesis does here beside its own: it uses ids that exist, sometimes another token, and knows our rules.

Loaded by Schemathesis (`SCHEMATHESIS_HOOKS`), which sends whatever a document allows and much that it does not.
"""

import atexit
import json
import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import schemathesis

IDS = Path(os.environ["MILEPOST_IDS"])
MAKES_IDS = os.environ["MILEPOST_MAKES_IDS"] == "True"
COUNTS = Path(os.environ["MILEPOST_COUNTS"])
TOKEN = os.environ["MILEPOST_TOKEN"]
OTHER_TOKENS: list[str] = json.loads(os.environ["MILEPOST_OTHER_TOKENS"])
CHANCE_OF_KNOWN_ID, CHANCE_OF_OTHER_TOKEN, CHANCE_OF_SEEING = 0.7, 0.04, 0.7
# Made up, these mostly lead where there is nothing to be seen.
HIDING = ("min_position", "as_of", "cursor", "wait")
KNOWN_IDS_MAX = 20
PROBLEM = "application/problem+json"
# Refused because it can not be answered yet, as promised; whatever else begins with 5 is a fault.
PROMISED = frozenset({"projection_behind"})
# Of the server and of HTTP itself; they say nothing about an operation.
UNDESCRIBED = frozenset(
    {
        "access-control-allow-origin", "access-control-expose-headers", "cache-control", "connection",
        "content-encoding", "content-length", "content-type", "date", "keep-alive", "server", "transfer-encoding",
        "vary", "x-content-type-options",
    }
)  # fmt: skip

chance = random.Random(os.environ["MILEPOST_SEED"])
known_ids: dict[str, list[str]] = json.loads(IDS.read_text()) if IDS.exists() else {}
statuses: Counter[str] = Counter()


@atexit.register
def write_down() -> None:
    if MAKES_IDS:
        IDS.write_text(json.dumps(known_ids))
    COUNTS.write_text(json.dumps(statuses))


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Most ids that are made up name nothing; what exists is more worth trying."""
    if isinstance(case.path_parameters, dict):
        case.path_parameters = {name: _known(name, value) for name, value in case.path_parameters.items()}
    if isinstance(case.body, dict):
        case.body = {name: _known(name, value) for name, value in case.body.items()}
    for name in HIDING:
        if isinstance(case.query, dict) and chance.random() < CHANCE_OF_SEEING:
            case.query = {key: value for key, value in case.query.items() if key != name}
    token = chance.choice(OTHER_TOKENS) if chance.random() < CHANCE_OF_OTHER_TOKEN else TOKEN
    case.headers["Authorization"] = f"Bearer {token}"
    if "Prefer" in case.headers:
        # Nobody has time to wait for positions that never come.
        case.headers["Prefer"] = "wait=0"


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    statuses[str(response.status_code)] += 1
    if response.status_code < 300 and response.headers.get("content-type", [""])[0] == "application/json":
        for name, found in _ids_in(response.json()):
            ids = known_ids.setdefault(name, [])
            if found not in ids:
                del ids[: len(ids) - KNOWN_IDS_MAX + 1]
                ids.append(found)


@schemathesis.serializer("application/x-ndjson")
def lines(context: Any, value: Any) -> bytes:
    """What is no line of an import is worth sending as well."""
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")


@schemathesis.check
def no_server_error(context: Any, response: Any, case: Any) -> None:
    if response.status_code >= 500:
        code = response.json().get("code")
        assert code in PROMISED, f"{response.status_code} {code}"


@schemathesis.check
def only_documented_problems(context: Any, response: Any, case: Any) -> None:
    described = _described(response, case)
    if response.status_code >= 400 and described is not None:
        code = response.json()["code"]
        assert code in described["content"][PROBLEM]["examples"], (
            f"{response.status_code} {code} is not documented"
        )


@schemathesis.check
def only_documented_headers(context: Any, response: Any, case: Any) -> None:
    described = _described(response, case)
    if described is not None:
        documented = {name.lower() for name in described.get("headers", {})}
        unknown = {name.lower() for name in response.headers} - documented - UNDESCRIBED
        assert not unknown, f"not documented: {', '.join(sorted(unknown))}"


def _described(response: Any, case: Any) -> dict[str, Any] | None:
    found: dict[str, Any] | None = case.operation.definition.raw["responses"].get(str(response.status_code))
    return found


def _known(name: str, value: Any) -> Any:
    ids = known_ids.get(name)
    return (
        chance.choice(ids)
        if ids and isinstance(value, str) and chance.random() < CHANCE_OF_KNOWN_ID
        else value
    )


def _ids_in(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, each in value.items():
            if name.endswith("_id") and isinstance(each, str):
                yield name, each
            else:
                yield from _ids_in(each)
    elif isinstance(value, list):
        for each in value[:20]:
            yield from _ids_in(each)
