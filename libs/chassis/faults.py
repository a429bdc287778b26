"""Refusing one parameter, header or member of a body: the 422 that names the place."""

from libs.chassis.problems import Problem


def wrong_parameter(name: str, detail: str, *, code: str = "invalid_request") -> Problem:
    """A 422 whose `errors` names a query parameter or header. `detail` must not quote what was sent."""
    return Problem(
        422, code, detail, extra={"errors": [{"parameter": name[:64], "code": code, "detail": detail}]}
    )


def repeated_parameters(names: list[str]) -> Problem:
    """A 422 for query parameters that take one value and have several."""
    detail = "It takes one value."
    errors = [{"parameter": name[:64], "code": "repeated_parameter", "detail": detail} for name in names[:20]]
    return Problem(
        422, "repeated_parameter", "A parameter that takes one value has several.", extra={"errors": errors}
    )


def unknown_parameters(names: list[str]) -> Problem:
    """A 422 for query parameters the operation does not have."""
    errors = [
        {"parameter": name[:64], "code": "unknown_parameter", "detail": "There is no such parameter."}
        for name in names[:20]
    ]
    return Problem(422, "unknown_parameter", "The query has unknown parameters.", extra={"errors": errors})
