"""How long things may be: what passes the maximum is a room that wants a door."""

import ast
from collections.abc import Iterator

from deploy.house.sources import Finding, Source

FILE_LINES_MAX = 300
FUNCTION_LINES_MAX = 40


def long_files(source: Source) -> Iterator[Finding]:
    if source.lines > FILE_LINES_MAX:
        yield Finding(source.path, 1, f"{source.lines} lines, at most {FILE_LINES_MAX}")


def long_functions(source: Source) -> Iterator[Finding]:
    """Decorators do not count, docstrings do."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                yield Finding(
                    source.path, node.lineno, f"{node.name} has {lines} lines, at most {FUNCTION_LINES_MAX}"
                )
