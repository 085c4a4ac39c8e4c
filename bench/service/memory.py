"""What children have in memory: resident, their share of what they share, and what is theirs alone.

Children are forked and share what their server has loaded, so their resident memories count the
same pages again and again. `pss` counts a page that three processes share as a third in each;
`private` counts what goes when the child goes.
"""

import os
import statistics
from pathlib import Path

import psutil

from bench.service.bare import render_with
from bench.workloads import Workload
from service.sandbox.parent import Sandbox

CHILDREN = (1, 2, 4)
WORKS = 25  # of each child
MIB = 1024


async def measure_memory(folder: Path, workload: Workload) -> dict[str, dict[str, float]]:
    """Give the MiB of a child and of their server, by how many children there are."""
    found = {}
    for count in CHILDREN:
        async with Sandbox(count, environ=os.environ) as sandbox:
            await render_with(sandbox, folder, workload, count * WORKS)
            children = [_mapped(pid) for pid in sandbox.pids]
            server = _mapped(psutil.Process(sandbox.pids[0]).ppid())
        each = {key: statistics.mean(child[key] for child in children) for key in server}
        in_all = server["pss"] + sum(child["pss"] for child in children)
        found[f"{count} children"] = each | {"server": server["pss"], "in all": in_all}
    return found


def _mapped(pid: int) -> dict[str, float]:
    """Read what a process has mapped, in MiB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    kilobytes = {name: int(rest.split()[0]) for name, _, rest in (x.partition(":") for x in lines)}
    private = kilobytes["Private_Clean"] + kilobytes["Private_Dirty"]
    in_kilobytes = {"rss": kilobytes["Rss"], "pss": kilobytes["Pss"], "private": private}
    return {key: size / MIB for key, size in in_kilobytes.items()}
