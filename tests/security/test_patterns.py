"""No pattern of ours can be made to take for ever (T22): no repetition without end inside another one."""

import ast
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import sre_constants
    import sre_parse

ROOT = Path(__file__).parents[2]
PARTS = ("libs", "services", "deploy", "integrations")
FUNCTIONS = {"compile", "fullmatch", "match", "search", "sub", "subn", "split", "findall", "finditer"}
REPEATS = (sre_constants.MAX_REPEAT, sre_constants.MIN_REPEAT)
# Beyond so many turns a repetition inside another one is as good as endless.
TURNS_MAX = 64


def patterns_in(source: str) -> Iterator[str]:
    """Every string that is used as a pattern: by `re`, or as the `pattern` of a form; names of constants included."""
    tree = ast.parse(source)
    named = {
        target.id: node.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        is_re = isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) == "re"
        if is_re and isinstance(node.func, ast.Attribute) and node.func.attr in FUNCTIONS and node.args:
            yield from _text(node.args[0], named)
        for keyword in node.keywords:
            if keyword.arg == "pattern":
                yield from _text(keyword.value, named)


def _text(node: ast.expr, named: dict[str, Any]) -> Iterator[str]:
    value = named.get(node.id) if isinstance(node, ast.Name) else getattr(node, "value", None)
    if isinstance(value, str):
        yield value


def has_nested_repetition(pattern: str) -> bool:
    """Whether a long repetition contains another one, so that there are very many ways to match."""
    return any(_repeats_inside(part) for part in _repetitions(sre_parse.parse(pattern)))


def _repetitions(parsed: Any) -> Iterator[Any]:
    for operator, argument in parsed:
        if operator in REPEATS and argument[1] > TURNS_MAX:
            yield argument[2]
        for inner in _inner(argument):
            yield from _repetitions(inner)


def _repeats_inside(parsed: Any) -> bool:
    return next(_repetitions(parsed), None) is not None


def _inner(argument: Any) -> Iterator[Any]:
    if isinstance(argument, sre_parse.SubPattern):
        yield argument
    elif isinstance(argument, tuple | list):
        for part in argument:
            yield from _inner(part)


EVERY_PATTERN = sorted(
    {
        (str(path.relative_to(ROOT)), pattern)
        for part in PARTS
        for path in (ROOT / part).rglob("*.py")
        if "node_modules" not in path.parts
        for pattern in patterns_in(path.read_text(encoding="utf-8"))
    }
)


def test_there_are_patterns_to_look_at() -> None:
    assert len(EVERY_PATTERN) >= 20


@pytest.mark.parametrize(("path", "pattern"), EVERY_PATTERN, ids=[path for path, _ in EVERY_PATTERN])
def test_no_pattern_repeats_a_repetition(path: str, pattern: str) -> None:
    assert not has_nested_repetition(pattern), f"{path}: {pattern}"


@pytest.mark.parametrize("pattern", [r"^(\w+\s?)*$", r"(a*)*b", r"(?:[a-z]+)+", r"((a|b+){2,})x", r"(.*?,)+"])
def test_a_pattern_that_can_take_for_ever_is_found(pattern: str) -> None:
    assert has_nested_repetition(pattern)


@pytest.mark.parametrize("pattern", [r"[a-z]+-[0-9]{8}", r"(a+){1,3}", r"x(?:ab)*y", r"^[^\x00]*$"])
def test_a_plain_pattern_is_none_of_them(pattern: str) -> None:
    assert not has_nested_repetition(pattern)
