"""The organization of a local run and its first owner, founded as an operator founds one."""

import os
import subprocess

from deploy.local import programs
from deploy.local.credentials import ACTOR, ORG_ID
from deploy.local.processes import StepFailed
from deploy.local.whereabouts import Whereabouts

NAME = "Local"
SECONDS_MAX = 60


def found_organization(whereabouts: Whereabouts) -> str:
    """Found it, where that was not done before; raises `StepFailed`."""
    arguments = ("organization", "found", str(ORG_ID), "--name", NAME, "--owner", str(ACTOR))
    environment = {**os.environ, **whereabouts.settings("projects")}
    outcome = subprocess.run(
        programs.command("projects", *arguments),
        env=environment,
        capture_output=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    if outcome.returncode != 0:
        raise StepFailed(
            f"founding the local organization failed: {outcome.stderr.decode().strip()[-500:]}",
            log=whereabouts.log("projects"),
            next_command="make reset   (forgets the local data)",
        )
    return f"“{NAME}”, founded with its owner"
