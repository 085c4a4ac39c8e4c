"""Metrics of processes, their jobs, and the children that render them."""

from collections.abc import Callable, Iterable, Iterator, Set
from contextlib import contextmanager
from time import perf_counter
from typing import Protocol

from prometheus_client import Counter

from service.metrics.declarations import Declarations, Role, Scope

# Seconds: of one stage, up to what all jobs of a process may take together; of a wait, which is as
# long as nobody works.
STAGE = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
WAIT = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14_400, 86_400)
BYTES = tuple(2.0**power for power in range(22, 35))
LEAST_SECONDS = 0.1  # of a batch, below which what is predicted says little
RATIO = (0.1, 0.25, 0.5, 0.75, 0.9, 1.0, 1.1, 1.25, 1.5, 2, 4)

WORKER = (Role.WORKER,)


class SlotState(Protocol):
    """The slots of a worker's rendering children."""

    slots: int

    @property
    def busy(self) -> int:
        """How many children render."""

    @property
    def free(self) -> int:
        """How many children wait for work."""

    @property
    def waiting(self) -> int:
        """How many works wait for a child, for memory, or for slow ones to end."""


class LaneState(Protocol):
    """Where works wait for memory, or for slow ones to end."""

    @property
    def waiting_slow(self) -> int:
        """How many slow works wait."""

    @property
    def slow(self) -> int:
        """How many slow works are rendered."""


class WorkMetrics:
    """What waits, what is worked on, and what that takes."""

    def __init__(self, declare: Declarations) -> None:
        self._backlog(declare)
        self._processes(declare)
        self._recovery(declare)
        self._rendering(declare)
        self._slots(declare)
        self._predictions(declare)
        self._children(declare)

    def _backlog(self, declare: Declarations) -> None:
        whole = Scope.INSTALLATION
        self.queue_depth = declare.gauge(
            "queue_depth", "Processes by state, QUEUED or PROCESSING", "state", scope=whole
        )
        self.queue_oldest = declare.gauge(
            "queue_oldest_age_seconds",
            "Time since the oldest process in a state was queued, 0 if there is none",
            "state",
            scope=whole,
        )
        self.callback_pending = declare.gauge(
            "callback_pending", "Callbacks that are not yet delivered", scope=whole
        )
        self.callback_oldest = declare.gauge(
            "callback_oldest_age_seconds",
            "Age of the oldest callback that is not yet delivered, 0 if there is none",
            scope=whole,
        )

    def _processes(self, declare: Declarations) -> None:
        self.completed = declare.counter(
            "processes_completed_total",
            "Processes ended, by a worker, or cancelled by an API before one took them",
            "outcome",
            "error_code",
        )
        self.jobs = declare.counter(
            "jobs_total",
            "Jobs ended; the code is that of a job that failed, else empty",
            "outcome", "error_code",
            of=WORKER,
        )  # fmt: skip
        self.process_seconds = declare.histogram(
            "process_duration_seconds", "Time from the queueing of a process to its end", "outcome",
            buckets=WAIT, of=WORKER,
        )  # fmt: skip
        self.queue_wait = declare.histogram(
            "queue_wait_seconds", "Time from the queueing of a process to its claim", "priority",
            buckets=WAIT, of=WORKER,
        )  # fmt: skip
        self.in_flight = declare.gauge(
            "jobs_in_flight", "Processes that this worker is working on", of=WORKER
        )

    def _recovery(self, declare: Declarations) -> None:
        self.reconciled = declare.counter(
            "reconciled_total",
            "Processes and callbacks found in Postgres: dispatched again, or direct to a worker",
            "reason",
            of=WORKER,
            known=["process", "callback", "direct"],
        )
        self.queue_garbage = declare.counter(
            "queue_garbage_total",
            "Members of a queue in Redis that were no dispatch, and were dropped",
            of=WORKER,
        )
        self.leases_expired = declare.counter(
            "leases_expired_total", "Leases that expired", of=WORKER
        )
        self.fenced_writes = declare.counter(
            "fenced_writes_total", "Writes rejected because the lease was lost", of=WORKER
        )
        self.quarantined = declare.counter(
            "quarantined_total",
            "Jobs quarantined because they crash rendering children or workers",
            of=WORKER,
        )
        self.heartbeat = declare.gauge(
            "worker_heartbeat_timestamp_seconds",
            "Unix time at which this worker last renewed its leases",
            of=WORKER,
        )
        self.task_restarts = declare.counter(
            "task_restarts_total", "Background tasks that failed and were started again", "task"
        )

    def _rendering(self, declare: Declarations) -> None:
        self.stage_seconds = declare.histogram(
            "stage_duration_seconds", "Time spent in a stage of processing", "stage",
            buckets=STAGE, of=WORKER,
        )  # fmt: skip
        self.source_bytes = declare.counter(
            "source_bytes_total", "Bytes of sources fetched", "format", of=WORKER
        )
        self.output_bytes = declare.counter(
            "output_bytes_total", "Bytes of results published", "format", of=WORKER
        )
        self.source_pixels = declare.counter(
            "source_pixels_total", "Pixels decoded", "format", of=WORKER
        )
        self.decode_passes = declare.counter(
            "decode_passes_total", "Decode passes over sources", "format", of=WORKER
        )
        self.outputs_per_decode = declare.histogram(
            "outputs_per_decode", "Results per decode pass",
            buckets=(1, 2, 4, 8, 16, 32, 64), of=WORKER,
        )  # fmt: skip
        self.limits_rejected = declare.counter(
            "limits_rejected_total", "Requests and images that exceeded a limit", "limit"
        )
        self.cache_lookups = declare.counter(
            "cache_lookups_total",
            "Lookups in a cache: plans of a child, tokens of an API; by result, hit or miss",
            "cache", "result",
        )  # fmt: skip
        self._lookups: dict[str, tuple[Counter, Counter]] = {}

    def _slots(self, declare: Declarations) -> None:
        self.slots = declare.gauge("worker_slots", "Slots for rendering children", of=WORKER)
        self.slots_busy = declare.gauge(
            "worker_slots_busy", "Slots whose child is rendering", of=WORKER
        )
        self.slots_free = declare.gauge(
            "worker_slots_free",
            "Slots whose child waits for work; what is neither busy nor free is being restarted",
            of=WORKER,
        )
        self.slot_waiting = declare.gauge(
            "slot_waiting",
            "Works that wait for a free slot, for memory, or for slow ones to end",
            of=WORKER,
        )
        self.slow_rendering = declare.gauge(
            "slow_rendering",
            "Slow works that are rendered: predicted to be slow, or found to be",
            of=WORKER,
        )
        self.slow_waiting = declare.gauge(
            "slow_waiting", "Slow works that wait until others have ended", of=WORKER
        )
        self.slot_wait = declare.histogram(
            "slot_wait_seconds", "Time that a work waited for a free slot", buckets=STAGE, of=WORKER
        )

    def _predictions(self, declare: Declarations) -> None:
        self.memory_used = declare.histogram(
            "render_memory_used_bytes",
            "Memory by which a child grew for a batch of 3 megapixels or more",
            buckets=BYTES, of=WORKER,
        )  # fmt: skip
        self.memory_predicted = declare.histogram(
            "render_memory_predicted_bytes",
            "Memory that was predicted, as an upper bound, for such a batch",
            buckets=BYTES, of=WORKER,
        )  # fmt: skip
        self.memory_ratio = declare.histogram(
            "render_memory_ratio", "Memory used by such a batch, divided by what was predicted",
            buckets=RATIO, of=WORKER,
        )  # fmt: skip
        self.seconds_used = declare.histogram(
            "render_used_seconds",
            "Time for which a batch had a core, if it took or was predicted to take 0.1 s or more",
            buckets=STAGE, of=WORKER,
        )  # fmt: skip
        self.seconds_predicted = declare.histogram(
            "render_predicted_seconds", "Time that was predicted for such a batch",
            buckets=STAGE, of=WORKER,
        )  # fmt: skip
        self.seconds_ratio = declare.histogram(
            "render_time_ratio", "Time used by such a batch, divided by what was predicted",
            buckets=RATIO, of=WORKER,
        )  # fmt: skip

    def _children(self, declare: Declarations) -> None:
        self.child_memory = declare.histogram(
            "child_peak_memory_bytes", "Peak memory of rendering children, all that is resident",
            buckets=BYTES, of=WORKER,
        )  # fmt: skip
        self.child_exits = declare.counter(
            "child_exits_total", "Rendering children that ended", "reason"
        )
        self.sandbox_protection = declare.gauge(
            "sandbox_protection", "Whether a protection is in force in all children", "protection"
        )

    def backlog_unknown(self) -> None:
        """Say that Postgres did not answer, so that nobody knows what waits."""
        for figure in (
            self.queue_depth,
            self.queue_oldest,
            self.callback_pending,
            self.callback_oldest,
        ):
            figure.forget()

    def memory(self, used: int, predicted: int) -> None:
        """Note by how many bytes a child grew, and how many were predicted; 0 for neither."""
        if used and predicted:
            self.memory_used.observe(used)
            self.memory_predicted.observe(predicted)
            self.memory_ratio.observe(used / predicted)

    def seconds(self, used: float, predicted: float) -> None:
        """Note for how long a batch had a core, and what was predicted; 0 if nothing was."""
        if predicted and max(used, predicted) >= LEAST_SECONDS:
            self.seconds_used.observe(used)
            self.seconds_predicted.observe(predicted)
            self.seconds_ratio.observe(used / predicted)

    def looked_up(self, cache: str, *, hits: int = 0, misses: int = 0) -> None:
        """Count lookups in a cache."""
        if cache not in self._lookups:
            of = self.cache_lookups.labels
            self._lookups[cache] = of(cache, "hit"), of(cache, "miss")
        hit, miss = self._lookups[cache]
        if hits:
            hit.inc(hits)
        if misses:
            miss.inc(misses)

    def know_child_exits(self, reasons: Iterable[str]) -> None:
        """Begin the count of each reason at 0, so that the first one is an increase."""
        for reason in reasons:
            self.child_exits.labels(reason)

    def watch_slots(self, pool: SlotState) -> None:
        """Read how many slots there are, and what they do, whenever metrics are scraped."""
        self.slots.set(lambda: pool.slots)
        self.slots_busy.set(lambda: pool.busy)
        self.slots_free.set(lambda: pool.free)
        self.slot_waiting.set(lambda: pool.waiting)

    def watch_lane(self, lane: LaneState) -> None:
        """Read how many slow works there are whenever metrics are scraped."""
        self.slow_rendering.set(lambda: lane.slow)
        self.slow_waiting.set(lambda: lane.waiting_slow)

    def watch_protections(self, known: Iterable[str], in_force: Callable[[], Set[str]]) -> None:
        """Read which protections are in force in the children whenever metrics are scraped."""

        def watch(name: str) -> None:
            self.sandbox_protection.set(lambda: float(name in in_force()), name)

        for name in known:
            watch(name)

    def task_restarted(self, task: str) -> None:
        """Count a background task that failed and is started again."""
        self.task_restarts.labels(task).inc()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage of processing."""
        began = perf_counter()
        try:
            yield
        finally:
            self.stage_seconds.labels(name).observe(perf_counter() - began)
