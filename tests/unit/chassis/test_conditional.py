"""Entity tags are versions."""

import pytest

from libs.chassis.conditional import content_tag, etag, if_match, is_unmodified
from libs.chassis.problems import Problem


@pytest.mark.parametrize("header", ['"7"', 'W/"7"', ' "7" ', '"6", "7"', '"6",W/"7"', "*", '"7-gzip", "7"'])
def test_a_tag_that_names_the_version_matches(header: str) -> None:
    assert is_unmodified(header, etag(7))
    condition = if_match(header)
    assert condition is not None
    assert condition.allows(7)


@pytest.mark.parametrize("header", ['"8"', '"07"', '""', '"seven"', '"6", "8"', '"' + "9" * 40 + '"'])
def test_a_tag_that_names_another_version_does_not(header: str) -> None:
    assert not is_unmodified(header, etag(7))
    condition = if_match(header)
    assert condition is not None
    with pytest.raises(Problem) as stale:
        condition.require(7)
    assert (stale.value.status, stale.value.extra) == (412, {"current_version": 7})
    assert stale.value.headers == {"ETag": '"7"'}


@pytest.mark.parametrize("header", ["", "7", '"7', "W/7", '"7" "8"', 'w/"7"', '*, "7"', '"7",', "'7'"])
def test_what_is_no_entity_tag_is_refused(header: str) -> None:
    with pytest.raises(Problem) as refused:
        if_match(header)
    assert refused.value.status == 422


def test_without_a_header_there_is_no_condition() -> None:
    assert if_match(None) is None
    assert not is_unmodified(None, etag(7))


def test_the_tag_of_a_version() -> None:
    assert etag(7) == '"7"'


def test_an_organization_may_demand_that_a_command_says_what_it_has_seen() -> None:
    with pytest.raises(Problem) as refused:
        if_match(None, is_required=True)
    assert (refused.value.status, refused.value.headers) == (428, {"Milepost-Require-If-Match": "true"})
    assert if_match('"7"', is_required=True) is not None


def test_what_has_no_version_is_tagged_by_what_it_says() -> None:
    tag = content_tag("read")
    assert is_unmodified(f"W/{tag}", tag)
    assert not is_unmodified(content_tag("unread"), tag)
