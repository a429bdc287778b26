"""Disks for tests: where nobody may have one, that is said, and nothing fails."""

from pathlib import Path

import pytest

from tests.support.small_disks import may_mount


def test_without_a_program_that_mounts_nobody_may_have_a_disk(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not may_mount.__wrapped__()
