"""How a contender is spoken to: a line of JSON in, a line of JSON out.

    contender: {"version": "…"}   once it is ready, or {"absent": "how to install it"}
    runner:    {"source": PATH, "jobs": [JOB, …], "folder": PATH, "reference": PATH}
    contender: {"cpu": seconds, "wall": seconds, "rss_mb": MiB, …}   or {"cannot": "why"}

A JOB is one of the API, its destination in `folder`; what it should look like is in
`reference`, under the same name and ``.png``. `cpu` is user and system time of the
process and its children, as the kernel counts it. `rss_mb` is the most that was resident
at any time. Only the standard library is used here.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

Step = dict[str, Any]


class Cannot(Exception):
    """Something that this contender cannot do."""


class Job(NamedTuple):
    """One output: where it goes, its quality, and the steps before."""

    path: Path
    reference: Path
    quality: int
    steps: list[Step]


class Batch(NamedTuple):
    """A source and its jobs; watermarks lie beside the source."""

    source: Path
    jobs: list[Job]

    def beside(self, name: str) -> Path:
        """Find another image."""
        return self.source.parent / name


Perform = Callable[[Batch], dict[str, object] | None]


def serve(version: str, perform: Perform) -> None:
    """Answer until standard input ends."""
    _say({"version": version})
    for line in sys.stdin:
        batch = _batch(json.loads(line))
        try:
            _say(_measured(perform, batch))
        except Cannot as reason:
            _say({"cannot": str(reason)})


def absent(how: str) -> NoReturn:
    """Return how the contender could be had, and leave."""
    _say({"absent": how})
    sys.exit(0)


def _batch(request: dict[str, Any]) -> Batch:
    folder = Path(request["folder"])
    jobs = []
    for job in request["jobs"]:
        path = folder / job["destination"]
        path.parent.mkdir(parents=True, exist_ok=True)
        reference = Path(request["reference"]) / f"{job['destination']}.png"
        jobs.append(Job(path, reference, job.get("quality", 70), job["transformations"]))
    return Batch(Path(request["source"]), jobs)


def _measured(perform: Perform, batch: Batch) -> dict[str, object]:
    wall, cpu = time.perf_counter(), _cpu()
    counts = perform(batch) or {}
    cpu, wall = _cpu() - cpu, time.perf_counter() - wall
    return {"cpu": cpu, "wall": wall, "rss_mb": _peak_mb(), **counts}


def _cpu() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def _peak_mb() -> float:
    """Take the greater of this process (VmHWM begins anew with exec) and its largest child."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    [own] = (int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    return max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 1024


def _say(answer: dict[str, Any]) -> None:
    os.write(1, json.dumps(answer).encode() + b"\n")
