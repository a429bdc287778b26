"""Named parameters become numbered ones, and only those that occur."""

from services.timeline.asking import Conditions, bound


def test_parameters_are_numbered_by_first_use_and_others_are_left_out() -> None:
    sql, arguments = bound("a = :x and b = :y and c = :x", {"x": 1, "y": 2, "z": 3})
    assert (sql, arguments) == ("a = $1 and b = $2 and c = $1", [1, 2])


def test_a_cast_is_no_parameter() -> None:
    assert bound("(:day::date is null or x::text = ':')", {"day": 1}) == (
        "($1::date is null or x::text = ':')",
        [1],
    )


def test_a_filter_that_says_nothing_is_left_out() -> None:
    conditions = (
        Conditions(lambda as_of: "")
        .where("a = any(:a)", a=[])
        .where("b = :b", b=None)
        .where("c = :c", c="")
        .flag("d", None)
        .flag("e", False)
    )
    assert (conditions.texts, conditions.values) == (["(c = :c)", "(e) is not true"], {"c": ""})
