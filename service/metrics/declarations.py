"""Declares metrics: name, help, labels, and the roles that expose them."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    disable_created_metrics,
)

from service.metrics.optional_gauge import OptionalGauge

PREFIX = "darkroom_"

Kind = Literal["counter", "gauge", "histogram"]


class Role(StrEnum):
    """What a process that exposes metrics is."""

    API = "API"
    WORKER = "worker"


class Scope(StrEnum):
    """Whose a number is, and so how those of several processes are put together."""

    PROCESS = "process"
    """Of the API or worker that exposes it: sum them."""
    INSTALLATION = "installation"
    """Of the whole installation, from Postgres; all that expose it say the same: take the max."""


@dataclass(frozen=True)
class Declared:
    """One metric; `roles` are those that expose it, `buckets` the upper bounds of a histogram."""

    name: str
    kind: Kind
    help_text: str
    labels: tuple[str, ...]
    roles: tuple[Role, ...]
    scope: Scope = Scope.PROCESS
    buckets: tuple[float, ...] = ()
    setting: str = ""
    """The setting without which it is absent."""


class Declarations:
    """Makes metrics; only those of the role can be scraped, all of them if it is None."""

    def __init__(self, role: Role | None) -> None:
        # of counters: a second series for each, which nobody asks for
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self.all: list[Declared] = []
        self._role = role

    def counter(
        self,
        name: str,
        help_text: str,
        *labels: str,
        of: Iterable[Role] = Role,
        known: Iterable[str] = (),
        setting: str = "",
        enabled: bool = True,
    ) -> Counter:
        """Declare a counter; `known` values of its label begin at 0, so that the first counts."""
        declared = Declared(PREFIX + name, "counter", help_text, labels, tuple(of), setting=setting)
        registry = self._note(declared, enabled=enabled)
        made = Counter(declared.name, help_text, labels, registry=registry)
        for value in known:
            made.labels(value)
        return made

    def gauge(
        self,
        name: str,
        help_text: str,
        *labels: str,
        of: Iterable[Role] = Role,
        scope: Scope = Scope.PROCESS,
        setting: str = "",
        enabled: bool = True,
    ) -> OptionalGauge:
        """Declare a gauge; it is absent until it is set."""
        declared = Declared(
            PREFIX + name, "gauge", help_text, labels, tuple(of), scope, setting=setting
        )
        registry = self._note(declared, enabled=enabled)
        made = OptionalGauge(declared.name, help_text, labels)
        if registry is not None:
            registry.register(made)
        return made

    def histogram(
        self,
        name: str,
        help_text: str,
        *labels: str,
        buckets: tuple[float, ...],
        of: Iterable[Role] = Role,
    ) -> Histogram:
        """Declare a histogram, with the upper bounds of its buckets."""
        declared = Declared(
            PREFIX + name, "histogram", help_text, labels, tuple(of), buckets=buckets
        )
        registry = self._note(declared)
        return Histogram(declared.name, help_text, labels, buckets=buckets, registry=registry)

    def _note(self, declared: Declared, *, enabled: bool = True) -> CollectorRegistry | None:
        """Note a metric, and give where it is to be registered, if anywhere."""
        self.all.append(declared)
        return self.registry if enabled and self._role in {None, *declared.roles} else None
