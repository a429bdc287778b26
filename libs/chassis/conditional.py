"""Conditional requests: a resource's version is its entity tag.

A weak tag counts as the strong one, since proxies weaken tags when they compress.
"""

import re
from collections.abc import Iterable
from hashlib import blake2b

from libs.chassis.faults import wrong_parameter
from libs.chassis.problems import Problem

TAG = re.compile(r'(?:W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
TAGS_MAX = 20
# Says, in a 428, that it is the organization's policy.
REQUIRED_HEADER = "Milepost-Require-If-Match"
NUMBER = re.compile(r"0|[1-9]\d{0,17}", re.ASCII)


def etag(version: int) -> str:
    """Version 7 is the tag `"7"`."""
    return f'"{version}"'


def weak(tag: str) -> str:
    """The tag of what says more than its version does: it may differ a little under the same tag."""
    return f"W/{tag}"


def content_tag(content: str) -> str:
    """The tag of what has no version: it changes with every byte."""
    return f'"{blake2b(content.encode(), digest_size=12).hexdigest()}"'


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


def if_match(header: str | None, *, is_required: bool = False) -> IfMatch | None:
    """Read `If-Match`; `None` if absent. Raises `Problem` 422 if it is no list of entity tags, 428 if it is required.

    Organizations may require it of every command on what exists already.
    """
    if header is None:
        if is_required:
            raise Problem(428, "precondition_required", headers={REQUIRED_HEADER: "true"})
        return None
    tags = _tags("If-Match", header)
    if tags is None:
        return IfMatch(allows_any=True)
    return IfMatch(int(tag) for tag in tags if NUMBER.fullmatch(tag))


def is_unmodified(if_none_match: str | None, tag: str) -> bool:
    """Whether a GET with that `If-None-Match` is to be answered 304. Raises `Problem` 422 if it is malformed."""
    if if_none_match is None:
        return False
    tags = _tags("If-None-Match", if_none_match)
    return tags is None or tag.strip('"') in tags


def stale(current_version: int) -> Problem:
    """The 412 of a command decided on an old version."""
    return Problem(
        412,
        "stale_version",
        extra={"current_version": current_version},
        headers={"ETag": etag(current_version)},
    )


def _tags(name: str, header: str) -> list[str] | None:
    """The tags a header names, without quotes; `None` for `*`."""
    if header.strip() == "*":
        return None
    parts = [part.strip() for part in header.split(",", TAGS_MAX)]
    matches = [TAG.fullmatch(part) for part in parts]
    if None in matches:
        raise wrong_parameter(name, f'{name} must be entity tags such as "7", or *.')
    return [match[1] for match in matches if match]
