"""A gauge that is absent instead of 0 while its value is unknown."""

from collections.abc import Callable, Iterable

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

Value = float | Callable[[], float]


class Figure(Collector):
    """Values by their labels: each a number, or a function that is asked at every scrape."""

    def __init__(self, name: str, help_text: str, labels: Iterable[str]) -> None:
        self._name = name
        self._help = help_text
        self._labels = tuple(labels)
        self._values: dict[tuple[str, ...], Value] = {}

    def set(self, value: Value, *labels: str) -> None:
        """Say what it is from now on."""
        self._values[self._key(labels)] = value

    def replace(self, values: Iterable[tuple[float, tuple[str, ...]]]) -> None:
        """Say what all of it is: whatever is not named is absent."""
        self._values = {self._key(labels): value for value, labels in values}

    def forget(self) -> None:
        """Say that it is not known any more."""
        self._values = {}

    def collect(self) -> Iterable[Metric]:
        """Yield what is known now."""
        family = GaugeMetricFamily(self._name, self._help, labels=self._labels)
        for labels, value in list(self._values.items()):
            family.add_metric(labels, value() if callable(value) else value)
        yield family

    def _key(self, labels: tuple[str, ...]) -> tuple[str, ...]:
        if len(labels) != len(self._labels):
            raise ValueError(f"{self._name}: expected labels {self._labels}, got {labels}")
        return labels
