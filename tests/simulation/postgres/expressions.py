"""The expressions of plain statements: parameters, constants, columns, and the few functions in use."""

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias, TypeVar
from uuid import UUID

UUID_TEXT = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
Read = TypeVar("Read")


class NotPlain(Exception):
    """Not a plain statement: teach it by hand, or write it more plainly."""


Values: TypeAlias = tuple[Any, ...]
# What an expression may name: the row, the statement's values, and in an upsert what was to be inserted.
Expression: TypeAlias = Callable[[Mapping[str, Any], Values, Mapping[str, Any]], Any]
NOTHING: Mapping[str, Any] = MappingProxyType({})


class Cursor:
    """The words of a statement, read one after the other."""

    def __init__(self, tokens: list[str], text: str) -> None:
        self._tokens = tokens
        self._at = 0
        self.text = text

    def peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def word(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1] if self._at <= len(self._tokens) else ""

    def has(self, word: str) -> bool:
        """Take the word if it comes next."""
        if self.peek() != word:
            return False
        self._at += 1
        return True

    def expect(self, *words: str) -> None:
        for word in words:
            if self.word() != word:
                raise NotPlain(self.text)

    def must_be_over(self) -> None:
        if self.peek():
            raise NotPlain(self.text)

    def separated(self, one: Callable[["Cursor"], Read]) -> list[Read]:
        """One or more, with commas between them."""
        found = [one(self)]
        while self.has(","):
            found.append(one(self))
        return found

    def listed(self, one: Callable[["Cursor"], Read]) -> list[Read]:
        """One or more, with commas between them and parentheses around them."""
        self.expect("(")
        found = self.separated(one)
        self.expect(")")
        return found

    def names(self) -> list[str]:
        return self.listed(lambda cursor: cursor.word())


def expression(cursor: Cursor) -> Expression:
    """The expression that comes next."""
    left = _operand(cursor)
    if cursor.has("+"):
        right = _operand(cursor)
        return lambda row, values, excluded: left(row, values, excluded) + right(row, values, excluded)
    return left


def fixed(cursor: Cursor) -> Expression:
    """The expression that comes next, which must be the same for every row: a parameter or a constant."""
    if cursor.peek()[:1] not in ("$", "'") and not cursor.peek().isdigit() and cursor.peek() not in CONSTANTS:
        raise NotPlain(cursor.text)
    return expression(cursor)


def unnested(arrays: list[Expression], values: Values) -> Iterable[tuple[Any, ...]]:
    """The rows that arrays are side by side."""
    return zip(*(each(NOTHING, values, NOTHING) for each in arrays), strict=True)


def _operand(cursor: Cursor) -> Expression:
    token = cursor.word()
    if token.startswith("$"):
        number = int(token[1:]) - 1
        return lambda row, values, excluded: values[number]
    if token.startswith("'"):
        return _always(_constant(token[1:-1]))
    if token.isdigit():
        return _always(int(token))
    if token in CONSTANTS:
        return _always(CONSTANTS[token])
    if cursor.peek() == "(" and token in FUNCTIONS:
        arguments = [] if cursor.text.count(f"{token}()") else cursor.listed(expression)
        if not arguments:
            cursor.expect("(", ")")
        function = FUNCTIONS[token]
        return lambda row, values, excluded: function([each(row, values, excluded) for each in arguments])
    return _column(token, cursor)


def _always(constant: Any) -> Expression:
    return lambda row, values, excluded: constant


def _constant(text: str) -> Any:
    """An id where it looks like one: no text in a statement does."""
    return UUID(text) if UUID_TEXT.fullmatch(text) else text


def _column(token: str, cursor: Cursor) -> Expression:
    place, _, name = token.rpartition(".")
    if not name.isidentifier() or cursor.peek() == "(":
        raise NotPlain(cursor.text)
    if place == "excluded":
        return lambda row, values, excluded: excluded[name]
    return lambda row, values, excluded: row[name]


CONSTANTS = {"null": None, "true": True, "false": False}
FUNCTIONS: Mapping[str, Callable[[list[Any]], Any]] = {
    "now": lambda _: "now",
    "coalesce": lambda each: next((one for one in each if one is not None), None),
    "greatest": max,
}
