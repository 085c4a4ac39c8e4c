"""The figures of a step: rates, percentiles, saturation, cost."""

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from bench.load.caller import Batch
from bench.load.steps import Step

BEHIND = 0.1  # of what was accepted: if more had not ended when the last was sent, it was too much
SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def figures(step: Step) -> dict[str, Any]:
    """Return the figures of a step, as they are written to JSON.

    Rates are batches a second, times milliseconds, `cpu_ms` is CPU milliseconds a batch that
    ended by part, and `cores` those that the service used while batches were sent.
    """
    accepted = [batch for batch in step.batches if batch.accepted]
    ended = [batch for batch in accepted if batch.finished]
    refused = Counter(batch.refused for batch in step.batches if batch.refused)
    took = step.until - step.began
    last = max((batch.finished for batch in ended if batch.finished), default=step.until)
    return {
        "level": step.level,
        "sent": len(step.batches),
        "accepted": len(accepted),
        "refused": dict(refused),
        "failed": sum(batch.failed for batch in ended),
        "left": len(accepted) - len(ended),
        "accepted_per_s": len(accepted) / took,
        "ended_per_s": len(ended) / max(last - step.began, took),
        "late_ms": percentiles(batch.sent - batch.due for batch in step.batches),
        "accepted_ms": percentiles(_waits(accepted, "accepted")),
        "finished_ms": percentiles(_waits(accepted, "finished")),
        "called_ms": percentiles(_waits(accepted, "called")),
        "waiting": step.waiting,
        "saturated": step.waiting > BEHIND * len(accepted),
        "slots_busy": statistics.fmean(step.slots) if step.slots else None,
        "machine_busy": step.machine,
        "cores": step.cores,
        "cpu_ms": {part: used / len(ended) * 1000 for part, used in step.cpu.items()}
        if ended
        else {},
    }


def percentiles(seconds: Iterable[float]) -> dict[str, float] | None:
    """Return p50, p95, p99 and the maximum in milliseconds, by nearest rank; None of nothing."""
    each = sorted(second * 1000 for second in seconds)
    if not each:
        return None
    ranks = {name: each[math.ceil(share * len(each)) - 1] for name, share in SHARES.items()}
    return ranks | {"max": each[-1]}


def _waits(batches: Sequence[Batch], until: str) -> list[float]:
    """Return the seconds from when each was due."""
    times = [(batch.due, getattr(batch, until)) for batch in batches]
    return [at - due for due, at in times if at is not None]
