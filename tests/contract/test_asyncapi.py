"""The AsyncAPI document in the eyes of AsyncAPI's own parser."""

import copy
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, ValidationError  # type: ignore[import-untyped]

from libs.events.schema_files import every_published
from tests.contract.publishing import ASYNCAPI, documents
from tests.support import node

PARSING_SECONDS_MAX = 60
PACKAGE = Path(__file__).parent / "asyncapi"


@pytest.fixture(scope="module")
def parser() -> Path:
    return node.installed(PACKAGE)


@pytest.fixture
def committed() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(ASYNCAPI.read_text())
    return copy.deepcopy(document)


def parsed(parser: Path, document: dict[str, Any]) -> dict[str, Any]:
    finished = subprocess.run(
        [node.NODE, parser / "check.mjs"],
        input=json.dumps(document),
        capture_output=True,
        text=True,
        env=node.environment(),
        timeout=PARSING_SECONDS_MAX,
        check=True,
    )
    said: dict[str, Any] = json.loads(finished.stdout)
    return said


def test_the_committed_document_is_what_the_catalogue_says() -> None:
    """Schemas, too: every file that is published."""
    for path, said in documents():
        assert path.read_text() == said, f"{path}: run: python -m tests.contract.publishing"


def test_the_parser_has_nothing_to_say_about_the_document(parser: Path, committed: dict[str, Any]) -> None:
    carriers = {"webhook", "feed.page"}
    said = parsed(parser, committed)
    assert said["diagnostics"] == []
    assert said["messages"] == len(every_published()) - 1 + len(carriers)


def test_the_parser_would_see_a_reference_that_leads_nowhere(parser: Path, committed: dict[str, Any]) -> None:
    del committed["components"]["schemas"]["Cause"]
    assert any("Cause" in slip["message"] for slip in parsed(parser, committed)["diagnostics"])


def fits(document: dict[str, Any], name: str) -> None:
    """Raises `ValidationError` unless each example of that message fits what it says of payload and headers."""
    message = document["components"]["messages"][name]
    for part in message.keys() & {"payload", "headers"}:
        schema = {**message[part], "components": document["components"]}
        validator = Draft7Validator(schema, format_checker=Draft7Validator.FORMAT_CHECKER)
        for example in message["examples"]:
            validator.validate(example[part])


def test_every_example_fits_its_message(committed: dict[str, Any]) -> None:
    """The parser does not look at them."""
    for name in committed["components"]["messages"]:
        fits(committed, name)


def test_an_example_that_does_not_fit_would_be_seen(committed: dict[str, Any]) -> None:
    payload = committed["components"]["messages"]["milestone.reforecast.v1"]["examples"][0]["payload"]
    payload["data"]["caused_by"][0]["cause_class"] = "bad_luck"
    with pytest.raises(ValidationError, match="bad_luck"):
        fits(committed, "milestone.reforecast.v1")
