"""Creates the sandbox from the settings, and records how children end."""

import os
from collections.abc import Sequence

import msgspec
import structlog

from engine.limits import EngineLimits
from service.metrics import Metrics
from service.sandbox.parent import (
    Budget,
    Sandbox,
    memory_for_works,
    memory_limit,
    resting_children,
)
from service.sandbox.protocol import ChildExit, Reason, SandboxLimits
from service.settings import Settings
from service.supervisor import Supervisor

EXPECTED = {
    Reason.RECYCLED,
    Reason.PREEMPTED,
    Reason.OTHER_OWNER,
    Reason.SHUTDOWN,
    Reason.CANCELLED,
}

log = structlog.get_logger(__name__)


def make_sandbox(
    settings: Settings,
    metrics: Metrics,
    slots: int,
    command: Sequence[str],
    supervisor: Supervisor,
    *,
    budget: Budget | None = None,
    nice: int = 0,
) -> Sandbox:
    """Make a sandbox of so many children, one for each core if 0; it is still to be entered.

    Without a `budget` each child may take what its own limit allows. Those of a worker
    are `nice`; those for whom a client waits are not.
    """
    metrics.know_child_exits(Reason)

    def note(ended: ChildExit) -> None:
        metrics.child_exits.labels(ended.reason.value).inc()
        if ended.reason not in EXPECTED:
            log.warning(
                "child_ended", reason=ended.reason.value, message=ended.message, stderr=ended.stderr
            )

    return Sandbox(
        slots or None,
        limits=msgspec.structs.replace(sandbox_limits(settings, budget), nice=nice),
        environ=os.environ,
        on_exit=note,
        on_wait=metrics.slot_wait.observe,
        command=command,
        supervisor=supervisor,
        budget=budget,
        isolated=settings.isolate_services,
    )


def worker_budget(settings: Settings, slots: int) -> Budget:
    """Make the budget of a worker with so many slots, one for each core if 0."""
    slots = slots or len(os.sched_getaffinity(0))
    limit = settings.memory_bytes or memory_limit()
    resting = resting_children(limit, settings.resting_children) if settings.isolate_services else 0
    total = memory_for_works(limit, slots, resting)
    return Budget(total, slots, slow_seconds=settings.slow_seconds, resting=resting)


def sandbox_limits(settings: Settings, budget: Budget | None = None) -> SandboxLimits:
    """Give the part of the settings that the sandbox sees to, within a budget."""
    budget = budget or Budget()
    return SandboxLimits(
        memory_bytes=min(settings.child_memory_bytes, budget.total),
        max_output_bytes=settings.max_output_bytes,
        resident_bytes=min(settings.child_resident_bytes, budget.kept_bytes),
        works_per_child=settings.child_works,
        max_inputs=settings.max_inputs,
        allow_weak=settings.allow_weak_sandbox,
        fonts=os.path.abspath(settings.fonts) if settings.fonts else "",
    )


def engine_limits(settings: Settings, budget: Budget | None = None) -> EngineLimits:
    """Give the part of the settings that the engine checks, within a budget."""
    names = EngineLimits.__struct_fields__
    limits = EngineLimits(**{name: getattr(settings, name) for name in names})
    most = min(limits.max_memory_bytes, (budget or Budget()).total)
    return msgspec.structs.replace(limits, max_memory_bytes=most)
