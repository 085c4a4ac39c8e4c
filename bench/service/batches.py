"""Workloads through whole stacks, and without them: CPU a batch of every part, batches a second.

All that is compared is measured in turn, round by round, in one run.
"""

import shutil
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from bench import sources
from bench.children import CONTENDERS, LIMIT, PLAIN, Child
from bench.service.bare import render_bare
from bench.service.rivals import Rival
from bench.service.stack import Stack
from bench.workloads import Workload

PARTS = ("children", "worker", "postgres", "api", "valkey")
SECONDS = 3.0  # about how long the batches of one round keep a core busy

Sample = Mapping[str, float]
Say = Callable[[str], None]


async def measure(
    workload: Workload,
    stacks: Mapping[str, Stack],
    rivals: Sequence[Rival],
    *,
    scratch: Path,
    rounds: int,
    say: Say,
    callback: str | None = None,
) -> dict[str, dict[str, float]]:
    """Return the medians of everybody: CPU milliseconds a batch by part, batches a second.

    With a `callback` every batch of a stack calls back there, and ends with that.
    """
    limit = _limit(workload, scratch)
    count = max(8, int(SECONDS / (3 * limit + 0.003)))
    for stack in stacks.values():
        for name in {workload.source, *workload.inputs()}:
            shutil.copy(sources.SOURCES / name, stack.directory / "storage" / name)
    turns: dict[str, Callable[[], Awaitable[Sample]]] = {
        "bare": lambda: render_bare(sources.SOURCES, workload, count),
        **{name: _through(stack, workload, count, callback) for name, stack in stacks.items()},
        **{rival.name: _asked(rival, workload, count) for rival in rivals if rival.can(workload)},
    }
    samples: dict[str, list[Sample]] = {name: [] for name in turns}
    for index in range(rounds + 1):
        for name, turn in turns.items():
            say(f"{name}: round {index} of {rounds}, {count} batches")
            sample = await turn()
            if index:  # the first warms up
                samples[name].append(sample)
    figures = {name: _medians(each) for name, each in samples.items()}
    return {"limit": {"cpu": limit * 1000}, **figures}


def _through(
    stack: Stack, workload: Workload, count: int, callback: str | None
) -> Callable[[], Awaitable[Sample]]:
    fields = {} if callback is None else {"callback": callback}

    async def turn() -> Sample:
        before = stack.cpu()
        stack.worker.suspend()
        ids = await stack.post_many(count, workload.source, workload.jobs, **fields)
        stack.worker.resume()
        began = time.perf_counter()
        await stack.finished(ids)
        if callback is not None:
            await stack.called_back(ids)
        took = time.perf_counter() - began
        used = stack.cpu()
        each = {part: (used[part] - before[part]) / count * 1000 for part in PARTS}
        rest = sum(each.values()) - each["children"]
        return {"cpu": sum(each.values()), "rest": rest, **each, "rate": count / took}

    return turn


def _asked(rival: Rival, workload: Workload, count: int) -> Callable[[], Awaitable[Sample]]:
    return lambda: rival.serve(workload, count)


def _medians(samples: Sequence[Sample]) -> dict[str, float]:
    return {key: statistics.median(sample[key] for sample in samples) for key in samples[0]}


def _limit(workload: Workload, scratch: Path) -> float:
    """Measure the limit's CPU seconds, over outputs that the engine makes without its passes."""
    reference, folder = scratch / "reference", scratch / "limit"
    with Child(CONTENDERS[PLAIN]) as plain, Child(CONTENDERS[LIMIT]) as limit:
        plain.run(workload.as_lossless(), sources.SOURCES, reference, reference)
        answers = [
            limit.run(workload, sources.SOURCES, folder, reference)["cpu"] for _ in range(31)
        ]
    return float(statistics.median(answers[1:]))
