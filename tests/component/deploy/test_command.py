"""The command passes what keeps the rules; without a fitting kubectl it says what to install, and fails."""

from pathlib import Path

import pytest

from deploy.k8s import validate
from deploy.k8s.rendering import KubectlUnfit, NotRendered, check_kubectl, render


def pretend_kubectl(directory: Path, answer: str) -> str:
    """A program that says this to whatever it is asked."""
    program = directory / "kubectl"
    program.write_text(f"#!/bin/sh\ncat <<'EOF'\n{answer}\nEOF\n")
    program.chmod(0o755)
    return str(program)


def test_a_machine_without_kubectl_is_told_what_to_install() -> None:
    with pytest.raises(KubectlUnfit, match=r"not on the PATH. Install kubectl 1.27 or newer: https://"):
        check_kubectl("kubectl-that-is-nowhere")


def test_an_old_kubectl_is_named_and_refused(tmp_path: Path) -> None:
    old = '{"clientVersion": {"major": "1", "minor": "26+", "gitVersion": "v1.26.9"}}'
    with pytest.raises(KubectlUnfit, match=r"kubectl v1.26.9 is too old. Install kubectl 1.27"):
        check_kubectl(pretend_kubectl(tmp_path, old))


def test_a_new_kubectl_will_do(tmp_path: Path) -> None:
    new = '{"clientVersion": {"major": "2", "minor": "0", "gitVersion": "v2.0.0"}}'
    check_kubectl(pretend_kubectl(tmp_path, new))


def test_a_kubectl_that_talks_nonsense_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KubectlUnfit, match="does not say its version"):
        check_kubectl(pretend_kubectl(tmp_path, "hello"))


def test_an_overlay_that_cannot_be_rendered_says_why(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("resources: [missing.yaml]")
    with pytest.raises(NotRendered, match=r"missing\.yaml"):
        render(tmp_path)


def test_the_command_fails_where_kubectl_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert validate.main() == 1
    assert capsys.readouterr().out.startswith("kubectl is not on the PATH. Install kubectl 1.27 or newer")


def test_every_overlay_keeps_every_rule_and_the_command_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = validate.main()
    assert capsys.readouterr().out.splitlines() == [
        "dev: fits Kubernetes 1.27 to 1.37 and the rules",
        "production: fits Kubernetes 1.27 to 1.37 and the rules",
    ]
    assert outcome == 0
