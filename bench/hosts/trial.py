"""What a second host brings, and that nothing is lost with one cut off and one that dies."""

import asyncio
import hashlib
import shutil
import statistics
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from typing import Any

import aiohttp
from msgspec import Struct

from bench import sources
from bench.hosts.hub import HostWorker, Hub, spent
from bench.hosts.network import Host, host
from bench.workloads import Workload

LEASE_SECONDS = 5.0
SETTLE_SECONDS = 120.0
WARM_UP = 6

Say = Callable[[str], None]
Jobs = Sequence[dict[str, Any]]


class Trial(Struct, frozen=True, kw_only=True):
    """What is sent, and how often."""

    workload: Workload
    batches: int  # for each host of a round
    rounds: int
    under_fault: int  # batches while hosts are cut off and lost


async def measure_hosts(hub: Hub, trial: Trial, say: Say) -> dict[str, Any]:
    """Return batches a second of one host and of two, in turn, with the CPU of every part."""
    rounds: dict[int, list[dict[str, float]]] = {1: [], 2: []}
    prepare(hub, trial.workload)
    with ExitStack() as opened:
        hosts = [opened.enter_context(host(number, core)) for number, core in ((1, 0), (2, 1))]
        for index in range(trial.rounds):
            for count in (1, 2):
                # the one that is alone is another one each time, since cores are not alike
                chosen = hosts if count == 2 else [hosts[index % 2]]
                rounds[count].append(await _round(hub, trial, chosen, f"{index}-{count}"))
                say(f"round {index + 1} of {trial.rounds}, {count}: {_words(rounds[count][-1])}")
    one, two = (_medians(rounds[count]) for count in (1, 2))
    return {"one": one, "two": two, "ratio": two["rate"] / one["rate"]}


async def _round(hub: Hub, trial: Trial, hosts: Sequence[Host], name: str) -> dict[str, float]:
    workload = trial.workload
    async with working(hub, hosts, name) as workers:
        warm = await hub.post_many(workload.jobs, workload.source, range(WARM_UP * len(hosts)))
        await hub.ended([*warm], len(warm), SETTLE_SECONDS)
        count = trial.batches * len(hosts)
        shared, own = hub.cpu(), [spent(worker.pid) for worker in workers]
        began = time.perf_counter()
        accepted = await hub.post_many(workload.jobs, workload.source, range(count))
        if not await hub.ended([*accepted], count, SETTLE_SECONDS):
            raise RuntimeError(f"{count} batches had not ended after {SETTLE_SECONDS:g} s")
        took = time.perf_counter() - began
        after = hub.cpu()
        used = {part: (after[part] - shared[part]) / count * 1000 for part in after}
        worked = sum(spent(worker.pid) - was for worker, was in zip(workers, own, strict=True))
    return {"rate": count / took, "workers": worked / count * 1000, **used}


async def lose_hosts(hub: Hub, trial: Trial, say: Say) -> dict[str, Any]:
    """Load three hosts, cut one off for longer than its lease, lose another; gives what came of it.

    `wrong` has a line for everything that is not as it should be.
    """
    workload, count = trial.workload, trial.under_fault
    prepare(hub, workload)
    hub.callbacks.clear()
    with ExitStack() as opened:
        cores = ((1, 0), (2, 1), (3, 0))
        steady, cut, lost = [opened.enter_context(host(*each)) for each in cores]
        async with working(hub, [steady, cut, lost], "faults") as (_, cut_off, dying):
            began = time.monotonic()
            accepted = await hub.post_many(workload.jobs, workload.source, range(count))
            ids = [*accepted]
            await hub.ended(ids, count // 6, SETTLE_SECONDS)
            cut.cut()
            say(f"{time.monotonic() - began:.1f} s: a host is cut off")
            await hub.ended(ids, count // 3, SETTLE_SECONDS)
            await dying.kill()
            lost.lose()
            say(f"{time.monotonic() - began:.1f} s: a host is lost")
            await asyncio.sleep(2 * LEASE_SECONDS)
            cut.restore()
            say(f"{time.monotonic() - began:.1f} s: the one that was cut off is back")
            await hub.ended(ids, count, SETTLE_SECONDS)
            took = time.monotonic() - began
            worked = await _jobs_done(cut_off)
            more = await hub.post_many(workload.jobs, workload.source, range(count, count + 12))
            await hub.ended([*more], len(more), SETTLE_SECONDS)
            again = await _jobs_done(cut_off) - worked
            await _callbacks(hub, count + len(more))
            wrong = await _wrong(hub, accepted | more)
            wrong += [] if again else ["the host that was cut off did not work again"]
    return {
        "accepted": count + len(more), "seconds": took, "wrong": wrong,
        "callbacks": sum(map(len, hub.callbacks.values())),
    }  # fmt: skip


async def _jobs_done(worker: HostWorker) -> float:
    async with aiohttp.ClientSession() as client, client.get(worker.metrics) as answer:
        lines = (await answer.text()).splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("darkroom_jobs_total{"))


async def _callbacks(hub: Hub, count: int) -> None:
    """Wait for all callbacks."""
    until = time.monotonic() + SETTLE_SECONDS
    while len(hub.callbacks) < count and time.monotonic() < until:
        await asyncio.sleep(0.1)


async def _wrong(hub: Hub, accepted: dict[str, int]) -> list[str]:
    """Compare ends, callbacks, and the bytes of all results with each other."""
    wrong: list[str] = []
    rows = await hub.database.fetch(
        "SELECT p.id, p.status, j.destination, j.sha256 FROM processes p JOIN jobs j "
        "ON j.process_id = p.id WHERE p.id = ANY($1)", [*accepted],
    )  # fmt: skip
    found = {row["id"] for row in rows}
    wrong += [f"{id_} is lost" for id_ in accepted if id_ not in found]
    wrong += [f"{row['id']} is {row['status']}" for row in rows if row["status"] != "FINISHED"]
    kinds: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows:
        name = row["destination"].lstrip("/").partition("/")[2]
        data = (hub.folder / row["destination"].lstrip("/")).read_bytes()
        kinds[name] |= {row["sha256"] or "", hashlib.sha256(data).hexdigest()}
    wrong += [f"{name} has {len(sums)} contents" for name, sums in kinds.items() if len(sums) > 1]
    for number in accepted.values():
        if len(hub.callbacks.get(str(number), ())) != 1:
            wrong.append(f"{number}: {len(hub.callbacks.get(str(number), ()))} ids of callbacks")
    return wrong


@asynccontextmanager
async def working(
    hub: Hub, hosts: Sequence[Host], name: str
) -> AsyncIterator[Sequence[HostWorker]]:
    """Run a worker on each host."""
    settings = hub.settings | {"lease_seconds": LEASE_SECONDS}
    async with AsyncExitStack() as stack:
        workers = [
            HostWorker(hub.directory / f"worker-{name}-{each.number}", each, settings)
            for each in hosts
        ]
        for worker in workers:
            stack.push_async_callback(worker.stop)
        await asyncio.gather(*(worker.start() for worker in workers))
        yield workers


def prepare(hub: Hub, workload: Workload) -> None:
    """Put the sources into the storage."""
    for name in {workload.source, *workload.inputs()}:
        shutil.copy(sources.SOURCES / name, hub.folder / name)


def _medians(rounds: Sequence[dict[str, float]]) -> dict[str, float]:
    return {key: statistics.median(each[key] for each in rounds) for key in rounds[0]}


def _words(figures: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.2f}" for name, value in figures.items())
