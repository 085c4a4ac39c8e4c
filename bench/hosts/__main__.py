"""Runs workers on hosts of their own, which are network namespaces: `make load-hosts`.

    make load-hosts                                         one host and two, and then the faults
    make load-hosts HOSTS="--workload W3 --batches 100"
    make load-hosts HOSTS="--only faults"

A host is a network namespace with a cable (a veth pair) to a hub, where Postgres, which commits
with fsync, Valkey, an API and this caller run; its worker is bound to one core. The first figures
are batches a second with one host and with two, in turn. What runs in the hub is bound to no core:
with one host it has the other core for itself, with two it takes its share from both, so that the
ratio has the cost of all parts in it. CPU is in milliseconds a batch.

Then three hosts work. One is cut off for longer than its lease and comes back, one is lost with
all that runs on it. Each batch must end, with the same bytes as all others, and with one callback.

Needs root, and `unshare`, `nsenter`, `taskset` and `ip`.
"""

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench import machine, sources, workloads
from bench.console import say, show
from bench.hosts.hub import run_hub
from bench.hosts.network import become_hub, enter_own_network
from bench.hosts.trial import Trial, lose_hosts, measure_hosts

RESULT = Path(__file__).parents[1] / "results" / "hosts.json"
TOOLS = ("unshare", "nsenter", "taskset", "ip")


def obstacle() -> str:
    """Return the reason why no hosts can be made here, empty if they can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if missing := [tool for tool in TOOLS if not shutil.which(tool)]:
        return f"{', '.join(missing)} not found"
    if len(os.sched_getaffinity(0)) < 2:
        return "two hosts need two cores"
    probe = subprocess.run(enter_own_network(["true"]), check=False, capture_output=True)
    return "" if probe.returncode == 0 else f"unshare: {probe.stderr.decode().strip()}"


async def take(asked: argparse.Namespace) -> dict[str, Any]:
    """Take the figures."""
    workload = workloads.load()[asked.workload]
    sources.make(sources.SOURCES, workload.source, *workload.inputs())
    trial = Trial(
        workload=workload, batches=asked.batches, rounds=asked.rounds, under_fault=asked.under_fault
    )
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="darkroom-hosts-") as scratch:
        async with run_hub(Path(scratch)) as hub:
            if asked.only != "faults":
                found["rates"] = await measure_hosts(hub, trial, say)
            if asked.only != "rates":
                found["faults"] = await lose_hosts(hub, trial, say)
    return found


def report(found: dict[str, Any]) -> list[str]:
    """Return the lines that sum it up."""
    lines = []
    if rates := found.get("rates"):
        for name in ("one", "two"):
            parts = ", ".join(f"{k} {v:.1f}" for k, v in rates[name].items() if k != "rate")
            lines.append(
                f"{name}: {rates[name]['rate']:.2f} batches a second; CPU ms a batch: {parts}"
            )
        lines.append(f"two hosts carry {rates['ratio']:.2f} times what one does")
    if faults := found.get("faults"):
        lines += faults["wrong"][:20]
        lines.append(
            f"one host cut off, one lost: {faults['accepted']} accepted, {faults['callbacks']} "
            f"callbacks, {len(faults['wrong'])} wrong, all ended after {faults['seconds']:.0f} s"
        )
    return lines


def main() -> int:
    """Read the command line, go into a network of its own, measure."""
    words = argparse.ArgumentParser(
        prog="bench.hosts",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    words.add_argument("--workload", default="W8", choices=list(workloads.load()))
    words.add_argument("--batches", type=int, default=40, help="for each host of a round (40)")
    words.add_argument("--rounds", type=int, default=3)
    words.add_argument("--under-fault", type=int, default=90, help="batches under faults (90)")
    words.add_argument("--only", choices=["rates", "faults"], default="")
    words.add_argument("--json", type=Path, default=RESULT)
    words.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    asked = words.parse_args()
    if reason := obstacle():
        show(f"SKIPPED: {reason}")
        return 0
    if not asked.inside:
        again = [sys.executable, "-m", "bench.hosts", *sys.argv[1:], "--inside"]
        return subprocess.run(enter_own_network(again), check=False).returncode
    become_hub()
    found = asyncio.run(take(asked))
    asked.json.parent.mkdir(parents=True, exist_ok=True)
    asked.json.write_text(json.dumps({"machine": machine.describe(), **found}, indent=1) + "\n")
    show("\n".join(report(found)))
    return 1 if found.get("faults", {}).get("wrong") else 0


if __name__ == "__main__":
    sys.exit(main())
