"""Conditional requests: a resource's version is its entity tag.

A weak tag counts as the strong one, since proxies weaken tags when they compress.
"""

import re
from collections.abc import Iterable

from libs.chassis.faults import wrong_parameter
from libs.chassis.problems import Problem

TAG = re.compile(r'(?:W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
TAGS_MAX = 20
NUMBER = re.compile(r"0|[1-9]\d{0,17}", re.ASCII)


def etag(version: int) -> str:
    """Version 7 is the tag `"7"`."""
    return f'"{version}"'


class IfMatch:
    """Versions a command may be applied to; `*` allows every one that exists."""

    __slots__ = ("allows_any", "versions")

    def __init__(self, versions: Iterable[int] = (), *, allows_any: bool = False) -> None:
        self.versions = frozenset(versions)
        self.allows_any = allows_any

    def allows(self, version: int) -> bool:
        return self.allows_any or version in self.versions

    def require(self, version: int) -> None:
        """Raise `Problem` 412 with `current_version` unless the version is allowed."""
        if not self.allows(version):
            raise stale(version)


def if_match(header: str | None) -> IfMatch | None:
    """Read `If-Match`; `None` if absent. Raises `Problem` 422 if it is no list of entity tags."""
    if header is None:
        return None
    tags = _tags("If-Match", header)
    return IfMatch(allows_any=True) if tags is None else IfMatch(tags)


def is_unmodified(if_none_match: str | None, version: int) -> bool:
    """Whether a GET with that `If-None-Match` is to be answered 304. Raises `Problem` 422 if it is malformed."""
    if if_none_match is None:
        return False
    tags = _tags("If-None-Match", if_none_match)
    return tags is None or version in tags


def stale(current_version: int) -> Problem:
    """The 412 of a command decided on an old version."""
    return Problem(
        412,
        "stale_version",
        extra={"current_version": current_version},
        headers={"ETag": etag(current_version)},
    )


def _tags(name: str, header: str) -> list[int] | None:
    """The versions a header names, `None` for `*`; tags that are no versions match nothing."""
    if header.strip() == "*":
        return None
    parts = [part.strip() for part in header.split(",", TAGS_MAX)]
    matches = [TAG.fullmatch(part) for part in parts]
    if None in matches:
        raise wrong_parameter(name, f'{name} must be entity tags such as "7", or *.')
    return [int(match[1]) for match in matches if match and NUMBER.fullmatch(match[1])]
