"""The TypeScript examples are what their compiler and Node take; the Python ones `make check` looks at."""

import subprocess

from tests.support import node
from tests.support.consumers import EXAMPLES

COMPILE_SECONDS_MAX = 120


def test_the_typescript_examples_have_the_types_they_say() -> None:
    place = node.installed(EXAMPLES / "typescript")
    compiled = subprocess.run(
        [node.NODE, place / "node_modules/typescript/bin/tsc", "--project", place],
        capture_output=True,
        text=True,
        env=node.environment(),
        timeout=COMPILE_SECONDS_MAX,
        check=False,
    )
    assert compiled.returncode == 0, compiled.stdout
