"""All metrics of one API or worker, in a registry of their own."""

from collections.abc import Sequence

from prometheus_client import generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from service.metrics.by_service import ServiceMetrics
from service.metrics.declarations import Declarations, Declared, Role
from service.metrics.dependencies import DependencyMetrics
from service.metrics.requests import RequestMetrics
from service.metrics.work import WorkMetrics


class Metrics(RequestMetrics, WorkMetrics, DependencyMetrics, ServiceMetrics):
    """The metrics of a role, or all of them; `services` get figures of their own at most.

    Ids of services and processes are no labels, but for those that `services` allows.
    """

    def __init__(
        self, *, version: str, libvips: str, role: Role | None = None, services: int = 0
    ) -> None:
        declare = Declarations(role)
        self.registry = declare.registry
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        RequestMetrics.__init__(self, declare)
        WorkMetrics.__init__(self, declare)
        DependencyMetrics.__init__(self, declare)
        ServiceMetrics.__init__(self, declare, services)
        declare.gauge(
            "build_info", "Always 1; the labels give the versions", "version", "libvips"
        ).set(1, version, libvips)
        self.declared: Sequence[Declared] = tuple(declare.all)

    def expose(self) -> bytes:
        """Return the metrics in the Prometheus text format."""
        return generate_latest(self.registry)
