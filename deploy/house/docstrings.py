"""Where a docstring is owed: every module says in a few lines what it is; what libraries and measures offer, too."""

import ast
from collections.abc import Iterator

from deploy.house.sources import Finding, Source

MODULE_LINES_MAX = 6
PUBLISHED = ("libs/", "services/timeline/measures/")


def module_docstrings(source: Source) -> Iterator[Finding]:
    docstring = ast.get_docstring(source.tree)
    if docstring is None:
        yield Finding(source.path, 1, "the module does not say what it is")
    elif (lines := len(list(filter(None, docstring.splitlines())))) > MODULE_LINES_MAX:
        yield Finding(source.path, 1, f"the module's docstring has {lines} lines, at most {MODULE_LINES_MAX}")


def published_docstrings(source: Source) -> Iterator[Finding]:
    """Functions at module level; methods and properties may be plain from their names and types."""
    if not source.path.as_posix().startswith(PUBLISHED):
        return
    for node in source.tree.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.name.startswith("_"):
            continue
        if ast.get_docstring(node) is None:
            yield Finding(source.path, node.lineno, f"`{node.name}` is offered to others and not described")
