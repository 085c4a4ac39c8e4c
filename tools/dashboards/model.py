"""What a dashboard consists of, and the expressions that many panels share."""

from dataclasses import dataclass

WINDOW = "$__rate_interval"
PROBES = 'route!~"/livez|/readyz|/metrics"'
OURS = "and on (instance, job) darkroom_build_info"


@dataclass(frozen=True)
class Query:
    """An expression in PromQL, and how each of its series is called."""

    expr: str
    legend: str = ""


@dataclass(frozen=True)
class Panel:
    """A graph over time; `unit` is one of Grafana's, `most` the end of its axis."""

    title: str
    says: str
    queries: tuple[Query, ...]
    unit: str = "short"
    stacked: bool = False
    most: float | None = None


@dataclass(frozen=True)
class Row:
    """Panels under one heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Board:
    """A dashboard."""

    uid: str
    title: str
    says: str
    rows: tuple[Row, ...]

    @property
    def panels(self) -> tuple[Panel, ...]:
        """All of its panels."""
        return tuple(panel for row in self.rows for panel in row.panels)


def rate(metric: str, *by: str, where: str = "") -> str:
    """Return what a counter grows by in a second, summed over processes."""
    return f"sum{_by(by)} (rate({metric}{_where(where)}[{WINDOW}]))"


def share(part: str, whole: str) -> str:
    """Return a part of a whole; a part that has no series yet is 0."""
    return f"({part} or vector(0)) / {whole}"


def quantile(share: float, histogram: str, *by: str, where: str = "") -> str:
    """Return a quantile of a histogram, over all processes."""
    return f"histogram_quantile({share:g}, {rate(histogram + '_bucket', 'le', *by, where=where)})"


def quantiles(histogram: str, where: str = "") -> tuple[Query, ...]:
    """Return the median, the 95th and the 99th percentile of a histogram."""
    return tuple(
        Query(quantile(part, histogram, where=where), f"p{100 * part:g}")
        for part in (0.5, 0.95, 0.99)
    )


def _by(labels: tuple[str, ...]) -> str:
    return f" by ({', '.join(labels)})" if labels else ""


def _where(matchers: str) -> str:
    return f"{{{matchers}}}" if matchers else ""
