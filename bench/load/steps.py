"""One step of load after the other: all that is noted of each."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Literal

import aiohttp
import psutil
from msgspec import Struct

from bench import sources
from bench.load.arrivals import closed_loop, open_loop, poisson
from bench.load.caller import Batch, calling
from bench.service.stack import Stack
from bench.workloads import Workload

SAMPLE_SECONDS = 1.0  # between two looks at the slots, which cost the workers CPU
WARM_UP = 8  # batches a slot before the first step
BUSY, SLOTS = "darkroom_worker_slots_busy", "darkroom_worker_slots"
CALLER = "caller"  # the part that this process is

Loop = Literal["open", "closed"]


class Load(Struct, frozen=True, kw_only=True):
    """What every step has in common."""

    workload: Workload
    loop: Loop
    seconds: float
    drain: float  # seconds that what is under way at the end of a step may take
    callbacks: bool
    seed: int


class Step(Struct, kw_only=True):
    """What was noted of one step; times are Unix time, CPU is in seconds."""

    level: int  # batches a second that are due, or clients
    began: float
    until: float  # when the last was sent
    batches: Sequence[Batch]
    waiting: int  # batches under way at `until`
    cpu: dict[str, float]  # by part, until all had ended
    cores: float  # that the service used, until `until`
    machine: float  # share of all cores that anybody used, until `until`
    slots: Sequence[float]  # shares of the slots that were busy, until `until`


async def prepare(stack: Stack, workload: Workload) -> None:
    """Put the sources into the storage, and warm up every child."""
    for name in {workload.source, *workload.inputs()}:
        shutil.copy(sources.SOURCES / name, stack.directory / "storage" / name)
    _, slots = await _slots(stack)
    ids = await stack.post_many(WARM_UP * int(slots), workload.source, workload.jobs)
    await stack.finished(ids)


async def run_step(stack: Stack, load: Load, level: int) -> Step:
    """Load the service so much; what has not ended in time is left under way."""
    async with calling(stack, load.workload, callbacks=load.callbacks) as caller:
        before = await _cpu(stack)
        psutil.cpu_percent()
        began = time.time()
        async with _sampled(stack) as slots:
            if load.loop == "open":
                times = poisson(level, load.seconds, load.seed)
                tasks = await open_loop(times, caller.send)
            else:
                tasks = await closed_loop(level, load.seconds, caller.send)
        until, machine = time.time(), psutil.cpu_percent() / 100
        waiting = sum(not task.done() for task in tasks)
        used = await _cpu(stack)
        await _drain(tasks, load.drain)
        after = await _cpu(stack)
        await caller.read()
    cpu = {part: after[part] - before[part] for part in after}
    service = sum(used[part] - before[part] for part in used if part != CALLER)
    return Step(
        level=level, began=began, until=until, batches=caller.batches, waiting=waiting, cpu=cpu,
        cores=service / (until - began), machine=machine, slots=slots,
    )  # fmt: skip


async def _drain(tasks: set[asyncio.Task[None]], seconds: float) -> None:
    """Wait for those that are under way; raises what made one fail."""
    if not tasks:
        return
    done, left = await asyncio.wait(tasks, timeout=seconds)
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    for task in done:
        task.result()


@asynccontextmanager
async def _sampled(stack: Stack) -> AsyncIterator[list[float]]:
    """Fill a list with the share of all slots that are busy, as the workers' metrics tell."""
    shares: list[float] = []

    async def sample() -> None:
        while True:
            await asyncio.sleep(SAMPLE_SECONDS)
            with suppress(aiohttp.ClientError, TimeoutError):
                busy, slots = await _slots(stack)
                shares.append(busy / slots)

    sampling = asyncio.create_task(sample())
    try:
        yield shares
    finally:
        sampling.cancel()
        with suppress(asyncio.CancelledError):
            await sampling


async def _slots(stack: Stack) -> tuple[float, float]:
    """Return how many slots of all workers are busy, and how many there are."""
    busy = slots = 0.0
    for url in stack.told["metrics_urls"][1:]:  # the first is the API's
        async with aiohttp.request("GET", url) as answer:
            lines = (await answer.text()).splitlines()
        values = dict(line.rsplit(maxsplit=1) for line in lines if not line.startswith("#"))
        busy, slots = busy + float(values[BUSY]), slots + float(values[SLOTS])
    return busy, slots


async def _cpu(stack: Stack) -> dict[str, float]:
    """Read it beside the loop, which has answers to take."""
    times = psutil.Process().cpu_times()
    return dict(await asyncio.to_thread(stack.cpu)) | {CALLER: times.user + times.system}
