"""One batch at a time on a machine that has nothing else to do."""

import asyncio
import shutil
import statistics
import time
from collections.abc import Sequence

from bench import sources
from bench.service.receiver import receiving
from bench.service.stack import Stack
from bench.workloads import Workload

PAUSE = 0.15  # seconds between two, so that each finds everything at rest
SMALL = [{"destination": "bench/s.jpg", "transformations": [{"type": "resize", "width": 64}]}]


async def measure_wait(stack: Stack, source: str, count: int) -> dict[str, float]:
    """Return the milliseconds from a process's answer to its claim, as the records tell them."""
    shutil.copy(sources.SOURCES / source, stack.directory / "storage" / source)
    await stack.database.execute(
        "ALTER TABLE processes ADD COLUMN IF NOT EXISTS claimed_at timestamptz;"
        "CREATE OR REPLACE FUNCTION note_claim() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN NEW.claimed_at := clock_timestamp(); RETURN NEW; END';"
        "CREATE TRIGGER claimed BEFORE UPDATE OF run ON processes "
        "FOR EACH ROW EXECUTE FUNCTION note_claim()"
    )
    answered: dict[str, float] = {}
    for _ in range(count):
        process_id = await stack.post(source, SMALL)
        answered[process_id] = time.time()
        await asyncio.sleep(PAUSE)
    await stack.finished(list(answered))
    rows = await stack.database.fetch(
        "SELECT id, extract(epoch FROM claimed_at)::float8 AS claimed FROM processes "
        "WHERE id = ANY($1::text[])", list(answered),
    )  # fmt: skip
    await stack.database.execute("DROP TRIGGER claimed ON processes")
    return _milliseconds([row["claimed"] - answered[row["id"]] for row in rows])


async def measure_lone(stack: Stack, workload: Workload, count: int) -> dict[str, float]:
    """Give the milliseconds from a POST to its callback, and the CPU milliseconds of all parts."""
    shutil.copy(sources.SOURCES / workload.source, stack.directory / "storage" / workload.source)
    took = []
    async with receiving() as (url, arrived):
        for index in range(count + 3):
            if index == 3:  # the first warm up
                before = stack.cpu()
            began = time.perf_counter()
            await stack.post(workload.source, workload.jobs, callback=url)
            await arrived.get()
            if index >= 3:
                took.append(time.perf_counter() - began)
            await asyncio.sleep(PAUSE)
        used = sum(stack.cpu().values()) - sum(before.values())
    return _milliseconds(took) | {"cpu": used / count * 1000}


def _milliseconds(seconds: Sequence[float]) -> dict[str, float]:
    each = sorted(second * 1000 for second in seconds)
    return {"p50": statistics.median(each), "p99": each[int(len(each) * 0.99)]}
