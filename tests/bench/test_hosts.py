"""Hosts in network namespaces: reached, cut off, restored and lost."""

import json
import subprocess
import sys

import pytest

from bench.hosts.__main__ import obstacle, report
from bench.hosts.network import enter_own_network

SCRIPT = """
import json, socket, subprocess
from bench.hosts.network import HUB, become_hub, host

become_hub()
server = socket.create_server((HUB, 0))
port = server.getsockname()[1]
ask = f"import socket; socket.create_connection(('{HUB}', {port}), timeout=1)"
found = {}
with host(1, 0) as one, host(2, 0) as two:
    def reaches(each, tries=3):
        words = each.command(["python3", "-c", ask])
        runs = (subprocess.run(words, capture_output=True) for _ in range(tries))
        return any(run.returncode == 0 for run in runs)
    found["both"] = [reaches(one), reaches(two)]
    one.cut()
    found["cut"] = [reaches(one, tries=1), reaches(two)]
    one.restore()
    two.lose()
    found["restored"] = reaches(one)
print(json.dumps(found))
"""


@pytest.mark.skipif(bool(obstacle()), reason=obstacle() or "hosts can be made")
def test_a_host_is_reached_until_its_cable_is_cut() -> None:
    command = enter_own_network([sys.executable, "-c", SCRIPT])
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "both": [True, True], "cut": [False, True], "restored": True,
    }  # fmt: skip


def test_what_went_wrong_is_reported() -> None:
    rates = {"rate": 5.0, "workers": 150.0, "postgres": 2.0}
    told = report({
        "rates": {"one": rates, "two": rates | {"rate": 9.5}, "ratio": 1.9},
        "faults": {"wrong": ["x is lost"], "accepted": 9, "callbacks": 8, "seconds": 7.0},
    })  # fmt: skip
    assert told[:3] == [
        "one: 5.00 batches a second; CPU ms a batch: workers 150.0, postgres 2.0",
        "two: 9.50 batches a second; CPU ms a batch: workers 150.0, postgres 2.0",
        "two hosts carry 1.90 times what one does",
    ]
    assert told[3:] == [
        "x is lost",
        "one host cut off, one lost: 9 accepted, 8 callbacks, 1 wrong, all ended after 7 s",
    ]
