"""Metrics of single services, if enabled; their number is bounded."""

from collections.abc import Sequence

from service.metrics.declarations import Declarations, Role, Scope

SETTING = "metrics_services"
OTHER = "other"


class ServiceMetrics:
    """Figures of the first `most` services that are seen; further ones are one, `other`."""

    def __init__(self, declare: Declarations, most: int) -> None:
        self._most = most
        self._names: dict[int, str] = {}
        self._accepted = declare.counter(
            "service_processes_accepted_total", "Processes accepted of a service", "service_id",
            of=[Role.API], setting=SETTING, enabled=most > 0,
        )  # fmt: skip
        self._render_seconds = declare.counter(
            "service_render_seconds_total",
            "Time that rendering children worked for a service", "service_id",
            of=[Role.WORKER], setting=SETTING, enabled=most > 0,
        )  # fmt: skip
        self._queue_depth = declare.gauge(
            "service_queue_depth", "Queued processes of the services with the most", "service_id",
            scope=Scope.INSTALLATION, setting=SETTING, enabled=most > 0,
        )  # fmt: skip

    @property
    def services(self) -> int:
        """How many services have figures of their own."""
        return self._most

    def service_accepted(self, service_id: int) -> None:
        """Count a process of a service."""
        if self._most:
            self._accepted.labels(self._name(service_id)).inc()

    def service_rendered(self, service_id: int, seconds: float) -> None:
        """Count the seconds for which a child worked for a service."""
        if self._most:
            self._render_seconds.labels(self._name(service_id)).inc(seconds)

    def services_wait(self, depths: Sequence[tuple[int, int]]) -> None:
        """Say how many processes of each of some services wait."""
        self._queue_depth.replace((depth, (str(service),)) for service, depth in depths)

    def _name(self, service_id: int) -> str:
        if service_id not in self._names:
            if len(self._names) >= self._most:
                return OTHER
            self._names[service_id] = str(service_id)
        return self._names[service_id]
