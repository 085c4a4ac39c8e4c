"""What a batch costs each part, intake and work apart: `make capacity`.

A whole installation (Postgres commits with fsync) takes in batches while its worker stands still,
and then works them off. CPU is what the kernel counts for the processes of each part, so it
depends little on what else runs; batches a second do.
"""

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import redis.asyncio

from bench import machine, sources, workloads
from bench.console import show
from bench.load.steps import prepare
from bench.service.stack import Stack, run_stack

RESULT = Path(__file__).parents[1] / "results" / "capacity.json"
WORKLOAD, COUNT, COMMITS = "W9", 1500, 200
SETTLE_SECONDS = 1.2  # until Postgres has told what its sessions did
POLL_SECONDS = 0.25

POSTGRES = """
SELECT (SELECT xact_commit FROM pg_stat_database WHERE datname = current_database())
         AS transactions,
       (SELECT sum(fsyncs) FROM pg_stat_io WHERE object = 'wal') AS fsyncs,
       pg_current_wal_lsn() - '0/0' AS wal_bytes
"""
OPEN = "SELECT count(*) FROM processes WHERE status IN ('QUEUED', 'PROCESSING')"

Counts = Mapping[str, float]


async def measure_commit(stack: Stack) -> float:
    """Return the median milliseconds of a statement that commits, alone."""
    await stack.database.execute("CREATE TABLE bench_commit AS SELECT 1 AS number")
    took = []
    for _ in range(COMMITS):
        began = time.perf_counter()
        await stack.database.execute("UPDATE bench_commit SET number = number + 1")
        took.append((time.perf_counter() - began) * 1000)
    await stack.database.execute("DROP TABLE bench_commit")
    return statistics.median(took)


async def measure(stack: Stack) -> dict[str, Any]:
    """Give the cost of a batch by part, for intake and for work, and what it asks of databases."""
    workload = workloads.load()[WORKLOAD]
    await prepare(stack, workload)
    found: dict[str, Any] = {"commit_ms": await measure_commit(stack)}
    valkey = redis.asyncio.Redis(
        unix_socket_path=str((stack.directory / "valkey" / "run").resolve() / "valkey")
    )
    stack.worker.suspend()
    before = await _counts(stack, valkey)
    began = time.perf_counter()
    await stack.post_many(COUNT, workload.source, workload.jobs)
    took = time.perf_counter() - began
    between = await _counts(stack, valkey)
    found["intake"] = _each(before, between) | {"per_second": COUNT / took}
    stack.worker.resume()
    began = time.perf_counter()
    while await stack.database.fetchval(OPEN):
        await asyncio.sleep(POLL_SECONDS)
    took = time.perf_counter() - began
    found["work"] = _each(between, await _counts(stack, valkey)) | {"per_second": COUNT / took}
    await valkey.aclose()
    return found


async def _counts(stack: Stack, valkey: redis.asyncio.Redis) -> Counts:
    await asyncio.sleep(SETTLE_SECONDS)
    told = await stack.database.fetchrow(POSTGRES)
    assert told is not None  # noqa: S101
    calls = (await valkey.info("commandstats")).values()
    return {
        **{f"{part}_ms": seconds * 1000 for part, seconds in stack.cpu().items()},
        **{name: float(value) for name, value in told.items()},
        "valkey_calls": float(sum(each["calls"] for each in calls)),
        "valkey_us": float(sum(each["usec"] for each in calls)),
    }


def _each(before: Counts, after: Counts) -> dict[str, float]:
    return {name: round((after[name] - before.get(name, 0)) / COUNT, 5) for name in after}


async def take() -> dict[str, Any]:
    """Start an installation, and measure it."""
    workload = workloads.load()[WORKLOAD]
    sources.make(sources.SOURCES, workload.source, *workload.inputs())
    with tempfile.TemporaryDirectory(prefix="darkroom-capacity-") as scratch:
        async with run_stack(Path(scratch) / "stack") as stack:
            return await measure(stack)


def main() -> None:
    """Measure, show, keep."""
    found = asyncio.run(take())
    about = {"measured_at": datetime.now(UTC).isoformat("T", "minutes"), "workload": WORKLOAD}
    text = json.dumps({**about, "machine": machine.describe(), **found}, indent=1)
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else RESULT
    path.write_text(text + "\n")
    show(text)


if __name__ == "__main__":
    main()
