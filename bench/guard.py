"""Guards the engine against regressions: `make bench-guard`, part of `make test`.

Counts, not seconds: how often each workload decodes its source, how many pixels, how many
libvips operations it builds, how many images it makes in memory instead, and the peak of the
memory of both. A worse figure than in `bench/guard.json` fails; a better one asks to be committed.

    python -m bench.guard             compare
    python -m bench.guard --update    write down what is
"""

import argparse
import ctypes
import json
import os
import sys
from collections.abc import Iterator, Mapping
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from pathlib import Path

import _libvips

from bench import sources, workloads
from bench.console import show
from engine import Job, Output, Source, Stats, input_keys, parse, render
from engine.raster import GAUGE

FILE = Path(__file__).parent / "guard.json"
UNITS = {
    "decode_passes": "decode passes",
    "pixels_decoded": "pixels decoded",
    "vips_operations": "libvips operations",
    "rasters": "images made in memory",
    "peak_memory": "bytes of peak memory",
}
# libvips' own threads hand rows on, so its peak moves by a buffer or two.
SLACK = {"peak_memory": 0.03}

Counts = dict[str, int]
Baseline = Mapping[str, Counts]


def count(name: str) -> Counts:
    """Do a workload in this process and count; its peak counts from the process's start."""
    workload = workloads.load()[name]
    jobs = [parse(json.dumps(job).encode(), Job) for job in workload.jobs]
    inputs = {key: Source.from_path(sources.SOURCES / key) for key in input_keys(jobs)}
    source = Source.from_path(sources.SOURCES / workload.source)
    stats = Stats()
    for _, result in render(source, jobs, inputs=inputs, stats=stats):
        if not isinstance(result, Output):
            raise result
    return {
        "decode_passes": stats.decode_passes,
        "pixels_decoded": stats.pixels_decoded,
        "vips_operations": stats.vips_operations,
        "rasters": GAUGE.made,
        "peak_memory": peak_memory() + GAUGE.most,
    }


def peak_memory() -> int:
    """Return the peak of libvips' own memory in bytes, since this process began."""
    highwater = ctypes.CDLL(_libvips.__file__).vips_tracked_get_mem_highwater
    highwater.restype = ctypes.c_size_t
    return int(highwater())


def count_all() -> dict[str, Counts]:
    """Count every workload, each in a process of its own, a process a core.

    They are forked, so that the engine is loaded once; nothing is decoded before.
    """
    sources.make()
    context, cores = get_context("fork"), len(os.sched_getaffinity(0))
    waiting, found = list(workloads.load()), dict[str, Counts]()
    running: dict[Connection, tuple[str, ForkProcess]] = {}
    while waiting or running:
        while waiting and len(running) < cores:
            name = waiting.pop(0)
            receiving, sending = context.Pipe(duplex=False)
            child = context.Process(target=_send_count, args=(name, sending))
            child.start()
            sending.close()
            running[receiving] = (name, child)
        ready = wait([*running])
        for receiving in [each for each in running if each in ready]:
            name, child = running.pop(receiving)
            found[name] = receiving.recv()
            child.join()
    return {name: found[name] for name in workloads.load()}


def _send_count(name: str, sending: Connection) -> None:
    sending.send(count(name))


def baseline() -> Baseline:
    """Read the figures of `guard.json`; none if there is no such file."""
    reached: Baseline = json.loads(FILE.read_text()) if FILE.exists() else {}
    return reached


def differences(reached: Baseline, found: Baseline) -> tuple[list[str], list[str]]:
    """List what is worse than the baseline, and what is better."""
    worse, better = [], []
    for name, key, before, now in _pairs(reached, found):
        slack = before * SLACK.get(key, 0)
        line = f"{name}: {now:,} {UNITS[key]}, {now - before:+,} to {before:,}"
        if now > before + slack:
            worse.append(line)
        elif now < before - slack:
            better.append(line)
    return worse, better


def _pairs(reached: Baseline, found: Baseline) -> Iterator[tuple[str, str, int, int]]:
    for name, counts in found.items():
        for key, now in counts.items():
            yield name, key, reached.get(name, {}).get(key, 0), now


def main() -> None:
    """Compare, or write down."""
    parser = argparse.ArgumentParser(prog="bench.guard")
    parser.add_argument("--update", action="store_true", help="write down what is")
    arguments = parser.parse_args()
    found = count_all()
    worse, better = differences(baseline(), found)
    for title, lines in (("worse", worse), ("better", better)):
        for line in lines:
            show(f"{title}  {line}")
    if arguments.update:
        FILE.write_text(json.dumps(found, indent=1) + "\n")
    elif worse:
        show("The engine does more than it did. If it must: python -m bench.guard --update")
        sys.exit(1)
    elif better:
        show("The engine does less than it did. Please commit: python -m bench.guard --update")


if __name__ == "__main__":
    main()
