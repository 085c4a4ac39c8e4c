"""Publishes the last run: `python -m bench.publish`.

`bench/results/latest.json` becomes `published.json`, and the README and docs/performance.md
get its tables between their marks, and its drawing.
"""

import json
import re
import shutil
import sys

from bench import chart, goals, tables, workloads
from bench.goals import Results
from bench.run import RESULTS
from bench.sources import ROOT

PUBLISHED = RESULTS / "published.json"
DRAWINGS = ROOT / "docs/images"
PAGES = {"README.md": "readme", "docs/performance.md": "page"}
README_CONTENDERS = ("darkroom", "plain", "naive", "sharp", "pillow-simd", "pillow", "opencv")
MARKED = re.compile(r"(<!-- bench:begin -->\n).*?(<!-- bench:end -->)", re.DOTALL)


def readme(results: Results) -> str:
    """Write what the README shows: CPU time beside the rivals that one would choose from."""
    shown = {key: about for key, about in results["contenders"].items() if key in README_CONTENDERS}
    rows = tables.matrix({**results, "contenders": shown}, tables.cpu, "CPU time × limit")
    return f"{tables.as_markdown(rows)}\n\n{machine(results)}\n"


def page(results: Results) -> str:
    """Write what docs/performance.md shows: all of it."""
    parts = [machine(results), "![the figures as a drawing](images/bench.svg)"]
    for title, figure, corner in (
        ("CPU time", tables.cpu, "multiple of the limit's"),
        ("Wall time", tables.wall, "multiple of the limit's"),
        ("Memory", tables.memory, "peak of the process, MiB"),
        ("Fidelity", tables.fidelity, "PSNR to the plain pipeline, dB"),
        ("Size", tables.size, "kB written"),
    ):
        rows = tables.matrix(results, figure, corner)
        parts += [f"### {title}", tables.as_markdown(rows)]
    parts += ["### What the engine did", tables.as_markdown(tables.counts(results))]
    parts += ["### Goals", tables.as_markdown(tables.goals(goals.judge(results)))]
    parts += ["### Versions", tables.as_markdown(tables.versions(results))]
    return "\n\n".join(parts) + "\n"


WRITERS = {"readme": readme, "page": page}


def machine(results: Results) -> str:
    """Return where and when it was measured."""
    on = results["machine"]
    return (
        f"Measured {results['measured_at'][:10]} on one core of {on['cores']} ({on['cpu']}, "
        f"{on['memory_gb']} GB, {on['system']}, Python {on['python']}), "
        f"medians of {results['rounds']} interleaved rounds."
    )


def filled(name: str, results: Results) -> str:
    """Return a page of the repository with its part regenerated."""
    text = (ROOT / name).read_text(encoding="utf-8")
    part = WRITERS[PAGES[name]](results)
    return MARKED.sub(lambda found: f"{found[1]}\n{part}\n{found[2]}", text)


def main() -> None:
    """Publish the last run; rejects one that left workloads out."""
    latest = json.loads((RESULTS / "latest.json").read_text(encoding="utf-8"))
    if left_out := workloads.load().keys() - latest["workloads"].keys():
        sys.exit(f"expected a run of every workload, {', '.join(sorted(left_out))} left out")
    shutil.copyfile(RESULTS / "latest.json", PUBLISHED)
    if (growth := RESULTS / "latest.growth.svg").exists():
        shutil.copyfile(growth, DRAWINGS / "growth.svg")
    results = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    (DRAWINGS / "bench.svg").write_text(chart.draw(results), encoding="utf-8")
    for name in PAGES:
        (ROOT / name).write_text(filled(name, results), encoding="utf-8")


if __name__ == "__main__":
    main()
