"""A campaign in processes of its own: whoever ends it ends them."""

import sys

import psutil

from libs.chassis.migrations import ROOT
from tests.support.eventually import eventually

SPAWNED = "multiprocessing.spawn"


def begun() -> psutil.Popen:
    return psutil.Popen([sys.executable, "-m", "tests.simulation", "--seeds=100000"], cwd=ROOT)


async def test_who_ends_a_campaign_ends_its_processes() -> None:
    campaign = begun()

    def simulating() -> list[psutil.Process]:
        found = [each for each in campaign.children() if SPAWNED in " ".join(each.cmdline())]
        assert found
        return found

    processes = await eventually(simulating, 60)
    campaign.terminate()
    campaign.wait()
    left = psutil.wait_procs(processes, timeout=30)[1]
    for process in left:
        process.kill()
    assert left == []
