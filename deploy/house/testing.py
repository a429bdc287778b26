"""What tests refrain from: sleeping, patching, and being allowed to fail."""

import ast
from collections.abc import Iterator

from deploy.house.sources import Finding, Source

REFUSED_CALLS = {
    "sleep": "wait with `eventually`",
    "patch": "wire a real thing or a fake in by hand",
    "xfail": "make it pass or take it out",
    "skip": "make it run everywhere or take it out",
    "skipif": "make it run everywhere or take it out",
}
# `eventually` itself waits, load generators pace themselves, and a simulated second takes no time.
MAY_SLEEP = ("tests/support/", "tests/bench/", "tests/simulation/")


def refused_in_tests(source: Source) -> Iterator[Finding]:
    path = source.path.as_posix()
    if not path.startswith("tests/"):
        return
    excused = data_dependent(source.tree)
    for node in ast.walk(source.tree):
        if node in excused:
            continue
        name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
        if name in REFUSED_CALLS and not (name == "sleep" and path.startswith(MAY_SLEEP)):
            yield Finding(
                source.path, getattr(node, "lineno", 1), f"`{name}` in a test: {REFUSED_CALLS[name]}"
            )


def data_dependent(tree: ast.Module) -> set[ast.AST]:
    """The `skipif` of calls that name MILEPOST_DATA: whole data sets are not everywhere, and the reason says so."""
    return {
        call.func
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and "MILEPOST_DATA" in ast.unparse(call)
        and "skipif" in ast.unparse(call.func)
    }
