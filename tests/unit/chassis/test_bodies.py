"""Bodies mean one thing only."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.chassis.bodies import DEPTH_MAX, require_strict
from libs.chassis.problems import Problem

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    lambda children: (
        st.lists(children, max_size=5)
        | st.dictionaries(
            st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), children, max_size=5
        )
    ),
    max_leaves=20,
)


@given(JSON_VALUES, st.booleans())
def test_ordinary_json_passes(value: object, ascii_only: bool) -> None:
    require_strict(json.dumps(value, ensure_ascii=ascii_only).encode())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"a":1,}',
        b"{'a':1}",
        b'{"a":1}{"b":2}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":1,"a":2}',
        b'{"a":{"b":1,"b":1}}',
        b'{"a":"\\u0000"}',
        b'{"\\u0000":1}',
        b'{"a":"\x00"}',
        b'{"a":"\\ud800"}',
        b'{"a":["\\udfff\\ud800"]}',
        b'{"a":"\xff"}',
        b'{"a":"\xed\xa0\x80"}',
        b"\xef\xbb\xbf{}",
        b'{"a":' + b"9" * 5_000 + b"}",
        b"[" * 33 + b"]" * 33,
        b"[" * 100_000,
        b'{"a":' * 40 + b"1" + b"}" * 40,
        b"[" + b"1," * 10_001 + b"1]",
    ],
)
def test_ambiguous_or_abysmal_json_is_refused(body: bytes) -> None:
    with pytest.raises(Problem) as refused:
        require_strict(body)
    assert (refused.value.status, refused.value.code) == (400, "malformed_request")


def test_brackets_and_commas_in_text_count_for_nothing() -> None:
    require_strict(json.dumps({"text": "[" * 100 + ",:" * 20_000 + '\\"'}).encode())
    require_strict(b"[" * DEPTH_MAX + b"]" * DEPTH_MAX)


@pytest.mark.parametrize(
    "hostile",
    [
        b'["' + b'\\"' * 120_000,
        b"[" * 40 + b'"\\' * 100_000,
        b"[" * 40 + b'"' * 250_000,
        b"\\" * 250_000 + b"[" * 40,
    ],
)
def test_no_body_takes_long_to_refuse(hostile: bytes) -> None:
    started = time.process_time()
    with pytest.raises(Problem):
        require_strict(hostile)
    assert time.process_time() - started < 1
