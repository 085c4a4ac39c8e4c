"""The figures of all steps as tables, and as a drawing."""

from collections.abc import Mapping, Sequence
from typing import Any

from bench import tables
from bench.curves import Curve, draw
from bench.load.steps import CALLER, Loop
from bench.tables import Rows, significant

PARTS = ("children", "worker", "postgres", "api", "valkey")
LEVEL: Mapping[Loop, str] = {"open": "due/s", "closed": "clients"}
TIMES = {"accepted": "accepted_ms", "FINISHED": "finished_ms", "callback": "called_ms"}
COLOURS = {
    "accepted p50": "#91caff",
    "accepted p99": "#1d39c4",
    "FINISHED p50": "#ffa940",
    "FINISHED p99": "#d4380d",
    "callback p50": "#95de64",
    "callback p99": "#389e0d",
    "ended a second": "#722ed1",
    "children": "#ad8b00",
    "worker": "#13a8a8",
    "postgres": "#c41d7f",
    "api": "#8c8c8c",
    "valkey": "#4096ff",
}

Steps = Sequence[Mapping[str, Any]]


def as_text(steps: Steps, loop: Loop) -> str:
    """Lay out rates, times and saturation, and then what a batch cost."""
    return "\n\n".join(tables.as_text(rows) for rows in (_rates(steps, loop), _costs(steps, loop)))


def _rates(steps: Steps, loop: Loop) -> Rows:
    shown = {name: key for name, key in TIMES.items() if any(step[key] for step in steps)}
    times = [f"{name} {share}" for name in shown for share in ("p50", "p99")]
    head = [LEVEL[loop], "accepted/s", "ended/s", "refused", "failed", "left", *times]
    head += ["waiting", "slots busy", "machine busy", "saturated"]
    rows = [head]
    for step in steps:
        waits = [step[key] for key in shown.values()]
        rows.append([
            str(step["level"]),
            significant(step["accepted_per_s"]),
            significant(step["ended_per_s"]),
            str(sum(step["refused"].values())),
            str(step["failed"]),
            str(step["left"]),
            *(significant(each[s]) if each else "–" for each in waits for s in ("p50", "p99")),
            str(step["waiting"]),
            _percent(step["slots_busy"]),
            _percent(step["machine_busy"]),
            "–" if loop == "closed" else "yes" if step["saturated"] else "no",
        ])  # fmt: skip
    return rows


def _costs(steps: Steps, loop: Loop) -> Rows:
    rows = [[f"CPU ms a batch, by {LEVEL[loop]}", *PARTS, "all", "cores used", "this caller"]]
    for step in steps:
        cpu = step["cpu_ms"]
        costs = [*(cpu[part] for part in PARTS), sum(cpu[part] for part in PARTS)] if cpu else []
        cells = [*map(significant, costs)] or ["–"] * (len(PARTS) + 1)
        caller = significant(cpu[CALLER]) if cpu else "–"
        rows.append([str(step["level"]), *cells, significant(step["cores"]), caller])
    return rows


def as_drawing(steps: Steps, loop: Loop) -> str:
    """Return an SVG: times, rates and costs by level; two levels at least, that differ."""
    times = {
        f"{name} {share}": {step["level"]: step[key][share] for step in steps if step[key]}
        for name, key in TIMES.items()
        for share in ("p50", "p99")
        if any(step[key] for step in steps)
    }
    rates = {"ended a second": {step["level"]: step["ended_per_s"] for step in steps}}
    costs = {
        part: {step["level"]: step["cpu_ms"][part] for step in steps if step["cpu_ms"]}
        for part in PARTS
    }
    curves = {"milliseconds": times, "batches a second": rates, "CPU ms a batch": costs}
    return draw(
        [
            Curve(f"{title} by {LEVEL[loop]}", drawable)
            for title, lines in curves.items()
            if any((drawable := _drawable(lines)).values())
        ],
        COLOURS,
    )


def _drawable(lines: Mapping[str, Mapping[int, float]]) -> dict[str, dict[int, float]]:
    """Leave out what a logarithmic axis does not have."""
    return {
        name: {level: value for level, value in line.items() if value > 0}
        for name, line in lines.items()
    }


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"
