"""Every metric with its name and help text. Ids of services or processes are never labels."""

from collections.abc import Callable, Iterable, Iterator, Set
from contextlib import contextmanager
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

HTTP = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
WORK = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
BYTES = tuple(2.0**power for power in range(24, 33))


class Metrics:
    """The metrics of one API or worker, in a registry of their own."""

    def __init__(self, *, version: str, libvips: str) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._http()
        self._processes()
        self._work()
        self._dependencies()
        build = Gauge(
            "darkroom_build_info", "Always 1; the labels give the versions",
            ["version", "libvips"], registry=self.registry,
        )  # fmt: skip
        build.labels(version, libvips).set(1)

    def _counter(self, name: str, help_text: str, *labels: str) -> Counter:
        return Counter(f"darkroom_{name}", help_text, labels, registry=self.registry)

    def _gauge(self, name: str, help_text: str, *labels: str) -> Gauge:
        return Gauge(f"darkroom_{name}", help_text, labels, registry=self.registry)

    def _histogram(
        self, name: str, help_text: str, *labels: str, buckets: tuple[float, ...] = WORK
    ) -> Histogram:
        return Histogram(
            f"darkroom_{name}", help_text, labels, buckets=buckets, registry=self.registry
        )

    def _http(self) -> None:
        self._answers: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self.http_requests = self._counter(
            "http_requests_total", "HTTP requests answered", "method", "route", "status"
        )
        self.http_seconds = self._histogram(
            "http_request_duration_seconds",
            "Time to answer an HTTP request",
            "method",
            "route",
            buckets=HTTP,
        )
        self.rate_limited = self._counter(
            "rate_limited_total", "Requests that were rate-limited", "reason"
        )
        self.idempotent_replays = self._counter(
            "idempotent_replays_total", "Requests answered again because of their Idempotency-Key"
        )

    def _processes(self) -> None:
        self.accepted = self._counter("processes_accepted_total", "Processes accepted", "priority")
        self.completed = self._counter(
            "processes_completed_total", "Processes ended", "outcome", "error_code"
        )
        self.process_seconds = self._histogram(
            "process_duration_seconds", "Time from the queueing of a process to its end", "outcome"
        )
        self.queue_wait = self._histogram(
            "queue_wait_seconds", "Time from the queueing of a process to its claim", "priority"
        )
        self.queue_depth = self._gauge("queue_depth", "Processes by state", "state")
        self.queue_oldest = self._gauge(
            "queue_oldest_age_seconds", "Age of the oldest process by state", "state"
        )
        self.reconciled = self._counter(
            "reconciled_total",
            "Processes and callbacks that the reconciler dispatched again",
            "reason",
        )
        self.leases_expired = self._counter("leases_expired_total", "Leases that expired")
        self.fenced_writes = self._counter(
            "fenced_writes_total", "Writes rejected because the lease was lost"
        )
        self.quarantined = self._counter(
            "quarantined_total", "Jobs quarantined because they crash rendering children or workers"
        )

    def _work(self) -> None:
        self.in_flight = self._gauge("jobs_in_flight", "Processes that this worker is working on")
        self.task_restarts = self._counter(
            "task_restarts_total", "Background tasks that failed and were started again", "task"
        )
        self.slots = self._gauge("worker_slots", "Rendering children of this worker")
        self.heartbeat = self._gauge(
            "worker_heartbeat_timestamp_seconds",
            "Unix time at which this worker last renewed its leases",
        )
        self.stage_seconds = self._histogram(
            "stage_duration_seconds", "Time spent in a stage of processing", "stage"
        )
        self.plan_cache = self._counter(
            "plan_cache_total", "Plans needed, by whether they were remembered or made", "result"
        )
        self.source_bytes = self._counter(
            "source_bytes_total", "Bytes of sources fetched", "format"
        )
        self.output_bytes = self._counter(
            "output_bytes_total", "Bytes of results published", "format"
        )
        self.source_pixels = self._counter("source_pixels_total", "Pixels decoded", "format")
        self.decode_passes = self._counter(
            "decode_passes_total", "Decode passes over sources", "format"
        )
        self.outputs_per_decode = self._histogram(
            "outputs_per_decode", "Results per decode pass", buckets=(1, 2, 4, 8, 16, 32, 64)
        )
        self.child_memory = self._histogram(
            "child_peak_memory_bytes", "Peak memory of rendering children", buckets=BYTES
        )
        self.child_exits = self._counter(
            "child_exits_total", "Rendering children that ended", "reason"
        )
        self.sandbox_protection = self._gauge(
            "sandbox_protection", "Whether a protection is in force in all children", "protection"
        )
        self.limits_rejected = self._counter(
            "limits_rejected_total", "Requests and images that exceeded a limit", "limit"
        )

    def _dependencies(self) -> None:
        self.callback_attempts = self._counter(
            "callback_attempts_total", "Tries of callbacks", "result"
        )
        self.callback_deferred = self._counter(
            "callback_deferred_total", "Callbacks that were postponed without a try", "reason"
        )
        self.callback_lag = self._histogram(
            "callback_lag_seconds", "Time from the end of a process to the delivery of its callback"
        )
        self.callback_pending = self._gauge(
            "callback_pending", "Callbacks that are not yet delivered"
        )
        self.storage_requests = self._counter(
            "storage_requests_total", "Requests to storages", "op", "status"
        )
        self.storage_seconds = self._histogram(
            "storage_request_duration_seconds", "Duration of requests to storages", "op"
        )
        self.db_pool_in_use = self._gauge("db_pool_in_use", "Connections to Postgres in use")

    def http_answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answer; its labelled counter and histogram are looked up once."""
        kind = (method, route, status)
        if kind not in self._answers:
            self._answers[kind] = (
                self.http_requests.labels(method, route, str(status)),
                self.http_seconds.labels(method, route),
            )
        count, duration = self._answers[kind]
        count.inc()
        duration.observe(seconds)

    def watch_protections(self, known: Iterable[str], in_force: Callable[[], Set[str]]) -> None:
        """Read which protections are in force in the children whenever metrics are scraped."""

        def watch(name: str) -> None:
            gauge = self.sandbox_protection.labels(name)
            gauge.set_function(lambda: float(name in in_force()))

        for name in known:
            watch(name)

    def task_restarted(self, task: str) -> None:
        """Count a background task that failed and is started again."""
        self.task_restarts.labels(task).inc()

    def watch_pool(self, in_use: Callable[[], int]) -> None:
        """Read how many connections to Postgres are in use whenever metrics are scraped."""
        self.db_pool_in_use.set_function(in_use)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage of processing."""
        began = perf_counter()
        try:
            yield
        finally:
            self.stage_seconds.labels(name).observe(perf_counter() - began)

    def storage_request(self, op: str, status: str, seconds: float) -> None:
        """Count a request to a storage."""
        self.storage_requests.labels(op, status).inc()
        self.storage_seconds.labels(op).observe(seconds)

    def expose(self) -> bytes:
        """Give the metrics in the Prometheus text format."""
        return generate_latest(self.registry)
