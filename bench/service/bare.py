"""The same batches through rendering children alone: no queue, no records, no storage."""

import asyncio
import json
import os
import time
from contextlib import ExitStack
from pathlib import Path

import psutil

from bench.workloads import Workload
from service.sandbox.parent import Sandbox
from service.sandbox.protocol import Output, Work


async def render_bare(folder: Path, workload: Workload, count: int) -> dict[str, float]:
    """Render a workload so many times on one child a core; CPU ms a batch, batches a second."""
    async with Sandbox(environ=os.environ) as sandbox:
        began, before = time.perf_counter(), _cpu(sandbox)
        await render_with(sandbox, folder, workload, count)
        took, used = time.perf_counter() - began, _cpu(sandbox) - before
    return {"cpu": used / count * 1000, "rate": count / took}


async def render_with(sandbox: Sandbox, folder: Path, workload: Workload, count: int) -> None:
    """Render a workload so many times, in all slots at once."""
    jobs = tuple(json.dumps(job).encode() for job in workload.jobs)
    keys = workload.inputs()
    left = iter(range(count))

    async def client() -> None:
        for _ in left:
            with ExitStack() as files:
                work = Work(
                    owner="",
                    source=files.enter_context((folder / workload.source).open("rb")),
                    inputs={key: files.enter_context((folder / key).open("rb")) for key in keys},
                    jobs=jobs,
                    deadline=60,
                )
                async with sandbox.render(work) as rendering:
                    async for result in rendering:
                        assert isinstance(result.outcome, Output)  # noqa: S101
                        result.outcome.file.close()

    await asyncio.gather(*(client() for _ in range(sandbox.slots)))


def _cpu(sandbox: Sandbox) -> float:
    times = [psutil.Process(pid).cpu_times() for pid in sandbox.pids]
    return sum(each.user + each.system for each in times)
