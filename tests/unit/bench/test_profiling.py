"""Samples of a process become a table of functions, without the time it took to import them."""

from tests.bench.profiling import table_of

SAMPLES = """\
run (/x/site-packages/loop/run.py:10);apply (/app/apply.py:5) 6
run (/x/site-packages/loop/run.py:11);apply (/app/apply.py:5);copy (/x/site-packages/driver/copy.py:1) 3
run (/x/site-packages/loop/run.py:12) 1
_load (<frozen importlib._bootstrap>:1);thing (/app/thing.py:1) 90
"""


def test_functions_are_told_by_their_own_time_and_that_of_what_they_called() -> None:
    lines = [line.split() for line in table_of(SAMPLES).splitlines()]
    assert lines[1:4] == [
        ["60.0", "%", "90.0", "%", "apply", "(/app/apply.py)"],
        ["30.0", "%", "30.0", "%", "copy", "(driver/copy.py)"],
        ["10.0", "%", "100.0", "%", "run", "(loop/run.py)"],
    ]
