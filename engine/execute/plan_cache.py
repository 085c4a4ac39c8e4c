"""Caches plans across batches, so that repeated requests are not planned again.

A plan depends on the source's facts, the jobs but for where their results go, the limits, the
facts of the watermarks, what was measured, and the fonts; so it is kept by these, whole, and two
batches that differ in one of them never meet. Batches that were refused in part are not kept.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

import msgspec
from msgspec import Struct

from engine.errors import DarkroomError
from engine.execute.planning import BatchPlan, plan, plan_batch
from engine.expand import Resolved
from engine.fonts import TYPEFACES
from engine.ir import Plan
from engine.limits import EngineLimits
from engine.lru_cache import LruCache
from engine.schema import Job
from engine.sources import Facts

MAX_BYTES = 1024 * 1024  # of plans, as JSON has them
STORED = {"destination", "store"}  # of a job, which no plan depends on
ASKED = [name for name in Job.__struct_fields__ if name not in {*STORED, "options"}]
T = TypeVar("T", Plan, BatchPlan)


class Reused(Struct):
    """How many batches and pending jobs were planned before, and how many were not."""

    hits: int = 0
    misses: int = 0


class PlanCache:
    """The plans of batches, and those of jobs of which pixels were measured."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self.plans: LruCache[Hashable, Plan | BatchPlan] = LruCache(max_bytes)

    def batch(
        self,
        jobs: Sequence[Job],
        facts: Facts,
        limits: EngineLimits,
        resolved: Resolved,
        reused: Reused,
    ) -> BatchPlan:
        """Return the plan of a batch, as `plan_batch` makes it."""
        key = _key(jobs, facts, limits, resolved)
        return self._get(key, lambda: plan_batch(jobs, facts, limits, resolved), reused)

    def job(
        self, job: Job, facts: Facts, limits: EngineLimits, resolved: Resolved, reused: Reused
    ) -> Plan:
        """Return the plan of a job of which pixels were measured, as `plan` makes it."""
        key = _key([job], facts, limits, resolved)
        alone = None if key is None else ("job", key)  # not the batch that has this job alone
        return self._get(alone, lambda: plan(job, facts, limits, resolved), reused)

    def _get(self, key: Hashable | None, make: Callable[[], T], reused: Reused) -> T:
        found = None if key is None else self.plans.get(key)
        if found is not None:
            reused.hits += 1
            return found  # type: ignore[return-value]  # by its key
        reused.misses += 1
        made = make()
        self._keep(key, made)
        return made

    def _keep(self, key: Hashable | None, made: Plan | BatchPlan) -> None:
        plans = made.jobs if isinstance(made, BatchPlan) else (made,)
        if key is None or any(isinstance(each, DarkroomError) for each in plans):
            return
        self.plans.put(key, made, len(msgspec.msgpack.encode(plans, enc_hook=str)))


def _key(
    jobs: Sequence[Job], facts: Facts, limits: EngineLimits, resolved: Resolved
) -> Hashable | None:
    """Return all that plans depend on; None where an input's error is among it."""
    inputs = resolved.inputs
    if any(isinstance(found, DarkroomError) for found in inputs.values()):
        return None
    return (
        facts,
        tuple(map(_asked, jobs)),
        limits,
        frozenset(inputs.items()),
        frozenset(resolved.measured.items()),
        len(TYPEFACES.faces),
    )


def _asked(job: Job) -> Hashable:
    """Return all that a job says, but for where its result goes and what is kept with it."""
    given = frozenset(job.options.given)
    return (*(getattr(job, name) for name in ASKED), job.output_format, job.save_options, given)


PLANS = PlanCache()
