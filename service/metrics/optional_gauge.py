"""A gauge that is absent instead of 0 while its value is unknown."""

from collections.abc import Callable, Iterable

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

Value = float | Callable[[], float]


class OptionalGauge(Collector):
    """Values by their labels: each a number, or a function that is called at every scrape."""

    def __init__(self, name: str, help_text: str, labels: Iterable[str]) -> None:
        self._name = name
        self._help = help_text
        self._labels = tuple(labels)
        self._values: dict[tuple[str, ...], Value] = {}

    def set(self, value: Value, *labels: str) -> None:
        """Set the value for some labels."""
        self._values[self._key(labels)] = value

    def replace(self, values: Iterable[tuple[float, tuple[str, ...]]]) -> None:
        """Set all values: those of other labels become absent."""
        self._values = {self._key(labels): value for value, labels in values}

    def forget(self) -> None:
        """Make all values absent: they are no longer known."""
        self._values = {}

    def collect(self) -> Iterable[Metric]:
        """Yield the values that are known now."""
        family = GaugeMetricFamily(self._name, self._help, labels=self._labels)
        for labels, value in list(self._values.items()):
            family.add_metric(labels, value() if callable(value) else value)
        yield family

    def _key(self, labels: tuple[str, ...]) -> tuple[str, ...]:
        if len(labels) != len(self._labels):
            raise ValueError(f"{self._name}: expected labels {self._labels}, got {labels}")
        return labels
