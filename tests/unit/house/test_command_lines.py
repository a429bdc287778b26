"""A command that fails shows no values of variables: secrets are among them."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FOLDERS = ("deploy", "integrations", "libs", "services", "tests/bench")


def command_lines() -> list[tuple[str, ast.Call]]:
    """Every `typer.Typer(…)` with its place."""
    found = []
    for folder in FOLDERS:
        for file in sorted((ROOT / folder).rglob("*.py")):
            text = file.read_text(encoding="utf-8")
            if "typer.Typer(" in text:
                calls = [each for each in ast.walk(ast.parse(text)) if isinstance(each, ast.Call)]
                places = [each for each in calls if ast.unparse(each.func) == "typer.Typer"]
                found += [(f"{file.relative_to(ROOT)}:{each.lineno}", each) for each in places[:1]]
    return found


@pytest.mark.parametrize(("place", "call"), command_lines())
def test_no_command_line_prints_variables_when_it_fails(place: str, call: ast.Call) -> None:
    told = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
    assert told.get("pretty_exceptions_enable") == "False", place
