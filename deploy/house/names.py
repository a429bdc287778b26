"""Names the house refuses: modules that say nothing about their content, abbreviations, events that say nothing."""

import ast
import re
from collections.abc import Iterator

from deploy.house.sources import Finding, Source

REFUSED_MODULES = frozenset(
    {
        "base",
        "common",
        "core",
        "handler",
        "handlers",
        "helper",
        "helpers",
        "manager",
        "managers",
        "misc",
        "models",
    }
    | {"schemas", "service", "shared", "util", "utils"}
)
REFUSED_WORDS = frozenset({"cmd", "conn", "ctx", "evt", "mgr", "msg", "util", "utils"})
EVENT_BASE = "EventData"
VAGUE_EVENT_VERBS = ("Updated", "Changed", "Modified", "Processed")
WORD = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")


def refused_modules(source: Source) -> Iterator[Finding]:
    for part in (*source.path.parent.parts, source.path.stem):
        if part in REFUSED_MODULES:
            yield Finding(source.path, 1, f"`{part}` does not say what is inside")


def refused_identifiers(source: Source) -> Iterator[Finding]:
    """Only names given here; a library's own attribute and argument names are its business."""
    for name, line in given_names(source.tree):
        for word in REFUSED_WORDS.intersection(word.lower() for word in WORD.findall(name)):
            yield Finding(source.path, line, f"`{name}`: write `{word}` out")


def vague_events(source: Source) -> Iterator[Finding]:
    """An event says what happened; that something was updated says nothing."""
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.ClassDef) or not node.name.endswith(VAGUE_EVENT_VERBS):
            continue
        if any(isinstance(parent, ast.Name) and parent.id == EVENT_BASE for parent in node.bases):
            yield Finding(source.path, node.lineno, f"`{node.name}` does not say what happened")


def given_names(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Names this file gives to modules' content: definitions, arguments, variables."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name, node.lineno
            case ast.arg():
                yield node.arg, node.lineno
            case ast.Name(ctx=ast.Store()):
                yield node.id, node.lineno
