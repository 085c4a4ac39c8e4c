"""How cost grows: with jobs, with pixels, with the length of a chain. `make bench-growth`.

Prints CPU milliseconds and peak memory, and keeps them in `bench/results/latest.growth.json`
and `latest.growth.svg`.
"""

import json
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench import sources, tables
from bench.children import CONTENDERS, DARKROOM, PLAIN, Absent, Child
from bench.console import say, show
from bench.curves import Curve, draw
from bench.machine import sit_on_one_core
from bench.run import RESULTS
from bench.workloads import Workload

KEYS = (DARKROOM, PLAIN, "naive", "sharp", "pillow-simd")
DOUBLINGS = (1, 2, 4, 8, 16, 32, 64)
MEGAPIXELS = {1: (1200, 833), 3: (2000, 1500), 12: (4000, 3000), 48: (8000, 6000),
              108: (12000, 9000), 200: (16320, 12240)}  # fmt: skip
ROUNDS = 3
ENOUGH = 2.0  # seconds after which a contender is not measured again

Chain = list[dict[str, Any]]
LINKS: Chain = [
    {"type": "brightness", "bright_level": 6},
    {"type": "contrast", "level": 3},
    {"type": "colorize", "red": 4, "green": 2, "blue": 0},
    {"type": "filter", "filter": "negate"},
]


def by_jobs() -> dict[int, Workload]:
    """More and more thumbnails of one 12-megapixel photograph, 100 to 1,600 pixels wide."""
    return {
        count: Workload("photo12.jpg", [
            _job(index, [{"type": "resize", "width": 100 + 1500 * index // max(1, count - 1)}])
            for index in range(count)
        ])
        for count in DOUBLINGS
    }  # fmt: skip


def by_pixels() -> dict[int, Workload]:
    """One thumbnail, 300 pixels wide, of larger and larger photographs."""
    return {
        megapixels: Workload(
            f"photo-{megapixels}mp.jpg", [_job(0, [{"type": "resize", "width": 300}])]
        )
        for megapixels in MEGAPIXELS
    }


def by_length() -> dict[int, Workload]:
    """Longer and longer chains of pointwise steps on 2 megapixels."""
    return {
        length: Workload("photo2.jpg", [_job(0, (LINKS * length)[:length])]) for length in DOUBLINGS
    }


def _job(index: int, steps: Chain) -> dict[str, Any]:
    return {"destination": f"{index}.jpg", "quality": 75, "transformations": steps}


def measure(cases: Mapping[int, Workload]) -> dict[str, dict[int, dict[str, float]]]:
    """Have every contender do every case, interleaved; gives CPU time and memory."""
    measured: dict[str, dict[int, dict[str, float]]] = {}
    for size, workload in cases.items():
        say(f"growth: {size}")
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            children = {}
            for key in KEYS:
                try:
                    children[key] = stack.enter_context(Child(CONTENDERS[key]))
                except Absent:
                    continue
            answers: dict[str, list[dict[str, Any]]] = {key: [] for key in children}
            for _ in range(ROUNDS):
                for key, child in children.items():
                    if sum(answer["wall"] for answer in answers[key]) > ENOUGH:
                        continue
                    answers[key].append(child.run(workload, sources.SOURCES, folder, folder))
        for key, measurements in answers.items():
            measured.setdefault(key, {})[size] = {
                "cpu_ms": statistics.median(answer["cpu"] for answer in measurements) * 1000,
                "peak_rss_mb": measurements[-1]["rss_mb"],
            }
    return measured


def make_sources() -> None:
    """Make the photographs of all sizes that are not there yet."""
    sources.make()
    for megapixels, (width, height) in MEGAPIXELS.items():
        path = sources.SOURCES / f"photo-{megapixels}mp.jpg"
        if not path.exists():
            sources.save_photo(path, width, height, seed=megapixels)


def main() -> None:
    """Measure the three, print, keep, draw."""
    make_sources()
    sit_on_one_core()
    kinds = {"jobs": by_jobs(), "megapixels": by_pixels(), "steps": by_length()}
    measured = {name: measure(cases) for name, cases in kinds.items()}
    curves: list[Curve] = []
    for name, of_contenders in measured.items():
        for figure, unit in (("cpu_ms", "CPU, ms"), ("peak_rss_mb", "peak memory, MiB")):
            lines = {
                key: {size: figures[figure] for size, figures in sizes.items()}
                for key, sizes in of_contenders.items()
            }
            curves.append(Curve(f"{unit} by {name}", lines))
            show(tables.as_text(_rows(f"{unit} by {name}", lines)) + "\n")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "latest.growth.json").write_text(json.dumps(measured, indent=1) + "\n")
    (RESULTS / "latest.growth.svg").write_text(draw(curves))


def _rows(corner: str, lines: Mapping[str, Mapping[int, float]]) -> Sequence[Sequence[str]]:
    sizes = next(iter(lines.values()))
    head = [corner, *map(str, sizes)]
    return [
        head,
        *([key, *(f"{value:.0f}" for value in line.values())] for key, line in lines.items()),
    ]


if __name__ == "__main__":
    main()
