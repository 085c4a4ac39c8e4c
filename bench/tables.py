"""Results as tables, for the terminal and for the pages."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from bench.children import DARKROOM
from bench.goals import Results

Rows = Sequence[Sequence[str]]


def matrix(results: Results, show: Callable[[dict[str, Any]], str], corner: str) -> Rows:
    """Lay out one figure: a row a contender, a column a workload."""
    workloads = results["workloads"]
    rows = [[corner, *workloads]]
    for key, contender in results["contenders"].items():
        cells = [show(measured[key]) if key in measured else "–" for measured in workloads.values()]
        rows.append([contender["title"], *cells])
    return rows


def cpu(figures: dict[str, Any]) -> str:
    """CPU time as a multiple of the limit's."""
    return significant(figures["cpu_ratio"])


def wall(figures: dict[str, Any]) -> str:
    """Time by the clock as a multiple of the limit's."""
    return significant(figures["wall_ratio"])


def memory(figures: dict[str, Any]) -> str:
    """Peak resident memory in MiB."""
    return f"{figures['peak_rss_mb']:.0f}"


def fidelity(figures: dict[str, Any]) -> str:
    """PSNR in dB."""
    return "–" if figures["psnr_db"] is None else f"{figures['psnr_db']:.0f}"


def size(figures: dict[str, Any]) -> str:
    """Bytes written, in thousands."""
    return "–" if figures["bytes"] is None else f"{figures['bytes'] / 1000:.0f}"


def significant(value: float) -> str:
    """Write two decimals below 10, one below 100, none above."""
    return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f}"


def as_text(rows: Rows) -> str:
    """Align columns with spaces: text to the left, figures to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    )


def as_markdown(rows: Rows) -> str:
    """Write a Markdown table; all columns but the first to the right."""
    head, *body = rows
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *body))


def counts(results: Results) -> Rows:
    """Lay out what the engine counted: a row a workload."""
    rows = [["workload", "decode passes", "pixels decoded", "libvips operations"]]
    for name, measured in results["workloads"].items():
        ours = measured[DARKROOM]
        counted = (ours[key] for key in ("decode_passes", "pixels_decoded", "vips_operations"))
        rows.append([name, *(f"{number:,}" for number in counted)])
    return rows


def versions(results: Results) -> Rows:
    """Lay out who took part."""
    rows = [["contender", "version"]]
    return rows + [[each["title"], each["version"]] for each in results["contenders"].values()]


def goals(judged: Iterable[Any]) -> Rows:
    """Lay out the goals."""
    rows = [["goal", "wanted", "measured", "met"]]
    return rows + [[g.name, g.wanted, g.measured, "yes" if g.met else "no"] for g in judged]
