"""Metrics of HTTP requests and of their acceptance."""

from prometheus_client import Counter, Histogram

from service import priorities
from service.metrics.declarations import Declarations, Role

# Up to a minute: an explanation reads from storages, and a body may take its time.
ANSWER = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

API = (Role.API,)


class RequestMetrics:
    """What clients ask for, and how it is answered."""

    def __init__(self, declare: Declarations) -> None:
        self._answers: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self.http_requests = declare.counter(
            "http_requests_total", "HTTP requests answered", "method", "route", "status"
        )
        self.http_seconds = declare.histogram(
            "http_request_duration_seconds", "Time to answer an HTTP request", "method", "route",
            buckets=ANSWER,
        )  # fmt: skip
        self.rate_limited = declare.counter(
            "rate_limited_total", "Requests that were rate-limited", "reason",
            of=API, known=["quota"],
        )  # fmt: skip
        self.idempotent_replays = declare.counter(
            "idempotent_replays_total",
            "Requests answered again because of their Idempotency-Key",
            of=API,
        )
        self.accepted = declare.counter(
            "processes_accepted_total", "Processes accepted", "priority",
            of=API, known=[*priorities.NAMES.values()],
        )  # fmt: skip
        self._accepted_by_priority = {
            number: self.accepted.labels(name) for number, name in priorities.NAMES.items()
        }

    def process_accepted(self, priority: int) -> None:
        """Count an accepted process."""
        self._accepted_by_priority[priority].inc()

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
