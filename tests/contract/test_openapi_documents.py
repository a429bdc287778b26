"""The API documents are true to themselves: valid, complete, with examples that fit, and as they are committed."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from openapi_spec_validator import validate

from deploy.openapi.__main__ import broken_promises
from deploy.openapi.applications import documents
from deploy.openapi.published import ROOT, path_of, text_of
from libs.chassis import openapi, problem_codes
from libs.chassis.openapi_headers import HEADERS

SERVICES = pytest.mark.parametrize("service", ["projects", "timeline", "notifications"])
PROBLEM = "application/problem+json"
Document = dict[str, Any]


@pytest.fixture(scope="module")
def made() -> dict[str, Document]:
    return documents()


def operations(document: Document) -> Iterator[tuple[str, dict[str, Any]]]:
    for operation in openapi.operations(document):
        yield operation["operationId"], operation


def misfits(document: Document, schema: dict[str, Any], value: Any) -> list[str]:
    whole = schema | {"components": document["components"]}
    checker = Draft202012Validator.FORMAT_CHECKER
    return [
        f"{error.json_path}: {error.message}"
        for error in Draft202012Validator(whole, format_checker=checker).iter_errors(value)
    ]


def examples_of(document: Document, content: dict[str, Any]) -> list[Any]:
    """Those beside the schema, else those in it."""
    if "example" in content:
        return [content["example"]]
    if "examples" in content:
        names = [each["$ref"].rpartition("/")[2] for each in content["examples"].values()]
        return [document["components"]["examples"][name]["value"] for name in names]
    schema = content["schema"]
    named: dict[str, Any] = document["components"]["schemas"].get(
        schema.get("$ref", "").rpartition("/")[2], schema
    )
    return [*named.get("examples", ()), *([named["example"]] if "example" in named else [])]


@SERVICES
def test_the_document_is_valid_and_is_the_committed_one(made: dict[str, Document], service: str) -> None:
    document = made[service]
    validate(document)
    assert document["openapi"].startswith("3.1")
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    assert (ROOT / path_of(service)).read_text() == text_of(document), "run: make openapi"


@SERVICES
def test_clients_of_every_published_version_can_go_on(made: dict[str, Document], service: str) -> None:
    assert broken_promises(service, made[service]) == []


@SERVICES
def test_every_operation_has_a_name_a_tag_and_a_summary(made: dict[str, Document], service: str) -> None:
    names = []
    for name, operation in operations(made[service]):
        names.append(name)
        assert re.fullmatch(r"[a-z]+[A-Za-z0-9]*", name), name
        assert operation["tags"], name
        assert operation["summary"], name
        assert "x-problems" not in operation
    assert len(names) == len(set(names))


@SERVICES
def test_every_parameter_body_and_answer_has_an_example_that_fits(
    made: dict[str, Document], service: str
) -> None:
    document = made[service]
    wrong = []
    for name, operation in operations(document):
        bodies = {"body": operation.get("requestBody", {}), **operation["responses"]}
        for place, body in bodies.items():
            for media_type, content in body.get("content", {}).items():
                shown = examples_of(document, content)
                if not shown:
                    wrong.append(f"{name} {place} {media_type}: no example")
                for example in shown:
                    wrong += [
                        f"{name} {place} {each}" for each in misfits(document, content["schema"], example)
                    ]
        for parameter in operation.get("parameters", ()):
            shown = (
                [parameter["example"]] if "example" in parameter else parameter["schema"].get("examples", [])
            )
            if parameter.get("required") and not shown:
                wrong.append(f"{name} {parameter['name']}: no example")
            for example in shown:
                wrong += [f"{name} {each}" for each in misfits(document, parameter["schema"], example)]
    assert wrong == []


@SERVICES
def test_every_error_is_a_problem_with_the_codes_of_its_status(
    made: dict[str, Document], service: str
) -> None:
    for name, operation in operations(made[service]):
        errors = {status: each for status, each in operation["responses"].items() if status >= "400"}
        assert {"422", "429", "500", "503"} <= errors.keys(), name
        for status, response in errors.items():
            assert list(response["content"]) == [PROBLEM], (name, status)
            content = response["content"][PROBLEM]
            assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
            for code in content["examples"]:
                assert problem_codes.REGISTRY[code].status == int(status), (name, code)


@SERVICES
def test_what_needs_a_token_says_so_and_nothing_else_does(made: dict[str, Document], service: str) -> None:
    for name, operation in operations(made[service]):
        is_public = operation.get("security") == []
        assert is_public != ("401" in operation["responses"]), name


@SERVICES
def test_every_header_of_an_answer_is_described_once(made: dict[str, Document], service: str) -> None:
    document = made[service]
    described = document["components"]["headers"]
    assert described.keys() <= HEADERS.keys()
    for header in described.values():
        assert header["description"]
        assert misfits(document, header["schema"], header["example"]) == []
    for name, operation in operations(document):
        for status, response in operation["responses"].items():
            for header in response.get("headers", {}).values():
                assert header["$ref"].rpartition("/")[2] in described, (name, status)
