"""The suite: `make bench`, or `python -m bench.run --rounds 5 --only W1,W5`.

Prints tables and keeps everything in `bench/results/latest.json` and `latest.svg`.
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench import chart, goals, sources, tables, workloads
from bench.children import CONTENDERS, DARKROOM, LIMIT, PLAIN, Absent, Child
from bench.console import say, show
from bench.goals import Results
from bench.machine import describe, sit_on_one_core
from bench.race import Race

RESULTS = Path(__file__).parent / "results"
ALWAYS = (LIMIT, DARKROOM, PLAIN)  # what the others are measured against


def measure(names: Sequence[str], keys: Sequence[str], rounds: int) -> Results:
    """Run workloads one after the other, all contenders interleaved in each."""
    known = workloads.load()
    read = {key for name in names for key in (known[name].source, *known[name].inputs())}
    folder = sources.make(sources.SOURCES, *read)
    sit_on_one_core()
    present, absent = find_contenders(keys)
    contenders = {key: CONTENDERS[key] for key in present}
    measured, cannot = {}, {}
    for name in names:
        with tempfile.TemporaryDirectory(prefix="darkroom-bench-") as scratch:
            race = Race(name, known[name], folder, Path(scratch))
            race.run(contenders, rounds, say)
            measured[name] = race.figures()
            cannot[name] = race.missing
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="minutes"),
        "machine": describe(),
        "rounds": rounds,
        "contenders": present,
        "absent": absent,
        "cannot": cannot,
        "workloads": measured,
    }


def find_contenders(keys: Sequence[str]) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    """Find the contenders that are installed, their versions, and how to install the others."""
    present, absent = {}, {}
    for key in keys:
        try:
            with Child(CONTENDERS[key]) as child:
                present[key] = {"title": CONTENDERS[key].title, "version": child.version}
        except Absent as how:
            absent[key] = str(how)
    return present, absent


def report(results: Results) -> None:
    """Print the tables."""
    for corner, figure in (
        ("CPU time × limit", tables.cpu),
        ("peak memory, MiB", tables.memory),
        ("fidelity, dB", tables.fidelity),
        ("bytes written, kB", tables.size),
    ):
        show(tables.as_text(tables.matrix(results, figure, corner)))
        show()
    show(tables.as_text(tables.goals(goals.judge(results))))
    for key, how in results["absent"].items():
        show(f"{CONTENDERS[key].title} is not installed. To install it: {how}")


def keep(results: Results, folder: Path) -> None:
    """Write `latest.json` and `latest.svg`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "latest.json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    (folder / "latest.svg").write_text(chart.draw(results))


def main() -> None:
    """Read the command line, measure, report."""
    parser = argparse.ArgumentParser(prog="bench.run", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default="", help="workloads, such as W1,W5")
    parser.add_argument("--contenders", default="", help=f"some of {', '.join(CONTENDERS)}")
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    names = arguments.only.split(",") if arguments.only else list(workloads.load())
    wanted = set(arguments.contenders.split(",")) if arguments.contenders else set(CONTENDERS)
    if unknown := (set(names) - set(workloads.load())) | (wanted - set(CONTENDERS)):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    keys = [key for key in CONTENDERS if key in wanted or key in ALWAYS]
    results = measure(names, keys, arguments.rounds)
    report(results)
    keep(results, arguments.results)


if __name__ == "__main__":
    main()
