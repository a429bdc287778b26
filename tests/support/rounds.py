"""How much a test tries: a little whenever tests run, much more where `ROUND=long` asks for it."""

import os

IS_LONG = os.environ.get("ROUND") == "long"


def examples(short: int, long: int) -> int:
    """How many examples to try in this round."""
    return long if IS_LONG else short
