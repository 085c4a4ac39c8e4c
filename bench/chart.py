"""The results as a drawing: for each workload a line, on it a dot for each contender."""

from collections.abc import Iterable, Mapping
from html import escape
from math import log10

from bench.children import DARKROOM, LIMIT
from bench.goals import Results
from bench.tables import significant

COLOURS = {
    "darkroom": "#d4380d",
    "plain": "#ffa940",
    "naive": "#8c8c8c",
    "sharp": "#389e0d",
    "pillow": "#1d39c4",
    "pillow-simd": "#4096ff",
    "opencv": "#722ed1",
    "vipsthumbnail": "#13a8a8",
    "imagemagick": "#ad8b00",
    "graphicsmagick": "#c41d7f",
}
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#333}.axis{stroke:#8884;stroke-width:1}"
    ".paper{fill:#fff}@media(prefers-color-scheme:dark){.paper{fill:#111}text{fill:#ddd}}"
)
LEFT, TOP, WIDTH, ROW = 60, 70, 760, 46
TICKS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)


def draw(results: Results) -> str:
    """Return an SVG: CPU time as a multiple of the limit's, logarithmic."""
    workloads = results["workloads"]
    ratios = [
        figures["cpu_ratio"] for measured in workloads.values() for figures in measured.values()
    ]
    low, high = min(0.8, *ratios), max(10.0, *ratios) * 1.15
    bottom = TOP + ROW * len(workloads)

    def across(ratio: float) -> float:
        return LEFT + WIDTH * log10(ratio / low) / log10(high / low)

    parts = [*legend(key for key in results["contenders"] if key != LIMIT)]
    for tick in TICKS:
        if tick <= high:
            parts += [line(across(tick), TOP - 8, across(tick), bottom),
                      text(across(tick), bottom + 18, f"{tick}×", "middle")]  # fmt: skip
    for row, (name, measured) in enumerate(workloads.items()):
        middle = TOP + ROW * row + ROW / 2
        parts += [text(10, middle + 5, name), line(LEFT, middle, LEFT + WIDTH, middle)]
        for key in sorted(measured, key=lambda key: key == DARKROOM):
            if key != LIMIT:
                parts.append(_dot(across(measured[key]["cpu_ratio"]), middle, key, measured[key]))
    parts.append(
        text(LEFT, bottom + 40, "CPU time as a multiple of the limit's (1×): less is better")
    )
    return page(LEFT + WIDTH + 20, bottom + 55, parts)


def _dot(x: float, y: float, key: str, figures: dict[str, float]) -> str:
    ours = key == DARKROOM
    dot = (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{7 if ours else 5}" fill="{COLOURS[key]}">'
        f"<title>{escape(key)} {significant(figures['cpu_ratio'])}×</title></circle>"
    )
    return dot + (text(x, y - 11, significant(figures["cpu_ratio"]), "middle") if ours else "")


def legend(keys: Iterable[str], colours: Mapping[str, str] = COLOURS) -> Iterable[str]:
    """Show which colour is whose."""
    for index, key in enumerate(keys):
        x, y = 16 + (index % 5) * 162, 20 + (index // 5) * 22
        yield f'<circle cx="{x}" cy="{y}" r="5" fill="{colours[key]}"/>'
        yield text(x + 12, y + 5, _title(key))


def _title(key: str) -> str:
    return "Darkroom" if key == DARKROOM else "without its passes" if key == "plain" else key


def line(x: float, y: float, to_x: float, to_y: float) -> str:
    """Draw a thin line."""
    return f'<path class="axis" d="M{x:.1f} {y:.1f}L{to_x:.1f} {to_y:.1f}"/>'


def text(x: float, y: float, label: str, anchor: str = "start") -> str:
    """Write a label at a point."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(label)}</text>'


def page(width: float, height: float, parts: Iterable[str]) -> str:
    """Put parts together."""
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}">\n<style>{STYLE}</style>\n'
        f'<rect class="paper" width="100%" height="100%"/>\n{body}\n</svg>\n'
    )
